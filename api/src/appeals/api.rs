//! Endpoints of appeals.

use std::sync::Arc;

use poem::Body;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{Binary, Json};
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::appeals::store::Filter;
use crate::appeals::types::{
    AppealFile, AppealRate, AppealView, Declining, FiledAppeals, NewAppeals, RatesBy, Upholding,
};
use crate::appeals::{decide, files, rates, service};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::content::{FileAnswer, Range};
use crate::http::json::Created;
use crate::http::paging::{Page, Slice};
use crate::words::AppealState;

/// Appeals.
pub struct AppealsApi;

#[OpenApi(tag = "Area::Appeals")]
impl AppealsApi {
    /// Appeal against a result
    ///
    /// Says of items what is wrong with the finding; each item is an appeal of its own, and an item is appealed once. All or
    /// none are filed. After the day `appeal_until` of the result it is 409 `too_late`.
    #[oai(path = "/v1/results/:result_id/appeals", method = "post", operation_id = "create_appeal")]
    async fn create_appeal(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The result.
        result_id: Path<Uuid>,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Checked<NewAppeals>,
    ) -> Result<Created<FiledAppeals>, Failure> {
        let caller = auth.caller(Operation::CreateAppeal)?;
        Ok(Created::new(service::create(&app, &caller, idempotency_key.0, result_id.0, body.0).await?))
    }

    /// List appeals
    ///
    /// Those about results that the caller reads, in the order of their ids, which tells nothing of time.
    #[oai(path = "/v1/appeals", method = "get", operation_id = "list_appeals")]
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    async fn list_appeals(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only those in this state.
        state: Query<Option<AppealState>>,
        /// Only those of this wave.
        wave_id: Query<Option<Uuid>>,
        /// Only those of this branch.
        branch_id: Query<Option<Uuid>>,
        /// Only those against this result.
        result_id: Query<Option<Uuid>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<AppealView>>, Failure> {
        let caller = auth.caller(Operation::ListAppeals)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let filter = Filter { state: state.0, wave_id: wave_id.0, branch_id: branch_id.0, result_id: result_id.0 };
        Ok(Json(service::list(&app, &caller, &filter, &slice).await?))
    }

    /// Get the rates of appeals
    ///
    /// How many appeals there are and how often they were upheld, by item, branch, auditor or reviewer, with the interval of
    /// the share. A hint where to look, and no ranking.
    #[oai(path = "/v1/appeals/rates", method = "get", operation_id = "get_appeal_rates")]
    async fn get_appeal_rates(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// What they are by.
        by: Query<RatesBy>,
        /// Only appeals of this wave.
        wave_id: Query<Option<Uuid>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<AppealRate>>, Failure> {
        let caller = auth.caller(Operation::GetAppealRates)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        Ok(Json(rates::rates(&app, &caller, by.0, wave_id.0, &slice).await?))
    }

    /// Get an appeal
    ///
    /// What was said, the files, and what came of it.
    #[oai(path = "/v1/appeals/:id", method = "get", operation_id = "get_appeal")]
    async fn get_appeal(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The appeal.
        id: Path<Uuid>,
    ) -> Result<Json<AppealView>, Failure> {
        let caller = auth.caller(Operation::GetAppeal)?;
        Ok(Json(service::get(&app, &caller, id.0).await?))
    }

    /// Put a file of an appeal
    ///
    /// Adds a JPEG, a PNG or a PDF of at most 10 MiB under an id of your own, while the appeal is open; at most five. It is
    /// on disk when this answers. Sending the same bytes again is harmless.
    #[oai(path = "/v1/appeals/:id/files/:file_id", method = "put", operation_id = "put_appeal_file")]
    async fn put_appeal_file(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The appeal.
        id: Path<Uuid>,
        /// The file.
        file_id: Path<Uuid>,
        body: Binary<Body>,
    ) -> Result<Json<AppealFile>, Failure> {
        let caller = auth.caller(Operation::PutAppealFile)?;
        Ok(Json(files::put(&app, &caller, id.0, file_id.0, body.0).await?))
    }

    /// Get a file of an appeal
    ///
    /// As it was sent, whole or the `Range` asked for.
    #[oai(path = "/v1/appeals/:id/files/:file_id", method = "get", operation_id = "get_appeal_file")]
    #[expect(clippy::too_many_arguments, reason = "one for each header")]
    async fn get_appeal_file(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The appeal.
        id: Path<Uuid>,
        /// The file.
        file_id: Path<Uuid>,
        /// Which bytes, such as `bytes=0-1023`.
        #[oai(name = "Range")]
        range: Header<Option<String>>,
        /// The ETag of the copy that `Range` continues; if it is another one, the whole file is sent.
        #[oai(name = "If-Range")]
        if_range: Header<Option<String>>,
        /// The ETag of a copy that is there already.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<FileAnswer, Failure> {
        let caller = auth.caller(Operation::GetAppealFile)?;
        let file = files::content(&app, &caller, id.0, file_id.0).await?;
        let range = Range { asked: range.0.as_deref(), only_if: if_range.0.as_deref() };
        FileAnswer::of(&app.blobs, file, range, if_none_match.0.as_deref()).await
    }

    /// Withdraw an appeal
    ///
    /// Takes it back while it is not decided: who filed it, or who reads for the chain. The item can be appealed again.
    #[oai(path = "/v1/appeals/:id/withdraw", method = "post", operation_id = "withdraw_appeal")]
    async fn withdraw_appeal(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The appeal.
        id: Path<Uuid>,
    ) -> Result<Json<AppealView>, Failure> {
        let caller = auth.caller(Operation::WithdrawAppeal)?;
        Ok(Json(service::withdraw(&app, &caller, id.0).await?))
    }

    /// Uphold an appeal
    ///
    /// The branch was right: the answer is replaced in a new revision, which is scored anew; scorecards and the plan follow
    /// at once, and the score before stays readable. For a reviewer who did not judge the visit before (403
    /// `first_reviewer`). Final.
    #[oai(path = "/v1/appeals/:id/uphold", method = "post", operation_id = "uphold_appeal")]
    async fn uphold_appeal(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The appeal.
        id: Path<Uuid>,
        body: Checked<Upholding>,
    ) -> Result<Json<AppealView>, Failure> {
        let caller = auth.caller(Operation::UpholdAppeal)?;
        Ok(Json(decide::uphold(&app, &caller, id.0, body.0).await?))
    }

    /// Decline an appeal
    ///
    /// The finding stands, and the branch reads why. For a reviewer who did not judge the visit before (403
    /// `first_reviewer`). Final.
    #[oai(path = "/v1/appeals/:id/decline", method = "post", operation_id = "decline_appeal")]
    async fn decline_appeal(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The appeal.
        id: Path<Uuid>,
        body: Checked<Declining>,
    ) -> Result<Json<AppealView>, Failure> {
        let caller = auth.caller(Operation::DeclineAppeal)?;
        Ok(Json(decide::decline(&app, &caller, id.0, body.0).await?))
    }
}
