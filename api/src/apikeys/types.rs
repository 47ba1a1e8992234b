//! What an API key is, in requests and in answers.

use chrono::{DateTime, NaiveDate, Utc};
use poem_openapi::Object;
use poem_openapi::types::Password;
use uuid::Uuid;

use crate::access::Right;

/// A key to be made.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewApiKey {
    /// What the key is for, such as `dashboard of the head office`.
    #[oai(validator(max_length = 200))]
    pub name: String,
    /// What it may do; each must be something that the role may do.
    #[oai(validator(min_items = 1, max_items = 50))]
    pub rights: Vec<Right>,
    /// The last day on which it works, in UTC: at most a year from now.
    pub expires_on: NaiveDate,
    /// The password of now.
    #[oai(validator(max_length = 512))]
    pub password: Password,
    /// The six digits of the authenticator app, or a recovery code; needed by people who have set one up.
    #[oai(validator(max_length = 64))]
    pub code: Option<Password>,
}

/// A key.
#[derive(Debug, Object)]
pub struct ApiKeyView {
    /// The key's id; it does not open anything.
    pub id: Uuid,
    /// What the key is for.
    pub name: String,
    /// The membership that it acts under.
    pub membership_id: Uuid,
    /// What it may do, as far as the role still may.
    pub rights: Vec<Right>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A new key, which is shown this once.
#[derive(Object)]
pub struct MadeApiKey {
    /// Send it as `Authorization: Bearer`. Only its hash is kept.
    pub key: String,
    /// What it is.
    #[oai(flatten)]
    pub view: ApiKeyView,
}
