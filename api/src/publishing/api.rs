//! Endpoints of publishing a wave, and of looking before.

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
use crate::http::json::OptionalJson;
use crate::http::paging::{Page, Slice};
use crate::publishing::types::{VisitPreview, WaveChecklist, WavePublication, WavePublishing};
use crate::publishing::{checklist, preview, service};

/// Publishing.
pub struct PublishingApi;

#[OpenApi(tag = "Area::Review")]
impl PublishingApi {
    /// Preview a visit
    ///
    /// What the chain will see of it once it is published, made in the very way results are. A draft is 409 `not_filed`.
    #[oai(path = "/v1/visits/:id/preview", method = "get", operation_id = "get_visit_preview")]
    async fn get_visit_preview(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        id: Path<Uuid>,
    ) -> Result<Json<VisitPreview>, Failure> {
        let caller = auth.caller(Operation::GetVisitPreview)?;
        Ok(Json(preview::visit_preview(&app, &caller, id.0).await?))
    }

    /// Preview a wave
    ///
    /// What the chain will see of the visits that `publish_wave` would publish now: those that are approved and counted in
    /// reports, in the order of their ids.
    #[oai(path = "/v1/waves/:id/preview", method = "get", operation_id = "list_wave_preview")]
    async fn list_wave_preview(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The wave.
        id: Path<Uuid>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<VisitPreview>>, Failure> {
        let caller = auth.caller(Operation::ListWavePreview)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        Ok(Json(preview::wave_preview(&app, &caller, id.0, &slice).await?))
    }

    /// Publish a wave
    ///
    /// Publishes the approved visits of a wave, or those that are named, at most 200 a call. Each is published as by
    /// `publish_visit`; those that cannot be are named with the reason and hold up no other. Doing it again is harmless.
    #[oai(path = "/v1/waves/:id/publish", method = "post", operation_id = "publish_wave")]
    async fn publish_wave(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The wave.
        id: Path<Uuid>,
        body: OptionalJson<WavePublishing>,
    ) -> Result<Json<WavePublication>, Failure> {
        let caller = auth.caller(Operation::PublishWave)?;
        Ok(Json(service::publish_wave(&app, &caller, id.0, body.0.unwrap_or_default()).await?))
    }

    /// Get the checklist of a wave
    ///
    /// What is still open in it, by kind, with counts and the first of them. `close_wave` refuses to close over it unless it
    /// is told why.
    #[oai(path = "/v1/waves/:id/checklist", method = "get", operation_id = "get_wave_checklist")]
    async fn get_wave_checklist(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The wave.
        id: Path<Uuid>,
    ) -> Result<Json<WaveChecklist>, Failure> {
        let caller = auth.caller(Operation::GetWaveChecklist)?;
        Ok(Json(checklist::checklist(&app, &caller, id.0).await?))
    }
}
