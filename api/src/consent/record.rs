//! Recording, reading and withdrawing consents.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::Reach;
use crate::app::App;
use crate::chains::store::{branch_by_id, chain_by_id};
use crate::consent::decide::holds_voices;
use crate::consent::parse::{self, About, Draft};
use crate::consent::store::{self, Filter};
use crate::consent::types::ConsentView;
use crate::entity::{consent, visit};
use crate::events::types::NewEvent;
use crate::evidence::store::evidence_by_id;
use crate::failure::{Failure, FieldProblem};
use crate::http::json::{Reader, text_problem};
use crate::http::paging::{Page, Slice};
use crate::people::types::Caller;
use crate::retention::classes::bit;
use crate::retention::store::reopen;
use crate::transcripts::transcription::queue_consented;
use crate::visits::read::sees;
use crate::visits::store::lock_visits;
use crate::words::{ConsentScope, DataClass, EvidenceKind};
use crate::write::{Once, Write};

/// Longest reason of a withdrawal, in characters.
const REASON_CHARS: usize = 1000;

/// What a consent is about, with what that belongs to.
struct Place {
    scope: ConsentScope,
    chain_id: Uuid,
    branch_id: Option<Uuid>,
    visit_id: Option<Uuid>,
    evidence_id: Option<Uuid>,
}

/// Records a consent.
///
/// # Errors
///
/// * 409 `consent_withdrawn` when an auditor records one for a visit of which one was withdrawn.
/// * 422 naming everything wrong; what is not the caller's to see is `unknown_ref`.
/// * As [`Once`] for a repeated key.
pub async fn create(app: &App, caller: &Caller, key: Option<String>, body: &Value) -> Result<String, Failure> {
    let once = Once::of(caller, "create_consent", key, body)?;
    let mut write = Write::begin_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let mut reader = Reader::new(body, "");
    let draft = parse::consent(&mut reader, app.clock.now());
    let place = place(&write, caller, &draft, &mut reader).await?;
    let problems = reader.finish();
    let id = app.ids.next();
    let row = || {
        let place = place?;
        Some(consent::Model {
            firm_id: caller.firm_id,
            id,
            scope: place.scope,
            chain_id: place.chain_id,
            branch_id: place.branch_id,
            visit_id: place.visit_id,
            evidence_id: place.evidence_id,
            basis: draft.basis?,
            given_by: draft.given_by,
            given_at: draft.given_at?,
            notice: draft.notice?,
            country: draft.country,
            proof_id: draft.proof_id,
            covers_from: draft.covers_from,
            covers_until: draft.covers_until,
            recorded_by: caller.membership_id,
            recorded_at: app.clock.now(),
            withdrawn_by: None,
            withdrawn_at: None,
            withdrawal_reason: None,
        })
    };
    let Some(row) = row().filter(|_| problems.is_empty()) else { return Err(Failure::invalid(problems)) };
    if let Some(visit_id) = row.visit_id.filter(|_| caller.reach == Reach::Own)
        && store::has_withdrawn(&write.tx, caller.firm_id, visit_id).await?
    {
        let detail = "A consent to recordings of this visit was withdrawn. Only a reviewer can record another one.";
        return Err(Failure::conflict("consent_withdrawn", detail));
    }
    store::insert(&write.tx, vec![row.clone()]).await?;
    if let Some(visit_id) = row.visit_id {
        reopen(&write.tx, caller.firm_id, visit_id, bit(DataClass::FreeText)).await?;
    }
    write.event(recorded(&row));
    queue_consented(app, &mut write, &row).await?;
    write.commit_once(&once, &ConsentView::from(row)).await
}

/// The fact that a consent was recorded; what people said stays out of it.
pub fn recorded(row: &consent::Model) -> NewEvent {
    let payload = json!({
        "scope": row.scope, "chain_id": row.chain_id, "branch_id": row.branch_id, "visit_id": row.visit_id,
        "evidence_id": row.evidence_id, "basis": row.basis, "given_at": row.given_at, "country": row.country,
    });
    NewEvent::new("consent.recorded", "consent", row.id, row.recorded_by, payload)
}

/// Looks up what a consent is about and what proves it; what is wrong with either goes to the reader. The visit is
/// locked, so that a withdrawal comes before or after.
async fn place(
    write: &Write<'_>,
    caller: &Caller,
    draft: &Draft,
    reader: &mut Reader<'_>,
) -> Result<Option<Place>, Failure> {
    let Some(about) = draft.about else { return Ok(None) };
    let (tx, firm_id) = (&write.tx, caller.firm_id);
    if caller.reach == Reach::Own && !about.is_of_visit() {
        reader.problem(about.member(), "not_allowed", "an auditor records consents for visits; name `visit_id`");
        return Ok(None);
    }
    let place = match about {
        About::Chain(id) => chain_by_id(tx, firm_id, id).await?.map(|chain| Place {
            scope: ConsentScope::Chain,
            chain_id: chain.id,
            branch_id: None,
            visit_id: None,
            evidence_id: None,
        }),
        About::Branch(id) => branch_by_id(tx, firm_id, id).await?.map(|branch| Place {
            scope: ConsentScope::Branch,
            chain_id: branch.chain_id,
            branch_id: Some(branch.id),
            visit_id: None,
            evidence_id: None,
        }),
        About::Visit(id) => match own_visit(write, caller, id).await? {
            Some(visit) => Some(of_visit(write, &visit).await?),
            None => None,
        },
        About::Recording(id) => {
            let file = evidence_by_id(tx, firm_id, id).await?;
            let visit_id = file.as_ref().map(|file| file.visit_id).unwrap_or_default();
            match (file, own_visit(write, caller, visit_id).await?) {
                (Some(file), Some(visit)) => {
                    if !holds_voices(file.kind, file.media_type.as_deref()) {
                        reader.problem("evidence_id", "wrong_evidence_kind", "is not a recording");
                    } else if file.revision == 0 {
                        reader.problem("evidence_id", "not_filed", "is part of a draft; file the visit first");
                    }
                    let place = of_visit(write, &visit).await?;
                    Some(Place { scope: ConsentScope::Recording, evidence_id: Some(id), ..place })
                }
                _ => None,
            }
        }
    };
    if place.is_none() {
        reader.problem(about.member(), "unknown_ref", "is not one that you can record a consent for");
    }
    if let (Some(proof_id), Some(visit_id)) = (draft.proof_id, place.as_ref().and_then(|place| place.visit_id)) {
        let proof = evidence_by_id(tx, firm_id, proof_id).await?.filter(|proof| proof.visit_id == visit_id);
        match proof {
            None => reader.problem("proof_id", "unknown_ref", "is not a file of this visit"),
            Some(proof) if proof.kind != EvidenceKind::Document => {
                reader.problem("proof_id", "wrong_evidence_kind", "is not a document");
            }
            Some(proof) if proof.revision == 0 => {
                reader.problem("proof_id", "not_filed", "is part of a draft; file the visit first");
            }
            Some(_) => {}
        }
    }
    Ok(place)
}

/// A visit that the caller sees, locked.
async fn own_visit(write: &Write<'_>, caller: &Caller, id: Uuid) -> Result<Option<visit::Model>, Failure> {
    Ok(lock_visits(&write.tx, caller.firm_id, &[id]).await?.pop().filter(|visit| sees(caller, visit)))
}

async fn of_visit(write: &Write<'_>, visit: &visit::Model) -> Result<Place, Failure> {
    let branch = branch_by_id(&write.tx, visit.firm_id, visit.branch_id).await?;
    let branch = branch.ok_or_else(|| Failure::internal(format!("the visit {} lacks its branch", visit.id)))?;
    Ok(Place {
        scope: ConsentScope::Visit,
        chain_id: branch.chain_id,
        branch_id: Some(branch.id),
        visit_id: Some(visit.id),
        evidence_id: None,
    })
}

/// A page of the consents that the caller sees.
///
/// # Errors
///
/// * 400 `bad_cursor` when the cursor is not one of this list.
/// * [`Failure`] (500) when the database fails.
pub async fn list(app: &App, caller: &Caller, filter: Filter, slice: &Slice) -> Result<Page<ConsentView>, Failure> {
    let auditor_id = (caller.reach == Reach::Own).then_some(caller.membership_id);
    let filter = Filter { auditor_id, ..filter };
    let rows = store::list(app.db.reader(), caller.firm_id, &filter, slice.after()?, slice.limit + 1).await?;
    Ok(slice.page(rows, |row| row.id.to_string(), Into::into))
}

/// A consent that the caller sees.
///
/// # Errors
///
/// 404 when there is none, or it is not of a visit of the auditor.
pub async fn visible(app: &App, caller: &Caller, id: Uuid) -> Result<consent::Model, Failure> {
    let gone = || Failure::not_found("consent");
    let row = store::by_id(app.db.reader(), caller.firm_id, id).await?.ok_or_else(gone)?;
    match (caller.reach, row.visit_id) {
        (Reach::Firm, _) => Ok(row),
        (Reach::Own, Some(visit_id)) => {
            let visit = crate::visits::store::visit_by_id(app.db.reader(), caller.firm_id, visit_id).await?;
            visit.filter(|visit| sees(caller, visit)).map(|_| row).ok_or_else(gone)
        }
        _ => Err(gone()),
    }
}

/// Withdraws a consent. Doing it again changes nothing.
///
/// # Errors
///
/// * 404 as [`visible`].
/// * 422 when the reason is empty or too long.
pub async fn withdraw(app: &App, caller: &Caller, id: Uuid, reason: &str) -> Result<ConsentView, Failure> {
    if let Some((code, message)) = text_problem(reason, REASON_CHARS) {
        return Err(Failure::invalid(vec![FieldProblem::new("/reason", code, message)]));
    }
    let known = visible(app, caller, id).await?;
    let mut write = Write::begin_by(app, caller).await?;
    if let Some(visit_id) = known.visit_id {
        lock_visits(&write.tx, caller.firm_id, &[visit_id]).await?;
    }
    let mut row = store::lock(&write.tx, caller.firm_id, id).await?.ok_or_else(|| Failure::not_found("consent"))?;
    if row.withdrawn_at.is_some() {
        return Ok(row.into());
    }
    row.withdrawn_by = Some(caller.membership_id);
    row.withdrawn_at = Some(app.clock.now());
    row.withdrawal_reason = Some(reason.to_owned());
    store::update(&write.tx, row.clone()).await?;
    if let Some(visit_id) = row.visit_id {
        reopen(&write.tx, caller.firm_id, visit_id, bit(DataClass::FreeText)).await?;
    }
    let payload = json!({"scope": row.scope, "visit_id": row.visit_id, "evidence_id": row.evidence_id});
    write.event(NewEvent::new("consent.withdrawn", "consent", id, caller.membership_id, payload));
    write.commit().await?;
    Ok(row.into())
}
