//! Endpoints of visits.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::conditions::Condition;
use crate::http::json::{RawJson, StoredJson};
use crate::http::paging::{Page, Slice};
use crate::visits::service::Contact;
use crate::visits::store::Filter;
use crate::visits::types::{ScoresView, VisitIn, VisitSaved, VisitSummary, VisitView};
use crate::visits::{read, service};
use crate::words::VisitState;

/// Visits.
pub struct VisitsApi;

#[derive(ApiResponse)]
enum PutVisitAnswer {
    /// Saved or filed; or the answer of the first time, when the same write comes again.
    #[oai(status = 200)]
    Saved(
        StoredJson<VisitSaved>,
        /// Send it as `If-Match` with the next change.
        #[oai(header = "ETag")]
        String,
    ),
    /// Created.
    #[oai(status = 201)]
    Created(
        StoredJson<VisitSaved>,
        /// Send it as `If-Match` with the next change.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum VisitAnswer {
    /// The visit.
    #[oai(status = 200)]
    Found(
        Json<VisitView>,
        /// Send it as `If-Match` with the next change.
        #[oai(header = "ETag")]
        String,
    ),
}

#[OpenApi(tag = "Area::Visits")]
impl VisitsApi {
    /// Put a visit
    ///
    /// Saves a draft or files the visit, with its answers and its evidence manifest. `If-None-Match: *` creates,
    /// `If-Match` changes. What is answered with 2xx is on disk. The same write sent again gets the same answer,
    /// whatever happened since. A submit with problems is kept as a draft and answered 422 with all of them.
    #[oai(path = "/v1/visits/:visit_id", method = "put", operation_id = "put_visit")]
    async fn put_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// An id that the phone made, any RFC 9562 UUID.
        visit_id: Path<Uuid>,
        /// The ETag of the copy that was changed.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// `*` to create.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
        body: RawJson<VisitIn>,
    ) -> Result<PutVisitAnswer, Failure> {
        let caller = auth.caller(Operation::PutVisit)?;
        let condition = Condition::of_write(if_match.0.as_deref(), if_none_match.0.as_deref())?;
        let saved =
            service::put_visit(&app, &caller, visit_id.0, condition, Contact::default(), &body.value()?).await?;
        let answer = StoredJson::new(saved.answer);
        Ok(if saved.created {
            PutVisitAnswer::Created(answer, saved.etag)
        } else {
            PutVisitAnswer::Saved(answer, saved.etag)
        })
    }

    /// Get a visit
    ///
    /// The visit with its answers, its draft and its files. Auditors see their own. The ETag names the version to
    /// write against; evidence arriving does not change it.
    #[oai(path = "/v1/visits/:visit_id", method = "get", operation_id = "get_visit")]
    async fn get_visit(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        visit_id: Path<Uuid>,
    ) -> Result<VisitAnswer, Failure> {
        let caller = auth.caller(Operation::GetVisit)?;
        let view = read::visit(&app, &caller, visit_id.0).await?;
        let etag = view.etag.clone();
        Ok(VisitAnswer::Found(Json(view), etag))
    }

    /// List visits
    ///
    /// Visits in the order of their ids. Reviewers ask for `state=submitted&evidence_complete=true`. Auditors see
    /// their own.
    #[oai(path = "/v1/visits", method = "get", operation_id = "list_visits")]
    #[expect(clippy::too_many_arguments, reason = "one argument a query parameter")]
    async fn list_visits(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only visits in this state.
        state: Query<Option<VisitState>>,
        /// Only visits of this wave.
        wave_id: Query<Option<Uuid>>,
        /// Only visits of this branch.
        branch_id: Query<Option<Uuid>>,
        /// Only visits that have all their evidence (true), or that wait for some (false).
        evidence_complete: Query<Option<bool>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<VisitSummary>>, Failure> {
        let caller = auth.caller(Operation::ListVisits)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let filter = Filter {
            auditor_id: None,
            state: state.0,
            wave_id: wave_id.0,
            branch_id: branch_id.0,
            evidence_complete: evidence_complete.0,
        };
        Ok(Json(read::visits(&app, &caller, filter, &slice).await?))
    }

    /// Get the scores of a visit
    ///
    /// Every score that the visit ever had, oldest first, each with the trace that explains it point by point.
    #[oai(path = "/v1/visits/:visit_id/scores", method = "get", operation_id = "get_visit_scores")]
    async fn get_visit_scores(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        visit_id: Path<Uuid>,
    ) -> Result<Json<ScoresView>, Failure> {
        let caller = auth.caller(Operation::GetVisitScores)?;
        Ok(Json(read::scores(&app, &caller, visit_id.0).await?))
    }
}
