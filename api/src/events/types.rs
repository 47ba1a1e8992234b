//! What an event is, to those who add one and to those who read it.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::Any;
use serde_json::Value;
use uuid::Uuid;

use crate::entity::event;

/// A fact to be added.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// What happened, `object.verb`.
    pub kind: &'static str,
    /// What it happened to, `object/id`.
    pub object: String,
    /// The membership that did it; never a name.
    pub actor_id: Option<Uuid>,
    /// Whether it is part of the change feed too.
    pub feed: bool,
    /// The facts.
    pub payload: Value,
    /// The auditor whose phone has to know of it.
    pub audience_id: Option<Uuid>,
    /// Whether every auditor's phone has to know of it, because it changes the job board.
    pub on_board: bool,
}

impl NewEvent {
    /// A fact for the log and the feed.
    pub fn new(kind: &'static str, object: &str, id: impl std::fmt::Display, actor_id: Uuid, payload: Value) -> Self {
        Self { actor_id: Some(actor_id), ..Self::by_system(kind, object, id, payload) }
    }

    /// A fact that only the log keeps.
    pub fn log_only(mut self) -> Self {
        self.feed = false;
        self
    }

    /// A fact that this auditor's phone has to know of.
    pub fn for_auditor(mut self, membership_id: Uuid) -> Self {
        self.audience_id = Some(membership_id);
        self
    }

    /// A fact that no membership caused.
    pub fn by_system(kind: &'static str, object: &str, id: impl std::fmt::Display, payload: Value) -> Self {
        let object = format!("{object}/{id}");
        Self { kind, object, actor_id: None, feed: true, payload, audience_id: None, on_board: false }
    }
}

/// One fact in a firm's history.
#[derive(Debug, Object)]
pub struct EventView {
    /// Its number in the firm: 1, 2, 3 and so on without gaps.
    pub seq: i64,
    /// What happened, `object.verb`.
    pub kind: String,
    /// What it happened to, `object/id`.
    pub object: String,
    /// The membership that did it.
    pub actor_id: Option<Uuid>,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether it is part of the change feed too, not of the log alone.
    pub feed: bool,
    /// The facts; null once they have been erased.
    pub payload: Option<Any<Value>>,
    /// The salt that was hashed with the payload; null once erased.
    pub salt: Option<String>,
    /// sha256 of the salt, a line break and the payload.
    pub payload_sha256: String,
    /// sha256 of the hash before and of this event: `seq`, `kind`, `object`, `actor_id` (`-` if null), `feed` or `log`,
    /// `at` in microseconds since 1970, `payload_sha256`, one a line. Before the first event stands the sha256 of
    /// `peegel.audit/1` and the id of the firm, one a line.
    pub hash: String,
}

impl From<event::Model> for EventView {
    fn from(row: event::Model) -> Self {
        Self {
            seq: row.seq,
            kind: row.kind,
            object: row.object,
            actor_id: row.actor_id,
            at: row.at,
            feed: row.feed,
            payload: row.payload.and_then(|text| serde_json::from_str(&text).ok()).map(Any),
            salt: row.salt,
            payload_sha256: row.payload_sha256,
            hash: row.hash,
        }
    }
}
