//! Doing second scorings, and how far both scorings agree.

use std::collections::BTreeMap;

use peegel_scoring::{AnswerCode, ItemKind, Mode, Standard, score};
use poem_openapi::types::Any;
use sea_orm::ConnectionTrait;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::agreement::figures::{Judged, of_items, of_visit, values};
use crate::agreement::store;
use crate::agreement::types::{AgreementView, AuditorNote, SecondScoringSummary, SecondScoringView};
use crate::app::App;
use crate::canonical::canonical;
use crate::consent::service::heard;
use crate::entity::{second_scoring, visit};
use crate::events::store::of_objects;
use crate::events::types::NewEvent;
use crate::evidence::store::evidence_of_visits;
use crate::evidence::types::EvidenceView;
use crate::failure::{Failure, FieldProblem, Kind};
use crate::http::json::{Reader, escape, text_problem};
use crate::http::paging::{Page, Slice};
use crate::people::types::Caller;
use crate::retention::classes::bit;
use crate::retention::store::{memberships_beside, reopen};
use crate::review::store::same_person;
use crate::standards::cache::CompiledStandard;
use crate::states::{SECOND_SCORING_MOVES, after};
use crate::visits::parse::answer_problems;
use crate::visits::read::visible_visit;
use crate::visits::service::answer_problem;
use crate::visits::store::{lock_visits, revision_of};
use crate::words::{DataClass, Role, SecondScoringState, VisitState};
use crate::write::Write;

/// Longest reason, in characters.
const REASON_CHARS: usize = 2000;
/// The latest second scorings that are compared.
const LATEST: u64 = 500;
/// Visits whose history is read at once.
const VISITS_AT_ONCE: usize = 100;

/// A page of the second scorings that the caller has yet to do.
///
/// # Errors
///
/// 400 for a bad cursor.
pub async fn list(app: &App, caller: &Caller, slice: &Slice) -> Result<Page<SecondScoringSummary>, Failure> {
    let db = app.db.reader();
    let own = memberships_beside(db, caller.firm_id, caller.membership_id).await?;
    let rows = store::list_open(db, caller.firm_id, &own, slice.after()?, slice.limit + 1).await?;
    let view = |row: second_scoring::Model| SecondScoringSummary {
        visit_id: row.visit_id,
        state: row.state,
        standard_id: row.standard_id,
        standard_version: row.standard_version,
        drawn_at: row.drawn_at,
    };
    Ok(slice.page(rows, |row| row.id.to_string(), view))
}

/// The second scoring of a visit: for who scores it; for everybody else who reviews once both are done.
///
/// # Errors
///
/// * 403 `own_visit` when the caller filed the visit.
/// * 403 `blind` when the caller does not score it, and one of both is not done.
/// * 404 when there is no such visit, or it was not drawn.
pub async fn get(app: &App, caller: &Caller, visit_id: Uuid) -> Result<SecondScoringView, Failure> {
    let db = app.db.reader();
    let visit = visible_visit(app, caller, visit_id).await?;
    let row = store::of_visit(db, caller.firm_id, visit_id).await?.ok_or_else(not_found)?;
    check_not_own(db, caller, &visit).await?;
    let is_theirs = same_person(db, caller.firm_id, row.scorer_id, caller.membership_id).await?;
    let is_over = row.state == SecondScoringState::Dropped
        || (row.state == SecondScoringState::Submitted && is_judged(visit.state));
    if !is_theirs && !is_over {
        let detail = "Somebody else scores this visit without knowing what others make of it. Both are shown once both \
                      are done: the second scoring submitted, the visit approved.";
        return Err(Failure::new(Kind::Forbidden, "blind", detail));
    }
    view(app, caller, &visit, row).await
}

fn not_found() -> Failure {
    Failure::not_found("second scoring")
}

/// Whether the first reviewer has judged a visit.
fn is_judged(state: VisitState) -> bool {
    matches!(state, VisitState::Approved | VisitState::Published)
}

async fn check_not_own(db: &impl ConnectionTrait, caller: &Caller, visit: &visit::Model) -> Result<(), Failure> {
    if same_person(db, caller.firm_id, visit.auditor_id, caller.membership_id).await? {
        let detail = "You filed this visit yourself; somebody else has to score it.";
        return Err(Failure::new(Kind::Forbidden, "own_visit", detail));
    }
    Ok(())
}

async fn view(
    app: &App,
    caller: &Caller,
    visit: &visit::Model,
    row: second_scoring::Model,
) -> Result<SecondScoringView, Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    let standard = standard_of(app, &row).await?;
    let revision = revision_of(db, firm_id, visit.id, row.revision).await?;
    let filed = revision.and_then(|revision| serde_json::from_str(&revision.answers).ok()).unwrap_or_default();
    let files = evidence_of_visits(db, firm_id, &[visit.id]).await?;
    let may_be_heard = heard(db, firm_id, &files).await?;
    let unheard = files.iter().map(|file| file.id).filter(|id| !may_be_heard.contains(id)).collect();
    let files = files.into_iter().map(|file| {
        let is_heard = may_be_heard.contains(&file.id);
        EvidenceView::seen_by(caller.reach, is_heard, file)
    });
    Ok(SecondScoringView {
        visit_id: visit.id,
        state: row.state,
        scorer_id: row.scorer_id,
        wave_id: visit.wave_id,
        branch_id: visit.branch_id,
        standard_id: row.standard_id,
        standard_version: row.standard_version,
        drawn_at: row.drawn_at,
        notes: notes(&standard.standard, &filed),
        files: files.collect(),
        unheard,
        answers: row.answers.and_then(|text| serde_json::from_str(&text).ok()).map(Any),
        score_bp: row.score_bp,
        submitted_at: row.submitted_at,
        dropped_at: row.dropped_at,
        dropped_because: row.dropped_because,
    })
}

/// What the auditor wrote, without what they answered.
fn notes(standard: &Standard, filed: &Map<String, Value>) -> Vec<AuditorNote> {
    let text = |answer: &Value, name: &str| answer[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let note = |item: &peegel_scoring::Item| {
        let answer = filed.get(&item.id)?;
        let comment = text(answer, "comment");
        let text = text(answer, "v").filter(|_| matches!(item.kind, ItemKind::Text));
        (comment.is_some() || text.is_some()).then(|| AuditorNote { item_id: item.id.clone(), comment, text })
    };
    standard.items().iter().filter_map(note).collect()
}

async fn standard_of(app: &App, row: &second_scoring::Model) -> Result<std::sync::Arc<CompiledStandard>, Failure> {
    let found = app.standards.get(app.db.reader(), row.firm_id, &row.standard_id, row.standard_version).await?;
    found.ok_or_else(|| Failure::internal(format!("the standard of the second scoring {} is gone", row.id)))
}

/// The second scoring of a visit, both locked, if it stands where it can be worked on.
async fn locked(
    write: &Write<'_>,
    caller: &Caller,
    visit_id: Uuid,
) -> Result<(visit::Model, second_scoring::Model), Failure> {
    let visit = lock_visits(&write.tx, caller.firm_id, &[visit_id]).await?.pop();
    let visit = visit.ok_or_else(|| Failure::not_found("visit"))?;
    let row = store::lock_of_visit(&write.tx, caller.firm_id, visit_id).await?.ok_or_else(not_found)?;
    Ok((visit, row))
}

async fn check_scorer(write: &Write<'_>, caller: &Caller, row: &second_scoring::Model) -> Result<(), Failure> {
    if same_person(&write.tx, caller.firm_id, row.scorer_id, caller.membership_id).await? {
        return Ok(());
    }
    let detail = "The draw chose somebody else to score this visit a second time.";
    Err(Failure::new(Kind::Forbidden, "not_the_scorer", detail))
}

/// What comes back from the auditor is another visit to score.
fn check_visit(visit: &visit::Model) -> Result<(), Failure> {
    match visit.state {
        VisitState::InReview | VisitState::Submitted | VisitState::Approved | VisitState::Published => Ok(()),
        state => {
            let detail = format!("The visit is {state}; it is scored a second time once it is reviewed again.");
            Err(Failure::conflict("illegal_state", detail))
        }
    }
}

/// Keeps the second scorer's answers, which may be incomplete.
///
/// # Errors
///
/// * 403 `not_the_scorer` when the draw chose somebody else.
/// * 404 when there is no such visit, or it was not drawn.
/// * 409 `illegal_state` when it is submitted or dropped, or the visit is with its auditor or rejected.
/// * 422 naming everything wrong with the answers.
pub async fn put(app: &App, caller: &Caller, visit_id: Uuid, body: &Value) -> Result<SecondScoringView, Failure> {
    let mut reader = Reader::new(body, "");
    let answers = reader.object("answers").cloned().unwrap_or_default();
    let mut problems = reader.finish();
    problems.extend(answer_problems(&answers));
    for (item, answer) in &answers {
        if answer.get("moments").is_some() {
            let pointer = format!("/answers/{}/moments", escape(item));
            problems.push(FieldProblem::new(pointer, "unknown_field", "is not a member known here"));
        }
    }
    let write = Write::begin_by(app, caller).await?;
    let (visit, mut row) = locked(&write, caller, visit_id).await?;
    check_scorer(&write, caller, &row).await?;
    row.state = after(SECOND_SCORING_MOVES, "second scoring", row.state, "save")?;
    check_visit(&visit)?;
    let standard = standard_of(app, &row).await?;
    problems.extend(content_problems(&standard.standard, &answers));
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    row.answers = Some(canonical(&answers)?.text);
    let row = store::update(&write.tx, row).await?;
    said(&write, visit_id).await?;
    write.commit().await?;
    view(app, caller, &visit, row).await
}

/// The texts of the visit are purged anew: somebody wrote something.
async fn said(write: &Write<'_>, visit_id: Uuid) -> Result<(), Failure> {
    Ok(reopen(&write.tx, write.firm_id, visit_id, bit(DataClass::FreeText)).await?)
}

/// What answers hold that the standard does not take. What is left out is no fault: not everything shows in the evidence.
fn content_problems(standard: &Standard, answers: &Map<String, Value>) -> Vec<FieldProblem> {
    let result = score(standard, &values(answers), Mode::Rescore).scored();
    let faults = result.and_then(|result| result.warnings).unwrap_or_default();
    let is_left_out = |code: AnswerCode| matches!(code, AnswerCode::MissingRequired | AnswerCode::EvidenceMissing);
    faults
        .iter()
        .filter(|fault| !is_left_out(fault.code))
        .map(|fault| answer_problem(&fault.item, fault.code.as_str()))
        .collect()
}

/// Submits the answers that are kept: they are scored, and compared once the visit is approved.
///
/// # Errors
///
/// * 403 `not_the_scorer` when the draw chose somebody else.
/// * 404 when there is no such visit, or it was not drawn.
/// * 409 `illegal_state` when nothing is kept, or it is submitted or dropped already, or the visit is with its auditor or
///   rejected.
/// * 422 `missing` when no item is answered.
pub async fn submit(app: &App, caller: &Caller, visit_id: Uuid) -> Result<SecondScoringView, Failure> {
    let mut write = Write::begin_by(app, caller).await?;
    let (visit, mut row) = locked(&write, caller, visit_id).await?;
    check_scorer(&write, caller, &row).await?;
    row.state = after(SECOND_SCORING_MOVES, "second scoring", row.state, "submit")?;
    check_visit(&visit)?;
    let answers = kept(&row)?;
    let standard = standard_of(app, &row).await?;
    let judged = Judged::of(&standard.standard, &answers).filter(|judged| judged.answered() > 0);
    let judged = judged.ok_or_else(|| {
        let message = "answer at least one question, or drop the second scoring and say why";
        Failure::invalid(vec![FieldProblem::new("/answers", "missing", message)])
    })?;
    row.score_bp = judged.score_bp().and_then(|bp| i32::try_from(bp).ok());
    row.submitted_at = Some(app.clock.now());
    let row = store::update(&write.tx, row).await?;
    // Without the score: who reviews the visit may still be at it, and reads its history.
    let payload = json!({"second_scoring_id": row.id, "revision": row.revision});
    let event = NewEvent::new("visit.second_scored", "visit", visit_id, caller.membership_id, payload);
    write.event(event.log_only());
    write.commit().await?;
    view(app, caller, &visit, row).await
}

fn kept(row: &second_scoring::Model) -> Result<Map<String, Value>, Failure> {
    serde_json::from_str(row.answers.as_deref().unwrap_or("{}")).map_err(Failure::internal)
}

/// Drops a second scoring: what was answered is not kept.
///
/// # Errors
///
/// * 403 `not_the_scorer` when the draw chose somebody else and the caller is no firm admin.
/// * 404 when there is no such visit, or it was not drawn.
/// * 409 `illegal_state` when it is submitted or dropped.
/// * 422 when the reason is empty or too long.
pub async fn drop_it(app: &App, caller: &Caller, visit_id: Uuid, reason: String) -> Result<SecondScoringView, Failure> {
    if let Some((code, message)) = text_problem(&reason, REASON_CHARS) {
        return Err(Failure::invalid(vec![FieldProblem::new("/reason", code, message)]));
    }
    let mut write = Write::begin_by(app, caller).await?;
    let (visit, mut row) = locked(&write, caller, visit_id).await?;
    if caller.role != Role::FirmAdmin {
        check_scorer(&write, caller, &row).await?;
    }
    check_not_own(&write.tx, caller, &visit).await?;
    row.state = after(SECOND_SCORING_MOVES, "second scoring", row.state, "drop")?;
    row.answers = None;
    row.dropped_by = Some(caller.membership_id);
    row.dropped_at = Some(app.clock.now());
    row.dropped_because = Some(reason.clone());
    let row = store::update(&write.tx, row).await?;
    said(&write, visit_id).await?;
    let payload = json!({"second_scoring_id": row.id, "reason": reason});
    let event = NewEvent::new("visit.second_scoring_dropped", "visit", visit_id, caller.membership_id, payload);
    write.event(event.log_only());
    write.commit().await?;
    view(app, caller, &visit, row).await
}

/// How far both scorings of visits by a version of a standard agree.
///
/// # Errors
///
/// 404 when the firm has no such version.
pub async fn agreement(app: &App, caller: &Caller, standard_id: &str, version: i32) -> Result<AgreementView, Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    let standard = app.standards.get(db, firm_id, standard_id, version).await?;
    let standard = standard.ok_or_else(|| Failure::not_found("version of a standard"))?;
    let rows = store::latest_submitted(db, firm_id, (standard_id, version), LATEST).await?;
    let mut pairs = Vec::with_capacity(rows.len());
    for some in rows.chunks(VISITS_AT_ONCE) {
        let judged = first_judged(db, firm_id, some).await?;
        let wanted: Vec<_> = judged.iter().map(|(visit_id, revision)| (*visit_id, *revision)).collect();
        let revisions = store::revisions(db, firm_id, &wanted).await?;
        for row in some {
            let Some(first) = revisions.iter().find(|revision| revision.visit_id == row.visit_id) else { continue };
            let first: Map<_, _> = serde_json::from_str(&first.answers).map_err(Failure::internal)?;
            let both = (Judged::of(&standard.standard, &first), Judged::of(&standard.standard, &kept(row)?));
            if let (Some(first), Some(second)) = both {
                pairs.push((first, second));
            }
        }
    }
    Ok(AgreementView {
        standard_id: standard_id.to_owned(),
        version,
        pairs: i64::try_from(pairs.len()).unwrap_or(i64::MAX),
        visit: of_visit(&pairs),
        items: of_items(&standard.standard, &pairs),
    })
}

/// The revisions that the first reviewers approved, by visit: the first approval after the draw counts, because later changes
/// may come from knowing both. A visit that nobody approved is in no pair.
async fn first_judged(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    rows: &[second_scoring::Model],
) -> Result<BTreeMap<Uuid, i32>, Failure> {
    let objects: Vec<_> = rows.iter().map(|row| format!("visit/{}", row.visit_id)).collect();
    let mut judged = BTreeMap::new();
    for fact in of_objects(db, firm_id, &objects).await? {
        let id = fact.object.strip_prefix("visit/").and_then(|id| id.parse::<Uuid>().ok());
        let Some(row) = rows.iter().find(|row| Some(row.visit_id) == id) else { continue };
        if fact.kind != "visit.approved" || fact.at < row.drawn_at || judged.contains_key(&row.visit_id) {
            continue;
        }
        let payload: Value = fact.payload.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        if let Some(revision) = payload["revision"].as_i64().and_then(|revision| i32::try_from(revision).ok()) {
            judged.insert(row.visit_id, revision);
        }
    }
    Ok(judged)
}
