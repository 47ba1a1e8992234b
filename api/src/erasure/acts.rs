//! What somebody did to things of others, as far as the rows of those say so: a reviewer's notes, consents, transcripts,
//! holds, and what was kept of their requests.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::agreement;
use crate::app::App;
use crate::consent::service::heard;
use crate::entity::{
    action, appeal, appeal_file, consent, correction_draft, hold, membership, question_message, second_scoring, signal,
    transcript, transcription,
};
use crate::erasure::export::{Out, PAGE, Stopped, row};
use crate::erasure::export_store as store;
use crate::evidence::store::evidence_by_id;
use crate::failure::Failure;

/// The id of a row, and what is told of it.
type Shown<M> = (fn(&M) -> Uuid, fn(&M) -> Result<Value, Failure>);

/// Writes a list page by page.
async fn list<E>(
    app: &App,
    out: &mut Out,
    name: &str,
    query: Select<E>,
    id: E::Column,
    (id_of, shown): Shown<E::Model>,
) -> Result<(), Stopped>
where
    E: EntityTrait,
    E::Model: Send + Sync,
{
    out.begin(name).await?;
    let mut after = None;
    loop {
        let page = query.clone().apply_if(after, |query, after: Uuid| query.filter(id.gt(after)));
        let some = page.order_by_asc(id).limit(PAGE).all(app.db.reader()).await?;
        let Some(last) = some.last() else { break };
        after = Some(id_of(last));
        for model in &some {
            out.entry(&shown(model)?).await?;
        }
    }
    out.text("]").await
}

/// Writes what the memberships of a person did in a firm.
///
/// # Errors
///
/// [`Stopped`] when it cannot be read, or nobody reads on.
pub async fn write(app: &App, out: &mut Out, firm_id: Uuid, people: &[membership::Model]) -> Result<(), Stopped> {
    let db = app.db.reader();
    let ids: Vec<_> = people.iter().map(|person| person.id).collect();
    let verdict = |signal: &signal::Model| {
        // What is wrong with a visit is the auditor's matter; what was made of it is the reviewer's.
        Ok(json!({
            "signal_id": signal.id, "visit_id": signal.visit_id, "code": signal.code, "verdict": signal.verdict,
            "verdict_note": signal.verdict_note, "verdict_at": signal.verdict_at,
        }))
    };
    let query = store::judged(firm_id, &ids);
    list(app, out, "verdicts", query, signal::Column::Id, (|signal| signal.id, verdict)).await?;
    let query = store::messages(firm_id, &ids);
    let of = (|message: &question_message::Model| message.id, |message: &question_message::Model| row(message, &[]));
    list(app, out, "question_messages", query, question_message::Column::Id, (of.0, of.1)).await?;
    let query = store::correction_drafts(firm_id, &ids);
    let of =
        (|draft: &correction_draft::Model| draft.visit_id, |draft: &correction_draft::Model| row(draft, &["changes"]));
    list(app, out, "correction_drafts", query, correction_draft::Column::VisitId, (of.0, of.1)).await?;
    let query = store::consents(firm_id, &ids);
    list(app, out, "consents", query, consent::Column::Id, (|consent| consent.id, |consent| row(consent, &[]))).await?;
    let query = agreement::store::by_people(firm_id, &ids);
    let scoring = |scoring: &second_scoring::Model| row(scoring, &["answers"]);
    let id = second_scoring::Column::Id;
    list(app, out, "second_scorings", query, id, (|scoring| scoring.id, scoring)).await?;
    appeals(app, out, firm_id, &ids).await?;
    let query = store::appeal_files(firm_id, &ids);
    let of = (|file: &appeal_file::Model| file.id, |file: &appeal_file::Model| row(file, &[]));
    list(app, out, "appeal_files", query, appeal_file::Column::Id, (of.0, of.1)).await?;
    transcripts(app, out, firm_id, &ids).await?;
    let query = store::transcriptions(firm_id, &ids);
    let of = (|asked: &transcription::Model| asked.evidence_id, |asked: &transcription::Model| row(asked, &[]));
    list(app, out, "transcriptions", query, transcription::Column::EvidenceId, (of.0, of.1)).await?;
    list(app, out, "holds", store::holds(firm_id, &ids), hold::Column::Id, (|hold| hold.id, |hold| row(hold, &[])))
        .await?;
    let names: Vec<_> = people.iter().map(|person| person.name.clone()).collect();
    let query = store::owned_actions(firm_id, &names);
    list(app, out, "actions", query, action::Column::Id, (|action| action.id, |action| row(action, &[]))).await?;
    let rules = store::rules(db, firm_id, &ids).await?;
    out.list("retention_rules", rules.iter().map(|rule| row(rule, &["days"])).collect::<Result<_, _>>()?).await?;
    let erasures = store::asked_erasures(db, firm_id, &ids).await?;
    let asked = |erasure: &crate::entity::erasure::Model| json!({"id": erasure.id, "reason": erasure.reason, "requested_at": erasure.requested_at});
    out.list("erasures", erasures.iter().map(asked).collect()).await?;
    let answers = store::kept_answers(db, firm_id, &ids).await?;
    let answer = |kept: &crate::entity::idempotency_key::Model| {
        // Of their own requests, the answers are about others; of others' requests, those that made them are about them.
        let is_own = ids.contains(&kept.membership_id);
        let answer = Some(&kept.answer).filter(|_| !is_own).and_then(|text| serde_json::from_str::<Value>(text).ok());
        json!({"operation": kept.operation, "created_at": kept.created_at, "is_own": is_own, "answer": answer})
    };
    out.list("kept_answers", answers.iter().map(answer).collect()).await
}

/// Appeals that they brought or decided: of each what they wrote themselves.
async fn appeals(app: &App, out: &mut Out, firm_id: Uuid, ids: &[Uuid]) -> Result<(), Stopped> {
    out.begin("appeals").await?;
    let mut after = None;
    loop {
        let page = store::appeals(firm_id, ids);
        let page = page.apply_if(after, |query, after: Uuid| query.filter(appeal::Column::Id.gt(after)));
        let some = page.order_by_asc(appeal::Column::Id).limit(PAGE).all(app.db.reader()).await?;
        let Some(last) = some.last() else { break };
        after = Some(last.id);
        for appeal in &some {
            let is_filer = ids.contains(&appeal.filed_by);
            let is_decider = appeal.decided_by.is_some_and(|by| ids.contains(&by));
            let (filed_at, decided_at) = (appeal.filed_at, appeal.decided_at);
            out.entry(&json!({
                "id": appeal.id, "wave_id": appeal.wave_id, "branch_id": appeal.branch_id, "item_id": appeal.item_id,
                "state": appeal.state, "reason": Some(&appeal.reason).filter(|_| is_filer),
                "filed_at": Some(filed_at).filter(|_| is_filer),
                "decision": appeal.decision.as_ref().filter(|_| is_decider),
                "decided_at": decided_at.filter(|_| is_decider),
            }))
            .await?;
        }
    }
    out.text("]").await
}

/// Transcripts that they attached. What is said in a recording that may not be heard is withheld.
async fn transcripts(app: &App, out: &mut Out, firm_id: Uuid, ids: &[Uuid]) -> Result<(), Stopped> {
    let db = app.db.reader();
    out.begin("transcripts").await?;
    let mut after = None;
    loop {
        let page = store::transcripts(firm_id, ids)
            .apply_if(after, |query, after: Uuid| query.filter(transcript::Column::EvidenceId.gt(after)));
        let some = page.order_by_asc(transcript::Column::EvidenceId).limit(PAGE).all(db).await?;
        let Some(last) = some.last() else { break };
        after = Some(last.evidence_id);
        for transcript in &some {
            let file = evidence_by_id(db, firm_id, transcript.evidence_id).await?;
            let may = heard(db, firm_id, file.as_slice()).await?.contains(&transcript.evidence_id);
            out.entry(&shown_transcript(transcript, may)?).await?;
        }
    }
    out.text("]").await
}

/// A transcript, without what is said when the recording may not be heard.
///
/// # Errors
///
/// [`Failure`] (500) when it cannot be written.
pub fn shown_transcript(transcript: &transcript::Model, may_be_heard: bool) -> Result<Value, Failure> {
    let mut value = row(transcript, &["cues"])?;
    if !may_be_heard {
        value["cues"] = Value::Null;
    }
    value["withheld"] = json!(!may_be_heard);
    Ok(value)
}
