//! Endpoints of the library.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use crate::access::Operation;
use crate::app::Area;
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::paging::{Page, Slice};
use crate::library::service::{self, LibraryFilter};
use crate::library::types::{LibraryItem, LibraryScenario};
use crate::words::ScenarioChannel;

/// The library.
pub struct LibraryApi;

#[OpenApi(tag = "Area::Standards")]
impl LibraryApi {
    /// List the items of the library
    ///
    /// Items to build standards from, in the order of the library. Put one into a draft by `from_bank`.
    #[oai(path = "/v1/library/items", method = "get", operation_id = "list_library_items")]
    async fn list_library_items(
        &self,
        auth: Auth,
        /// Only those that measure this dimension.
        dimension: Query<Option<String>>,
        /// Only those that are written in this language.
        language: Query<Option<String>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<LibraryItem>>, Failure> {
        auth.caller(Operation::ListLibraryItems)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let filter = LibraryFilter { dimension: dimension.0, language: language.0, channel: None };
        Ok(Json(service::items(&filter, &slice)?))
    }

    /// Get an item of the library
    ///
    /// One item with its texts and advice.
    #[oai(path = "/v1/library/items/:key", method = "get", operation_id = "get_library_item")]
    async fn get_library_item(
        &self,
        auth: Auth,
        /// Its id, such as `BNK-01`.
        key: Path<String>,
    ) -> Result<Json<LibraryItem>, Failure> {
        auth.caller(Operation::GetLibraryItem)?;
        Ok(Json(service::item(&key)?))
    }

    /// List the scenarios of the library
    ///
    /// Scenarios to play, in the order of the library. Make one the firm's own by `from_library`.
    #[oai(path = "/v1/library/scenarios", method = "get", operation_id = "list_library_scenarios")]
    async fn list_library_scenarios(
        &self,
        auth: Auth,
        /// Only those whose items measure this dimension.
        dimension: Query<Option<String>>,
        /// Only those that are written in this language.
        language: Query<Option<String>>,
        /// Only those that can be played here.
        channel: Query<Option<ScenarioChannel>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<LibraryScenario>>, Failure> {
        auth.caller(Operation::ListLibraryScenarios)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let filter = LibraryFilter { dimension: dimension.0, language: language.0, channel: channel.0 };
        Ok(Json(service::scenarios(&filter, &slice)?))
    }

    /// Get a scenario of the library
    ///
    /// One scenario with its script and what is looked for.
    #[oai(path = "/v1/library/scenarios/:key", method = "get", operation_id = "get_library_scenario")]
    async fn get_library_scenario(
        &self,
        auth: Auth,
        /// Its id, such as `C1`.
        key: Path<String>,
    ) -> Result<Json<LibraryScenario>, Failure> {
        auth.caller(Operation::GetLibraryScenario)?;
        Ok(Json(service::scenario_by_id(&key)?))
    }
}
