//! What a second scorer must not see until they are done.

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::access::Reach;
use crate::agreement::store;
use crate::failure::{Failure, Kind};
use crate::people::types::Caller;
use crate::retention::store::memberships_beside;

/// Checks that the caller is not to score a visit a second time, whatever membership they act under. Everything that
/// shows answers, scores or reviews of one visit asks.
///
/// # Errors
///
/// 403 `blind` when they are, and have not done so.
pub async fn check(db: &impl ConnectionTrait, caller: &Caller, visit_id: Uuid) -> Result<(), Failure> {
    if hidden(db, caller).await?.contains(&visit_id) { Err(blind()) } else { Ok(()) }
}

/// The visits whose answers, scores and reviews the caller must not see: those that they are to score a second time.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn hidden(db: &impl ConnectionTrait, caller: &Caller) -> Result<Vec<Uuid>, Failure> {
    // Nobody else scores.
    if caller.reach != Reach::Firm {
        return Ok(Vec::new());
    }
    let own = memberships_beside(db, caller.firm_id, caller.membership_id).await?;
    Ok(store::open_visits(db, caller.firm_id, &own).await?)
}

/// 403: that would tell what the first reviewer made of it.
pub fn blind() -> Failure {
    let detail = "You are to score this visit a second time without knowing what others made of it. Read it by \
                  GET /v1/visits/{id}/second-scoring; everything else opens once you have submitted or dropped it.";
    Failure::new(Kind::Forbidden, "blind", detail)
}
