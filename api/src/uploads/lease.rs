//! Who works on an upload whose bytes are in a bucket. A process that dies lets go after some seconds, and whatever one
//! writes that was slower than that is refused, so the answer need not come from one machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::app::App;
use crate::clock::{Clock, Stopwatch};
use crate::db::Db;
use crate::entity::upload;
use crate::failure::Failure;
use crate::uploads::incoming::{LET_GO_WITHIN, in_use};
use crate::uploads::store;

/// How long a holder that does not renew it keeps a lease. Shorter than clients of tus go on trying by themselves.
const LIFE: chrono::Duration = chrono::Duration::seconds(6);
/// How often the holder looks whether somebody waits.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Looks after which the holder renews its lease.
const LOOKS_TO_RENEWAL: u32 = 5;
/// How often somebody who waits for a lease tries to take it.
const TRY_EVERY: Duration = Duration::from_millis(50);

/// The right to work on an upload, until this is dropped.
#[derive(Debug)]
pub struct Lease {
    whose: Whose,
    is_wanted: Arc<AtomicBool>,
    renewing: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Whose {
    db: Db,
    clock: Clock,
    firm_id: Uuid,
    id: Uuid,
    holder: Uuid,
}

impl Lease {
    /// Takes the lease of an open upload, from whoever works on it.
    ///
    /// # Errors
    ///
    /// * 423 `upload_in_use` when the holder does not let go of it.
    /// * 500 when the database fails.
    pub async fn take(app: &App, row: &upload::Model) -> Result<Self, Failure> {
        let (db, clock, holder) = (app.db.clone(), app.clock.clone(), app.ids.next());
        let whose = Whose { db, clock, firm_id: row.firm_id, id: row.id, holder };
        let watch = Stopwatch::start();
        while !whose.try_take().await? {
            if Duration::from_micros(watch.elapsed_us()) >= LET_GO_WITHIN {
                return Err(in_use());
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
        let is_wanted = Arc::new(AtomicBool::new(false));
        let renewing = tokio::spawn(whose.clone().renew(is_wanted.clone()));
        Ok(Self { whose, is_wanted, renewing })
    }

    /// The name of this holder; what is written of the upload is written under it.
    pub fn holder(&self) -> Uuid {
        self.whose.holder
    }

    /// Whether another request waits for the upload, or has taken it already.
    pub fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }
}

impl Whose {
    async fn try_take(&self) -> Result<bool, Failure> {
        let now = self.clock.now();
        let tx = self.db.begin().await?;
        let taken = store::take_lease(&tx, self.firm_id, self.id, self.holder, now, now + LIFE).await?;
        if !taken {
            store::want(&tx, self.firm_id, self.id).await?;
        }
        tx.commit().await?;
        Ok(taken)
    }

    async fn renew(self, is_wanted: Arc<AtomicBool>) {
        let mut looks = 0;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            looks += 1;
            let lease = store::lease(self.db.reader(), self.firm_id, self.id).await;
            if let Ok(lease) = lease
                && lease.is_none_or(|(holder, wanted)| holder != Some(self.holder) || wanted)
            {
                is_wanted.store(true, Ordering::Relaxed);
            }
            if looks % LOOKS_TO_RENEWAL == 0
                && let Err(failure) = self.hold_on().await
            {
                tracing::info!(upload = %self.id, %failure, "the lease of an upload could not be renewed");
            }
        }
    }

    async fn hold_on(&self) -> Result<(), Failure> {
        let tx = self.db.begin().await?;
        store::renew_lease(&tx, self.firm_id, self.id, self.holder, self.clock.now() + LIFE).await?;
        Ok(tx.commit().await?)
    }

    async fn let_go(&self) -> Result<(), Failure> {
        let tx = self.db.begin().await?;
        store::release_lease(&tx, self.firm_id, self.id, self.holder).await?;
        Ok(tx.commit().await?)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
        let whose = self.whose.clone();
        // Should the program end before this is done, the lease lapses by itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { drop(whose.let_go().await) });
        }
    }
}
