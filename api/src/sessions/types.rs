//! What signing in takes and gives.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use poem::Request;
use poem::http::header;
use poem_openapi::Object;
use poem_openapi::types::Password;
use uuid::Uuid;

use crate::http::address::client_address;
use crate::people::types::MembershipView;

/// Longest name of a client that is kept, in characters.
const CLIENT_CHARS: usize = 200;

/// Who is at the other end, as far as it can be told.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The address.
    pub address: IpAddr,
    /// What the client calls itself: `User-Agent`, cut and without control characters.
    pub client: String,
}

impl Origin {
    /// The origin of a request.
    pub fn of(request: &Request) -> Self {
        let client = request.header(header::USER_AGENT).unwrap_or_default();
        let client = client.chars().filter(|c| !c.is_control()).take(CLIENT_CHARS).collect::<String>();
        Self { address: client_address(request), client: client.trim().to_owned() }
    }
}

/// Signing in.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct SignIn {
    /// The e-mail address.
    #[oai(validator(max_length = 254))]
    pub email: String,
    /// The password.
    #[oai(validator(max_length = 512))]
    pub password: Password,
    /// The six digits of the authenticator app, or a recovery code; needed by people who have set one up.
    #[oai(validator(max_length = 64))]
    pub code: Option<Password>,
    /// The membership to act under, for people with several.
    pub membership_id: Option<Uuid>,
    /// The last refresh token of this device, ended or not. It shows that the device is known, so that somebody else's
    /// attempts to guess the password do not make it wait; signing in ends what is left of that session.
    #[oai(validator(max_length = 128))]
    pub device_token: Option<Password>,
}

/// Refreshing.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token of the last answer.
    #[oai(validator(max_length = 128))]
    pub refresh_token: Password,
}

/// A signed-in device with its tokens, which are shown this once.
#[derive(Object)]
pub struct SessionView {
    /// Send it as `Authorization: Bearer`.
    pub access_token: String,
    /// Seconds until the access token ends.
    pub expires_in: i64,
    /// Exchange it for new tokens with `POST /v1/sessions/refresh`; it works once.
    pub refresh_token: String,
    /// Seconds until the refresh token ends, if it is not used.
    pub refresh_expires_in: i64,
    /// The session; it stays the same when tokens are refreshed.
    pub session_id: Uuid,
    /// The memberships to choose from.
    pub memberships: Vec<MembershipView>,
    /// True while a firm of the person demands a second factor that is not set up: there, the session can do nothing
    /// else.
    pub totp_enrolment_required: bool,
}

/// A signed-in device.
#[derive(Debug, Object)]
pub struct DeviceView {
    /// The session.
    pub session_id: Uuid,
    /// What the client calls itself; a hint, not a proof.
    pub client: String,
    /// When somebody signed in there.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: DateTime<Utc>,
    /// When it ends, if it is not used until then.
    pub expires_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// The signed-in devices of a person.
#[derive(Debug, Object)]
pub struct Devices {
    /// The devices, in the order they signed in.
    pub data: Vec<DeviceView>,
}
