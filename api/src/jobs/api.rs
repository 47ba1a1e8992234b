//! Endpoints of jobs.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::paging::{Page, Slice};
use crate::jobs::types::JobView;
use crate::jobs::{service, store};
use crate::words::JobState;

/// Jobs.
pub struct JobsApi;

#[OpenApi(tag = "Area::Operations")]
impl JobsApi {
    /// List jobs
    ///
    /// What the firm's jobs wait for, by their ids. Ask for `state=dead` to see those that failed too often; each says
    /// why.
    #[oai(path = "/v1/jobs", method = "get", operation_id = "list_jobs")]
    async fn list_jobs(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only jobs in this state.
        state: Query<Option<JobState>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<JobView>>, Failure> {
        let caller = auth.caller(Operation::ListJobs)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let filter = store::JobFilter { firm_id: Some(caller.firm_id), state: state.0 };
        let rows = store::list(app.db.reader(), filter, slice.after()?, slice.limit + 1).await?;
        Ok(Json(slice.page(rows, |row| row.id.to_string(), JobView::from)))
    }

    /// Retry a job
    ///
    /// Runs a dead job once more, with all its attempts. See to what its `last_error` says first.
    #[oai(path = "/v1/jobs/:id/retry", method = "post", operation_id = "retry_job")]
    async fn retry_job(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The job.
        id: Path<Uuid>,
    ) -> Result<Json<JobView>, Failure> {
        let caller = auth.caller(Operation::RetryJob)?;
        let row = service::retry(&app, Some(&caller), id.0).await?;
        Ok(Json(row.into()))
    }
}
