//! Endpoints of signed-in devices.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::content::NoContent;
use crate::sessions::service;
use crate::sessions::store::Which;
use crate::sessions::types::{Devices, Origin, Refresh, SessionView, SignIn};

/// Signed-in devices.
pub struct SessionsApi;

#[derive(ApiResponse)]
enum SessionAnswer {
    /// Signed in.
    #[oai(status = 201)]
    Created(Json<SessionView>),
}

#[OpenApi(tag = "Area::People")]
impl SessionsApi {
    /// Sign in
    ///
    /// Answers with opaque tokens. Wrong addresses and wrong passwords get the same answer after the same work. Who has
    /// set up a second factor is asked for its `code` by 401 `totp_required`, once the password is right.
    #[oai(path = "/v1/sessions", method = "post", operation_id = "create_session")]
    async fn create_session(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        body: Checked<SignIn>,
    ) -> Result<SessionAnswer, Failure> {
        let view = service::sign_in(&app, body.0, &Origin::of(request)).await?;
        Ok(SessionAnswer::Created(Json(view)))
    }

    /// Refresh a session
    ///
    /// Exchanges the refresh token for new tokens. A client whose answer was lost may send the same token once more, as
    /// long as nobody has used the new ones. Any other second use signs the device out: somebody else has the token.
    /// Refresh once at a time.
    #[oai(path = "/v1/sessions/refresh", method = "post", operation_id = "refresh_session")]
    async fn refresh_session(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        body: Checked<Refresh>,
    ) -> Result<SessionAnswer, Failure> {
        let view = service::refresh(&app, &body.0.refresh_token, &Origin::of(request)).await?;
        Ok(SessionAnswer::Created(Json(view)))
    }

    /// List sessions
    ///
    /// The devices on which one is signed in, in the order one signed in there.
    #[oai(path = "/v1/sessions", method = "get", operation_id = "list_sessions")]
    async fn list_sessions(&self, app: Data<&Arc<App>>, auth: Auth) -> Result<Json<Devices>, Failure> {
        Ok(Json(service::devices(&app, &auth.person()?).await?))
    }

    /// Sign out
    ///
    /// Ends the session of the token at once, or with `all=true` those of all one's devices, and revokes one's API keys.
    #[oai(path = "/v1/sessions", method = "delete", operation_id = "delete_session")]
    async fn delete_session(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Sign out everywhere, programs with API keys included.
        #[oai(default)]
        all: Query<bool>,
    ) -> Result<NoContent, Failure> {
        let person = auth.person()?;
        let which = if all.0 { Which::All } else { Which::Family(person.session_id) };
        service::sign_out(&app, person.user_id, which).await?;
        Ok(NoContent)
    }

    /// End a session
    ///
    /// Signs out one of one's own devices, such as a lost phone, at once.
    #[oai(path = "/v1/sessions/:id", method = "delete", operation_id = "end_session")]
    async fn end_session(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The session, from `GET /v1/sessions`.
        id: Path<Uuid>,
    ) -> Result<NoContent, Failure> {
        service::end_device(&app, &auth.person()?, id.0).await?;
        Ok(NoContent)
    }
}
