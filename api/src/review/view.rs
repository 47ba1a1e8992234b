//! Everything about a visit that its reviewer needs, at once.

use peegel_scoring::Item;
use poem_openapi::types::Any;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::app::App;
use crate::chains::store::chain_by_id;
use crate::entity::event;
use crate::failure::{Failure, Kind};
use crate::people::types::Caller;
use crate::review::corrections::{answers_of, differences, draft_view, given, views};
use crate::review::service::is_idle;
use crate::review::store::{self, same_person};
use crate::review::types::{HistoryEntry, ReturnedView, ReviewItem, VisitReview};
use crate::scenarios;
use crate::scorecards::texts::Texts;
use crate::signals;
use crate::visits::read::{visible_visit, visit};
use crate::visits::store::{revisions_of, scores_of};
use crate::words::Outcome;

/// The members of a stored result that say what became of an item.
#[derive(Deserialize)]
struct Trace {
    critical_failures: Vec<TraceFailure>,
    items: Vec<TraceItem>,
}

#[derive(Deserialize)]
struct TraceFailure {
    item: String,
}

#[derive(Deserialize)]
struct TraceItem {
    id: String,
    status: String,
    score: Option<String>,
    lost: Option<String>,
}

/// A visit as its reviewer reads it.
///
/// # Errors
///
/// * 403 `own_visit` when the caller filed it, and as [`crate::agreement::blind::check`].
/// * 404 when there is no such visit.
pub async fn review(app: &App, caller: &Caller, id: Uuid, lang: Option<String>) -> Result<VisitReview, Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    let row = visible_visit(app, caller, id).await?;
    if same_person(db, firm_id, row.auditor_id, caller.membership_id).await? {
        let detail = "You filed this visit yourself; somebody else has to review it.";
        return Err(Failure::new(Kind::Forbidden, "own_visit", detail));
    }
    let view = visit(app, caller, id).await?;
    let rows = revisions_of(db, firm_id, id).await?;
    let scores: Vec<_> = scores_of(db, firm_id, id).await?.into_iter().map(|(score, _)| score).collect();
    let answers = |number: i32| match rows.iter().find(|revision| revision.revision == number) {
        Some(revision) => answers_of(revision),
        None => Ok(Map::new()),
    };
    let (original, current) = (answers(1)?, answers(row.current_revision)?);
    let changed_since_review = match row.reviewed_revision {
        Some(number) => differences(&answers(number)?, &current),
        None => Default::default(),
    };
    let score = scores.iter().find(|score| score.score_version == row.current_score_version);
    let score = score.filter(|_| row.outcome == Outcome::Completed);
    let trace: Option<Trace> =
        score.map(|score| serde_json::from_str(&score.result)).transpose().map_err(Failure::internal)?;
    let whole: Option<Value> =
        score.map(|score| serde_json::from_str(&score.result)).transpose().map_err(Failure::internal)?;
    let standard = app.standards.get(db, firm_id, &row.standard_id, row.standard_version).await?;
    let standard = standard.ok_or_else(|| Failure::internal(format!("the standard of visit {id} is gone")))?;
    let chain = chain_by_id(db, firm_id, row.client_chain_id).await?;
    let chain = chain.ok_or_else(|| Failure::internal(format!("the chain of visit {id} is gone")))?;
    let lang = lang.unwrap_or(chain.locale);
    let texts = Texts::new(&standard.body, &lang);
    let sections = standard.standard.sections();
    let returned = ReturnedView::of(&row);
    let item = |of: &Item| {
        let item_id = of.id.as_str();
        let traced = trace.as_ref().and_then(|trace| trace.items.iter().find(|traced| traced.id == item_id));
        let failed = |trace: &Trace| trace.critical_failures.iter().any(|failure| failure.item == item_id);
        let proves = view.files.iter().filter(|file| file.item_ids.iter().any(|of| of == item_id));
        let asked = view.questions.iter().filter(|question| question.item_id.as_deref() == Some(item_id));
        let asked_for = returned.as_ref().and_then(|back| back.items.iter().find(|item| item.item_id == item_id));
        ReviewItem {
            original: given(&original, item_id).cloned().map(Any),
            current: given(&current, item_id).cloned().map(Any),
            changed: given(&original, item_id) != given(&current, item_id),
            changed_since_review: changed_since_review.contains(item_id),
            status: traced.map(|traced| traced.status.clone()),
            score: traced.and_then(|traced| traced.score.clone()),
            lost: traced.and_then(|traced| traced.lost.clone()),
            critical_failure: trace.as_ref().is_some_and(failed),
            evidence_ids: proves.map(|file| file.id).collect(),
            question_ids: asked.map(|question| question.id).collect(),
            return_reason: asked_for.map(|item| item.reason.clone()),
            section_id: sections.get(of.section).map_or_else(String::new, |section| section.id.clone()),
            text: texts.item(item_id),
            weight: of.weight,
            item_id: item_id.to_owned(),
        }
    };
    let items = standard.standard.items().iter().map(item).collect();
    let scenario = scenarios::service::of_visit(db, firm_id, &row).await?;
    let signals = signals::service::list(app, caller, id).await?;
    let draft = store::draft_of(db, firm_id, id, caller.membership_id).await?;
    let draft = draft.map(|kept| draft_view(kept, &row)).transpose()?;
    let history = store::history(db, firm_id, id).await?;
    Ok(VisitReview {
        taken_at: row.taken_at,
        can_take_over: row.reviewer_id != Some(caller.membership_id) && is_idle(&row, app.clock.now()),
        scenario,
        items,
        lang,
        score: whole.map(without_items).map(Any),
        reviewed_revision: row.reviewed_revision,
        changed_since_review: changed_since_review.into_iter().collect(),
        signals: signals.data,
        stay: signals.stay,
        revisions: views(&rows, &scores)?,
        correction_draft: draft,
        history: history.into_iter().map(told).collect(),
        visit: view,
    })
}

/// A result without its items, which stand beside it.
fn without_items(mut result: Value) -> Value {
    if let Some(members) = result.as_object_mut() {
        members.remove("items");
    }
    result
}

fn told(row: event::Model) -> HistoryEntry {
    let payload: Option<Value> = row.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let reason = payload.and_then(|payload| {
        let said = payload["reason"].as_str().or(payload["quarantine_cleared_because"].as_str());
        said.filter(|text| !text.is_empty()).map(str::to_owned)
    });
    HistoryEntry { seq: row.seq, kind: row.kind, at: row.at, actor_id: row.actor_id, reason }
}
