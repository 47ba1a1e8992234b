//! Is the history of a firm whole? Events are followed one by one from the first to the head.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use sea_orm::DbBackend;
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::entity::{event, firm};
use crate::events::service::chained_hash;
use crate::events::store;
use crate::failure::Failure;
use crate::receipts::verify_purge::erased_by;
use crate::secrets::sha256_hex;
use crate::signing::key::PublicKey;

/// The name of the format, of chains and of their exports.
pub const FORMAT: &str = "peegel.audit/1";
/// The kind of the first event of every history.
const FIRST: &str = "firm.created";
/// Events looked at together.
const PAGE: u64 = 1000;

/// Where a chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last event; 0 before the first.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

/// A chain that is followed event by event.
#[derive(Clone, Debug)]
pub struct Chain<'a> {
    /// Where it stands.
    pub head: Head,
    /// Keys that lines of purges may be signed with; without, the key inside each.
    keys: Option<&'a [PublicKey]>,
    /// Events whose payload is gone and that no event has named yet, with the hash that the payload had.
    gone: BTreeMap<i64, String>,
}

/// The first thing that is wrong with a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The number of the event; none if it is no event that is wrong.
    pub seq: Option<i64>,
    /// What is wrong with it.
    pub why: String,
}

impl Flaw {
    /// What is wrong with an event.
    pub fn new(seq: i64, why: impl Into<String>) -> Self {
        Self { seq: Some(seq), why: why.into() }
    }

    /// What is wrong with the history.
    pub fn of_all(why: impl Into<String>) -> Self {
        Self { seq: None, why: why.into() }
    }
}

impl Head {
    /// Where the chain of a firm begins. It hashes whose chain it is, so that none can be taken for another's.
    pub fn before_all(firm_id: Uuid) -> Self {
        Self { seq: 0, hash: sha256_hex(format!("{FORMAT}\n{firm_id}").as_bytes()) }
    }

    /// Compares the end of a chain with what its head says.
    ///
    /// # Errors
    ///
    /// [`Flaw`] when events are missing at the end, or the head is another one.
    fn ends_at(&self, head: &Self) -> Result<(), Flaw> {
        if self.seq < head.seq {
            let why = format!("it is missing: the head says that there are {}", head.seq);
            return Err(Flaw::new(self.seq + 1, why));
        }
        if self.seq > head.seq {
            let why = format!("the head does not know it: it ends at {}", head.seq);
            return Err(Flaw::new(head.seq + 1, why));
        }
        if self.hash != head.hash {
            return Err(Flaw::new(self.seq, "the head has another hash than it"));
        }
        Ok(())
    }
}

impl<'a> Chain<'a> {
    /// Begins with nothing.
    pub fn new(firm_id: Uuid, keys: Option<&'a [PublicKey]>) -> Self {
        Self { head: Head::before_all(firm_id), keys, gone: BTreeMap::new() }
    }

    /// Goes on to the next event.
    ///
    /// # Errors
    ///
    /// [`Flaw`] when it is not the next one, or not as it was written.
    pub fn follow(&mut self, row: &event::Model) -> Result<(), Flaw> {
        let next = self.head.seq + 1;
        if row.seq < 1 {
            return Err(Flaw::new(row.seq, "there is none with this number: they begin at 1"));
        }
        if row.seq > next {
            return Err(Flaw::new(next, format!("it is missing: {} follows {}", row.seq, self.head.seq)));
        }
        if row.seq < next {
            return Err(Flaw::new(row.seq, format!("it comes after {}", self.head.seq)));
        }
        let is_first = row.kind == FIRST && row.object == format!("firm/{}", row.firm_id);
        if next == 1 && !is_first {
            return Err(Flaw::new(1, format!("it is not the {FIRST} of this firm, with which its history begins")));
        }
        if !row.at.timestamp_subsec_nanos().is_multiple_of(1000) {
            return Err(Flaw::new(next, "its time is not in whole microseconds"));
        }
        match (&row.salt, &row.payload) {
            (Some(salt), Some(payload)) => {
                if sha256_hex(format!("{salt}\n{payload}").as_bytes()) != row.payload_sha256 {
                    return Err(Flaw::new(next, "its payload is not the one that was written"));
                }
            }
            // A later event has to say so.
            (None, None) => drop(self.gone.insert(next, row.payload_sha256.clone())),
            _ => return Err(Flaw::new(next, "its payload was not erased together with its salt")),
        }
        if chained_hash(&self.head.hash, row) != row.hash {
            let why =
                format!("it does not follow from event {}: it was changed or is in the wrong place", self.head.seq);
            return Err(Flaw::new(next, why));
        }
        for (seq, payload_sha256) in erased_by(row, self.keys).map_err(|why| Flaw::new(next, why))? {
            if self.gone.get(&seq) == Some(&payload_sha256) {
                self.gone.remove(&seq);
            }
        }
        self.head = Head { seq: row.seq, hash: row.hash.clone() };
        Ok(())
    }

    /// Compares the end of the chain with what its head says.
    ///
    /// # Errors
    ///
    /// [`Flaw`] when events are missing at the end, the head is another one, or a payload is gone of which no event said so.
    pub fn ends_at(&self, head: &Head) -> Result<(), Flaw> {
        self.head.ends_at(head).and_then(|()| self.all_erased())
    }

    /// Checks that each payload that is gone was named by an event.
    ///
    /// # Errors
    ///
    /// [`Flaw`] naming the first that was not.
    pub fn all_erased(&self) -> Result<(), Flaw> {
        match self.gone.keys().next() {
            Some(seq) => Err(Flaw::new(*seq, "its payload is gone, and no event says that it was erased")),
            None => Ok(()),
        }
    }
}

/// Compares the code that a firm was made with, which never changes, with the one by which it goes.
///
/// # Errors
///
/// [`Flaw`] when the first event names another one.
pub fn is_named(row: &event::Model, code: &str) -> Result<(), Flaw> {
    let payload: Option<Value> = row.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
    if row.seq == 1 && payload.is_some_and(|payload| payload["code"] != code) {
        return Err(Flaw::new(1, "the firm was made with another code"));
    }
    Ok(())
}

/// Follows the whole chain of a firm and gives each event to `each`. Memory does not grow with its length, and a server
/// may add events meanwhile: they are followed too.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails, or what `each` fails with.
pub async fn walk(
    app: &App,
    firm: &firm::Model,
    mut each: impl FnMut(&event::Model) -> Result<(), Failure>,
) -> Result<(Head, Option<Flaw>), Failure> {
    let db = app.db.reader();
    // Payloads are gone by lines that this installation signed, with the key of now or an earlier one, and by no others.
    let keys: Vec<_> = match app.signing.keys().await {
        Ok(keys) => keys.public().collect(),
        Err(failure) => {
            tracing::warn!(%failure, "no signing key can be read, so no line of a purge can be checked");
            Vec::new()
        }
    };
    let mut chain = Chain::new(firm.id, Some(&keys));
    let before = store::head(db, firm.id).await?;
    let mut flaw = before.is_none().then(|| Flaw::of_all("the firm has no head"));
    let before = before.unwrap_or_else(|| chain.head.clone());
    let mut from = Some(i64::MIN);
    while let Some(first) = from {
        let rows = store::list_from(db, firm.id, first, PAGE).await?;
        let Some(last) = rows.last() else { break };
        from = last.seq.checked_add(1);
        let odd = first_odd(app, firm.id, &rows).await?;
        for row in &rows {
            each(row)?;
            if flaw.is_some() {
                continue;
            }
            flaw = match chain.follow(row).and_then(|()| is_named(row, &firm.code)) {
                Err(flaw) => Some(flaw),
                Ok(()) if odd == Some(row.seq) => Some(Flaw::new(row.seq, "it is not stored as it was written")),
                Ok(()) if chain.head.seq == before.seq => chain.head.ends_at(&before).err(),
                Ok(()) => None,
            };
        }
    }
    if flaw.is_none() {
        // At least as far as the head was at the beginning, and no further than it is now.
        let now = store::head(db, firm.id).await?.unwrap_or_else(|| Head::before_all(firm.id));
        flaw = match chain.head.seq {
            0 if before.seq == 0 => Some(Flaw::new(1, format!("it is missing: every history begins with {FIRST}"))),
            seq if seq <= before.seq => chain.head.ends_at(&before).err(),
            seq if seq > now.seq => chain.head.ends_at(&now).err(),
            _ => None,
        };
        flaw = flaw.or_else(|| chain.all_erased().err());
    }
    Ok((chain.head, flaw))
}

/// The first of some events whose time or mark of the feed is stored in another form than the one that is written.
/// SQLite keeps what it is given, and reads many forms as the same; PostgreSQL has types.
async fn first_odd(app: &App, firm_id: Uuid, rows: &[event::Model]) -> Result<Option<i64>, Failure> {
    let (Some(first), Some(last), DbBackend::Sqlite) = (rows.first(), rows.last(), app.db.backend()) else {
        return Ok(None);
    };
    let forms = store::stored_forms(app.db.reader(), firm_id, first.seq, last.seq).await?;
    let is_odd = |row: &event::Model, at: Option<&str>, feed: Option<&str>| {
        at != Some(&row.at.to_rfc3339_opts(SecondsFormat::AutoSi, false))
            || feed != Some(if row.feed { "1" } else { "0" })
    };
    let both = rows.iter().zip(&forms);
    let mut odd = both.filter(|(row, (_, at, feed))| is_odd(row, at.as_deref(), feed.as_deref()));
    Ok(odd.next().map(|(row, _)| row.seq))
}
