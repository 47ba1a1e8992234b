//! Endpoints of rehearsals.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::json::{Created, RawJson, StoredJson};
use crate::http::paging::{Page, Slice};
use crate::rehearsals::types::{RehearsalIn, RehearsalReport, RehearsalView};
use crate::rehearsals::{service, store};

/// Rehearsals.
pub struct RehearsalsApi;

#[OpenApi(tag = "Area::Standards")]
impl RehearsalsApi {
    /// Rehearse a standard
    ///
    /// Scores all published history again under a candidate version, in the background, and changes nothing: no visit,
    /// no score, no total. All problems of the candidate are named at once. A firm may have four rehearsals waiting or
    /// running.
    #[oai(path = "/v1/rehearsals", method = "post", operation_id = "create_rehearsal")]
    async fn create_rehearsal(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: RawJson<RehearsalIn>,
    ) -> Result<Created<RehearsalView>, Failure> {
        let caller = auth.caller(Operation::CreateRehearsal)?;
        Ok(Created::new(service::create(&app, &caller, idempotency_key.0, &body.value()?).await?))
    }

    /// List rehearsals
    ///
    /// The rehearsals of the firm without their reports, in the order they were asked for.
    #[oai(path = "/v1/rehearsals", method = "get", operation_id = "list_rehearsals")]
    async fn list_rehearsals(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<RehearsalView>>, Failure> {
        let caller = auth.caller(Operation::ListRehearsals)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let rows = store::list(app.db.reader(), caller.firm_id, slice.after()?, slice.limit + 1).await?;
        Ok(Json(slice.page(rows, |row| row.id.to_string(), RehearsalView::from)))
    }

    /// Get a rehearsal
    ///
    /// How far it has come.
    #[oai(path = "/v1/rehearsals/:id", method = "get", operation_id = "get_rehearsal")]
    async fn get_rehearsal(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The rehearsal.
        id: Path<Uuid>,
    ) -> Result<Json<RehearsalView>, Failure> {
        let caller = auth.caller(Operation::GetRehearsal)?;
        Ok(Json(service::rehearsal(&app, &caller, id.0).await?.into()))
    }

    /// Get the report of a rehearsal
    ///
    /// What the candidate would have made of each chain and branch: scores, bands, ranks where chance does not explain
    /// the move, what the history does not answer, and how much hangs on the weights. The same history, candidate and
    /// seed give the same report.
    #[oai(path = "/v1/rehearsals/:id/report", method = "get", operation_id = "get_rehearsal_report")]
    async fn get_rehearsal_report(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The rehearsal.
        id: Path<Uuid>,
    ) -> Result<StoredJson<RehearsalReport>, Failure> {
        let caller = auth.caller(Operation::GetRehearsalReport)?;
        Ok(StoredJson::new(service::report(&app, &caller, id.0).await?))
    }
}
