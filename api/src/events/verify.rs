//! Is the history of a firm whole? Events are followed one by one from the first to the head.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::App;
use crate::entity::event;
use crate::events::service::chained_hash;
use crate::events::store::{self, GENESIS};
use crate::failure::Failure;
use crate::secrets::sha256_hex;

/// Events looked at together.
const PAGE: u64 = 1000;

/// Where a chain stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The number of the last event; 0 before the first.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { seq: 0, hash: GENESIS.to_owned() }
    }
}

/// The first thing that is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The number of the event.
    pub seq: i64,
    /// What is wrong with it.
    pub why: String,
}

impl Flaw {
    fn new(seq: i64, why: impl Into<String>) -> Self {
        Self { seq, why: why.into() }
    }
}

impl Head {
    /// Goes on to the next event.
    ///
    /// # Errors
    ///
    /// [`Flaw`] when it is not the next one, or not as it was written.
    pub fn follow(&mut self, row: &event::Model) -> Result<(), Flaw> {
        let next = self.seq + 1;
        if row.seq > next {
            return Err(Flaw::new(next, format!("it is missing: {} follows {}", row.seq, self.seq)));
        }
        if row.seq < next {
            return Err(Flaw::new(row.seq, format!("it comes after {}", self.seq)));
        }
        match (&row.salt, &row.payload) {
            (Some(salt), Some(payload))
                if sha256_hex(format!("{salt}\n{payload}").as_bytes()) != row.payload_sha256 =>
            {
                return Err(Flaw::new(next, "its payload is not the one that was written"));
            }
            (Some(_), Some(_)) | (None, None) => {}
            _ => return Err(Flaw::new(next, "its payload was not erased together with its salt")),
        }
        if chained_hash(&self.hash, row) != row.hash {
            let why = format!("it does not follow from event {}: it was changed or is in the wrong place", self.seq);
            return Err(Flaw::new(next, why));
        }
        *self = Self { seq: row.seq, hash: row.hash.clone() };
        Ok(())
    }

    /// Compares the end of a chain with what its head says.
    ///
    /// # Errors
    ///
    /// [`Flaw`] when events are missing at the end, or the head is another one.
    pub fn ends_at(&self, head: &Self) -> Result<(), Flaw> {
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

/// Follows the whole chain of a firm and gives each event to `each`. Memory does not grow with its length, and a server
/// may add events meanwhile: they are followed too.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails, or what `each` fails with.
pub async fn walk(
    app: &App,
    firm_id: Uuid,
    mut each: impl FnMut(&event::Model) -> Result<(), Failure>,
) -> Result<(Head, Option<Flaw>), Failure> {
    let db = app.db.reader();
    let Some(before) = store::head(db, firm_id).await? else {
        return Ok((Head::default(), Some(Flaw::new(0, "the firm has no head"))));
    };
    let (mut reached, mut flaw, mut after) = (Head::default(), None, 0);
    loop {
        let rows = store::list_after(db, firm_id, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        for row in &rows {
            each(row)?;
            if flaw.is_none() {
                flaw = reached.follow(row).err();
            }
            if flaw.is_none() && reached.seq == before.seq {
                flaw = reached.ends_at(&before).err();
            }
        }
    }
    if flaw.is_none() {
        // At least as far as the head was at the beginning, and no further than it is now.
        let now = store::head(db, firm_id).await?.unwrap_or_default();
        flaw = match reached.seq {
            seq if seq <= before.seq => reached.ends_at(&before).err(),
            seq if seq > now.seq => reached.ends_at(&now).err(),
            _ => None,
        };
    }
    Ok((reached, flaw))
}
