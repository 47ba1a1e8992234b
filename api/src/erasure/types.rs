//! Erasures, and what is held on somebody, in requests and in answers.

use chrono::{DateTime, Utc};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;
use uuid::Uuid;

use crate::entity::erasure;
use crate::words::{ErasureExtent, ErasureReason, ErasureState};

/// Why somebody is erased. There is no free text, so that nothing new is written about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum WhyErased {
    /// They asked for it.
    Request,
    /// They no longer work for the firm.
    Left,
    /// Something else.
    Other,
}

impl From<WhyErased> for ErasureReason {
    fn from(why: WhyErased) -> Self {
        match why {
            WhyErased::Request => Self::Request,
            WhyErased::Left => Self::Left,
            WhyErased::Other => Self::Other,
        }
    }
}

/// Somebody is to be erased. It cannot be taken back.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct EraseUser {
    /// The e-mail address once more, so that it is the right person.
    #[oai(validator(max_length = 254))]
    pub email: String,
    /// Why.
    pub reason: WhyErased,
}

/// An erasure, and how far it has come.
#[derive(Debug, Object)]
pub struct ErasureView {
    /// The erasure; the purge that belongs to it has the same id.
    pub id: Uuid,
    /// All memberships of the person in the firm. They stay, under a name that says nothing.
    pub membership_ids: Vec<Uuid>,
    /// The name that they have now.
    pub label: String,
    /// What is erased: everything that goes back to the person, or who they are alone.
    pub extent: ErasureExtent,
    /// Why.
    pub reason: ErasureReason,
    /// `running` until everything is gone, `waiting` while holds keep something.
    pub state: ErasureState,
    /// Visits that the person filed.
    pub visits_total: i64,
    /// Those of them that are done.
    pub visits_done: i64,
    /// Visits that holds keep: of those that the person filed, and of those on which the person wrote something.
    pub visits_held: i64,
    /// The membership that asked for it; null for one that follows from a period.
    pub requested_by: Option<Uuid>,
    /// When. Name, address and every way in ended then.
    pub requested_at: DateTime<Utc>,
    /// When everything was gone.
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<erasure::Model> for ErasureView {
    fn from(row: erasure::Model) -> Self {
        Self {
            id: row.id,
            membership_ids: serde_json::from_str(&row.membership_ids).unwrap_or_default(),
            label: row.label,
            extent: row.extent,
            reason: row.reason,
            state: row.state,
            visits_total: row.visits_total,
            visits_done: row.visits_done,
            visits_held: row.visits_held,
            requested_by: row.requested_by,
            requested_at: row.requested_at,
            finished_at: row.finished_at,
        }
    }
}

/// Everything that is held on a person. Files are named with their sha256; fetch them by their ids.
#[derive(Debug, Object)]
pub struct PersonData {
    /// Always `peegel.person-data/1`.
    pub format: String,
    /// When it was put together.
    pub exported_at: DateTime<Utc>,
    /// The account: address, name, language, since when, second factor.
    pub person: Any<Value>,
    /// Signed-in devices and earlier ones, without what opens anything; for a firm those bound to it.
    pub sessions: Vec<Any<Value>>,
    /// Links to accept a membership or to choose a password, without what opens anything.
    pub links: Vec<Any<Value>>,
    /// Letters that wait to be sent to them.
    pub letters: Vec<Any<Value>>,
    /// One entry a firm: who they are there, what they filed and did.
    pub firms: Vec<FirmData>,
}

/// What a firm holds on a person.
#[derive(Debug, Object)]
pub struct FirmData {
    /// The firm.
    pub firm_id: Uuid,
    /// Its name.
    pub firm_name: String,
    /// Memberships.
    pub memberships: Vec<Any<Value>>,
    /// API keys, without what opens anything.
    pub api_keys: Vec<Any<Value>>,
    /// Assignments.
    pub assignments: Vec<Any<Value>>,
    /// Visits that they filed, each with revisions, draft, where the phone was, consents, signals, questions, what it is
    /// compared by, and files with what was found in them. Who reads it themselves gets the signals that a reviewer asked about. What is said
    /// in a recording that may not be heard is `withheld`.
    pub visits: Vec<Any<Value>>,
    /// What they were told of.
    pub notices: Vec<Any<Value>>,
    /// How they wanted to be told.
    pub notice_settings: Vec<Any<Value>>,
    /// Uploads that have not been forgotten yet.
    pub uploads: Vec<Any<Value>>,
    /// How much they sent a day.
    pub upload_days: Vec<Any<Value>>,
    /// What they did, what concerned them and what happened to their memberships, oldest first.
    pub events: Vec<Any<Value>>,
    /// What they made of signals of others' visits, with their notes.
    pub verdicts: Vec<Any<Value>>,
    /// What they wrote on questions about visits.
    pub question_messages: Vec<Any<Value>>,
    /// Corrections of others' visits that they are working on.
    pub correction_drafts: Vec<Any<Value>>,
    /// Visits of others that they were drawn to score a second time, with their answers, and those that they dropped.
    pub second_scorings: Vec<Any<Value>>,
    /// Appeals that they brought or decided, each with what they wrote in it.
    pub appeals: Vec<Any<Value>>,
    /// Files that they sent with appeals, without the bytes.
    pub appeal_files: Vec<Any<Value>>,
    /// Consents that they recorded or withdrew.
    pub consents: Vec<Any<Value>>,
    /// Transcripts that they attached.
    pub transcripts: Vec<Any<Value>>,
    /// Transcripts that they asked the service for.
    pub transcriptions: Vec<Any<Value>>,
    /// Holds that they made or released.
    pub holds: Vec<Any<Value>>,
    /// Actions that name them as the owner.
    pub actions: Vec<Any<Value>>,
    /// Rules of retention that they set.
    pub retention_rules: Vec<Any<Value>>,
    /// Erasures that they asked for.
    pub erasures: Vec<Any<Value>>,
    /// Answers kept for repeated requests: to theirs, and those that made their memberships.
    pub kept_answers: Vec<Any<Value>>,
}
