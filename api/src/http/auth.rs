//! Who is asking: a bearer token becomes a signed-in person, a membership and a right.

use std::sync::Arc;

use poem::Request;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;

use crate::access::{Operation, reach};
use crate::app::App;
use crate::failure::{Failure, Kind};
use crate::http::problem;
use crate::people::types::{Caller, SignedIn};
use crate::secrets::TokenKind;

/// The access token of `POST /v1/sessions`, or an API key, sent as `Authorization: Bearer`.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "access_token", checker = "check")]
pub struct Auth(SignedIn);

async fn check(request: &Request, bearer: Bearer) -> poem::Result<SignedIn> {
    let app = request.data::<Arc<App>>().ok_or_else(|| problem::error(Failure::internal("no app in the request")))?;
    let chosen = request.header("peegel-membership").map(|text| {
        let bad = || Failure::malformed("bad_membership", "`Peegel-Membership` is the id of one of your memberships.");
        text.parse().map_err(|_| bad())
    });
    let chosen = chosen.transpose()?;
    if bearer.token.starts_with(TokenKind::ApiKey.prefix()) {
        return Ok(crate::apikeys::service::signed_in(app, &bearer.token).await?);
    }
    Ok(crate::sessions::service::signed_in(app, &bearer.token, chosen).await?)
}

impl Auth {
    /// The person, whatever their memberships. Programs are no person.
    ///
    /// # Errors
    ///
    /// 403 `not_for_keys` when an API key asks.
    pub fn person(self) -> Result<SignedIn, Failure> {
        if self.0.granted.is_some() {
            let detail = "An API key may not do this. Sign in with POST /v1/sessions.";
            return Err(Failure::new(Kind::Forbidden, "not_for_keys", detail));
        }
        Ok(self.0)
    }

    /// The person, and the caller that [`Self::caller`] gives.
    ///
    /// # Errors
    ///
    /// As [`Self::caller`], and 403 `not_for_keys` when an API key asks.
    pub fn person_and_caller(self, operation: Operation) -> Result<(SignedIn, Caller), Failure> {
        let person = self.0.clone();
        let caller = self.caller(operation)?;
        Ok((Self(person).person()?, caller))
    }

    /// The caller, if the membership meant may do `operation`.
    ///
    /// # Errors
    ///
    /// * 403 `no_membership` when the person has none, or several and named none.
    /// * 401 `unauthenticated` when the firm has ended the person's sessions.
    /// * 403 `totp_required` when the firm demands a second factor that is not set up.
    /// * 403 `not_granted` when an API key was not given the right.
    /// * 403 `not_allowed` when the role does not have the right.
    pub fn caller(self, operation: Operation) -> Result<Caller, Failure> {
        let membership = self.0.membership()?;
        let right = operation.right();
        let Some(reach) = right.and_then(|right| reach(membership.role, right)) else {
            let detail = format!("The role {} may not do this.", membership.role);
            return Err(Failure::new(Kind::Forbidden, "not_allowed", detail));
        };
        if self.0.granted.as_ref().is_some_and(|granted| !right.is_some_and(|right| granted.contains(&right))) {
            let detail = "This API key was not given the right to do this; make one that is.";
            return Err(Failure::new(Kind::Forbidden, "not_granted", detail));
        }
        Ok(membership.caller(reach, self.0.by(), self.0.began))
    }
}
