//! Reading results: what of a published visit its chain may know.

use std::collections::{BTreeMap, BTreeSet};

use peegel_scoring::Standard;
use poem_openapi::types::Any;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::agreement::blind;
use crate::app::App;
use crate::appeals;
use crate::chains::service::branch_filter;
use crate::chains::store::branches_by_ids;
use crate::entity::{branch, evidence, score, visit, withdrawal};
use crate::events::store::of_objects;
use crate::evidence::service::stored_preview;
use crate::evidence::show::is_shown_to_chain;
use crate::evidence::store::evidence_of_visits;
use crate::evidence::types::PreviewSize;
use crate::failure::{Failure, Kind};
use crate::http::content::StoredFile;
use crate::http::paging::{Slice, cursor};
use crate::people::types::Caller;
use crate::publishing::store::withdrawals_of;
use crate::receipts;
use crate::receipts::service::Issued;
use crate::results::store::{self, Filter};
use crate::results::types::{
    ResultDimension, ResultItem, ResultList, ResultPhoto, ResultSection, ResultSummary, ResultView, WithdrawnResult,
};
use crate::retention::due::purged;
use crate::scenarios;
use crate::scorecards::store::scores_of_visits;
use crate::visits::day::{told_day, zone_of};
use crate::visits::store::{revision_of, score_of};
use crate::visits::types::ScoreSummary;
use crate::visits::withhold::may_be_shown;
use crate::words::{DataClass, Outcome};

/// The long edge of the largest preview, in pixels.
const PREVIEW_PX: i64 = 1600;

/// The members of a stored result that a chain reads. What is not named here stays where it is.
#[derive(Deserialize)]
struct Trace {
    visit: VisitTrace,
    critical_failures: Vec<CriticalTrace>,
    sections: Vec<SectionTrace>,
    dimensions: Vec<DimensionTrace>,
    items: Vec<ItemTrace>,
}

#[derive(Deserialize)]
struct VisitTrace {
    band: Option<String>,
    passed: Option<bool>,
    capped: bool,
}

#[derive(Deserialize)]
struct CriticalTrace {
    item: String,
}

#[derive(Deserialize)]
struct SectionTrace {
    id: String,
    earned: String,
    possible: String,
    score: Option<String>,
    score_bp: Option<i64>,
    capped: bool,
    scored_share_bp: Option<i64>,
}

#[derive(Deserialize)]
struct DimensionTrace {
    id: String,
    possible: String,
    score: Option<String>,
    score_bp: Option<i64>,
}

#[derive(Deserialize)]
struct ItemTrace {
    id: String,
    status: ItemStatus,
    score: Option<String>,
    lost: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ItemStatus {
    Hidden,
    Unanswered,
    Na,
    Ok,
}

impl Trace {
    fn of(score: &score::Model) -> Result<Self, Failure> {
        serde_json::from_str(&score.result).map_err(Failure::internal)
    }

    fn summary(&self, score: &score::Model) -> ScoreSummary {
        ScoreSummary {
            score_bp: score.score_bp.map(Into::into),
            raw_bp: score.raw_bp.map(Into::into),
            band: self.visit.band.clone(),
            passed: self.visit.passed,
            insufficient: score.insufficient,
            scored_share_bp: score.scored_share_bp.map(Into::into),
            capped: self.visit.capped,
        }
    }
}

/// A page of the results that the caller sees, in the order of their ids, which says nothing.
///
/// # Errors
///
/// * 400 `bad_cursor` when the cursor is not one of this list.
/// * [`Failure`] (500) when the database fails.
pub async fn results(app: &App, caller: &Caller, filter: &Filter, slice: &Slice) -> Result<ResultList, Failure> {
    let (db, firm_id, after, limit) = (app.db.reader(), caller.firm_id, slice.after()?, slice.limit + 1);
    let mut rows = store::list(db, firm_id, branch_filter(caller), filter, after, limit).await?;
    let mut gone = store::withdrawn(db, firm_id, branch_filter(caller), filter, after, limit).await?;
    // Both in one order: a page ends where its entries of either kind do.
    let mut order: Vec<_> = rows.iter().chain(&gone).map(|visit| visit.public_id).collect();
    order.sort_unstable();
    let room = usize::try_from(slice.limit).unwrap_or(usize::MAX);
    let last = order.get(room.saturating_sub(1)).copied().filter(|_| order.len() > room);
    if let Some(last) = last {
        rows.retain(|visit| visit.public_id <= last);
        gone.retain(|visit| visit.public_id <= last);
    }
    let next_cursor = last.map(|last| cursor(&last.to_string()));
    let unseen = blind::hidden(db, caller).await?;
    rows.retain(|visit| !unseen.contains(&visit.id));
    let mut branch_ids: Vec<_> = rows.iter().chain(&gone).map(|visit| visit.branch_id).collect();
    branch_ids.sort_unstable();
    branch_ids.dedup();
    let branches = branches_by_ids(db, firm_id, &branch_ids).await?;
    let branches: BTreeMap<_, _> = branches.into_iter().map(|branch| (branch.id, branch)).collect();
    let visit_ids: Vec<_> = rows.iter().map(|visit| visit.id).collect();
    let scores = scores_of_visits(db, firm_id, &visit_ids).await?;
    let scores: BTreeMap<_, _> =
        scores.into_iter().map(|score| ((score.visit_id, score.score_version), score)).collect();
    let mut data = Vec::with_capacity(rows.len());
    for visit in rows {
        let score = scores.get(&(visit.id, visit.current_score_version)).filter(|_| has_score(&visit));
        let score = score.map(|score| Ok::<_, Failure>(Trace::of(score)?.summary(score))).transpose()?;
        let branch = branches.get(&visit.branch_id).ok_or_else(|| lacks(&visit, "branch"))?;
        data.push(summary(&visit, branch, score));
    }
    let gone_ids: Vec<_> = gone.iter().map(|visit| visit.id).collect();
    let withdrawals = withdrawals_of(db, firm_id, &gone_ids).await?;
    let told = |visit: &visit::Model| {
        let withdrawal = withdrawals.iter().find(|row| row.id == visit.id)?;
        Some(withdrawn(visit, branches.get(&visit.branch_id)?, withdrawal))
    };
    Ok(ResultList { data, withdrawn: gone.iter().filter_map(told).collect(), next_cursor })
}

fn withdrawn(visit: &visit::Model, branch: &branch::Model, withdrawal: &withdrawal::Model) -> WithdrawnResult {
    WithdrawnResult {
        result_id: visit.public_id,
        wave_id: visit.wave_id,
        branch_id: visit.branch_id,
        withdrawn_on: withdrawal.withdrawn_at.with_timezone(&zone_of(branch)).date_naive(),
        reason: withdrawal.public_reason.clone(),
    }
}

/// A published visit that the caller sees the result of.
///
/// # Errors
///
/// * 403 as [`blind::check`].
/// * 404 when there is none, or it is not counted, or beyond the caller's reach.
/// * 410 `withdrawn` when it was published and taken back.
pub async fn visible(app: &App, caller: &Caller, result_id: Uuid) -> Result<visit::Model, Failure> {
    let (db, firm_id) = (app.db.reader(), caller.firm_id);
    if let Some(found) = store::by_public_id(db, firm_id, branch_filter(caller), result_id).await? {
        blind::check(db, caller, found.id).await?;
        return Ok(found);
    }
    let not_found = || Failure::not_found("result");
    let gone = store::withdrawn_by_public_id(db, firm_id, branch_filter(caller), result_id).await?;
    let gone = gone.ok_or_else(not_found)?;
    let branch = branches_by_ids(db, firm_id, &[gone.branch_id]).await?.pop().ok_or_else(not_found)?;
    let withdrawal = withdrawals_of(db, firm_id, &[gone.id]).await?.pop().ok_or_else(not_found)?;
    let WithdrawnResult { withdrawn_on, reason, .. } = withdrawn(&gone, &branch, &withdrawal);
    let why = reason.map(|reason| format!(" It says: {reason}")).unwrap_or_default();
    let detail = format!("The firm took this result back on {withdrawn_on}. It counts nowhere any more.{why}");
    Err(Failure::new(Kind::Gone, "withdrawn", detail))
}

/// A result with what was found.
///
/// # Errors
///
/// 404 as [`visible`].
pub async fn result(app: &App, caller: &Caller, result_id: Uuid) -> Result<ResultView, Failure> {
    let visit = visible(app, caller, result_id).await?;
    view(app, &visit).await
}

/// A visit with what was found, as its chain reads it once it is published.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails, or something of the visit is gone.
pub async fn view(app: &App, visit: &visit::Model) -> Result<ResultView, Failure> {
    let (db, firm_id) = (app.db.reader(), visit.firm_id);
    let branch = branches_by_ids(db, firm_id, &[visit.branch_id]).await?.pop();
    let branch = branch.ok_or_else(|| lacks(visit, "branch"))?;
    let photos = photos(app, visit).await?.iter().zip(1..).map(|(file, n)| photo(file, n)).collect();
    // Its name is all that a chain reads of it: who knows the script knows the auditor.
    let scenario = scenarios::service::of_visit(db, firm_id, visit).await?;
    let mut view = ResultView {
        summary: summary(visit, &branch, None),
        scenario_name: scenario.map(|scenario| scenario.title),
        sections: Vec::new(),
        dimensions: Vec::new(),
        items: Vec::new(),
        photos,
        appeals: appeals::lines::of_visit(app, visit, &branch).await?,
        appeal_until: appeals::service::last_day(app, visit, &branch).await?,
    };
    if !has_score(visit) {
        return Ok(view);
    }
    let score = score_of(db, firm_id, visit.id, visit.current_score_version).await?;
    let score = score.ok_or_else(|| lacks(visit, "score"))?;
    let revision = revision_of(db, firm_id, visit.id, score.revision).await?.ok_or_else(|| lacks(visit, "answers"))?;
    let answers: Map<String, Value> = serde_json::from_str(&revision.answers).map_err(Failure::internal)?;
    let standard = app.standards.get(db, firm_id, &score.standard_id, score.standard_version).await?;
    let standard = standard.ok_or_else(|| lacks(visit, "standard"))?;
    let trace = Trace::of(&score)?;
    view.summary.score = Some(trace.summary(&score));
    view.items = items(&standard.standard, &trace, &answers);
    view.sections = trace.sections.into_iter().map(section).collect();
    view.dimensions = trace.dimensions.into_iter().map(dimension).collect();
    Ok(view)
}

/// What could not be made has no score, even if an earlier revision had one.
fn has_score(visit: &visit::Model) -> bool {
    visit.outcome == Outcome::Completed && visit.current_score_version > 0
}

fn lacks(visit: &visit::Model, what: &str) -> Failure {
    Failure::internal(format!("the published visit {} lacks its {what}", visit.id))
}

fn summary(visit: &visit::Model, branch: &branch::Model, score: Option<ScoreSummary>) -> ResultSummary {
    let (visited_on, part_of_day) = told_day(visit, branch);
    let published_at = visit.published_at.unwrap_or(visit.received_at);
    ResultSummary {
        result_id: visit.public_id,
        wave_id: visit.wave_id,
        branch_id: visit.branch_id,
        standard_id: visit.standard_id.clone(),
        standard_version: visit.standard_version,
        visited_on,
        part_of_day,
        outcome: visit.outcome,
        attempted_because: visit.attempted_because,
        score_version: visit.current_score_version,
        score,
        published_on: published_at.with_timezone(&zone_of(branch)).date_naive(),
    }
}

fn section(trace: SectionTrace) -> ResultSection {
    let SectionTrace { id, earned, possible, score, score_bp, capped, scored_share_bp } = trace;
    ResultSection { id, earned, possible, score, score_bp, capped, scored_share_bp }
}

fn dimension(trace: DimensionTrace) -> ResultDimension {
    let DimensionTrace { id, possible, score, score_bp } = trace;
    ResultDimension { id, possible, score, score_bp }
}

/// The items that were asked, with their answers as far as they may be shown.
fn items(standard: &Standard, trace: &Trace, answers: &Map<String, Value>) -> Vec<ResultItem> {
    let view = |item: &ItemTrace| {
        // A valid answer is the only one that is looked at: beside N/A anything may stand.
        let given = answers.get(&item.id).and_then(|answer| answer.get("v"));
        let given = given.filter(|_| item.status == ItemStatus::Ok);
        let kind = standard.item(&item.id).map(|item| &item.kind);
        let shown = given.filter(|value| kind.is_some_and(|kind| may_be_shown(kind, value)));
        ResultItem {
            id: item.id.clone(),
            value: shown.cloned().map(Any),
            na: item.status == ItemStatus::Na,
            withheld: given.is_some() && shown.is_none(),
            score: item.score.clone(),
            lost: item.lost.clone(),
            critical_failure: trace.critical_failures.iter().any(|failure| failure.item == item.id),
        }
    };
    trace.items.iter().filter(|item| item.status != ItemStatus::Hidden).map(view).collect()
}

/// The photos of a visit that the chain sees, always in the same order.
async fn photos(app: &App, visit: &visit::Model) -> Result<Vec<evidence::Model>, Failure> {
    let mut files = evidence_of_visits(app.db.reader(), visit.firm_id, &[visit.id]).await?;
    files.retain(is_shown_to_chain);
    Ok(files)
}

fn photo(file: &evidence::Model, n: u32) -> ResultPhoto {
    /// What a chain reads of the facts found in a photo.
    #[derive(Default, Deserialize)]
    struct Size {
        width_px: Option<i64>,
        height_px: Option<i64>,
    }
    let size: Size = file.facts.as_deref().and_then(|facts| serde_json::from_str(facts).ok()).unwrap_or_default();
    // The size of the largest preview: that of the camera would tell which visits were made with one phone.
    let long_edge_px = size.width_px.max(size.height_px).unwrap_or(0).max(1);
    let shown = |edge_px: i64| if long_edge_px > PREVIEW_PX { edge_px * PREVIEW_PX / long_edge_px } else { edge_px };
    ResultPhoto {
        n,
        item_ids: serde_json::from_str(&file.item_ids).unwrap_or_default(),
        width_px: size.width_px.map(shown),
        height_px: size.height_px.map(shown),
    }
}

/// A photo of a result: upright, and without metadata.
///
/// # Errors
///
/// * 404 as [`visible`], and when the result has no such photo.
/// * 410 `purged` when its photos were purged.
pub async fn result_photo(
    app: &App,
    caller: &Caller,
    result_id: Uuid,
    n: u32,
    size: PreviewSize,
) -> Result<StoredFile, Failure> {
    let visit = visible(app, caller, result_id).await?;
    let position = usize::try_from(n).ok().and_then(|n| n.checked_sub(1));
    let file = match position {
        Some(position) => photos(app, &visit).await?.into_iter().nth(position),
        None => None,
    };
    // The name of the file and its id are the auditor's.
    let stored = file.and_then(|file| stored_preview(file, size, format!("photo-{n}.jpg")));
    let gone = purged(&visit).contains(&DataClass::Photos);
    stored.ok_or_else(|| match gone {
        true => Failure::new(Kind::Gone, "purged", "The photos of this visit are not kept any more."),
        false => Failure::not_found("photo"),
    })
}

/// The receipt of a result's score, without texts: of the one that counts, or of one that did while it was published.
///
/// # Errors
///
/// * 404 and 410 as [`visible`].
/// * 404 `no_score` when the visit could not be made, or has no such score.
pub async fn result_receipt(
    app: &App,
    caller: &Caller,
    result_id: Uuid,
    version: Option<i32>,
) -> Result<Issued, Failure> {
    let visit = visible(app, caller, result_id).await?;
    let current = visit.current_score_version;
    let version = version.unwrap_or(current);
    // Of earlier scores the chain reads those that it saw; all others were the firm's alone.
    if version != current && !published_versions(app, &visit).await?.contains(&version) {
        let detail = format!("The result has no score of version {version} that was published.");
        return Err(Failure::new(Kind::NotFound, "no_score", detail));
    }
    receipts::service::receipt_for_chain(app, &visit, version).await
}

/// The versions of a visit's scores that counted while it was published, by its history.
async fn published_versions(app: &App, visit: &visit::Model) -> Result<BTreeSet<i32>, Failure> {
    #[derive(Deserialize)]
    struct Told {
        score_version: i32,
    }
    let (mut is_published, mut versions) = (false, BTreeSet::new());
    for event in of_objects(app.db.reader(), visit.firm_id, &[format!("visit/{}", visit.id)]).await? {
        match event.kind.as_str() {
            "visit.published" => is_published = true,
            "visit.unpublished" => is_published = false,
            "visit.corrected" => {}
            _ => continue,
        }
        let told = event.payload.as_deref().and_then(|payload| serde_json::from_str::<Told>(payload).ok());
        versions.extend(told.filter(|_| is_published).map(|told| told.score_version));
    }
    Ok(versions)
}
