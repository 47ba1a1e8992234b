//! Endpoints of one's own account.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::account::types::{
    Accepted, AcceptedInvitation, BothFactors, InvitationAccept, PasswordChange, RecoveryCodes, ResetFinish,
    ResetRequest, TotpBegin, TotpConfirm, TotpSecret,
};
use crate::account::{links, service};
use crate::app::{App, Area};
use crate::failure::Failure;
use crate::http::auth::Auth;
use crate::http::body::Checked;
use crate::http::content::NoContent;
use crate::sessions::types::Origin;

/// One's own account.
pub struct AccountApi;

#[derive(ApiResponse)]
enum AcceptedAnswer {
    /// It will be done if it can be.
    #[oai(status = 202)]
    Accepted(Json<Accepted>),
}

#[derive(ApiResponse)]
enum SecretAnswer {
    /// Begun; it counts once it is confirmed.
    #[oai(status = 201)]
    Created(Json<TotpSecret>),
}

#[OpenApi(tag = "Area::Account")]
impl AccountApi {
    /// Change my password
    ///
    /// Takes the password of now, and signs out all other devices. API keys stay; revoke them if they should not.
    #[oai(path = "/v1/me/password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        auth: Auth,
        body: Checked<PasswordChange>,
    ) -> Result<NoContent, Failure> {
        service::change_password(&app, &auth.person()?, body.0, &Origin::of(request)).await?;
        Ok(NoContent)
    }

    /// Ask for a password reset
    ///
    /// Sends a mail with a link that works once and for an hour, if somebody has this address. The answer is the same
    /// whoever it is.
    #[oai(path = "/v1/password-resets", method = "post", operation_id = "request_password_reset")]
    async fn request_password_reset(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        body: Checked<ResetRequest>,
    ) -> Result<AcceptedAnswer, Failure> {
        links::request_reset(&app, &body.0.email, &Origin::of(request)).await?;
        let detail = "If somebody signs in with this address, a mail with a link is on its way. It works for an hour.";
        Ok(AcceptedAnswer::Accepted(Json(Accepted { detail: detail.to_owned() })))
    }

    /// Finish a password reset
    ///
    /// Takes the code of the mail and a new password, signs out all devices and revokes all API keys. A second factor
    /// stays, unless no mailed code was ever used before.
    #[oai(path = "/v1/password-resets/finish", method = "post", operation_id = "finish_password_reset")]
    async fn finish_password_reset(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        body: Checked<ResetFinish>,
    ) -> Result<NoContent, Failure> {
        links::finish_reset(&app, body.0, &Origin::of(request)).await?;
        Ok(NoContent)
    }

    /// Accept an invitation
    ///
    /// Takes the code of the mail. Who uses such a code for the first time chooses a password, which ends all that was
    /// before: sessions, API keys, second factors. Everybody else keeps theirs and sends none. Then sign in.
    #[oai(path = "/v1/invitations/accept", method = "post", operation_id = "accept_invitation")]
    async fn accept_invitation(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        body: Checked<InvitationAccept>,
    ) -> Result<Json<AcceptedInvitation>, Failure> {
        Ok(Json(links::accept_invitation(&app, body.0, &Origin::of(request)).await?))
    }

    /// Begin a second factor
    ///
    /// Gives a secret for an authenticator app (TOTP: SHA-1, six digits, 30 seconds). It counts once its first code is
    /// sent to `POST /v1/me/totp/confirm`; beginning again replaces one that was not confirmed.
    #[oai(path = "/v1/me/totp", method = "post", operation_id = "begin_totp")]
    async fn begin_totp(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        auth: Auth,
        body: Checked<TotpBegin>,
    ) -> Result<SecretAnswer, Failure> {
        let person = auth.person()?;
        let secret = service::begin_totp(&app, &person, &body.0.password, &Origin::of(request)).await?;
        Ok(SecretAnswer::Created(Json(secret)))
    }

    /// Confirm a second factor
    ///
    /// From now on signing in takes a code. Answers with ten recovery codes, which are shown this once.
    #[oai(path = "/v1/me/totp/confirm", method = "post", operation_id = "confirm_totp")]
    async fn confirm_totp(
        &self,
        app: Data<&Arc<App>>,
        auth: Auth,
        body: Checked<TotpConfirm>,
    ) -> Result<Json<RecoveryCodes>, Failure> {
        Ok(Json(service::confirm_totp(&app, &auth.person()?, &body.0.code).await?))
    }

    /// Remove the second factor
    ///
    /// Takes the password and a code. In firms that demand a second factor nothing can be done until there is a new one.
    #[oai(path = "/v1/me/totp/remove", method = "post", operation_id = "remove_totp")]
    async fn remove_totp(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        auth: Auth,
        body: Checked<BothFactors>,
    ) -> Result<NoContent, Failure> {
        service::remove_totp(&app, &auth.person()?, body.0, &Origin::of(request)).await?;
        Ok(NoContent)
    }

    /// Renew the recovery codes
    ///
    /// Takes the password and a code, and answers with ten new recovery codes; the old ones are void.
    #[oai(path = "/v1/me/recovery-codes", method = "post", operation_id = "renew_recovery_codes")]
    async fn renew_recovery_codes(
        &self,
        app: Data<&Arc<App>>,
        request: &Request,
        auth: Auth,
        body: Checked<BothFactors>,
    ) -> Result<Json<RecoveryCodes>, Failure> {
        let person = auth.person()?;
        Ok(Json(service::renew_recovery_codes(&app, &person, body.0, &Origin::of(request)).await?))
    }
}
