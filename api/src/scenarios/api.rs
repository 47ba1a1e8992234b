//! Endpoints of scenarios.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::conditions::{Condition, etag, not_modified};
use crate::http::json::{Created, RawJson};
use crate::http::paging::{Page, Slice};
use crate::scenarios::service;
use crate::scenarios::types::{NewScenario, ScenarioIn, ScenarioView};
use crate::words::ScenarioChannel;

/// Scenarios.
pub struct ScenariosApi;

#[derive(ApiResponse)]
enum ScenarioAnswer {
    /// The scenario.
    #[oai(status = 200)]
    Whole(
        Json<ScenarioView>,
        /// The sha256 of the version.
        #[oai(header = "ETag")]
        String,
    ),
    /// The copy named in `If-None-Match` is the current one.
    #[oai(status = 304)]
    Unchanged(
        /// The sha256 of the version.
        #[oai(header = "ETag")]
        String,
    ),
}

impl ScenarioAnswer {
    fn of(view: ScenarioView, if_none_match: Option<&str>) -> Self {
        let tag = etag(&view.sha256);
        if not_modified(if_none_match, &tag) { Self::Unchanged(tag) } else { Self::Whole(Json(view), tag) }
    }
}

#[derive(ApiResponse)]
enum SavedScenario {
    /// The scenario as it is now.
    #[oai(status = 200)]
    Saved(
        Json<ScenarioView>,
        /// The new entity tag.
        #[oai(header = "ETag")]
        String,
    ),
}

#[OpenApi(tag = "Area::Fieldwork")]
impl ScenariosApi {
    /// Create a scenario
    ///
    /// Adds a scenario of the firm, of its own making or from the library. All problems of the body are named at once.
    #[oai(path = "/v1/scenarios", method = "post", operation_id = "create_scenario")]
    async fn create_scenario(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: RawJson<NewScenario>,
    ) -> Result<Created<ScenarioView>, Failure> {
        let caller = auth.caller(Operation::CreateScenario)?;
        Ok(Created::new(service::create(&app, &caller, idempotency_key.0, &body.value()?).await?))
    }

    /// List scenarios
    ///
    /// The firm's scenarios in their newest versions, by id.
    #[oai(path = "/v1/scenarios", method = "get", operation_id = "list_scenarios")]
    async fn list_scenarios(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only those of this channel.
        channel: Query<Option<ScenarioChannel>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<ScenarioView>>, Failure> {
        let caller = auth.caller(Operation::ListScenarios)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        Ok(Json(service::list(&app, &caller, channel.0, &slice).await?))
    }

    /// Get a scenario
    ///
    /// One scenario in its newest version.
    #[oai(path = "/v1/scenarios/:id", method = "get", operation_id = "get_scenario")]
    async fn get_scenario(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The scenario.
        id: Path<String>,
        /// The ETag of the copy you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<ScenarioAnswer, Failure> {
        let caller = auth.caller(Operation::GetScenario)?;
        let view = service::get(&app, &caller, &id).await?;
        Ok(ScenarioAnswer::of(view, if_none_match.0.as_deref()))
    }

    /// Change a scenario
    ///
    /// Makes the next version of it. Assignments that are there keep the version they were made with; new ones get this
    /// one. The same again changes nothing.
    #[oai(path = "/v1/scenarios/:id", method = "put", operation_id = "put_scenario")]
    async fn put_scenario(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The scenario.
        id: Path<String>,
        /// The entity tag of the copy that the change was made from.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: RawJson<ScenarioIn>,
    ) -> Result<SavedScenario, Failure> {
        let caller = auth.caller(Operation::PutScenario)?;
        let condition = Condition::of_write(if_match.0.as_deref(), None)?;
        let view = service::put(&app, &caller, &id, &condition, &body.value()?).await?;
        let tag = etag(&view.sha256);
        Ok(SavedScenario::Saved(Json(view), tag))
    }

    /// Get a version of a scenario
    ///
    /// One version, which never changes.
    #[oai(path = "/v1/scenarios/:id/versions/:n", method = "get", operation_id = "get_scenario_version")]
    async fn get_scenario_version(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The scenario.
        id: Path<String>,
        /// The version.
        n: Path<i32>,
        /// The ETag of the copy you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<ScenarioAnswer, Failure> {
        let caller = auth.caller(Operation::GetScenarioVersion)?;
        let view = service::version(&app, &caller, &id, n.0).await?;
        Ok(ScenarioAnswer::of(view, if_none_match.0.as_deref()))
    }
}
