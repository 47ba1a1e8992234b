//! The endpoint of suggestions.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::suggestions::service;
use crate::suggestions::types::SuggestionsView;

/// Suggestions.
pub struct SuggestionsApi;

#[OpenApi(tag = "Area::Visits")]
impl SuggestionsApi {
    /// List suggestions
    ///
    /// What the server would answer to items of this visit by what it found in its recordings, each with the moment to
    /// listen to and how it was found. Nothing is entered by itself. Recordings that may not be heard give none.
    #[oai(path = "/v1/visits/:visit_id/suggestions", method = "get", operation_id = "list_suggestions")]
    async fn list_suggestions(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The visit.
        visit_id: Path<Uuid>,
    ) -> Result<Json<SuggestionsView>, Failure> {
        let caller = auth.caller(Operation::ListSuggestions)?;
        Ok(Json(service::suggestions(&app, &caller, visit_id.0).await?))
    }
}
