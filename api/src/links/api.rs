//! Endpoints of links.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::appeals::types::AppealLinkIn;
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::content::{FileAnswer, Range};
use crate::links::grant::Target;
use crate::links::service;
use crate::links::types::{EvidenceLinkIn, LinkView, PhotoLinkIn, PlanLinkIn};

/// Links.
pub struct LinksApi;

#[derive(ApiResponse)]
enum LinkAnswer {
    /// A link to the file.
    #[oai(status = 201)]
    Made(Json<LinkView>),
}

#[OpenApi]
impl LinksApi {
    /// Make a link to a file
    ///
    /// For `<img>`, `<audio>` and downloads, which send no headers: the address opens the file, also in parts, for five
    /// minutes. Everything that fetching the file itself asks is asked again each time.
    #[oai(
        path = "/v1/evidence/:evidence_id/links",
        method = "post",
        operation_id = "create_evidence_link",
        tag = "Area::Evidence"
    )]
    async fn create_evidence_link(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The id in the manifest.
        evidence_id: Path<Uuid>,
        body: Checked<EvidenceLinkIn>,
    ) -> Result<LinkAnswer, Failure> {
        let caller = auth.caller(Operation::CreateEvidenceLink)?;
        let target = body.0.file.of(evidence_id.0);
        Ok(LinkAnswer::Made(Json(service::make(&app, &caller, target, body.0.download).await?)))
    }

    /// Make a link to a photo of a result
    ///
    /// As `create_evidence_link`, as long as the result is published and shows the photo.
    #[oai(
        path = "/v1/results/:result_id/photos/:n/links",
        method = "post",
        operation_id = "create_result_photo_link",
        tag = "Area::Results"
    )]
    async fn create_result_photo_link(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The result.
        result_id: Path<Uuid>,
        /// The number of the photo in the result, from 1.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        n: Path<u32>,
        body: Checked<PhotoLinkIn>,
    ) -> Result<LinkAnswer, Failure> {
        let caller = auth.caller(Operation::CreateResultPhotoLink)?;
        let target = Target::ResultPhoto(result_id.0, n.0, body.0.size);
        Ok(LinkAnswer::Made(Json(service::make(&app, &caller, target, body.0.download).await?)))
    }

    /// Make a link to the action plan of a branch as PDF
    ///
    /// As `create_evidence_link`. The wave and the language are chosen now; the plan is as it is when it is fetched.
    #[oai(
        path = "/v1/branches/:id/action-plan/links",
        method = "post",
        operation_id = "create_action_plan_link",
        tag = "Area::Plans"
    )]
    async fn create_action_plan_link(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The branch.
        id: Path<Uuid>,
        body: Checked<PlanLinkIn>,
    ) -> Result<LinkAnswer, Failure> {
        let caller = auth.caller(Operation::CreateActionPlanLink)?;
        let target = service::plan(&app, &caller, id.0, body.0.wave_id, body.0.lang).await?;
        Ok(LinkAnswer::Made(Json(service::make(&app, &caller, target, body.0.download).await?)))
    }

    /// Make a link to a file of an appeal
    ///
    /// As `create_evidence_link`.
    #[oai(
        path = "/v1/appeals/:id/files/:file_id/links",
        method = "post",
        operation_id = "create_appeal_file_link",
        tag = "Area::Appeals"
    )]
    async fn create_appeal_file_link(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The appeal.
        id: Path<Uuid>,
        /// The file.
        file_id: Path<Uuid>,
        body: Checked<AppealLinkIn>,
    ) -> Result<LinkAnswer, Failure> {
        let caller = auth.caller(Operation::CreateAppealFileLink)?;
        let target = Target::AppealFile(id.0, file_id.0);
        Ok(LinkAnswer::Made(Json(service::make(&app, &caller, target, body.0.download).await?)))
    }

    /// Fetch a file by its link
    ///
    /// Whole, or the `Range` asked for. A link that was changed is 403 `bad_link`, one after its five minutes 410
    /// `link_expired`, and one whose maker was signed out or has another role 403 `link_ended`.
    #[oai(path = "/v1/links/:token", method = "get", operation_id = "get_link", tag = "Area::Evidence")]
    async fn get_link(
        &self,
        app: Data<&Arc<App>>,
        /// The end of the address that the link has.
        token: Path<String>,
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
        let range = Range { asked: range.0.as_deref(), only_if: if_range.0.as_deref() };
        service::fetch(&app, &token.0, range, if_none_match.0.as_deref()).await
    }
}
