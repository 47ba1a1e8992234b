//! Questions of reviewers to the auditor of a visit, and the answers.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::Reach;
use crate::agreement::blind;
use crate::app::App;
use crate::entity::{question, question_message, visit};
use crate::events::types::NewEvent;
use crate::failure::{Failure, FieldProblem};
use crate::http::body::checked;
use crate::http::json::text_problem;
use crate::people::types::Caller;
use crate::retention::classes::written;
use crate::review::service::{REASON_CHARS, acted, check_not_own};
use crate::review::store;
use crate::review::types::{NewQuestion, QuestionView, QuestionsView};
use crate::states::{QUESTION_MOVES, after};
use crate::visits::read::{sees, visible_visit};
use crate::visits::store::lock_visits;
use crate::words::{QuestionState, VisitState};
use crate::write::{Once, Write};

/// Most questions about one visit.
const MAX_QUESTIONS: usize = 100;
/// Most messages on all questions about one visit.
const MAX_MESSAGES: usize = 500;

/// Questions about some visits with what was written on them, oldest first.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn of_visits(
    db: &impl ConnectionTrait,
    firm_id: Uuid,
    visit_ids: &[Uuid],
) -> Result<Vec<QuestionView>, Failure> {
    let rows = store::questions_of(db, firm_id, visit_ids).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let messages = store::messages_of(db, firm_id, visit_ids).await?;
    let view = |row: question::Model| {
        let on_it = messages.iter().filter(|message| message.question_id == row.id);
        let on_it = on_it.cloned().map(Into::into).collect();
        QuestionView::new(row, on_it)
    };
    Ok(rows.into_iter().map(view).collect())
}

/// The questions about a visit.
///
/// # Errors
///
/// 404 when there is no such visit within reach, 403 as [`blind::check`].
pub async fn list(app: &App, caller: &Caller, visit_id: Uuid) -> Result<QuestionsView, Failure> {
    visible_visit(app, caller, visit_id).await?;
    let db = app.db.reader();
    blind::check(db, caller, visit_id).await?;
    Ok(QuestionsView { data: of_visits(db, caller.firm_id, &[visit_id]).await? })
}

/// Asks the auditor of a visit something. Their phone is told.
///
/// # Errors
///
/// * 403 `own_visit` when the caller filed it.
/// * 404 when there is no such visit.
/// * 409 `illegal_state` when it was not filed yet, `too_many_questions` when there are many already.
/// * 422 when the text is blank or too long, or the standard has no such item.
/// * As [`Once`] for a repeated key.
pub async fn create(
    app: &App,
    caller: &Caller,
    visit_id: Uuid,
    key: Option<String>,
    body: Value,
) -> Result<String, Failure> {
    // Of this visit: the same text may be asked about another.
    let once = Once::of(caller, "create_question", key, &json!([visit_id, body]))?;
    let mut write = Write::begin_by(app, caller).await?;
    if let Some(answer) = once.answered(&write).await? {
        return Ok(answer);
    }
    let NewQuestion { item_id, text } = checked(body)?;
    check_text(&text)?;
    let row = lock_visits(&write.tx, caller.firm_id, &[visit_id]).await?.pop();
    let row = row.ok_or_else(|| Failure::not_found("visit"))?;
    check_not_own(&write, caller, &row).await?;
    if row.state == VisitState::Draft {
        let detail = "The visit is draft; cannot ask about it. Allowed now: submit.";
        return Err(Failure::conflict("illegal_state", detail));
    }
    let standard = app.standards.get(&write.tx, row.firm_id, &row.standard_id, row.standard_version).await?;
    let standard = standard.ok_or_else(|| Failure::internal(format!("the standard of visit {visit_id} is gone")))?;
    if item_id.as_deref().is_some_and(|item| standard.standard.item(item).is_none()) {
        let problem = FieldProblem::new("/item_id", "unknown_ref", "is not an item of the standard");
        return Err(Failure::invalid(vec![problem]));
    }
    if store::questions_of(&write.tx, caller.firm_id, &[visit_id]).await?.len() >= MAX_QUESTIONS {
        let detail = format!("There are {MAX_QUESTIONS} questions about this visit already; write on one of them.");
        return Err(Failure::conflict("too_many_questions", detail));
    }
    let now = app.clock.now();
    let asked = question::Model {
        firm_id: caller.firm_id,
        id: app.ids.next(),
        visit_id,
        item_id,
        state: QuestionState::Open,
        asked_by: caller.membership_id,
        asked_at: now,
        changed_at: now,
        closed_by: None,
        closed_at: None,
    };
    let asked = store::insert_question(&write.tx, asked).await?;
    let view = said(app, &mut write, caller, row, asked, Some(text)).await?;
    write.commit_once(&once, &view).await
}

/// Writes on a question: what its auditor writes answers it, what a reviewer writes asks again.
///
/// # Errors
///
/// * 403 `own_visit` when the caller filed the visit and writes as a reviewer.
/// * 404 when there is no such question within reach.
/// * 409 `illegal_state` when it is closed, `too_many_messages` when much was written already.
/// * 422 when the text is blank or too long.
pub async fn add_message(app: &App, caller: &Caller, id: Uuid, text: String) -> Result<QuestionView, Failure> {
    check_text(&text)?;
    let mut write = Write::begin_by(app, caller).await?;
    let (mut asked, row) = locked(&write, caller, id).await?;
    let is_auditor = caller.reach == Reach::Own;
    if !is_auditor {
        check_not_own(&write, caller, &row).await?;
    }
    asked.state = after(QUESTION_MOVES, "question", asked.state, if is_auditor { "answer" } else { "ask" })?;
    asked.changed_at = app.clock.now();
    if store::messages_of(&write.tx, caller.firm_id, &[row.id]).await?.len() >= MAX_MESSAGES {
        let detail = "Much was written about this visit already; settle it by telephone.";
        return Err(Failure::conflict("too_many_messages", detail));
    }
    let asked = store::update_question(&write.tx, asked).await?;
    let view = said(app, &mut write, caller, row, asked, Some(text)).await?;
    write.commit().await?;
    Ok(view)
}

/// Closes a question.
///
/// # Errors
///
/// * 403 `own_visit` when the caller filed the visit.
/// * 404 when there is no such question.
/// * 409 `illegal_state` when it is closed.
pub async fn close(app: &App, caller: &Caller, id: Uuid) -> Result<QuestionView, Failure> {
    let mut write = Write::begin_by(app, caller).await?;
    let (mut asked, row) = locked(&write, caller, id).await?;
    check_not_own(&write, caller, &row).await?;
    let now = app.clock.now();
    asked.state = after(QUESTION_MOVES, "question", asked.state, "close")?;
    asked.changed_at = now;
    (asked.closed_by, asked.closed_at) = (Some(caller.membership_id), Some(now));
    let asked = store::update_question(&write.tx, asked).await?;
    let view = said(app, &mut write, caller, row, asked, None).await?;
    write.commit().await?;
    Ok(view)
}

/// A question with its visit, locked, if the caller reaches it. Whoever changes the one holds the other.
async fn locked(write: &Write<'_>, caller: &Caller, id: Uuid) -> Result<(question::Model, visit::Model), Failure> {
    let gone = || Failure::not_found("question");
    let known = store::question_by_id(&write.tx, caller.firm_id, id).await?.ok_or_else(gone)?;
    let row = lock_visits(&write.tx, caller.firm_id, &[known.visit_id]).await?.pop();
    let row = row.filter(|row| sees(caller, row)).ok_or_else(gone)?;
    blind::check(&write.tx, caller, row.id).await?;
    let asked = store::question_by_id(&write.tx, caller.firm_id, id).await?.ok_or_else(gone)?;
    Ok((asked, row))
}

/// Keeps what was written, notes that its reviewer did something, and tells it.
async fn said(
    app: &App,
    write: &mut Write<'_>,
    caller: &Caller,
    mut row: visit::Model,
    asked: question::Model,
    text: Option<String>,
) -> Result<QuestionView, Failure> {
    let kind = match asked.state {
        QuestionState::Open => "question.asked",
        QuestionState::Answered => "question.answered",
        QuestionState::Closed => "question.closed",
    };
    if let Some(text) = text {
        let message = question_message::Model {
            firm_id: caller.firm_id,
            id: app.ids.next(),
            question_id: asked.id,
            visit_id: row.id,
            author_id: caller.membership_id,
            by_auditor: asked.state == QuestionState::Answered,
            text: Some(text),
            written_at: asked.changed_at,
        };
        store::insert_message(&write.tx, message).await?;
        row.purged = written(row.purged);
    }
    acted(&mut row, caller.membership_id, asked.changed_at);
    let row = store::update_visit(&write.tx, row).await?;
    let payload = json!({
        "question_id": asked.id, "item_id": asked.item_id, "asked_by": asked.asked_by, "wave_id": row.wave_id,
        "branch_id": row.branch_id,
    });
    // What was written stays out of the history.
    let told = NewEvent::new(kind, "visit", row.id, caller.membership_id, payload);
    write.event(told.for_auditor(row.auditor_id));
    let all = of_visits(&write.tx, caller.firm_id, &[row.id]).await?;
    all.into_iter().find(|view| view.id == asked.id).ok_or_else(|| Failure::internal("a question without itself"))
}

fn check_text(text: &str) -> Result<(), Failure> {
    match text_problem(text, REASON_CHARS) {
        Some((code, message)) => Err(Failure::invalid(vec![FieldProblem::new("/text", code, message)])),
        None => Ok(()),
    }
}
