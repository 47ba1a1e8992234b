//! Issuing receipts from what is stored.

use serde_json::Value;
use uuid::Uuid;

use crate::agreement::blind;
use crate::app::App;
use crate::chains;
use crate::entity::visit;
use crate::evidence::store::evidence_of_visits;
use crate::failure::{Failure, Kind};
use crate::people::types::Caller;
use crate::receipts::evidence;
use crate::receipts::receipt::{Facts, issue};
use crate::receipts::types::Texts;
use crate::standards;
use crate::visits::day::zone_of;
use crate::visits::read::visible_visit;
use crate::visits::store::{revision_of, score_of};
use crate::words::Outcome;

/// A receipt, ready to be sent.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Its bytes.
    pub text: String,
    /// The name to save it under.
    pub file_name: String,
}

/// The receipt of a score of a visit: of `version`, or of the one that counts.
///
/// # Errors
///
/// * 403 as [`blind::check`].
/// * 404 when the caller sees no such visit.
/// * 404 `no_score` when it has no score, or none of this version.
/// * 410 `purged` when a full one is asked for and its texts were purged.
pub async fn receipt(
    app: &App,
    caller: &Caller,
    visit_id: Uuid,
    version: Option<i32>,
    texts: Texts,
) -> Result<Issued, Failure> {
    let visit = visible_visit(app, caller, visit_id).await?;
    blind::check(app.db.reader(), caller, visit_id).await?;
    let version = match version {
        Some(version) => version,
        None => current(&visit)?,
    };
    issued(app, &visit, version, texts).await
}

/// The receipt of what is durably stored of a visit's evidence.
///
/// # Errors
///
/// 404 when the caller sees no such visit.
pub async fn evidence_receipt(app: &App, caller: &Caller, visit_id: Uuid) -> Result<Issued, Failure> {
    let visit = visible_visit(app, caller, visit_id).await?;
    let files = evidence_of_visits(app.db.reader(), caller.firm_id, &[visit_id]).await?;
    let keys = app.signing.keys().await?;
    let text = evidence::issue(visit.firm_id, visit_id, visit.current_revision, &files, keys.signer())?;
    Ok(Issued { text, file_name: format!("evidence-receipt-{visit_id}.json") })
}

/// The receipt of a score, as the chain gets it: without texts.
///
/// The caller has to see the visit's result, and to have seen a score of this version.
///
/// # Errors
///
/// 404 `no_score` when the visit could not be made.
pub async fn receipt_for_chain(app: &App, visit: &visit::Model, version: i32) -> Result<Issued, Failure> {
    if visit.outcome == Outcome::Attempted {
        return Err(no_score("The visit could not be made (outcome attempted), so it has no score.".to_owned()));
    }
    issued(app, visit, version, Texts::Withheld).await
}

async fn issued(app: &App, visit: &visit::Model, version: i32, texts: Texts) -> Result<Issued, Failure> {
    let (firm_id, visit_id) = (visit.firm_id, visit.id);
    let db = app.db.reader();
    let score = score_of(db, firm_id, visit_id, version).await?.ok_or_else(|| {
        no_score(format!("The visit has no score of version {version}; its last is {}.", visit.current_score_version))
    })?;
    let gone = |what: &str| Failure::internal(format!("score {version} of visit {visit_id} lacks its {what}"));
    let revision = revision_of(db, firm_id, visit_id, score.revision).await?.ok_or_else(|| gone("answers"))?;
    let purged: Option<Vec<String>> =
        revision.withheld.as_deref().map(serde_json::from_str).transpose().map_err(Failure::internal)?;
    if texts == Texts::Full && purged.is_some() {
        let detail = "What people wrote on this visit was purged, so there is no full receipt any more. Ask for \
                      `texts=withheld`: it recomputes to the same score.";
        return Err(Failure::new(Kind::Gone, "purged", detail));
    }
    let (standard_id, standard_version) = (&score.standard_id, score.standard_version);
    let standard = standards::store::version(db, firm_id, standard_id, standard_version).await?;
    let scored_on = match texts {
        Texts::Full => score.created_at.date_naive(),
        Texts::Withheld => {
            let branch = chains::store::branch_by_id(db, firm_id, visit.branch_id).await?;
            let zone = zone_of(&branch.ok_or_else(|| gone("branch"))?);
            score.created_at.with_timezone(&zone).date_naive()
        }
    };
    let facts = Facts {
        firm_id,
        visit_id,
        public_id: visit.public_id,
        score_version: version,
        revision: score.revision,
        standard: json(&standard.ok_or_else(|| gone("standard"))?.body)?,
        answers: serde_json::from_str(&revision.answers).map_err(Failure::internal)?,
        purged: purged.unwrap_or_default(),
        result: json(&score.result)?,
        engine_version: score.engine_version,
        scored_on,
    };
    let text = issue(&facts, texts, app.signing.keys().await?.signer())?;
    let shown = if texts == Texts::Full { visit_id } else { visit.public_id };
    Ok(Issued { text, file_name: format!("receipt-{shown}-v{version}.json") })
}

/// The score that counts.
fn current(visit: &visit::Model) -> Result<i32, Failure> {
    // What could not be made has no score, even if an earlier revision had one.
    if visit.outcome == Outcome::Attempted {
        let detail = "The visit could not be made (outcome attempted), so it has no score. Name the version of an \
                      earlier one, if there was any.";
        return Err(no_score(detail.to_owned()));
    }
    match visit.current_score_version {
        0 => Err(no_score("The visit has no score yet: it was not filed.".to_owned())),
        version => Ok(version),
    }
}

fn no_score(detail: String) -> Failure {
    Failure::new(Kind::NotFound, "no_score", detail)
}

fn json(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(Failure::internal)
}
