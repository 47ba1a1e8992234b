//! Endpoints of the review.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::json::OptionalJson;
use crate::publishing::types::Unpublication;
use crate::review::service::{Move, move_visit};
use crate::review::types::{Approval, ReturnOrder, ReviewReason, ReviewView, Taking, VisitReview};
use crate::review::view;

/// The review.
pub struct ReviewApi;

#[OpenApi(tag = "Area::Review")]
impl ReviewApi {
    /// Take a visit for review
    ///
    /// From then on only you or a firm admin can release, return, reject or approve it. Nobody reviews a visit that
    /// they filed, and a visit whose files have not all arrived waits: `evidence_incomplete` names what is missing. With
    /// `take_over` it is taken from a reviewer who has done nothing about it for four hours; the body may be left out.
    #[oai(path = "/v1/visits/:id/review", method = "post", operation_id = "review_visit")]
    async fn review_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: OptionalJson<Taking>,
    ) -> Result<Json<ReviewView>, Failure> {
        let caller = auth.caller(Operation::ReviewVisit)?;
        let takes_over = body.0.and_then(|taking| taking.take_over).unwrap_or(false);
        let mv = if takes_over { Move::TakeOver } else { Move::Review };
        Ok(Json(move_visit(&app, &caller, id.0, mv).await?))
    }

    /// Get the review of a visit
    ///
    /// Everything that its reviewer needs: each item in the order of the questionnaire with the answer that was filed
    /// first and the one that counts, what it cost, its files, comments and questions; what changed since the visit was
    /// judged last; signals, all revisions, and what happened to it. Nobody reads it of a visit that they filed.
    #[oai(path = "/v1/visits/:id/review", method = "get", operation_id = "get_review_view")]
    async fn get_review_view(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
    ) -> Result<Json<VisitReview>, Failure> {
        let caller = auth.caller(Operation::GetReviewView)?;
        Ok(Json(view::review(&app, &caller, id.0).await?))
    }

    /// Release a visit
    ///
    /// Gives it back unjudged, for somebody else to take.
    #[oai(path = "/v1/visits/:id/release", method = "post", operation_id = "release_visit")]
    async fn release_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
    ) -> Result<Json<ReviewView>, Failure> {
        let caller = auth.caller(Operation::ReleaseVisit)?;
        Ok(Json(move_visit(&app, &caller, id.0, Move::Release).await?))
    }

    /// Return a visit
    ///
    /// Back to the auditor, who reads what is asked of each item and until when, and files it again. Their phone is told.
    #[oai(path = "/v1/visits/:id/return", method = "post", operation_id = "return_visit")]
    async fn return_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: Checked<ReturnOrder>,
    ) -> Result<Json<ReviewView>, Failure> {
        let caller = auth.caller(Operation::ReturnVisit)?;
        Ok(Json(move_visit(&app, &caller, id.0, Move::Return(body.0)).await?))
    }

    /// Reject a visit
    ///
    /// It will not count. Reopening it later needs a reason too.
    #[oai(path = "/v1/visits/:id/reject", method = "post", operation_id = "reject_visit")]
    async fn reject_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: Checked<ReviewReason>,
    ) -> Result<Json<ReviewView>, Failure> {
        let caller = auth.caller(Operation::RejectVisit)?;
        Ok(Json(move_visit(&app, &caller, id.0, Move::Reject(body.0.reason)).await?))
    }

    /// Reopen a rejected visit
    ///
    /// Takes it for review again.
    #[oai(path = "/v1/visits/:id/reopen", method = "post", operation_id = "reopen_visit")]
    async fn reopen_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: Checked<ReviewReason>,
    ) -> Result<Json<ReviewView>, Failure> {
        let caller = auth.caller(Operation::ReopenVisit)?;
        Ok(Json(move_visit(&app, &caller, id.0, Move::Reopen(body.0.reason)).await?))
    }

    /// Approve a visit
    ///
    /// Accepts it as it is. A visit that was kept and flagged, because it came late for example, needs
    /// `quarantine_cleared_because`; for all others the body may be left out.
    #[oai(path = "/v1/visits/:id/approve", method = "post", operation_id = "approve_visit")]
    async fn approve_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: OptionalJson<Approval>,
    ) -> Result<Json<ReviewView>, Failure> {
        let caller = auth.caller(Operation::ApproveVisit)?;
        let approval = body.0.unwrap_or_default();
        Ok(Json(move_visit(&app, &caller, id.0, Move::Approve(approval.quarantine_cleared_because)).await?))
    }

    /// Publish a visit
    ///
    /// Its score enters the scorecards and the branch's action plan at once. A visit that could not be made counts as
    /// an attempt, an excluded one not at all.
    #[oai(path = "/v1/visits/:id/publish", method = "post", operation_id = "publish_visit")]
    async fn publish_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
    ) -> Result<Json<ReviewView>, Failure> {
        let caller = auth.caller(Operation::PublishVisit)?;
        Ok(Json(move_visit(&app, &caller, id.0, Move::Publish).await?))
    }

    /// Unpublish a visit
    ///
    /// Takes its score out of the scorecards and the action plan; it is approved again. Its result is 410 `withdrawn` from
    /// then on, and the list of results tells of it with the public reason.
    #[oai(path = "/v1/visits/:id/unpublish", method = "post", operation_id = "unpublish_visit")]
    async fn unpublish_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: Checked<Unpublication>,
    ) -> Result<Json<ReviewView>, Failure> {
        let caller = auth.caller(Operation::UnpublishVisit)?;
        Ok(Json(move_visit(&app, &caller, id.0, Move::Unpublish(body.0)).await?))
    }
}
