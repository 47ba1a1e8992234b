//! What people say and see of their own account.

use poem_openapi::Object;
use poem_openapi::types::Password;

use crate::people::types::MembershipView;

/// Changing one's password.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password of now.
    #[oai(validator(max_length = 512))]
    pub current_password: Password,
    /// The new one, 12 to 128 characters.
    #[oai(validator(max_length = 512))]
    pub new_password: Password,
}

/// Asking for a password reset.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ResetRequest {
    /// The e-mail address to sign in with.
    #[oai(validator(max_length = 254))]
    pub email: String,
}

/// What was asked for will be done if it can be.
#[derive(Debug, Object)]
pub struct Accepted {
    /// What happens next; the same words whoever it is.
    pub detail: String,
}

/// Choosing a new password with a one-time link.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct ResetFinish {
    /// The code of the mail, `pgl_lnk_..`.
    #[oai(validator(max_length = 128))]
    pub token: Password,
    /// The new password, 12 to 128 characters.
    #[oai(validator(max_length = 512))]
    pub password: Password,
}

/// Accepting an invitation with a one-time link.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct InvitationAccept {
    /// The code of the mail, `pgl_lnk_..`.
    #[oai(validator(max_length = 128))]
    pub token: Password,
    /// A first password, 12 to 128 characters; only for people who have never chosen one by a mailed code.
    #[oai(validator(max_length = 512))]
    pub password: Option<Password>,
    /// How the person wants to be called; the firm's words for them stay as they are.
    #[oai(validator(max_length = 200))]
    pub name: Option<String>,
}

/// A membership that was accepted.
#[derive(Debug, Object)]
pub struct AcceptedInvitation {
    /// The address to sign in with.
    pub email: String,
    /// The membership.
    pub membership: MembershipView,
}

/// Beginning a second factor.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct TotpBegin {
    /// The password of now.
    #[oai(validator(max_length = 512))]
    pub password: Password,
}

/// What an authenticator app needs; shown this once.
#[derive(Object)]
pub struct TotpSecret {
    /// The secret in base32, for typing it in.
    pub secret: String,
    /// The same as a link, for a QR code.
    pub otpauth_uri: String,
}

/// Showing that the authenticator app works.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct TotpConfirm {
    /// The six digits it shows now.
    #[oai(validator(max_length = 64))]
    pub code: Password,
}

/// Codes for the day the phone is gone; shown this once. Each works once.
#[derive(Object)]
pub struct RecoveryCodes {
    /// The codes.
    pub recovery_codes: Vec<String>,
}

/// A change that takes both factors.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct BothFactors {
    /// The password of now.
    #[oai(validator(max_length = 512))]
    pub password: Password,
    /// The six digits of the authenticator app, or a recovery code.
    #[oai(validator(max_length = 64))]
    pub code: Password,
}
