//! Filing a visit: everything that can be done before the commit, in parallel.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use peegel_scoring::{ENGINE_VERSION, EvidenceKind as Demanded, Mode, Outcome as Scoring, ScoreResult, score};
use poem_openapi::types::ToJSON;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::canonical::{Canonical, canonical};
use crate::entity::{assignment, consent, evidence};
use crate::evidence::store::evidence_of_visits;
use crate::failure::{Failure, FieldProblem};
use crate::fieldwork;
use crate::http::conditions::Condition;
use crate::http::json::escape;
use crate::people::service::still_may;
use crate::people::types::Caller;
use crate::standards::cache::CompiledStandard;
use crate::visits::moments;
use crate::visits::parse::{VisitWrite, parse};
use crate::visits::recordings;
use crate::visits::types::{ManifestEntry, ScoreSummary, VisitSaved, WriteState};
use crate::words::{EvidenceKind, Outcome};

/// A body that took longer than this to come is slow.
const SLOW_BODY_US: u64 = 500_000;

/// The phone's clocks at the moment of sending, which may be days after the visit was filled in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contact {
    /// Its clock.
    pub at: Option<DateTime<Utc>>,
    /// Its clock that never goes back, in milliseconds.
    pub monotonic_ms: Option<i64>,
}

/// A write that is ready for its commit.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The firm.
    pub firm_id: Uuid,
    /// The visit.
    pub visit_id: Uuid,
    /// The auditor's membership.
    pub auditor_id: Uuid,
    /// What the write demands of the stored state.
    pub condition: Condition,
    /// The sha256 of the canonical body.
    pub body_sha256: String,
    /// The canonical body as a draft keeps it: without the phone's own id.
    pub body: String,
    /// What was sent.
    pub write: VisitWrite,
    /// When it was sent, by the phone.
    pub contact: Contact,
    /// The standard of the assignment.
    pub standard_id: String,
    /// Its version.
    pub standard_version: i32,
    /// What filing it would mean; for drafts nothing.
    pub filing: Option<Filing>,
    /// The consents that the recordings of its manifest bring along.
    pub consents: Vec<consent::Model>,
}

/// What submitting comes to.
#[derive(Clone, Debug)]
pub enum Filing {
    /// It is complete.
    Complete {
        /// The answers in canonical form.
        answers: Canonical,
        /// What the phone says of itself, in canonical form.
        device: Canonical,
        /// Their score; none for a visit that could not be made.
        score: Option<Score>,
    },
    /// It has problems, and is kept as a draft.
    Incomplete(Vec<FieldProblem>),
}

/// A computed score, ready to be stored.
#[derive(Clone, Debug)]
pub struct Score {
    /// In short.
    pub summary: ScoreSummary,
    /// The whole result in canonical form.
    pub result: String,
    /// The version of the scoring rules.
    pub engine_version: &'static str,
}

/// What a write led to.
#[derive(Clone, Debug)]
pub struct Saved {
    /// True when the visit is new.
    pub created: bool,
    /// True when the same write was accepted before, and this is its answer once more.
    pub replayed: bool,
    /// The entity tag.
    pub etag: String,
    /// The answer, a [`VisitSaved`] as JSON.
    pub answer: String,
}

/// Saves or files a visit.
///
/// # Errors
///
/// * 400 when the body is not JSON.
/// * 404 when the visit is another auditor's.
/// * 409 `illegal_state` when it cannot be written any more.
/// * 412 `stale` when it was changed from an old copy.
/// * 422 with all problems: of shape (nothing is kept), or of content at submit (kept as a draft).
pub async fn put_visit(
    app: &App,
    caller: &Caller,
    visit_id: Uuid,
    condition: Condition,
    contact: Contact,
    body: &Value,
) -> Result<Saved, Failure> {
    let canonical_body = canonical(body)?;
    let write = parse(body).map_err(Failure::invalid)?;
    let unknown = || {
        let message = "is not an assignment of yours";
        Failure::invalid(vec![FieldProblem::new("/assignment_id", "unknown_ref", message)])
    };
    let reader = app.db.reader();
    let assignment =
        fieldwork::store::assignment_by_id(reader, caller.firm_id, write.assignment_id).await?.ok_or_else(unknown)?;
    let standard = standard_of(app, &assignment).await?;
    let (mut filing, mut consents) = (None, Vec::new());
    if write.state == WriteState::Submitted {
        let recorded = recordings::look(app, caller, visit_id, &assignment, &write.manifest).await?;
        let stored = match moments::are_named(&write.answers) {
            true => evidence_of_visits(reader, caller.firm_id, &[visit_id]).await?,
            false => Vec::new(),
        };
        filing = Some(file(&standard, &write, &stored, contact, recorded.problems)?);
        consents = recorded.consents;
    }
    let prepared = Prepared {
        firm_id: caller.firm_id,
        visit_id,
        auditor_id: caller.membership_id,
        condition,
        body_sha256: canonical_body.sha256,
        body: if write.device_id.is_some() { without_device_id(body)? } else { canonical_body.text },
        write,
        contact,
        standard_id: assignment.standard_id,
        standard_version: assignment.standard_version,
        filing,
        consents,
    };
    // Asked before the commit and only of slow bodies, because this is the hot path: rights that change in the same
    // moment change at the same time.
    if caller.began.elapsed_us() > SLOW_BODY_US {
        still_may(app.db.reader(), caller).await?;
    }
    app.committer.commit(prepared).await
}

/// The body in canonical form without the id that the app made for itself, of which only a hash is ever kept.
fn without_device_id(body: &Value) -> Result<String, Failure> {
    let mut kept = body.clone();
    if let Some(device) = kept.get_mut("device").and_then(Value::as_object_mut) {
        device.remove("id");
    }
    Ok(canonical(&kept)?.text)
}

async fn standard_of(app: &App, assignment: &assignment::Model) -> Result<Arc<CompiledStandard>, Failure> {
    let (id, version) = (&assignment.standard_id, assignment.standard_version);
    let found = app.standards.get(app.db.reader(), assignment.firm_id, id, version).await?;
    found.ok_or_else(|| Failure::internal(format!("assignment {} names a standard that is gone", assignment.id)))
}

/// Checks and scores a visit that is to be filed. `stored` are its files, as far as its answers point into them; `refused`
/// is what is wrong with its recordings.
fn file(
    standard: &CompiledStandard,
    write: &VisitWrite,
    stored: &[evidence::Model],
    contact: Contact,
    refused: Vec<FieldProblem>,
) -> Result<Filing, Failure> {
    let mut problems = manifest_problems(standard, &write.manifest);
    problems.extend(refused);
    problems.extend(moments::problems(&write.answers, &write.manifest, stored));
    let answers = canonical(&write.answers)?;
    let device = canonical(&device_of(write, contact))?;
    if write.outcome == Outcome::Attempted {
        if write.manifest.is_empty() {
            let message = "prove that you were there: a photo of the closed door, for example";
            problems.push(FieldProblem::new("/evidence", "missing", message));
        }
        return Ok(match problems.is_empty() {
            true => Filing::Complete { answers, device, score: None },
            false => Filing::Incomplete(problems),
        });
    }
    match score(&standard.standard, &scored_answers(standard, write), Mode::Submit) {
        Scoring::Scored(result) if problems.is_empty() => {
            let score = Some(Score {
                summary: summary(&result),
                result: canonical(&result)?.text,
                engine_version: ENGINE_VERSION,
            });
            Ok(Filing::Complete { answers, device, score })
        }
        Scoring::Scored(_) => Ok(Filing::Incomplete(problems)),
        Scoring::Refused(refused) => {
            let mut all: Vec<_> = refused.iter().map(|p| answer_problem(&p.item, p.code.as_str())).collect();
            all.append(&mut problems);
            Ok(Filing::Incomplete(all))
        }
    }
}

/// What the phone says of itself, with its clocks at the moment of sending where it told them.
fn device_of(write: &VisitWrite, contact: Contact) -> Value {
    let mut device = write.device.clone();
    if contact.at.is_some() || contact.monotonic_ms.is_some() {
        device["sent"] = json!({"at": contact.at, "monotonic_ms": contact.monotonic_ms});
    }
    device
}

/// A score in short.
pub fn summary(result: &ScoreResult) -> ScoreSummary {
    ScoreSummary {
        score_bp: result.visit.score_bp,
        raw_bp: result.visit.raw.as_ref().map(peegel_scoring::Fraction::to_bp),
        band: result.visit.band.clone(),
        passed: result.visit.passed,
        insufficient: result.visit.insufficient,
        scored_share_bp: result.visit.scored_share_bp,
        capped: result.visit.capped,
    }
}

/// The answers as the scoring engine takes them: without comments and moments, with the number of fitting files.
fn scored_answers(standard: &CompiledStandard, write: &VisitWrite) -> Map<String, Value> {
    let mut files: HashMap<&str, i64> = HashMap::new();
    for entry in &write.manifest {
        for item in &entry.item_ids {
            if standard.standard.item(item).is_some_and(|item| fits(item.evidence_kind, entry.kind)) {
                *files.entry(item).or_default() += 1;
            }
        }
    }
    let mut scored = Map::new();
    for (item, answer) in &write.answers {
        let Some(answer) = answer.as_object() else { continue };
        let mut answer: Map<_, _> = answer
            .iter()
            .filter(|(name, _)| *name != "comment" && *name != moments::MEMBER)
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if let Some(files) = files.get(item.as_str()) {
            answer.insert("evidence".to_owned(), json!(files));
        }
        scored.insert(item.clone(), Value::Object(answer));
    }
    scored
}

fn fits(demanded: Option<Demanded>, kind: EvidenceKind) -> bool {
    match demanded {
        None => true,
        Some(Demanded::Photo) => kind == EvidenceKind::Photo,
        Some(Demanded::Recording) => kind == EvidenceKind::Recording,
        Some(Demanded::Either) => matches!(kind, EvidenceKind::Photo | EvidenceKind::Recording),
    }
}

fn manifest_problems(standard: &CompiledStandard, manifest: &[ManifestEntry]) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    for (i, entry) in manifest.iter().enumerate() {
        for (j, id) in entry.item_ids.iter().enumerate() {
            let pointer = format!("/evidence/{i}/item_ids/{j}");
            match standard.standard.item(id) {
                None => problems.push(FieldProblem::new(pointer, "unknown_ref", "is not an item of the standard")),
                Some(item) if !fits(item.evidence_kind, entry.kind) => {
                    let message = format!("a {} does not prove this item", entry.kind);
                    problems.push(FieldProblem::new(pointer, "wrong_evidence_kind", message));
                }
                Some(_) => {}
            }
        }
    }
    problems
}

/// What the scoring engine found wrong with an answer, as a problem of the request.
pub fn answer_problem(item: &str, code: &str) -> FieldProblem {
    let answer = format!("/answers/{}", escape(item));
    let value = format!("{answer}/v");
    let (pointer, message) = match code {
        "unknown_item" => (answer, "is not an item of the standard"),
        "missing_required" => (answer, "must be answered"),
        "answer_for_hidden" => (answer, "is not asked after the other answers; remove it"),
        "na_not_allowed" => (answer, "cannot be answered with N/A"),
        "evidence_missing" => (answer, "needs a file of the right kind as proof"),
        "unknown_option" => (value, "is not one of the options"),
        "duplicate_option" => (value, "names an option twice"),
        "out_of_range" => (value, "is outside the range allowed"),
        _ => (value, "is not the kind of value that the item takes"),
    };
    FieldProblem::new(pointer, code, message)
}

/// The stored answer of a visit's last write.
///
/// # Errors
///
/// The stored 422, when the last write was an incomplete submit.
pub fn stored_answer(status: i32, etag: String, answer: String) -> Result<Saved, Failure> {
    if status == 422 {
        let errors = serde_json::from_str(&answer).map_err(Failure::internal)?;
        return Err(kept_as_draft(errors, etag));
    }
    Ok(Saved { created: status == 201, replayed: true, etag, answer })
}

/// 422 for a submit that was kept as a draft.
pub fn kept_as_draft(errors: Vec<FieldProblem>, etag: String) -> Failure {
    let mut failure = Failure::invalid(errors).with_etag(etag);
    failure.code = "kept_as_draft";
    failure.detail = format!("{} The visit is kept as a draft; correct it and submit again.", failure.detail);
    failure
}

/// Writes the answer to a write.
///
/// # Errors
///
/// [`Failure`] (500) when it cannot be written as JSON.
pub fn answer_text(saved: &VisitSaved) -> Result<String, Failure> {
    // In the form of every other answer, which is not serde's.
    saved.to_json().map(|json| json.to_string()).ok_or_else(|| Failure::internal("a visit without JSON"))
}
