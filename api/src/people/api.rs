//! Endpoints of people and sessions.

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
use crate::http::body::Checked;
use crate::http::content::NoContent;
use crate::http::json::Created;
use crate::http::paging::{Page, Slice};
use crate::people::types::{AddedUser, FirmChange, FirmView, MeView, MembershipView, NewUser, UserChange, UserView};
use crate::people::{service, store};
use crate::words::Role;

/// People.
pub struct PeopleApi;

#[OpenApi(tag = "Area::People")]
impl PeopleApi {
    /// Get me
    ///
    /// Who is signed in and with which memberships. Somebody with several names one in `Peegel-Membership`.
    /// `invitations` are memberships that wait to be accepted.
    #[oai(path = "/v1/me", method = "get", operation_id = "get_me")]
    async fn get_me(&self, app: Data<&Arc<App>>, auth: Auth) -> Result<Json<MeView>, Failure> {
        Ok(Json(service::me(&app, &auth.person()?).await?))
    }

    /// Accept a membership
    ///
    /// Makes one's own pending membership active. Nobody can accept it for somebody else, and no membership has to be
    /// named in `Peegel-Membership`. Who got the first password from a firm and has never used a mailed code is refused
    /// (403 `address_not_proven`): accept by the link in the mail.
    #[oai(path = "/v1/memberships/:id/accept", method = "post", operation_id = "accept_membership")]
    async fn accept_membership(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The membership, from `invitations` of `GET /v1/me`.
        id: Path<Uuid>,
    ) -> Result<Json<MembershipView>, Failure> {
        Ok(Json(service::accept_membership(&app, &auth.person()?, id.0).await?))
    }

    /// Create a user
    ///
    /// Adds somebody to the firm. They get a mail and choose to accept; who is new chooses a password then. A new address
    /// may be given a first password here instead, and is active at once in this firm; it is replaced when the person
    /// first uses a mailed code. A person known to the installation keeps their own and is always asked. The answer is
    /// the same.
    #[oai(path = "/v1/users", method = "post", operation_id = "create_user")]
    async fn create_user(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// Makes a repeated request harmless.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Checked<NewUser>,
    ) -> Result<Created<AddedUser>, Failure> {
        let caller = auth.caller(Operation::CreateUser)?;
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
        let caller = auth.caller(Operation::ListUsers)?;
        let slice = Slice::of(limit.0, cursor.0.as_deref())?;
        let rows = store::list_users(app.db.reader(), caller.firm_id, role.0, slice.after()?, slice.limit + 1).await?;
        Ok(Json(slice.page(rows, |(row, _)| row.id.to_string(), |(row, email)| service::user_view(row, email))))
    }

    /// Update a user
    ///
    /// Changes the name, role or scope of somebody in the firm, or takes all rights and gives them back. It counts from
    /// their next request on. Another role or scope revokes the API keys made under it; who is disabled loses sessions and
    /// API keys of this firm for good. The last firm admin stays.
    #[oai(path = "/v1/users/:id", method = "patch", operation_id = "update_user")]
    async fn update_user(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The membership.
        id: Path<Uuid>,
        body: Checked<UserChange>,
    ) -> Result<Json<UserView>, Failure> {
        let caller = auth.caller(Operation::UpdateUser)?;
        Ok(Json(service::update_user(&app, &caller, id.0, body.0).await?))
    }

    /// Sign out a user
    ///
    /// Ends the sessions of somebody in the firm on all devices and in all roles, as far as this firm is concerned, and
    /// revokes the API keys they have here.
    #[oai(path = "/v1/users/:id/sign-out", method = "post", operation_id = "sign_out_user")]
    async fn sign_out_user(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The membership.
        id: Path<Uuid>,
    ) -> Result<NoContent, Failure> {
        service::sign_out_user(&app, &auth.caller(Operation::SignOutUser)?, id.0).await?;
        Ok(NoContent)
    }

    /// Invite a user again
    ///
    /// Sends the mail of a pending membership once more, with a new link.
    #[oai(path = "/v1/users/:id/invite", method = "post", operation_id = "invite_user")]
    async fn invite_user(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        /// The membership.
        id: Path<Uuid>,
    ) -> Result<NoContent, Failure> {
        service::invite_user(&app, &auth.caller(Operation::InviteUser)?, id.0).await?;
        Ok(NoContent)
    }

    /// Get the firm
    ///
    /// What the firm is called and what it demands of its people.
    #[oai(path = "/v1/firm", method = "get", operation_id = "get_firm")]
    async fn get_firm(&self, app: Data<&Arc<App>>, auth: Auth) -> Result<Json<FirmView>, Failure> {
        Ok(Json(service::firm(&app, &auth.caller(Operation::GetFirm)?).await?))
    }

    /// Update the firm
    ///
    /// Changes its name, or whether firm admins and reviewers must have a second factor. Those without one can do
    /// nothing in the firm until they have set it up.
    #[oai(path = "/v1/firm", method = "patch", operation_id = "update_firm")]
    async fn update_firm(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        body: Checked<FirmChange>,
    ) -> Result<Json<FirmView>, Failure> {
        Ok(Json(service::update_firm(&app, &auth.caller(Operation::UpdateFirm)?, body.0).await?))
    }
}
