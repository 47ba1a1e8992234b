//! Endpoints of people and sessions.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use crate::access::Operation;
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::content::NoContent;
use crate::http::json::Created;
use crate::http::paging::{Page, Slice};
use crate::people::types::{AddedUser, MeView, MembershipView, NewUser, SessionView, SignIn, UserView};
use crate::people::{service, store};
use crate::words::Role;

/// People.
pub struct PeopleApi;

#[derive(ApiResponse)]
enum SessionAnswer {
    /// Signed in.
    #[oai(status = 201)]
    Created(Json<SessionView>),
}

#[OpenApi(tag = "Area::People")]
impl PeopleApi {
    /// Sign in
    ///
    /// Answers with an opaque access token. Wrong addresses and wrong passwords get the same answer.
    #[oai(path = "/v1/sessions", method = "post", operation_id = "create_session")]
    async fn create_session(&self, app: Data<&Arc<App>>, body: Json<SignIn>) -> Result<SessionAnswer, Failure> {
        Ok(SessionAnswer::Created(Json(service::sign_in(&app, body.0).await?)))
    }

    /// Sign out
    ///
    /// Ends the session of the token at once.
    #[oai(path = "/v1/sessions", method = "delete", operation_id = "delete_session")]
    async fn delete_session(&self, app: Data<&Arc<App>>, auth: Auth) -> Result<NoContent, Failure> {
        service::sign_out(&app, &auth.person()).await?;
        Ok(NoContent)
    }

    /// Get me
    ///
    /// Who is signed in and with which memberships. Somebody with several names one in `Peegel-Membership`.
    /// `invitations` are memberships that wait to be accepted.
    #[oai(path = "/v1/me", method = "get", operation_id = "get_me")]
    async fn get_me(&self, app: Data<&Arc<App>>, auth: Auth) -> Result<Json<MeView>, Failure> {
        Ok(Json(service::me(&app, &auth.person()).await?))
    }

    /// Accept a membership
    ///
    /// Makes one's own pending membership active. Nobody can accept it for somebody else, and no membership has to be
    /// named in `Peegel-Membership`.
    #[oai(path = "/v1/memberships/:id/accept", method = "post", operation_id = "accept_membership")]
    async fn accept_membership(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The membership, from `invitations` of `GET /v1/me`.
        id: Path<Uuid>,
    ) -> Result<Json<MembershipView>, Failure> {
        Ok(Json(service::accept_membership(&app, &auth.person(), id.0).await?))
    }

    /// Create a user
    ///
    /// Adds somebody to the firm. A new address gets the first password given here. A person known to the
    /// installation keeps their own, and the membership waits until they accept it. The answer is the same.
    #[oai(path = "/v1/users", method = "post", operation_id = "create_user")]
    async fn create_user(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Json<NewUser>,
    ) -> Result<Created<AddedUser>, Failure> {
        let caller = auth.caller(Operation::ManageUsers)?;
        Ok(Created::new(service::create_user(&app, &caller, idempotency_key.0, body.0).await?))
    }

    /// List users
    ///
    /// The people of the firm, in the order they were added. Who is `pending` has not accepted the membership yet.
    #[oai(path = "/v1/users", method = "get", operation_id = "list_users")]
    async fn list_users(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Only people of this role.
        role: Query<Option<Role>>,
        /// Entries of a page, 1 to 200; 50 if absent.
        limit: Query<Option<u64>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<UserView>>, Failure> {
        let caller = auth.caller(Operation::ManageUsers)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let rows = store::list_users(app.db.reader(), caller.firm_id, role.0, slice.after()?, slice.limit + 1).await?;
        Ok(Json(slice.page(rows, |(row, _)| row.id.to_string(), |(row, email)| service::user_view(row, email))))
    }
}
