//! Endpoints of results.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::evidence::types::PreviewSize;
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::content::{FileAnswer, Range};
use crate::http::paging::Slice;
use crate::receipts::api::ReceiptAnswer;
use crate::results::service;
use crate::results::store::Filter;
use crate::results::types::{ResultList, ResultView};

/// Results.
pub struct ResultsApi;

#[OpenApi(tag = "Area::Results")]
impl ResultsApi {
    /// List results
    ///
    /// Published visits of the branches that the caller sees, in the order of their ids, which tells nothing of time.
    /// One that was taken back, or is left out of reports since it was published, is told of in `withdrawn`.
    #[oai(path = "/v1/results", method = "get", operation_id = "list_results")]
    async fn list_results(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only results of this wave.
        wave_id: Query<Option<Uuid>>,
        /// Only results of this branch.
        branch_id: Query<Option<Uuid>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ResultList>, Failure> {
        let caller = auth.caller(Operation::ListResults)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let filter = Filter { wave_id: wave_id.0, branch_id: branch_id.0 };
        Ok(Json(service::results(&app, &caller, &filter, &slice).await?))
    }

    /// Get a result
    ///
    /// A published visit as its chain sees it: day and part of the day, every answer but free texts, the score point by
    /// point, which photos there are, and what came of appeals. Nothing of it tells who made the visit, or the minute. One
    /// that was taken back is 410 `withdrawn`.
    #[oai(path = "/v1/results/:result_id", method = "get", operation_id = "get_result")]
    async fn get_result(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The result.
        result_id: Path<Uuid>,
    ) -> Result<Json<ResultView>, Failure> {
        let caller = auth.caller(Operation::GetResult)?;
        Ok(Json(service::result(&app, &caller, result_id.0).await?))
    }

    /// Get the receipt of a result
    ///
    /// Everything that made the score, signed, with free texts and comments withheld: `peegel receipt verify`
    /// recomputes and checks it. A score that an upheld appeal replaced stays readable by its version. A visit that could
    /// not be made is 404 `no_score`.
    #[oai(path = "/v1/results/:result_id/receipt", method = "get", operation_id = "get_result_receipt")]
    async fn get_result_receipt(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The result.
        result_id: Path<Uuid>,
        /// The version of the score; that which counts if absent.
        #[oai(validator(minimum(value = "1")))]
        version: Query<Option<i32>>,
        /// The ETag of the copy you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<ReceiptAnswer, Failure> {
        let caller = auth.caller(Operation::GetResultReceipt)?;
        let issued = service::result_receipt(&app, &caller, result_id.0, version.0).await?;
        Ok(ReceiptAnswer::of(issued, if_none_match.0.as_deref()))
    }

    /// Get a photo of a result
    ///
    /// As an upright JPEG without metadata; the original stays with the firm.
    #[oai(path = "/v1/results/:result_id/photos/:n", method = "get", operation_id = "get_result_photo")]
    async fn get_result_photo(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The result.
        result_id: Path<Uuid>,
        /// The number of the photo in the result, from 1.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        n: Path<u32>,
        /// The long edge in pixels.
        size: Query<PreviewSize>,
        /// The ETag of a copy that is there already.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<FileAnswer, Failure> {
        let caller = auth.caller(Operation::GetResultPhoto)?;
        let file = service::result_photo(&app, &caller, result_id.0, n.0, size.0).await?;
        FileAnswer::of(&app.blobs, file, Range::default(), if_none_match.0.as_deref()).await
    }
}
