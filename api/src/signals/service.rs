//! Who sees signals, asks about them, answers and judges.

use chrono::{DateTime, Utc};
use peegel_scoring::stats::wilson::wilson;
use serde_json::json;
use uuid::Uuid;

use crate::access::Reach;
use crate::agreement::blind;
use crate::app::App;
use crate::entity::{signal, visit};
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::json::text_problem;
use crate::people::types::Caller;
use crate::retention::classes::bit;
use crate::retention::store::reopen;
use crate::review::store::same_person;
use crate::signals::store;
use crate::signals::types::{SignalPrecision, SignalPrecisions, SignalView, SignalsView};
use crate::visits::read::{sees, visible_visit};
use crate::visits::stay;
use crate::visits::store::{lock_visits, stay_of};
use crate::words::{DataClass, SignalCode, SignalVerdict};
use crate::write::Write;

/// Longest answer and note, in characters.
const TEXT_CHARS: usize = 2000;
/// Fewest judged signals of which a share says something.
const LEAST_JUDGED: i64 = 10;
/// The confidence of the interval of a share.
const CONFIDENCE: f64 = 0.95;

/// The signals of a visit: all of them for who reviews it; for who filed it, whatever their role, those that a reviewer
/// asked about.
///
/// # Errors
///
/// 404 when there is no such visit within reach, 403 as [`blind::check`].
pub async fn list(app: &App, caller: &Caller, visit_id: Uuid) -> Result<SignalsView, Failure> {
    let db = app.db.reader();
    let visit = visible_visit(app, caller, visit_id).await?;
    blind::check(db, caller, visit_id).await?;
    let rows = store::of_visits(db, caller.firm_id, &[visit_id]).await?;
    if caller.reach == Reach::Own || same_person(db, caller.firm_id, visit.auditor_id, caller.membership_id).await? {
        let shared = rows.into_iter().filter(|row| row.shared_at.is_some());
        return Ok(SignalsView { data: shared.map(SignalView::for_auditor).collect(), stay: None });
    }
    let stay = stay_of(db, caller.firm_id, visit_id).await?;
    Ok(SignalsView {
        data: rows.into_iter().map(SignalView::for_reviewer).collect(),
        stay: stay.map(|row| stay::of_row(&row).into()),
    })
}

/// A signal with its visit, locked, if the caller reaches it. The visit first, as a purge has it.
async fn locked(write: &Write<'_>, caller: &Caller, id: Uuid) -> Result<(signal::Model, visit::Model), Failure> {
    let gone = || Failure::not_found("signal");
    let known = store::by_id(&write.tx, caller.firm_id, id).await?.ok_or_else(gone)?;
    let visit = lock_visits(&write.tx, caller.firm_id, &[known.visit_id]).await?.pop();
    let visit = visit.filter(|visit| sees(caller, visit)).ok_or_else(gone)?;
    let row = store::lock(&write.tx, caller.firm_id, id).await?.ok_or_else(gone)?;
    Ok((row, visit))
}

/// Writes a signal on which something was said: the texts of its visit are purged anew.
async fn said(write: &Write<'_>, row: &signal::Model) -> Result<(), Failure> {
    store::update(&write.tx, row.clone()).await?;
    Ok(reopen(&write.tx, row.firm_id, row.visit_id, bit(DataClass::FreeText)).await?)
}

/// Nobody judges signals of a visit that they filed.
async fn check_reviewer(write: &Write<'_>, caller: &Caller, visit: &visit::Model) -> Result<(), Failure> {
    if same_person(&write.tx, caller.firm_id, visit.auditor_id, caller.membership_id).await? {
        let detail = "You filed this visit yourself; somebody else has to look into its signals.";
        return Err(Failure::new(Kind::Forbidden, "own_visit", detail));
    }
    Ok(())
}

fn check_text(pointer: &str, text: &str) -> Result<(), Failure> {
    match text_problem(text, TEXT_CHARS) {
        Some((code, message)) => Err(Failure::invalid(vec![FieldProblem::new(pointer, code, message)])),
        None => Ok(()),
    }
}

/// A fact about a signal. It stays in the log: nobody outside the firm is told of signals.
fn fact(kind: &'static str, row: &signal::Model, caller: &Caller, more: Option<SignalVerdict>) -> NewEvent {
    let mut payload = json!({"signal_id": row.id, "code": row.code});
    if let Some(verdict) = more {
        payload["verdict"] = json!(verdict);
    }
    NewEvent::new(kind, "visit", row.visit_id, caller.membership_id, payload).log_only()
}

/// Asks the auditor about a signal, whose phone is told. Doing it again changes nothing.
///
/// # Errors
///
/// * 403 `own_visit` when the caller filed the visit.
/// * 404 when there is no such signal.
pub async fn share(app: &App, caller: &Caller, id: Uuid) -> Result<SignalView, Failure> {
    let mut write = Write::begin_by(app, caller).await?;
    let (mut row, visit) = locked(&write, caller, id).await?;
    check_reviewer(&write, caller, &visit).await?;
    if row.shared_at.is_none() {
        row.shared_at = Some(app.clock.now());
        write.event(fact("visit.signal_shared", &row, caller, None).for_auditor(visit.auditor_id));
        store::update(&write.tx, row.clone()).await?;
        write.commit().await?;
    }
    Ok(SignalView::for_reviewer(row))
}

/// Keeps what the auditor says to a signal that was shared, once. Saying the same again changes nothing.
///
/// # Errors
///
/// * 404 when there is no such signal of the caller's visits that was shared.
/// * 409 `already_answered` when something else was said.
/// * 422 when the answer is empty or too long.
pub async fn answer(app: &App, caller: &Caller, id: Uuid, answer: String) -> Result<SignalView, Failure> {
    check_text("/answer", &answer)?;
    let mut write = Write::begin_by(app, caller).await?;
    let (mut row, visit) = locked(&write, caller, id).await?;
    if row.shared_at.is_none() {
        return Err(Failure::not_found("signal"));
    }
    if row.answer.as_deref() == Some(answer.as_str()) {
        return Ok(SignalView::for_auditor(row));
    }
    if row.answered_at.is_some() {
        let detail = "You have answered this already. The reviewer reads what you said then.";
        return Err(Failure::conflict("already_answered", detail));
    }
    row.answer = Some(answer);
    row.answered_at = Some(app.clock.now());
    // Their other phone need not ask any more.
    write.event(fact("visit.signal_answered", &row, caller, None).for_auditor(visit.auditor_id));
    said(&write, &row).await?;
    write.commit().await?;
    Ok(SignalView::for_auditor(row))
}

/// Keeps what a reviewer makes of a signal; a later verdict replaces it.
///
/// # Errors
///
/// * 403 `own_visit` when the caller filed the visit.
/// * 404 when there is no such signal.
/// * 422 when the note is empty or too long.
pub async fn judge(
    app: &App,
    caller: &Caller,
    id: Uuid,
    verdict: SignalVerdict,
    note: Option<String>,
) -> Result<SignalView, Failure> {
    if let Some(note) = &note {
        check_text("/note", note)?;
    }
    let mut write = Write::begin_by(app, caller).await?;
    let (mut row, visit) = locked(&write, caller, id).await?;
    check_reviewer(&write, caller, &visit).await?;
    if (row.verdict, &row.verdict_note) == (Some(verdict), &note) {
        return Ok(SignalView::for_reviewer(row));
    }
    row.verdict = Some(verdict);
    row.verdict_note = note;
    row.verdict_by = Some(caller.membership_id);
    row.verdict_at = Some(app.clock.now());
    write.event(fact("visit.signal_judged", &row, caller, Some(verdict)));
    said(&write, &row).await?;
    write.commit().await?;
    Ok(SignalView::for_reviewer(row))
}

/// How often signals found in `[from, until)` were right, by code.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn precision(
    app: &App,
    caller: &Caller,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> Result<SignalPrecisions, Failure> {
    let counts = store::judged(app.db.reader(), caller.firm_id, from, until).await?;
    let of = |code: SignalCode, verdict: Option<SignalVerdict>| {
        counts.iter().filter(|row| row.code == code && row.verdict == verdict).map(|row| row.n).sum::<i64>()
    };
    let entry = |word: &&str| {
        let code = SignalCode::from_word(word)?;
        let (right, wrong) = (of(code, Some(SignalVerdict::Right)), of(code, Some(SignalVerdict::Wrong)));
        let found = right + wrong + of(code, None);
        (found > 0).then(|| precision_of(code, found, right, wrong))
    };
    Ok(SignalPrecisions { data: SignalCode::ALL.iter().filter_map(entry).collect() })
}

fn precision_of(code: SignalCode, found: i64, right: i64, wrong: i64) -> SignalPrecision {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    let share = wilson(count(right), count(right + wrong), CONFIDENCE).ok();
    let bp = |p: f64| (p * 10_000.0).round() as i64;
    SignalPrecision {
        code,
        found,
        right,
        wrong,
        precision_bp: share.as_ref().map(|share| bp(share.p)),
        lower_bp: share.as_ref().map(|share| bp(share.lower)),
        upper_bp: share.as_ref().map(|share| bp(share.upper)),
        too_few: right + wrong < LEAST_JUDGED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_few_says_so() {
        let none = precision_of(SignalCode::ShortStay, 4, 0, 0);
        assert_eq!((none.precision_bp, none.lower_bp, none.too_few), (None, None, true));
        let three = precision_of(SignalCode::ShortStay, 4, 3, 0);
        // Wilson's interval of 3 of 3 at 95 %: 0.4385 to 1.
        assert_eq!((three.precision_bp, three.lower_bp, three.upper_bp), (Some(10_000), Some(4385), Some(10_000)));
        assert!(three.too_few && !precision_of(SignalCode::ShortStay, 10, 7, 3).too_few);
    }
}
