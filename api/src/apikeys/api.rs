//! Endpoints of API keys.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use crate::access::Operation;
use crate::apikeys::types::{ApiKeyView, MadeApiKey, NewApiKey};
use crate::apikeys::{service, store};
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::content::NoContent;
use crate::http::paging::{Page, Slice};
use crate::sessions::types::Origin;

/// API keys.
pub struct ApiKeysApi;

#[derive(ApiResponse)]
enum KeyAnswer {
    /// Made. The key is shown this once.
    #[oai(status = 201)]
    Created(Json<MadeApiKey>),
}

#[OpenApi(tag = "Area::Account")]
impl ApiKeysApi {
    /// Create an API key
    ///
    /// Makes a key that acts under one's own membership, with the rights named and never more than the role has, and takes
    /// the password and the second factor again. No key manages keys, people or passwords. It is shown this once; sending
    /// the request again makes another key. Signing out everywhere and a password reset revoke it; a changed password
    /// does not.
    #[oai(path = "/v1/api-keys", method = "post", operation_id = "create_api_key")]
    async fn create_api_key(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        auth: Auth,
        body: Checked<NewApiKey>,
    ) -> Result<KeyAnswer, Failure> {
        let (person, caller) = auth.person_and_caller(Operation::CreateApiKey)?;
        let made = service::create(&app, &person, &caller, body.0, &Origin::of(request)).await?;
        Ok(KeyAnswer::Created(Json(made)))
    }

    /// List API keys
    ///
    /// One's own keys; firm admins see those of the whole firm. Keys that have ended stay in the list.
    #[oai(path = "/v1/api-keys", method = "get", operation_id = "list_api_keys")]
    async fn list_api_keys(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<ApiKeyView>>, Failure> {
        let caller = auth.caller(Operation::ListApiKeys)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let (whose, after) = (service::own_unless_admin(&caller), slice.after()?);
        let rows = store::list(app.db.reader(), caller.firm_id, whose, after, slice.limit + 1).await?;
        Ok(Json(slice.page(rows, |row| row.id.to_string(), service::view)))
    }

    /// Revoke an API key
    ///
    /// It stops working at once. Firm admins may revoke every key of the firm.
    #[oai(path = "/v1/api-keys/:id", method = "delete", operation_id = "revoke_api_key")]
    async fn revoke_api_key(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The key's id, from `GET /v1/api-keys`.
        id: Path<Uuid>,
    ) -> Result<NoContent, Failure> {
        service::revoke(&app, &auth.caller(Operation::RevokeApiKey)?, id.0).await?;
        Ok(NoContent)
    }
}
