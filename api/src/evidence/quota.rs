//! How much an auditor may send a day, and how much a visit may hold. Looked at before a file is taken, so that files
//! which come at the same time may go beyond a limit by their own size.

use chrono::{DateTime, Days, NaiveTime, Utc};
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use crate::app::App;
use crate::entity::evidence;
use crate::evidence::store;
use crate::failure::{Failure, Kind};
use crate::people::types::Caller;
use crate::uploads;

/// Most bytes that arrive from one auditor on a day (UTC).
pub const DAY_LIMIT_BYTES: i64 = 4 << 30;
/// Most bytes of all files of a visit.
pub const VISIT_LIMIT_BYTES: i64 = 8 << 30;

/// Checks that a file may still come.
///
/// # Errors
///
/// * 429 `day_quota` when the auditor has sent too much today, uploads that are open included; `Retry-After` is the
///   rest of the day.
/// * 413 `visit_full` when the visit would hold too much.
pub async fn check(app: &App, caller: &Caller, file: &evidence::Model, bytes: i64) -> Result<(), Failure> {
    let (db, now) = (app.db.reader(), app.clock.now());
    let sent = store::bytes_of_day(db, caller.firm_id, caller.membership_id, now.date_naive()).await?;
    let open = uploads::store::open_bytes(db, caller.firm_id, caller.membership_id, file.id, now).await?;
    if sent.saturating_add(open).saturating_add(bytes) > DAY_LIMIT_BYTES {
        let detail = format!(
            "No more than {DAY_LIMIT_BYTES} bytes of files can be sent a day. Send the rest tomorrow (UTC): what is filed \
             in time counts as in time."
        );
        return Err(Failure::new(Kind::TooMany, "day_quota", detail).with_retry_after(rest_of_day_s(now)));
    }
    let held = store::stored_bytes_of_visit(db, caller.firm_id, file.visit_id).await?;
    if held.saturating_add(bytes) > VISIT_LIMIT_BYTES {
        let detail = format!(
            "The files of a visit have at most {VISIT_LIMIT_BYTES} bytes. Give up what is not needed, or send smaller \
             files."
        );
        return Err(Failure::new(Kind::TooLarge, "visit_full", detail));
    }
    Ok(())
}

/// Counts bytes that have arrived, whether they come to be stored or not.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn count(
    tx: &DatabaseTransaction,
    firm_id: Uuid,
    membership_id: Uuid,
    at: DateTime<Utc>,
    bytes: i64,
) -> Result<(), Failure> {
    Ok(store::add_to_day(tx, firm_id, membership_id, at.date_naive(), bytes).await?)
}

fn rest_of_day_s(now: DateTime<Utc>) -> u32 {
    let midnight = (now.date_naive() + Days::new(1)).and_time(NaiveTime::MIN).and_utc();
    u32::try_from((midnight - now).num_seconds().max(1)).unwrap_or(u32::MAX)
}
