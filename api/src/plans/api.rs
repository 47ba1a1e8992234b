//! Endpoints of action plans.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{Binary, Json};
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::conditions::{Condition, not_modified};
use crate::http::content::disposition;
use crate::plans::service;
use crate::plans::types::{ActionChange, ActionPlanView, ActionView};

/// Action plans.
pub struct PlansApi;

#[derive(ApiResponse)]
enum ActionAnswer {
    /// The action as it is now.
    #[oai(status = 200)]
    Updated(
        Json<ActionView>,
        /// The new entity tag.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum PdfAnswer {
    /// The PDF.
    #[oai(status = 200, content_type = "application/pdf")]
    Pdf(
        Binary<Vec<u8>>,
        /// The sha256 of the file.
        #[oai(header = "ETag")]
        String,
        /// The name to save it under.
        #[oai(header = "Content-Disposition")]
        String,
        /// Private; to be asked for again each time.
        #[oai(header = "Cache-Control")]
        String,
    ),
    /// The copy named in `If-None-Match` is the current one.
    #[oai(status = 304)]
    Unchanged(
        /// The sha256 of the file.
        #[oai(header = "ETag")]
        String,
    ),
}

#[OpenApi(tag = "Area::Plans")]
impl PlansApi {
    /// Get the action plan of a branch
    ///
    /// What the branch is asked to do after a wave: every critical failure, then at most five items by what the score
    /// would gain, in the words of the standard's own advice.
    #[oai(path = "/v1/branches/:id/action-plan", method = "get", operation_id = "get_action_plan")]
    async fn get_action_plan(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The branch.
        id: Path<Uuid>,
        /// The wave; the latest with published visits if absent.
        wave: Query<Option<Uuid>>,
        /// The language of the texts; the chain's if absent.
        #[oai(validator(pattern = "^(en|et|hu)$"))]
        lang: Query<Option<String>>,
    ) -> Result<Json<ActionPlanView>, Failure> {
        let caller = auth.caller(Operation::GetActionPlan)?;
        Ok(Json(service::action_plan(&app, &caller, id.0, wave.0, lang.0).await?))
    }

    /// Get the action plan of a branch as PDF
    ///
    /// With the scores of the wave, strengths, actions and photos. The same data gives the same bytes.
    #[oai(path = "/v1/branches/:id/action-plan.pdf", method = "get", operation_id = "get_action_plan_pdf")]
    async fn get_action_plan_pdf(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The branch.
        id: Path<Uuid>,
        /// The wave; the latest with published visits if absent.
        wave: Query<Option<Uuid>>,
        /// The language; the chain's if absent.
        #[oai(validator(pattern = "^(en|et|hu)$"))]
        lang: Query<Option<String>>,
        /// The entity tag of a copy; 304 if it is the current one.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<PdfAnswer, Failure> {
        let caller = auth.caller(Operation::GetActionPlanPdf)?;
        let pdf = service::action_plan_pdf(&app, &caller, id.0, wave.0, lang.0).await?;
        if not_modified(if_none_match.0.as_deref(), &pdf.etag) {
            return Ok(PdfAnswer::Unchanged(pdf.etag));
        }
        let cache = "private, no-cache".to_owned();
        Ok(PdfAnswer::Pdf(Binary(pdf.bytes), pdf.etag, disposition(&pdf.file_name), cache))
    }

    /// Update an action
    ///
    /// Sets the owner, the day it is due or the state; what is absent stays. `verified` and `reopened` follow from
    /// later visits.
    #[oai(path = "/v1/actions/:id", method = "patch", operation_id = "update_action")]
    async fn update_action(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The action.
        id: Path<Uuid>,
        /// The entity tag of the copy that the change was made from.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Checked<ActionChange>,
    ) -> Result<ActionAnswer, Failure> {
        let caller = auth.caller(Operation::UpdateAction)?;
        let condition = Condition::of_write(if_match.0.as_deref(), None)?;
        let view = service::update_action(&app, &caller, id.0, &condition, body.0).await?;
        let tag = view.etag.clone();
        Ok(ActionAnswer::Updated(Json(view), tag))
    }
}
