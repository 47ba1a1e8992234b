//! Endpoints for whoever runs the server.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::app::{App, Area};
use crate::failure::{Failure, Kind};

/// Operations.
pub struct OpsApi;

/// The server answers.
#[derive(Debug, Object)]
struct Live {
    /// Always `ok`.
    status: String,
}

/// The server can do its work.
#[derive(Debug, Object)]
struct Ready {
    /// Always `ok`; otherwise the answer is 503 and says what is missing.
    status: String,
    /// The version of the program.
    version: String,
}

#[OpenApi(tag = "Area::Operations")]
impl OpsApi {
    /// Check that the server is alive
    ///
    /// Answers as long as the process runs. Restart it when this fails.
    #[oai(path = "/livez", method = "get", operation_id = "get_livez")]
    async fn get_livez(&self) -> Json<Live> {
        Json(Live { status: "ok".to_owned() })
    }

    /// Check that the server is ready
    ///
    /// The database answers and has all its tables, and files can be stored. Send no requests while this is 503.
    #[oai(path = "/readyz", method = "get", operation_id = "get_readyz")]
    async fn get_readyz(&self, app: Data<&Arc<App>>) -> Result<Json<Ready>, Failure> {
        let not_ready = |what: &str| Failure::new(Kind::Unavailable, "not_ready", what.to_owned());
        match app.db.is_migrated().await {
            Ok(true) => {}
            Ok(false) => return Err(not_ready("The database lacks tables of this version. Run `peegel migrate`.")),
            Err(error) => {
                tracing::warn!(%error, "not ready");
                return Err(not_ready("The database does not answer."));
            }
        }
        if let Err(error) = app.blobs.check(app.ids.next()).await {
            tracing::warn!(%error, "not ready");
            return Err(not_ready("Files cannot be stored: their folder or bucket cannot be written to."));
        }
        Ok(Json(Ready { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }))
    }
}
