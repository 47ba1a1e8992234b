//! Endpoints for phones that come back to a network.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::json::RawJson;
use crate::http::paging::Slice;
use crate::sync::types::{Changes, PushIn, PushOut};
use crate::sync::{changes, push};

/// Working without a network.
pub struct SyncApi;

#[OpenApi(tag = "Area::Sync")]
impl SyncApi {
    /// List changes
    ///
    /// What a phone needs to work without a network. Without `cursor` everything, page by page: assignments in the
    /// caller's hands and on the job board, the standards they name, and the caller's visits that are not decided yet.
    /// Then, with the cursor of the last page, what has changed since, in the order of the firm's history; what is not
    /// the caller's any more comes once with `deleted: true`.
    ///
    /// A cursor is good for the membership that got it, for 90 days. After that, or when the history is another one
    /// (a backup was restored), it is 410 `cursor_expired`: begin without one.
    #[oai(path = "/v1/sync/changes", method = "get", operation_id = "list_changes")]
    async fn list_changes(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Most facts of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Changes>, Failure> {
        let caller = auth.caller(Operation::ListChanges)?;
        let limit = Slice::of(limit.0, None)?.limit;
        Ok(Json(changes::changes(&app, &caller, cursor.0.as_deref(), limit).await?))
    }

    /// Push visits
    ///
    /// Saves and files up to 100 visits that waited for a network, in at most 1 MiB. Each is taken by itself, as
    /// `put_visit` takes it, and has a result of its own: one that cannot be taken stops no other. The same request sent
    /// again changes nothing: what was taken before is `unchanged`. Keep what is `retryable` and send it later; show what is in conflict or invalid.
    #[oai(path = "/v1/sync/push", method = "post", operation_id = "push_visits")]
    async fn push_visits(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        body: RawJson<PushIn>,
    ) -> Result<Json<PushOut>, Failure> {
        let caller = auth.caller(Operation::PushVisits)?;
        Ok(Json(push::push(&app, &caller, body.bytes(), &body.value()?).await?))
    }
}
