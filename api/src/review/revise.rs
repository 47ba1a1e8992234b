//! A new revision of a filed visit, by somebody other than its auditor: a reviewer's correction or an upheld appeal.
//!
//! What was filed is never touched: a revision is added, with the reason of each change, and its score beside the older
//! ones. If the visit is published, its totals and its branch's plan change in the same transaction.

use std::collections::{BTreeMap, BTreeSet};

use peegel_scoring::{AnswerCode, AnswerProblem, Mode, Outcome as Scoring, score};
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::canonical::canonical;
use crate::entity::{evidence, revision, visit};
use crate::events::types::NewEvent;
use crate::evidence::store::evidence_of_visits;
use crate::failure::{Failure, FieldProblem};
use crate::http::json::{escape, text_problem};
use crate::retention::classes::written;
use crate::review::service::{REASON_CHARS, count};
use crate::review::store;
use crate::scorecards::store::lock_branch;
use crate::scorecards::totals::{self, Change as Totals};
use crate::standards::cache::CompiledStandard;
use crate::visits::decide::score_of;
use crate::visits::moments::MEMBER;
use crate::visits::parse::{value_problem, value_text_problem};
use crate::visits::service::{Score, answer_problem, scored_answers};
use crate::visits::store::revision_of;
use crate::words::{Outcome, RevisionKind, VisitState};
use crate::write::Write;

/// One answer that is replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The item.
    pub item_id: String,
    /// The answer that counts from now on, `{"v": value}` or `{"na": true}`; none when the item is unanswered. The
    /// auditor's comment and moments stay beside it.
    pub answer: Option<Value>,
    /// Why.
    pub reason: String,
}

/// Writes a new revision of a visit and its score, and lets the totals and the plan of a published one follow. Leaves
/// `visit.corrected` in the history.
///
/// The caller has locked the visit, has checked its state and who may do it, and commits. `by` is the membership that
/// answers for the changes. A changed answer needs no file of its own: what lacks one is a warning of the score.
///
/// # Errors
///
/// * 409 `no_score` when the visit could not be made, or was not filed.
/// * 422 with every problem of `/changes`: among them `unchanged`, and what scoring has against the answers as a whole.
pub async fn revise(
    app: &App,
    write: &mut Write<'_>,
    by: Uuid,
    row: visit::Model,
    kind: RevisionKind,
    changes: &[Change],
) -> Result<visit::Model, Failure> {
    let firm_id = row.firm_id;
    if row.outcome == Outcome::Attempted || row.current_score_version == 0 {
        let detail = "The visit has no score, so there are no answers to correct.";
        return Err(Failure::conflict("no_score", detail));
    }
    let gone = |what: &str| Failure::internal(format!("visit {} lacks its {what}", row.id));
    let base = revision_of(&write.tx, firm_id, row.id, row.current_revision).await?.ok_or_else(|| gone("answers"))?;
    let standard = app.standards.get(&write.tx, firm_id, &row.standard_id, row.standard_version).await?;
    let standard = standard.ok_or_else(|| gone("standard"))?;
    let files = evidence_of_visits(&write.tx, firm_id, &[row.id]).await?;
    let before: Map<String, Value> = serde_json::from_str(&base.answers).map_err(Failure::internal)?;
    let after = changed(before, changes).map_err(Failure::invalid)?;
    let score =
        scored(&standard, &after, &files)?.map_err(|problems| Failure::invalid(in_changes(problems, changes)))?;
    let is_published = row.state == VisitState::Published;
    if is_published {
        lock_branch(&write.tx, firm_id, row.branch_id).await?;
        totals::count_visit(&write.tx, &row, Totals::Remove).await?;
    }
    let at = app.clock.now();
    let answers = canonical(&after)?;
    let reasons: BTreeMap<_, _> = changes.iter().map(|change| (&change.item_id, &change.reason)).collect();
    let row = visit::Model {
        current_revision: row.current_revision + 1,
        current_score_version: row.current_score_version + 1,
        purged: written(row.purged),
        ..row
    };
    let revised = revision::Model {
        firm_id,
        visit_id: row.id,
        revision: row.current_revision,
        kind,
        answers: answers.text,
        answers_sha256: answers.sha256.clone(),
        device: "{}".to_owned(),
        author_id: by,
        reasons: Some(canonical(&reasons)?.text),
        created_at: at,
        withheld: None,
    };
    let payload = json!({
        "kind": kind,
        "items": changes.iter().map(|change| &change.item_id).collect::<Vec<_>>(),
        "revision": row.current_revision,
        "score_version": row.current_score_version,
        "answers_sha256": answers.sha256,
        "score_bp": score.summary.score_bp,
        "wave_id": row.wave_id,
        "branch_id": row.branch_id,
    });
    revised.into_active_model().insert(&write.tx).await?;
    score_of(&row, &score, at).into_active_model().insert(&write.tx).await?;
    let row = store::update_visit(&write.tx, row).await?;
    if is_published {
        count(app, write, by, &row, Totals::Add).await?;
    }
    write.event(NewEvent::new("visit.corrected", "visit", row.id, by, payload).for_auditor(row.auditor_id));
    Ok(row)
}

/// The answers after the changes.
///
/// # Errors
///
/// Every problem of the changes themselves.
pub fn changed(before: Map<String, Value>, changes: &[Change]) -> Result<Map<String, Value>, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    if changes.is_empty() {
        problems.push(FieldProblem::new("/changes", "empty", "name at least one answer to change"));
    }
    let mut after = before.clone();
    let mut named = BTreeSet::new();
    for (i, change) in changes.iter().enumerate() {
        let at = format!("/changes/{i}");
        if !named.insert(&change.item_id) {
            problems.push(FieldProblem::new(format!("{at}/item_id"), "duplicate", "is changed above already"));
            continue;
        }
        if let Some((code, message)) = text_problem(&change.reason, REASON_CHARS) {
            problems.push(FieldProblem::new(format!("{at}/reason"), code, message));
        }
        let old = before.get(&change.item_id).filter(|answer| !answer.is_null());
        let found = change.answer.as_ref().map(|answer| shape_problems(answer, &format!("{at}/answer")));
        let found = found.unwrap_or_default();
        if !found.is_empty() {
            problems.extend(found);
            continue;
        }
        let new = change.answer.as_ref().map(|answer| beside(answer, old));
        if new.as_ref() == old {
            let message = "is the answer that is there already";
            problems.push(FieldProblem::new(format!("{at}/answer"), "unchanged", message));
        }
        match new {
            Some(answer) => after.insert(change.item_id.clone(), answer),
            None => after.remove(&change.item_id),
        };
    }
    if problems.is_empty() { Ok(after) } else { Err(problems) }
}

/// What is wrong with an answer, whatever its item.
fn shape_problems(answer: &Value, at: &str) -> Vec<FieldProblem> {
    let Some(members) = answer.as_object() else {
        return vec![FieldProblem::new(at, "bad_type", "must be an object, or null")];
    };
    let mut problems = Vec::new();
    for (name, value) in members {
        let problem = match name.as_str() {
            "v" => value_problem(value),
            "na" if value.is_boolean() => None,
            "na" => Some(("bad_type", "must be true or false".to_owned())),
            "comment" => match value {
                Value::String(text) => value_text_problem(text),
                _ => Some(("bad_type", "must be a text".to_owned())),
            },
            _ => Some(("unknown_field", "is not a member of a changed answer".to_owned())),
        };
        problems.extend(problem.map(|(code, message)| FieldProblem::new(format!("{at}/{name}"), code, message)));
    }
    problems
}

/// The new answer with what the auditor said and pointed at beside the old one.
fn beside(answer: &Value, old: Option<&Value>) -> Value {
    let mut answer = answer.clone();
    if let (Some(members), Some(old)) = (answer.as_object_mut(), old.and_then(Value::as_object)) {
        for name in ["comment", MEMBER] {
            if let Some(kept) = old.get(name).filter(|_| !members.contains_key(name)) {
                members.insert(name.to_owned(), kept.clone());
            }
        }
    }
    answer
}

/// The score of answers that somebody else than the auditor has changed. Where only files are missing, they are scored
/// all the same, and the result says so in its warnings.
fn scored(
    standard: &CompiledStandard,
    answers: &Map<String, Value>,
    files: &[evidence::Model],
) -> Result<Result<Score, Vec<AnswerProblem>>, Failure> {
    let filed = files.iter().filter(|file| file.revision > 0);
    let filed: Result<Vec<(Vec<String>, _)>, _> =
        filed.map(|file| serde_json::from_str(&file.item_ids).map(|items| (items, file.kind))).collect();
    let filed = filed.map_err(Failure::internal)?;
    let answers = scored_answers(standard, answers, filed.iter().map(|(items, kind)| (items.as_slice(), *kind)));
    let problems = match score(&standard.standard, &answers, Mode::Submit) {
        Scoring::Scored(result) => return Score::of(&result).map(Ok),
        Scoring::Refused(problems) => problems,
    };
    let refused: Vec<_> = problems.into_iter().filter(|problem| problem.code != AnswerCode::EvidenceMissing).collect();
    match score(&standard.standard, &answers, Mode::Rescore) {
        Scoring::Scored(result) if refused.is_empty() => Score::of(&result).map(Ok),
        _ => Ok(Err(refused)),
    }
}

/// What scoring has against the answers, said of the changes.
fn in_changes(problems: Vec<AnswerProblem>, changes: &[Change]) -> Vec<FieldProblem> {
    let told = |problem: AnswerProblem| {
        let mut told = answer_problem(&problem.item, problem.code.as_str());
        let start = format!("/answers/{}", escape(&problem.item));
        match changes.iter().position(|change| change.item_id == problem.item) {
            Some(i) => {
                let rest = told.pointer.strip_prefix(&start).unwrap_or_default();
                let at = if told.code == "unknown_item" { "item_id" } else { "answer" };
                told.pointer = format!("/changes/{i}/{at}{rest}");
            }
            None => {
                told.pointer = "/changes".to_owned();
                told.message = format!("after them {} {}", problem.item, told.message);
            }
        }
        told
    };
    problems.into_iter().map(told).collect()
}
