//! Corrections of filed visits, those being worked on, and all sets of answers that a visit ever had.

use std::collections::{BTreeMap, BTreeSet};

use poem_openapi::types::Any;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::agreement::blind;
use crate::app::App;
use crate::appeals;
use crate::entity::{correction_draft, revision, score, visit};
use crate::failure::{Failure, FieldProblem};
use crate::http::json::text_problem;
use crate::people::types::Caller;
use crate::retention::classes::written;
use crate::review::revise::{Change, revise};
use crate::review::service::{REASON_CHARS, acted, check_not_own, check_taker};
use crate::review::store;
use crate::review::types::{
    CorrectedAnswer, CorrectedView, Correction, CorrectionDraftChange, CorrectionDraftIn, CorrectionDraftView,
    RevisionChange, RevisionView, RevisionsView,
};
use crate::states::{VISIT_MOVES, after};
use crate::visits::read::visible_visit;
use crate::visits::store::{lock_visits, revisions_of, score_of, scores_of};
use crate::words::{AppealState, RevisionKind};
use crate::write::Write;

/// Largest correction that is put aside, as JSON.
const DRAFT_BYTES: usize = 256 * 1024;

/// Corrects answers of a visit in review, approved or published: a new revision with a score of its own. A published one
/// counts by it at once.
///
/// # Errors
///
/// * 403 `own_visit`, `not_the_reviewer`, and as [`blind::check`].
/// * 404 when there is no such visit.
/// * 409 `illegal_state`, `other_revision` when another revision counts by now, `settled_by_appeal` when an upheld appeal
///   settled an answer, `no_score`.
/// * 422 with every problem, as [`revise`] has it.
pub async fn correct(app: &App, caller: &Caller, id: Uuid, order: Correction) -> Result<CorrectedView, Failure> {
    let mut write = Write::begin_by(app, caller).await?;
    let mut row = locked(&write, caller, id).await?;
    if row.current_revision != order.base_revision {
        let detail = format!("Revision {} counts by now; look at it, and correct that.", row.current_revision);
        return Err(Failure::conflict("other_revision", detail));
    }
    check_not_decided(&write, &row, &order).await?;
    acted(&mut row, caller.membership_id, app.clock.now());
    let changes: Vec<_> = order
        .changes
        .into_iter()
        .map(|change| Change { item_id: change.item_id, answer: change.answer.map(value), reason: change.reason })
        .collect();
    let row = revise(app, &mut write, caller.membership_id, row, RevisionKind::Correction, &changes).await?;
    store::remove_draft(&write.tx, caller.firm_id, id, caller.membership_id).await?;
    let score = score_of(&write.tx, caller.firm_id, id, row.current_score_version).await?;
    write.commit().await?;
    Ok(CorrectedView { view: row.into(), score_bp: score.and_then(|score| score.score_bp) })
}

/// Checks that no answer was settled by an appeal: what was decided is final, for the firm as for the branch.
async fn check_not_decided(write: &Write<'_>, row: &visit::Model, order: &Correction) -> Result<(), Failure> {
    let appeals = appeals::store::of_visit(&write.tx, row.firm_id, row.id).await?;
    let upheld = |item: &str| appeals.iter().any(|of| of.state == AppealState::Upheld && of.item_id == item);
    let decided: Vec<_> =
        order.changes.iter().map(|change| change.item_id.as_str()).filter(|item| upheld(item)).collect();
    if decided.is_empty() {
        return Ok(());
    }
    let detail = format!("Upheld appeals settled these answers for good: {}. Leave them out.", decided.join(", "));
    Err(Failure::conflict("settled_by_appeal", detail))
}

/// The answer as visits have it.
fn value(answer: CorrectedAnswer) -> Value {
    let mut members = Map::new();
    if let Some(Any(v)) = answer.v {
        members.insert("v".to_owned(), v);
    }
    if let Some(na) = answer.na {
        members.insert("na".to_owned(), json!(na));
    }
    Value::Object(members)
}

/// A visit that the caller may correct, locked.
async fn locked(write: &Write<'_>, caller: &Caller, id: Uuid) -> Result<visit::Model, Failure> {
    let row = lock_visits(&write.tx, caller.firm_id, &[id]).await?.pop();
    let row = row.ok_or_else(|| Failure::not_found("visit"))?;
    after(VISIT_MOVES, "visit", row.state, "correct")?;
    check_not_own(write, caller, &row).await?;
    blind::check(&write.tx, caller, id).await?;
    check_taker(caller, &row)?;
    Ok(row)
}

/// Keeps a correction that the caller is working on.
///
/// # Errors
///
/// * As [`correct`], but for what the changes come to.
/// * 422 when a reason is blank or too long, the whole too large, or the revision is not one of the visit.
pub async fn put_draft(
    app: &App,
    caller: &Caller,
    id: Uuid,
    draft: CorrectionDraftIn,
) -> Result<CorrectionDraftView, Failure> {
    let reasons = draft.changes.iter().enumerate().filter_map(|(i, change)| Some((i, change.reason.as_deref()?)));
    let problems: Vec<_> = reasons
        .filter_map(|(i, reason)| Some((i, text_problem(reason, REASON_CHARS)?)))
        .map(|(i, (code, message))| FieldProblem::new(format!("/changes/{i}/reason"), code, message))
        .collect();
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    let changes = serde_json::to_string(&draft.changes).map_err(Failure::internal)?;
    if changes.len() > DRAFT_BYTES {
        let message = format!("has more than {DRAFT_BYTES} bytes; correct what is ready first");
        return Err(Failure::invalid(vec![FieldProblem::new("/changes", "too_long", message)]));
    }
    let write = Write::begin_by(app, caller).await?;
    let mut row = locked(&write, caller, id).await?;
    if draft.base_revision > row.current_revision {
        let problem = FieldProblem::new("/base_revision", "unknown_ref", "is not a revision of the visit");
        return Err(Failure::invalid(vec![problem]));
    }
    let now = app.clock.now();
    let kept = correction_draft::Model {
        firm_id: caller.firm_id,
        visit_id: id,
        author_id: caller.membership_id,
        base_revision: draft.base_revision,
        changes,
        saved_at: now,
    };
    store::put_draft(&write.tx, kept.clone()).await?;
    acted(&mut row, caller.membership_id, now);
    row.purged = written(row.purged);
    let row = store::update_visit(&write.tx, row).await?;
    write.commit().await?;
    draft_view(kept, &row)
}

/// The correction that the caller is working on.
///
/// # Errors
///
/// 404 when there is none.
pub async fn get_draft(app: &App, caller: &Caller, id: Uuid) -> Result<CorrectionDraftView, Failure> {
    let row = visible_visit(app, caller, id).await?;
    let kept = store::draft_of(app.db.reader(), caller.firm_id, id, caller.membership_id).await?;
    draft_view(kept.ok_or_else(|| Failure::not_found("correction"))?, &row)
}

/// Throws away the correction that the caller is working on.
///
/// # Errors
///
/// 404 when there is none.
pub async fn delete_draft(app: &App, caller: &Caller, id: Uuid) -> Result<(), Failure> {
    let write = Write::begin_by(app, caller).await?;
    if store::remove_draft(&write.tx, caller.firm_id, id, caller.membership_id).await? == 0 {
        return Err(Failure::not_found("correction"));
    }
    write.commit().await
}

/// A correction that is being worked on, in answers.
///
/// # Errors
///
/// [`Failure`] (500) when what is stored cannot be read.
pub fn draft_view(kept: correction_draft::Model, row: &visit::Model) -> Result<CorrectionDraftView, Failure> {
    let changes: Vec<CorrectionDraftChange> = serde_json::from_str(&kept.changes).map_err(Failure::internal)?;
    Ok(CorrectionDraftView {
        visit_id: kept.visit_id,
        base_revision: kept.base_revision,
        is_stale: kept.base_revision != row.current_revision,
        changes,
        saved_at: kept.saved_at,
    })
}

/// All sets of answers of a visit, each with what is different from the one before.
///
/// # Errors
///
/// 404 when there is no such visit within reach, 403 as [`blind::check`].
pub async fn revisions(app: &App, caller: &Caller, id: Uuid) -> Result<RevisionsView, Failure> {
    visible_visit(app, caller, id).await?;
    let db = app.db.reader();
    blind::check(db, caller, id).await?;
    let rows = revisions_of(db, caller.firm_id, id).await?;
    let scores = scores_of(db, caller.firm_id, id).await?.into_iter().map(|(score, _)| score).collect::<Vec<_>>();
    Ok(RevisionsView { data: views(&rows, &scores)? })
}

/// Revisions in answers.
///
/// # Errors
///
/// [`Failure`] (500) when what is stored cannot be read.
pub fn views(rows: &[revision::Model], scores: &[score::Model]) -> Result<Vec<RevisionView>, Failure> {
    let mut before: Option<Map<String, Value>> = None;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let answers = answers_of(row)?;
        let reasons: BTreeMap<String, String> = match &row.reasons {
            Some(text) => serde_json::from_str(text).map_err(Failure::internal)?,
            None => BTreeMap::new(),
        };
        let changes = before.as_ref().map(|before| {
            let change = |item_id: String| RevisionChange {
                before: given(before, &item_id).cloned().map(Any),
                after: given(&answers, &item_id).cloned().map(Any),
                reason: reasons.get(&item_id).cloned(),
                item_id,
            };
            differences(before, &answers).into_iter().map(change).collect()
        });
        let score = scores.iter().find(|score| score.revision == row.revision);
        views.push(RevisionView {
            revision: row.revision,
            kind: row.kind,
            author_id: row.author_id,
            created_at: row.created_at,
            changes: changes.unwrap_or_default(),
            score_version: score.map(|score| score.score_version),
            score_bp: score.and_then(|score| score.score_bp),
            purged: row.withheld.is_some(),
        });
        before = Some(answers);
    }
    Ok(views)
}

/// The answers of a revision.
///
/// # Errors
///
/// [`Failure`] (500) when they cannot be read.
pub fn answers_of(row: &revision::Model) -> Result<Map<String, Value>, Failure> {
    serde_json::from_str(&row.answers).map_err(Failure::internal)
}

/// The answer to an item; null stands for none.
pub fn given<'a>(answers: &'a Map<String, Value>, item_id: &str) -> Option<&'a Value> {
    answers.get(item_id).filter(|answer| !answer.is_null())
}

/// The items whose answers differ.
pub fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> BTreeSet<String> {
    let items = before.keys().chain(after.keys());
    items.filter(|item| given(before, item) != given(after, item)).cloned().collect()
}
