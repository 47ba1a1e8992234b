//! Making links, and fetching what they open.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::access::reach;
use crate::app::App;
use crate::appeals;
use crate::clock::Stopwatch;
use crate::evidence;
use crate::failure::{Failure, Kind};
use crate::http::content::{FileAnswer, MadeFile, Range};
use crate::links::grant::{Grant, Target};
use crate::links::types::LinkView;
use crate::people::service::still_may;
use crate::people::store::membership_by_id;
use crate::people::types::Caller;
use crate::plans;
use crate::results;

/// How long a link is good.
pub const LIFE: TimeDelta = TimeDelta::minutes(5);

/// Makes a link to a file that the caller can fetch at this moment.
///
/// # Errors
///
/// As the operation that gives the file itself.
pub async fn make(app: &App, caller: &Caller, target: Target, download: Option<bool>) -> Result<LinkView, Failure> {
    match &target {
        Target::Content(id) => drop(evidence::service::content(app, caller, *id).await?),
        Target::Preview(id, size) => drop(evidence::service::preview(app, caller, *id, *size).await?),
        Target::ResultPhoto(id, n, size) => {
            drop(results::service::result_photo(app, caller, *id, *n, *size).await?);
        }
        Target::AppealFile(id, file_id) => drop(appeals::files::content(app, caller, *id, *file_id).await?),
        // It was found when its wave was chosen, and takes a moment to draw.
        Target::ActionPlan(..) => {}
    }
    let grant = Grant {
        firm_id: caller.firm_id,
        membership_id: caller.membership_id,
        by: caller.by,
        role: caller.role,
        expires_at: app.clock.now() + LIFE,
        download: download.unwrap_or(false),
        target,
    };
    let token = grant.token(&app.vault).await?;
    Ok(LinkView { url: format!("/v1/links/{token}"), expires_at: grant.expires_at })
}

/// The action plan that a link is asked for.
///
/// # Errors
///
/// 404 as [`plans::service::choose_plan`].
pub async fn plan(
    app: &App,
    caller: &Caller,
    branch_id: Uuid,
    wave_id: Option<Uuid>,
    lang: Option<String>,
) -> Result<Target, Failure> {
    let (branch, wave, lang) = plans::service::choose_plan(app, caller, branch_id, wave_id, lang).await?;
    Ok(Target::ActionPlan(branch.id, wave.id, lang.to_string()))
}

/// The file that a link opens, if its maker could fetch it now.
///
/// # Errors
///
/// * 403 `bad_link`, 410 `link_expired` as [`Grant::read`].
/// * 403 `link_ended` when its maker was signed out, disabled or given another role, or the key was revoked.
/// * As the operation that gives the file itself.
pub async fn fetch(
    app: &App,
    token: &str,
    range: Range<'_>,
    if_none_match: Option<&str>,
) -> Result<FileAnswer, Failure> {
    let grant = Grant::read(&app.vault, token, app.clock.now()).await?;
    let caller = maker(app, &grant).await?;
    let file = match grant.target {
        Target::Content(id) => evidence::service::content(app, &caller, id).await?,
        Target::Preview(id, size) => evidence::service::preview(app, &caller, id, size).await?,
        Target::ResultPhoto(id, n, size) => results::service::result_photo(app, &caller, id, n, size).await?,
        Target::AppealFile(id, file_id) => appeals::files::content(app, &caller, id, file_id).await?,
        Target::ActionPlan(branch_id, wave_id, lang) => {
            let pdf = plans::service::action_plan_pdf(app, &caller, branch_id, Some(wave_id), Some(lang)).await?;
            let file = MadeFile { bytes: pdf.bytes.into(), media_type: "application/pdf", file_name: pdf.file_name };
            return Ok(FileAnswer::of_made(file, range, if_none_match).by_link(grant.download));
        }
    };
    Ok(FileAnswer::of(&app.blobs, file, range, if_none_match).await?.by_link(grant.download))
}

/// Whoever made a link, with what they reach now.
async fn maker(app: &App, grant: &Grant) -> Result<Caller, Failure> {
    let ended = || {
        let detail = "Whoever made this link was signed out, or their rights changed. Ask for a new one.";
        Failure::new(Kind::Forbidden, "link_ended", detail)
    };
    let db = app.db.reader();
    let row = membership_by_id(db, grant.firm_id, grant.membership_id).await?.ok_or_else(ended)?;
    let reach = grant.target.operation().right().and_then(|right| reach(grant.role, right)).ok_or_else(ended)?;
    let caller = Caller {
        firm_id: grant.firm_id,
        membership_id: grant.membership_id,
        role: grant.role,
        scope: serde_json::from_str(&row.scope).unwrap_or_default(),
        reach,
        by: grant.by,
        began: Stopwatch::start(),
    };
    match still_may(db, &caller).await {
        Err(failure) if matches!(failure.kind, Kind::Unauthenticated | Kind::Forbidden) => Err(ended()),
        may => may.map(|()| caller),
    }
}
