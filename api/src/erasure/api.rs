//! Endpoints of erasures and of what is held on somebody.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::erasure::types::{EraseUser, ErasureView, PersonData};
use crate::erasure::{export, service, store};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::json::{Created, StreamedJson};
use crate::http::paging::{Page, Slice};
use poem_openapi::types::ToJSON;

/// Erasures.
pub struct ErasureApi;

#[OpenApi(tag = "Area::Privacy")]
impl ErasureApi {
    /// Erase a user
    ///
    /// Erases a person from the firm for good, in every role that they have here. Name, address, sessions, API keys and links
    /// end at once; photos, recordings, documents, positions, devices and what they wrote follow within minutes
    /// (`GET /v1/erasures`). Scores and statistics stay, under a name that says nothing. Visits that wait for a decision
    /// have to be decided first; a hold keeps what it is on until it is released.
    #[oai(path = "/v1/users/:id/erase", method = "post", operation_id = "erase_user")]
    async fn erase_user(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// A membership of the person.
        id: Path<Uuid>,
        body: Checked<EraseUser>,
    ) -> Result<Created<ErasureView>, Failure> {
        let caller = auth.caller(Operation::EraseUser)?;
        Ok(Created::new(service::erase(&app, &caller, id.0, body.0).await?.to_json_string()))
    }

    /// List erasures
    ///
    /// Who was erased, newest first, and how far it has come.
    #[oai(path = "/v1/erasures", method = "get", operation_id = "list_erasures")]
    async fn list_erasures(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<ErasureView>>, Failure> {
        let caller = auth.caller(Operation::ListErasures)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let rows = store::list(app.db.reader(), caller.firm_id, slice.after()?, slice.limit + 1).await?;
        Ok(Json(slice.page(rows, |row| row.id.to_string(), Into::into)))
    }

    /// Export what is held on a user
    ///
    /// Everything that the firm holds on a person, to be given to them. It comes as it is read and may be long.
    #[oai(path = "/v1/users/:id/data", method = "get", operation_id = "export_user_data")]
    async fn export_user_data(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// A membership of the person.
        id: Path<Uuid>,
    ) -> Result<StreamedJson<PersonData>, Failure> {
        let caller = auth.caller(Operation::ExportUserData)?;
        let person = service::person_of(&app, &caller, id.0).await?;
        Ok(StreamedJson::new(export::stream(app.0.clone(), person, Some(caller.firm_id))))
    }

    /// Export what is held on me
    ///
    /// Everything that is held on the person who is signed in, in all firms. It comes as it is read and may be long.
    #[oai(path = "/v1/me/data", method = "get", operation_id = "export_my_data")]
    async fn export_my_data(&self, app: Data<&Arc<App>>, auth: Auth) -> Result<StreamedJson<PersonData>, Failure> {
        let person = service::me(&app, &auth.person()?).await?;
        Ok(StreamedJson::new(export::stream(app.0.clone(), person, None)))
    }
}
