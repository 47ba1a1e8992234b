//! One transaction of an erasure: what it takes, under which line, and that no hold keeps it.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::entity::erasure;
use crate::events::store::lock_head;
use crate::events::types::NewEvent;
use crate::failure::Failure;
use crate::retention::holds::{Kept, is_kept};
use crate::retention::line::{About, Taken, issue};
use crate::retention::purge::note;
use crate::words::PurgeReason;
use crate::write::Write;

/// A transaction of an erasure.
pub struct Step<'a> {
    app: &'a App,
    /// The transaction.
    pub write: Write<'a>,
    /// What is taken.
    pub taken: Taken,
    /// What was asked for, and whether a hold keeps it.
    asked: BTreeMap<Kept, bool>,
}

impl<'a> Step<'a> {
    /// Begins.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database fails.
    pub async fn begin(app: &'a App, firm_id: Uuid) -> Result<Self, Failure> {
        let write = Write::begin(app, firm_id).await?;
        Ok(Self { app, write, taken: Taken::default(), asked: BTreeMap::new() })
    }

    /// Whether something may be taken, because no hold keeps it.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database fails.
    pub async fn may_take(&mut self, from: Kept) -> Result<bool, Failure> {
        let is_held = match self.asked.get(&from) {
            Some(known) => *known,
            None => is_kept(&self.write.tx, self.write.firm_id, from).await?,
        };
        self.asked.insert(from, is_held);
        Ok(!is_held)
    }

    /// Whether all of them may be taken from.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database fails.
    pub async fn may_take_all(&mut self, from: impl IntoIterator<Item = Kept> + Send) -> Result<bool, Failure> {
        let from: Vec<_> = from.into_iter().collect();
        for one in from {
            if !self.may_take(one).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What holds keep of what was asked for.
    pub fn held(&self) -> impl Iterator<Item = Kept> {
        self.asked.iter().filter(|(_, is_held)| **is_held).map(|(kept, _)| *kept)
    }

    /// Signs what was taken of the person, tells the history, and commits. The head orders this and the making of holds, as
    /// it does for a purge: when one came meanwhile, it is false, and nothing has happened.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database or the keys fail.
    pub async fn commit(mut self, row: &erasure::Model, ids: &[Uuid], is_last: bool) -> Result<bool, Failure> {
        if is_last || !self.taken.is_empty() {
            self.sign(row, ids).await?;
        }
        lock_head(&self.write.tx, row.firm_id).await?;
        for (kept, _) in self.asked.iter().filter(|(_, is_held)| !**is_held) {
            if is_kept(&self.write.tx, row.firm_id, *kept).await? {
                return Ok(false);
            }
        }
        self.write.commit().await?;
        Ok(true)
    }

    async fn sign(&mut self, row: &erasure::Model, ids: &[Uuid]) -> Result<(), Failure> {
        let keys = self.app.signing.keys().await?;
        let id = ids.first().copied().unwrap_or_default();
        let object = format!("membership/{id}");
        let (line_id, at, because) = (self.app.ids.next(), self.app.clock.now(), PurgeReason::Erasure);
        let about = About { id: line_id, firm_id: row.firm_id, purge_id: row.id, object: &object, at, because };
        let text = issue(about, &[], &self.taken, keys.signer())?;
        note(&self.write.tx, about, &text, &[], &self.taken).await?;
        let payload: Value = serde_json::from_str(&text).map_err(Failure::internal)?;
        self.write.event(NewEvent::by_system("membership.purged", "membership", id, payload).log_only());
        Ok(())
    }
}
