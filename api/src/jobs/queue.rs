//! Queuing work.

use std::sync::Arc;

use sea_orm::DatabaseTransaction;
use serde_json::Value;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::app::App;
use crate::entity::job;
use crate::failure::Failure;
use crate::jobs::store;
use crate::words::JobState;

/// Wakes the worker of this process before its next look at the table.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Says that something was queued. Call it after the commit.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits until something was queued.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

/// Queues a job of a firm, or of the installation, in the transaction that needs it. While one with the same key is
/// ready, no second one is queued.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn add(
    app: &App,
    tx: &DatabaseTransaction,
    firm_id: impl Into<Option<Uuid>>,
    kind: &str,
    key: &str,
    payload: &Value,
) -> Result<(), Failure> {
    let (firm_id, now) = (firm_id.into(), app.clock.now());
    let owner = firm_id.map_or_else(|| "installation".to_owned(), |id| id.to_string());
    let row = job::Model {
        id: app.ids.next(),
        firm_id,
        kind: kind.to_owned(),
        payload: payload.to_string(),
        state: JobState::Ready,
        run_at: now,
        lease_until: None,
        attempts: 0,
        dedup_key: Some(format!("{owner}/{kind}/{key}")),
        last_error: None,
        created_at: now,
    };
    store::insert(tx, row).await?;
    Ok(())
}
