//! Endpoints of the reviewer's desk: the queue, questions, corrections and outcomes.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::content::NoContent;
use crate::http::json::{Created, RawJson};
use crate::http::paging::{Page, Slice};
use crate::review::store::QueueFilter;
use crate::review::types::{
    CorrectedView, Correction, CorrectionDraftIn, CorrectionDraftView, Exclusion, NewMessage, NewQuestion,
    QuestionView, QuestionsView, QueueEntry, QueueOrder, ReviewReason, ReviewView, RevisionsView, Taken,
};
use crate::review::{corrections, outcomes, questions, queue};
use crate::words::Reporting;

/// The reviewer's desk.
pub struct DeskApi;

#[OpenApi(tag = "Area::Review")]
impl DeskApi {
    /// List the review queue
    ///
    /// Visits that were filed and are not judged: those that nobody has taken, those in review, and those that were
    /// returned and wait for their auditor. `age` begins with what was filed first, `deadline` with what is due first,
    /// `signals` with what has most signals that nobody has judged.
    #[oai(path = "/v1/review-queue", method = "get", operation_id = "list_review_queue")]
    #[expect(clippy::too_many_arguments, reason = "one argument a query parameter")]
    async fn list_review_queue(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only visits of this wave.
        wave_id: Query<Option<Uuid>>,
        /// Only visits that nobody has taken (`free`), or that you have (`mine`); `all` if absent.
        taken: Query<Option<Taken>>,
        /// The order; `age` if absent.
        order: Query<Option<QueueOrder>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended, in the same order.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<QueueEntry>>, Failure> {
        let caller = auth.caller(Operation::ListReviewQueue)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let (taken, order) = (taken.0.unwrap_or(Taken::All), order.0.unwrap_or(QueueOrder::Age));
        let filter = QueueFilter { wave_id: wave_id.0, taken, order, me: caller.membership_id };
        Ok(Json(queue::list(&app, &caller, &filter, &slice).await?))
    }

    /// List the revisions of a visit
    ///
    /// Every set of answers that it ever had, with what is different from the one before and why. Auditors see those of
    /// their own visits.
    #[oai(path = "/v1/visits/:id/revisions", method = "get", operation_id = "list_revisions")]
    async fn list_revisions(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
    ) -> Result<Json<RevisionsView>, Failure> {
        let caller = auth.caller(Operation::ListRevisions)?;
        Ok(Json(corrections::revisions(&app, &caller, id.0).await?))
    }

    /// Correct a visit
    ///
    /// Replaces answers, each with a reason that the auditor reads; what was filed stays beside them. The visit is scored
    /// anew, and a published one counts by its new score at once. In review only who took it or a firm admin corrects it.
    /// When another revision counts by now than the one looked at, it is 409 `other_revision`.
    #[oai(path = "/v1/visits/:id/correct", method = "post", operation_id = "correct_visit")]
    async fn correct_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: Checked<Correction>,
    ) -> Result<Json<CorrectedView>, Failure> {
        let caller = auth.caller(Operation::CorrectVisit)?;
        Ok(Json(corrections::correct(&app, &caller, id.0, body.0).await?))
    }

    /// Put a correction aside
    ///
    /// Keeps a correction that you are working on; it may be incomplete, and changes nothing. Each reviewer has one of
    /// each visit. Correcting the visit removes it.
    #[oai(path = "/v1/visits/:id/correction", method = "put", operation_id = "put_correction_draft")]
    async fn put_correction_draft(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: Checked<CorrectionDraftIn>,
    ) -> Result<Json<CorrectionDraftView>, Failure> {
        let caller = auth.caller(Operation::PutCorrectionDraft)?;
        Ok(Json(corrections::put_draft(&app, &caller, id.0, body.0).await?))
    }

    /// Get a correction put aside
    ///
    /// The one that you are working on; 404 when there is none.
    #[oai(path = "/v1/visits/:id/correction", method = "get", operation_id = "get_correction_draft")]
    async fn get_correction_draft(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
    ) -> Result<Json<CorrectionDraftView>, Failure> {
        let caller = auth.caller(Operation::GetCorrectionDraft)?;
        Ok(Json(corrections::get_draft(&app, &caller, id.0).await?))
    }

    /// Delete a correction put aside
    ///
    /// Throws away the one that you are working on; 404 when there is none.
    #[oai(path = "/v1/visits/:id/correction", method = "delete", operation_id = "delete_correction_draft")]
    async fn delete_correction_draft(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
    ) -> Result<NoContent, Failure> {
        let caller = auth.caller(Operation::DeleteCorrectionDraft)?;
        corrections::delete_draft(&app, &caller, id.0).await?;
        Ok(NoContent)
    }

    /// Ask about a visit
    ///
    /// A question to its auditor, about an item or about the whole visit, without returning it. Their phone is told.
    #[oai(path = "/v1/visits/:id/questions", method = "post", operation_id = "create_question")]
    async fn create_question(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: RawJson<NewQuestion>,
    ) -> Result<Created<QuestionView>, Failure> {
        let caller = auth.caller(Operation::CreateQuestion)?;
        Ok(Created::new(questions::create(&app, &caller, id.0, idempotency_key.0, body.value()?).await?))
    }

    /// List the questions about a visit
    ///
    /// Oldest first, each with everything that was written on it. Auditors see those about their own visits.
    #[oai(path = "/v1/visits/:id/questions", method = "get", operation_id = "list_questions")]
    async fn list_questions(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
    ) -> Result<Json<QuestionsView>, Failure> {
        let caller = auth.caller(Operation::ListQuestions)?;
        Ok(Json(questions::list(&app, &caller, id.0).await?))
    }

    /// Write on a question
    ///
    /// What the auditor writes answers it, what a reviewer writes asks again. Nothing is written on a closed one.
    #[oai(path = "/v1/questions/:id/messages", method = "post", operation_id = "add_question_message")]
    async fn add_question_message(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The question.
        id: Path<Uuid>,
        body: Checked<NewMessage>,
    ) -> Result<Json<QuestionView>, Failure> {
        let caller = auth.caller(Operation::AddQuestionMessage)?;
        Ok(Json(questions::add_message(&app, &caller, id.0, body.0.text).await?))
    }

    /// Close a question
    ///
    /// It is settled; nothing more is written on it.
    #[oai(path = "/v1/questions/:id/close", method = "post", operation_id = "close_question")]
    async fn close_question(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The question.
        id: Path<Uuid>,
    ) -> Result<Json<QuestionView>, Failure> {
        let caller = auth.caller(Operation::CloseQuestion)?;
        Ok(Json(questions::close(&app, &caller, id.0).await?))
    }

    /// Exclude a visit
    ///
    /// Takes it out of reports and scorecards, a published one at once. Its auditor may be paid for it all the same.
    #[oai(path = "/v1/visits/:id/exclude", method = "post", operation_id = "exclude_visit")]
    async fn exclude_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: Checked<Exclusion>,
    ) -> Result<Json<ReviewView>, Failure> {
        let caller = auth.caller(Operation::ExcludeVisit)?;
        let Exclusion { reason, payable } = body.0;
        let to = Reporting::Excluded;
        Ok(Json(outcomes::set_reporting(&app, &caller, id.0, to, (reason, payable)).await?))
    }

    /// Include a visit
    ///
    /// Lets an excluded visit count again, and be paid.
    #[oai(path = "/v1/visits/:id/include", method = "post", operation_id = "include_visit")]
    async fn include_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: Checked<ReviewReason>,
    ) -> Result<Json<ReviewView>, Failure> {
        let caller = auth.caller(Operation::IncludeVisit)?;
        let to = Reporting::Included;
        Ok(Json(outcomes::set_reporting(&app, &caller, id.0, to, (body.0.reason, true)).await?))
    }

    /// Clear a quarantine
    ///
    /// Says why a visit that was kept and flagged counts like any other.
    #[oai(path = "/v1/visits/:id/clear-quarantine", method = "post", operation_id = "clear_quarantine")]
    async fn clear_quarantine(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: Checked<ReviewReason>,
    ) -> Result<Json<ReviewView>, Failure> {
        let caller = auth.caller(Operation::ClearQuarantine)?;
        Ok(Json(outcomes::clear_quarantine(&app, &caller, id.0, body.0.reason).await?))
    }
}
