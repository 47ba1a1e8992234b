//! Reading visits: what each role sees of them.

use std::collections::BTreeMap;

use poem_openapi::types::Any;
use sea_orm::ConnectionTrait;
use serde_json::Value;
use uuid::Uuid;

use crate::access::Reach;
use crate::agreement::blind;
use crate::app::App;
use crate::consent::service::heard;
use crate::entity::{evidence, visit};
use crate::evidence::store::evidence_of_visits;
use crate::evidence::types::EvidenceView;
use crate::failure::Failure;
use crate::http::conditions::etag;
use crate::http::paging::{Page, Slice};
use crate::people::types::Caller;
use crate::retention::due::purged;
use crate::retention::store::memberships_beside;
use crate::review::questions;
use crate::review::types::ReturnedView;
use crate::signals;
use crate::visits::manifest::progress;
use crate::visits::moments;
use crate::visits::store::{self, Filter};
use crate::visits::types::{ScoreView, ScoresView, VisitSummary, VisitView};
use crate::words::{Outcome, RevisionKind};

/// A visit that the caller may see.
///
/// # Errors
///
/// 404 when there is none, or it is another auditor's.
pub async fn visible_visit(app: &App, caller: &Caller, id: Uuid) -> Result<visit::Model, Failure> {
    let found = store::visit_by_id(app.db.reader(), caller.firm_id, id).await?;
    found.filter(|visit| sees(caller, visit)).ok_or_else(|| Failure::not_found("visit"))
}

/// Whether the caller may see a visit of the firm.
pub fn sees(caller: &Caller, visit: &visit::Model) -> bool {
    match caller.reach {
        Reach::Firm => true,
        Reach::Own => visit.auditor_id == caller.membership_id,
        // Chains see results, not visits.
        Reach::Scope => false,
    }
}

/// A visit with everything that was filed.
///
/// # Errors
///
/// 404 as [`visible_visit`], 403 as [`blind::check`].
pub async fn visit(app: &App, caller: &Caller, id: Uuid) -> Result<VisitView, Failure> {
    let visit = visible_visit(app, caller, id).await?;
    let db = app.db.reader();
    blind::check(db, caller, id).await?;
    let files = evidence_of_visits(db, caller.firm_id, &[id]).await?;
    let revision = store::revision_of(db, caller.firm_id, id, visit.current_revision).await?;
    let draft = store::draft_of(db, caller.firm_id, id).await?;
    let score = store::score_of(db, caller.firm_id, id, visit.current_score_version).await?;
    let questions = questions::of_visits(db, caller.firm_id, &[id]).await?;
    let open_signals = open_signals(db, caller, std::slice::from_ref(&visit)).await?.get(&id).copied();
    let json = |text: String| serde_json::from_str::<Value>(&text).ok();
    let answers = revision.and_then(|revision| json(revision.answers));
    let unheard = unheard(app, caller, &files).await?;
    let view = |file: evidence::Model| EvidenceView::seen_by(caller.reach, !unheard.contains(&file.id), file);
    Ok(VisitView {
        etag: etag(visit.write_number),
        revision: visit.current_revision,
        score_version: visit.current_score_version,
        stray_moments: answers.as_ref().map(|answers| moments::stray(answers, &files)).unwrap_or_default(),
        answers: answers.map(Any),
        draft: draft.and_then(|draft| json(draft.body)).map(Any),
        review_reason: visit.review_reason.clone(),
        reporting_reason: visit.reporting_reason.clone(),
        returned: ReturnedView::of(&visit),
        questions,
        device_at: visit.device_at,
        skew_ms: visit.skew_ms,
        received_at: visit.received_at,
        purged: purged(&visit),
        summary: summary(visit, score.and_then(|score| score.score_bp), &files, open_signals),
        files: files.into_iter().map(view).collect(),
        unheard,
    })
}

/// The files that may not be heard.
async fn unheard(app: &App, caller: &Caller, files: &[evidence::Model]) -> Result<Vec<Uuid>, Failure> {
    let heard = heard(app.db.reader(), caller.firm_id, files).await?;
    Ok(files.iter().map(|file| file.id).filter(|id| !heard.contains(id)).collect())
}

/// A page of visits that the caller may see; without scores and signals of those that they are to score a second time.
///
/// # Errors
///
/// 400 for a bad cursor.
pub async fn visits(
    app: &App,
    caller: &Caller,
    mut filter: Filter,
    slice: &Slice,
) -> Result<Page<VisitSummary>, Failure> {
    if caller.reach == Reach::Own {
        filter.auditor_id = Some(caller.membership_id);
    }
    let db = app.db.reader();
    let rows = store::list(db, caller.firm_id, &filter, slice.after()?, slice.limit + 1).await?;
    let ids: Vec<_> = rows.iter().map(|visit| visit.id).collect();
    let files = evidence_of_visits(db, caller.firm_id, &ids).await?;
    let scores = store::current_scores(db, caller.firm_id, &rows).await?;
    let signals = open_signals(db, caller, &rows).await?;
    let hidden = blind::hidden(db, caller).await?;
    Ok(slice.page(
        rows,
        |visit| visit.id.to_string(),
        |visit| {
            let files: Vec<_> = files.iter().filter(|file| file.visit_id == visit.id).cloned().collect();
            let is_hidden = hidden.contains(&visit.id);
            let score = scores.iter().find(|(id, _)| *id == visit.id && !is_hidden);
            let score_bp = score.and_then(|(_, bp)| *bp);
            let open_signals = signals.get(&visit.id).copied().filter(|_| !is_hidden);
            summary(visit, score_bp, &files, open_signals)
        },
    ))
}

/// The signals of visits that nobody has judged, by visit; none for who does not review, and of visits that the caller filed
/// under whatever membership.
async fn open_signals(
    db: &impl ConnectionTrait,
    caller: &Caller,
    visits: &[visit::Model],
) -> Result<BTreeMap<Uuid, i64>, Failure> {
    if caller.reach != Reach::Firm {
        return Ok(BTreeMap::new());
    }
    let own = memberships_beside(db, caller.firm_id, caller.membership_id).await?;
    let ids: Vec<_> = visits.iter().filter(|visit| !own.contains(&visit.auditor_id)).map(|visit| visit.id).collect();
    let counts = signals::store::count_open(db, caller.firm_id, &ids).await?;
    Ok(ids.into_iter().map(|id| (id, count_of(&counts, id))).collect())
}

/// The count of a visit; those that are not counted have none.
pub fn count_of(counts: &[(Uuid, i64)], id: Uuid) -> i64 {
    counts.iter().find(|(visit_id, _)| *visit_id == id).map_or(0, |(_, count)| *count)
}

/// All scores of a visit.
///
/// # Errors
///
/// 404 as [`visible_visit`], 403 as [`blind::check`].
pub async fn scores(app: &App, caller: &Caller, id: Uuid) -> Result<ScoresView, Failure> {
    visible_visit(app, caller, id).await?;
    blind::check(app.db.reader(), caller, id).await?;
    let rows = store::scores_of(app.db.reader(), caller.firm_id, id).await?;
    let view = |(score, revision): (crate::entity::score::Model, Option<crate::entity::revision::Model>)| ScoreView {
        score_version: score.score_version,
        revision: score.revision,
        revision_kind: revision.map_or(RevisionKind::Submission, |revision| revision.kind),
        standard_id: score.standard_id,
        standard_version: score.standard_version,
        engine_version: score.engine_version,
        score_bp: score.score_bp,
        raw_bp: score.raw_bp,
        result: Any(serde_json::from_str(&score.result).unwrap_or_default()),
        created_at: score.created_at,
    };
    Ok(ScoresView { data: rows.into_iter().map(view).collect() })
}

/// A visit in short.
pub fn summary(
    visit: visit::Model,
    score_bp: Option<i32>,
    files: &[evidence::Model],
    open_signals: Option<i64>,
) -> VisitSummary {
    let files: Vec<_> = files.iter().map(|file| (file.id, file.file_name.clone(), file.state)).collect();
    // What could not be made has no score, even if an earlier revision had one.
    let score_bp = score_bp.filter(|_| visit.outcome == Outcome::Completed);
    VisitSummary {
        id: visit.id,
        assignment_id: visit.assignment_id,
        wave_id: visit.wave_id,
        branch_id: visit.branch_id,
        auditor_id: visit.auditor_id,
        standard_id: visit.standard_id,
        standard_version: visit.standard_version,
        state: visit.state,
        outcome: visit.outcome,
        attempted_because: visit.attempted_because,
        reporting: visit.reporting,
        payable: visit.payable,
        quarantine_reason: visit.quarantine_reason,
        copy_of: visit.copy_of,
        reviewer_id: visit.reviewer_id,
        score_bp,
        evidence: progress(&files),
        open_signals,
        submitted_at: visit.submitted_at,
        published_at: visit.published_at,
    }
}
