//! Endpoints of second scorings.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::agreement::service;
use crate::agreement::types::{AgreementView, DropReason, SecondAnswers, SecondScoringSummary, SecondScoringView};
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::json::RawJson;
use crate::http::paging::{Page, Slice};

/// Second scorings.
pub struct AgreementApi;

#[OpenApi(tag = "Area::Review")]
impl AgreementApi {
    /// List my second scorings
    ///
    /// Visits that the caller was drawn to score a second time and has not yet, in the order in which they were first drawn.
    #[oai(path = "/v1/second-scorings", method = "get", operation_id = "list_second_scorings")]
    async fn list_second_scorings(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<SecondScoringSummary>>, Failure> {
        let caller = auth.caller(Operation::ListSecondScorings)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        Ok(Json(service::list(&app, &caller, &slice).await?))
    }

    /// Get a second scoring
    ///
    /// What there is to score a visit by, without knowing what others made of it: its files and what the auditor wrote. Who
    /// was not drawn reads it once both are done: the second scoring submitted, the visit approved.
    #[oai(path = "/v1/visits/:id/second-scoring", method = "get", operation_id = "get_second_scoring")]
    async fn get_second_scoring(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
    ) -> Result<Json<SecondScoringView>, Failure> {
        let caller = auth.caller(Operation::GetSecondScoring)?;
        Ok(Json(service::get(&app, &caller, id.0).await?))
    }

    /// Save a second scoring
    ///
    /// Replaces the answers that are kept. They may be incomplete; all problems are named at once.
    #[oai(path = "/v1/visits/:id/second-scoring", method = "put", operation_id = "put_second_scoring")]
    async fn put_second_scoring(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: RawJson<SecondAnswers>,
    ) -> Result<Json<SecondScoringView>, Failure> {
        let caller = auth.caller(Operation::PutSecondScoring)?;
        Ok(Json(service::put(&app, &caller, id.0, &body.value()?).await?))
    }

    /// Submit a second scoring
    ///
    /// The answers that are kept become final. They change nothing of the visit; both scorings are compared once the visit is
    /// approved.
    #[oai(path = "/v1/visits/:id/second-scoring/submit", method = "post", operation_id = "submit_second_scoring")]
    async fn submit_second_scoring(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
    ) -> Result<Json<SecondScoringView>, Failure> {
        let caller = auth.caller(Operation::SubmitSecondScoring)?;
        Ok(Json(service::submit(&app, &caller, id.0).await?))
    }

    /// Drop a second scoring
    ///
    /// It cannot be done, because the recording is unintelligible for example. What was answered is not kept.
    #[oai(path = "/v1/visits/:id/second-scoring/drop", method = "post", operation_id = "drop_second_scoring")]
    async fn drop_second_scoring(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
        body: Checked<DropReason>,
    ) -> Result<Json<SecondScoringView>, Failure> {
        let caller = auth.caller(Operation::DropSecondScoring)?;
        Ok(Json(service::drop_it(&app, &caller, id.0, body.0.reason).await?))
    }

    /// Get the agreement of reviewers
    ///
    /// How far first and second scorings of the same visits agree, by item and of the whole, over the latest 500 that were
    /// scored a second time. The first scoring is what its reviewer approved first. It says how clear the questions are and
    /// how alike reviewers judge, not who is right.
    #[oai(path = "/v1/agreement", method = "get", operation_id = "get_agreement")]
    async fn get_agreement(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The standard.
        #[oai(validator(max_length = 64))]
        standard_id: Query<String>,
        /// Its version.
        #[oai(validator(minimum(value = "1")))]
        version: Query<i32>,
    ) -> Result<Json<AgreementView>, Failure> {
        let caller = auth.caller(Operation::GetAgreement)?;
        Ok(Json(service::agreement(&app, &caller, &standard_id.0, version.0).await?))
    }
}
