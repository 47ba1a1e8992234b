//! Who somebody is, in requests and in answers.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use poem_openapi::types::Password;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::access::{Reach, Right};
use crate::clock::Stopwatch;
use crate::failure::{Failure, Kind};
use crate::http::problem::auth_failure;
use crate::words::{MembershipState, Role};

/// How much of a firm a limited role reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Object, Serialize, Deserialize)]
#[oai(deny_unknown_fields)]
pub struct Scope {
    /// The chain that a chain viewer or branch manager belongs to.
    #[oai(skip_serializing_if_is_none)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_id: Option<Uuid>,
    /// The region, when a chain viewer sees one region only.
    #[oai(skip_serializing_if_is_none)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_id: Option<Uuid>,
    /// The branches of a branch manager.
    #[oai(default)]
    #[serde(default)]
    pub branch_ids: Vec<Uuid>,
}

/// A membership of somebody who is signed in.
#[derive(Clone, Debug, Object)]
pub struct MembershipView {
    /// Send it as `Peegel-Membership` to act under this membership.
    pub membership_id: Uuid,
    /// The firm.
    pub firm_id: Uuid,
    /// The firm's name.
    pub firm_name: String,
    /// What the person is there.
    pub role: Role,
    /// How far a limited role reaches.
    pub scope: Scope,
}

/// A membership that waits for its person to accept it.
#[derive(Clone, Debug, Object)]
pub struct Invitation {
    /// Accept it with `POST /v1/memberships/{id}/accept`.
    pub membership_id: Uuid,
    /// The name of the firm that invites.
    pub firm_name: String,
    /// What the person would be there.
    pub role: Role,
}

/// A person with a live session, or a program with a key.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The person.
    pub user_id: Uuid,
    /// The session, which stays the same when its tokens are refreshed; of a program, its key.
    pub session_id: Uuid,
    /// The membership that the request or the session names.
    pub chosen: Option<Uuid>,
    /// All active memberships.
    pub memberships: Vec<Membership>,
    /// What an API key was given; none for people, who may do what their role may.
    pub granted: Option<Vec<Right>>,
    /// Since when this is known.
    pub began: Stopwatch,
}

/// An active membership.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Its id.
    pub id: Uuid,
    /// The firm.
    pub firm_id: Uuid,
    /// The role.
    pub role: Role,
    /// How far a limited role reaches.
    pub scope: Scope,
    /// Whether the firm has ended this session.
    pub is_signed_out: bool,
    /// Whether the firm demands a second factor that was not shown.
    pub lacks_second_factor: bool,
}

/// Somebody acting under one membership.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The firm.
    pub firm_id: Uuid,
    /// The membership.
    pub membership_id: Uuid,
    /// The role.
    pub role: Role,
    /// What a limited role is limited to.
    pub scope: Scope,
    /// How far the right reaches under which they act.
    pub reach: Reach,
    /// By what they act, which must still be good when something is written.
    pub by: By,
    /// Since when the request is known to be theirs; its body may have come slowly.
    pub began: Stopwatch,
}

/// By what somebody acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A signed-in device.
    Session(Uuid),
    /// An API key.
    Key(Uuid),
}

impl SignedIn {
    /// By what they act.
    pub fn by(&self) -> By {
        if self.granted.is_some() { By::Key(self.session_id) } else { By::Session(self.session_id) }
    }

    /// The membership meant: the one chosen, or the only one.
    ///
    /// # Errors
    ///
    /// * 401 `unauthenticated` when the firm has ended this session.
    /// * 403 `no_membership` when none is meant.
    /// * 403 `totp_required` when the firm demands a second factor that was not shown.
    pub fn membership(&self) -> Result<&Membership, Failure> {
        let membership = match self.chosen {
            Some(id) => self.memberships.iter().find(|m| m.id == id),
            None if self.memberships.len() == 1 => self.memberships.first(),
            None => None,
        };
        let membership = membership.ok_or_else(|| {
            Failure::new(
                Kind::Forbidden,
                "no_membership",
                "Name one of your memberships in `Peegel-Membership`; GET /v1/me lists them.",
            )
        })?;
        if membership.is_signed_out {
            return Err(auth_failure());
        }
        if membership.lacks_second_factor {
            let detail = "The firm demands a second factor. Set one up with POST /v1/me/totp.";
            return Err(Failure::new(Kind::Forbidden, "totp_required", detail));
        }
        Ok(membership)
    }
}

impl Membership {
    /// Somebody acting under this membership, as far as a right reaches.
    pub fn caller(&self, reach: Reach, by: By, began: Stopwatch) -> Caller {
        Caller {
            firm_id: self.firm_id,
            membership_id: self.id,
            role: self.role,
            scope: self.scope.clone(),
            reach,
            by,
            began,
        }
    }
}

impl Caller {
    /// Whether the caller sees a whole chain's results.
    pub fn sees_chain(&self, chain_id: Uuid) -> bool {
        match self.reach {
            Reach::Firm => true,
            Reach::Scope => self.is_viewer_of(chain_id) && self.scope.region_id.is_none(),
            Reach::Own => false,
        }
    }

    /// Whether the caller sees a region's results.
    pub fn sees_region(&self, chain_id: Uuid, region_id: Uuid) -> bool {
        let own = self.is_viewer_of(chain_id) && self.scope.region_id == Some(region_id);
        self.sees_chain(chain_id) || (self.reach == Reach::Scope && own)
    }

    /// Whether the caller sees a branch's results, given the region it is in now.
    pub fn sees_branch(&self, chain_id: Uuid, region_id: Option<Uuid>, branch_id: Uuid) -> bool {
        match self.role {
            Role::BranchManager => self.reach == Reach::Scope && self.scope.branch_ids.contains(&branch_id),
            _ => self.sees_chain(chain_id) || region_id.is_some_and(|id| self.sees_region(chain_id, id)),
        }
    }

    fn is_viewer_of(&self, chain_id: Uuid) -> bool {
        self.role == Role::ChainViewer && self.scope.chain_id == Some(chain_id)
    }
}

/// Who is signed in.
#[derive(Debug, Object)]
pub struct MeView {
    /// The person.
    pub user_id: Uuid,
    /// The e-mail address.
    pub email: String,
    /// The name.
    pub name: String,
    /// The language, such as `et`.
    pub locale: String,
    /// The membership that requests act under, if it is clear.
    pub membership_id: Option<Uuid>,
    /// All active memberships.
    pub memberships: Vec<MembershipView>,
    /// Memberships that wait for the person to accept them; they give no rights yet. Empty while `address_proven` is
    /// false: then only the links in the mails accept them.
    pub invitations: Vec<Invitation>,
    /// Whether the address is known to be the person's: a mailed code came back, or the operator made the account.
    pub address_proven: bool,
    /// Since when signing in takes a second factor; absent without one.
    pub totp_since: Option<DateTime<Utc>>,
    /// Recovery codes that are left.
    pub recovery_codes_left: u64,
}

/// A person to be added to the firm.
#[derive(Object, Serialize)]
#[oai(deny_unknown_fields)]
pub struct NewUser {
    /// The e-mail address; people sign in with it.
    #[oai(validator(max_length = 254))]
    pub email: String,
    /// The name, as the firm knows the person.
    #[oai(validator(max_length = 200))]
    pub name: String,
    /// What the person will be.
    pub role: Role,
    /// The language of pages and messages.
    #[oai(default = "default_locale", validator(pattern = "^(en|et|hu)$"))]
    pub locale: String,
    /// A first password, 12 to 128 characters; kept only if nobody has this address yet. Without one the person gets a
    /// link by mail and chooses it.
    #[serde(skip)]
    #[oai(validator(max_length = 512))]
    pub password: Option<Password>,
    /// How far a limited role reaches; absent for firm admins, reviewers and auditors.
    pub scope: Option<Scope>,
}

fn default_locale() -> String {
    "en".to_owned()
}

/// Somebody just added to the firm. Nothing in it tells whether the address was known to the installation.
#[derive(Debug, Object)]
pub struct AddedUser {
    /// The membership: what assignments and events name.
    pub membership_id: Uuid,
    /// The e-mail address.
    pub email: String,
    /// The name, as the firm knows the person.
    pub name: String,
    /// What the person is.
    pub role: Role,
    /// How far a limited role reaches.
    pub scope: Scope,
    /// When the person was added.
    pub created_at: DateTime<Utc>,
}

/// Somebody in the firm.
#[derive(Debug, Object)]
pub struct UserView {
    /// The membership: what assignments and events name.
    pub membership_id: Uuid,
    /// The e-mail address.
    pub email: String,
    /// The name, as the firm knows the person.
    pub name: String,
    /// What the person is.
    pub role: Role,
    /// How far a limited role reaches.
    pub scope: Scope,
    /// `pending` until the person accepts the membership; `disabled` gives no rights.
    pub state: MembershipState,
    /// When the person was added.
    pub created_at: DateTime<Utc>,
    /// Since when the person is erased: name and address say nothing any more. Absent otherwise.
    #[oai(skip_serializing_if_is_none)]
    pub erased_at: Option<DateTime<Utc>>,
}

/// What to change of somebody in the firm; what is absent stays.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct UserChange {
    /// The name, as the firm knows the person.
    #[oai(validator(max_length = 200))]
    pub name: Option<String>,
    /// What the person is.
    pub role: Option<Role>,
    /// How far a limited role reaches.
    pub scope: Option<Scope>,
    /// `false` takes all rights at once, `true` gives them back; a membership that was never accepted waits again.
    pub enabled: Option<bool>,
}

/// A firm.
#[derive(Debug, Object)]
pub struct FirmView {
    /// The firm.
    pub firm_id: Uuid,
    /// The short name that commands use.
    pub code: String,
    /// The name.
    pub name: String,
    /// Whether firm admins and reviewers must have a second factor.
    pub require_totp: bool,
}

/// What to change of a firm; what is absent stays.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct FirmChange {
    /// The name.
    #[oai(validator(max_length = 200))]
    pub name: Option<String>,
    /// Whether firm admins and reviewers must have a second factor.
    pub require_totp: Option<bool>,
}
