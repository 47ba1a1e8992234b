//! Who is asking: a bearer token becomes a signed-in person, a membership and a right.

use std::sync::Arc;

use poem::Request;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;

use crate::access::{Operation, allows};
use crate::app::App;
use crate::failure::{Failure, Kind};
use crate::http::problem;
use crate::people::types::{Caller, SignedIn};

/// The access token of `POST /v1/sessions`, sent as `Authorization: Bearer`.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "access_token", checker = "check")]
pub struct Auth(SignedIn);

async fn check(request: &Request, bearer: Bearer) -> poem::Result<SignedIn> {
    let app = request.data::<Arc<App>>().ok_or_else(|| problem::error(Failure::internal("no app in the request")))?;
    let chosen = request.header("peegel-membership").map(|text| {
        let bad = || Failure::malformed("bad_membership", "`Peegel-Membership` is the id of one of your memberships.");
        text.parse().map_err(|_| bad())
    });
    let signed_in = crate::people::service::signed_in(app, &bearer.token, chosen.transpose()?).await?;
    Ok(signed_in)
}

impl Auth {
    /// The person, whatever their memberships.
    pub fn person(self) -> SignedIn {
        self.0
    }

    /// The caller, if the membership meant may do `operation`.
    ///
    /// # Errors
    ///
    /// * 403 `no_membership` when the person has none, or several and named none.
    /// * 403 `not_allowed` when the role does not permit the operation.
    pub fn caller(self, operation: Operation) -> Result<Caller, Failure> {
        let caller = self.0.caller()?;
        if !allows(caller.role, operation) {
            let detail = format!("The role {} may not do this.", caller.role);
            return Err(Failure::new(Kind::Forbidden, "not_allowed", detail));
        }
        Ok(caller)
    }
}
