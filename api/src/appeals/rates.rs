//! How often appeals were upheld, for the firm.

use std::collections::BTreeMap;

use peegel_scoring::stats::wilson::wilson;
use uuid::Uuid;

use crate::app::App;
use crate::appeals::store;
use crate::appeals::types::{AppealCounts, AppealRate, RatesBy};
use crate::entity::appeal::Column;
use crate::failure::Failure;
use crate::http::paging::{Page, Slice, cursor};
use crate::people::types::Caller;

/// Fewest decided appeals of which a share says something.
const LEAST_DECIDED: i64 = 10;
/// The confidence of the interval of a share.
const CONFIDENCE: f64 = 0.95;

/// A page of how often appeals were upheld, in the order of what they are by.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn rates(
    app: &App,
    caller: &Caller,
    by: RatesBy,
    wave_id: Option<Uuid>,
    slice: &Slice,
) -> Result<Page<AppealRate>, Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    // Few: no more than there are items, branches or people with appeals.
    let mut counted: BTreeMap<(String, String), AppealCounts> = BTreeMap::new();
    let column = match by {
        RatesBy::Item => {
            for (standard_id, item_id, state, n) in store::counts_by_item(db, firm_id, wave_id).await? {
                counted.entry((standard_id, item_id)).or_default().add(state, n);
            }
            None
        }
        RatesBy::Branch => Some(Column::BranchId),
        RatesBy::Auditor => Some(Column::AuditorId),
        RatesBy::Reviewer => Some(Column::ReviewerId),
    };
    if let Some(column) = column {
        for (id, state, n) in store::counts_by(db, firm_id, column, wave_id).await? {
            let Some(id) = id else { continue };
            counted.entry((id.to_string(), String::new())).or_default().add(state, n);
        }
    }
    let limit = usize::try_from(slice.limit).unwrap_or(usize::MAX);
    let key = |(one, other): &(String, String)| format!("{one}/{other}");
    let mut rows: Vec<_> = counted.into_iter().map(|(of, counts)| (key(&of), of, counts)).collect();
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows.retain(|(key, ..)| slice.after.as_ref().is_none_or(|after| key > after));
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| has_more).map(|(key, ..)| cursor(key));
    let data = rows.into_iter().map(|(_, of, counts)| rate(by, of, counts)).collect();
    Ok(Page { data, next_cursor })
}

fn rate(by: RatesBy, (one, other): (String, String), counts: AppealCounts) -> AppealRate {
    let decided = counts.upheld + counts.declined;
    let bp = |share: f64| (share * 10_000.0).round() as i64;
    let share = wilson(counts.upheld.unsigned_abs(), decided.unsigned_abs(), CONFIDENCE).ok();
    let id = one.parse().ok();
    AppealRate {
        standard_id: (by == RatesBy::Item).then_some(one),
        item_id: (by == RatesBy::Item).then_some(other),
        branch_id: id.filter(|_| by == RatesBy::Branch),
        membership_id: id.filter(|_| matches!(by, RatesBy::Auditor | RatesBy::Reviewer)),
        counts,
        upheld_share_bp: share.as_ref().map(|share| bp(share.p)),
        lower_bp: share.as_ref().map(|share| bp(share.lower)),
        upper_bp: share.as_ref().map(|share| bp(share.upper)),
        too_few: decided < LEAST_DECIDED,
    }
}
