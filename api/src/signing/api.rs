//! The endpoint of the public keys.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use crate::app::{App, Area};
use crate::failure::Failure;
use crate::signing::types::KeySet;

/// Public keys.
pub struct KeysApi;

#[OpenApi(tag = "Area::Receipts")]
impl KeysApi {
    /// Get the public keys
    ///
    /// The keys that this installation signs with and signed with before, as a JWK set. Anybody may read them. Keep
    /// the answer: `peegel receipt verify --key` takes it as it is.
    #[oai(path = "/v1/keys", method = "get", operation_id = "get_keys")]
    async fn get_keys(&self, app: Data<&Arc<App>>) -> Result<Json<KeySet>, Failure> {
        let keys = app.signing.keys().await?;
        Ok(Json(KeySet { keys: keys.public().map(Into::into).collect() }))
    }
}
