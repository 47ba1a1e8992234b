//! What letters there are.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A letter to be sent, as its job keeps it: nothing in it opens anything. The one-time code is made when it is sent.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
pub enum Letter {
    /// Somebody was added to a firm and is asked to accept.
    Invitation {
        /// The link to make.
        link_id: Uuid,
        /// The firm.
        firm_id: Uuid,
        /// The membership to accept.
        membership_id: Uuid,
    },
    /// Somebody forgot the password; who it is, if anybody, is looked up when it is sent.
    Reset {
        /// The link to make.
        link_id: Uuid,
        /// The address that was asked for.
        email: String,
    },
    /// The password was changed.
    PasswordChanged {
        /// The letter.
        notice_id: Uuid,
        /// The person.
        user_id: Uuid,
    },
    /// The second factor was set up or removed.
    SecondFactorChanged {
        /// The letter.
        notice_id: Uuid,
        /// The person.
        user_id: Uuid,
        /// Which of both.
        is_set_up: bool,
    },
    /// What somebody is told of in a firm; what it holds is looked up when it is sent.
    Notices {
        /// The letter.
        letter_id: Uuid,
        /// The firm.
        firm_id: Uuid,
        /// Whom it is for.
        membership_id: Uuid,
    },
    /// Somebody has the password and guesses at the second factor.
    WrongCodes {
        /// The letter.
        notice_id: Uuid,
        /// The person.
        user_id: Uuid,
    },
}

impl Letter {
    /// The letter's own id: of its file, its message and its link.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Invitation { link_id, .. } | Self::Reset { link_id, .. } => *link_id,
            Self::Notices { letter_id, .. } => *letter_id,
            Self::PasswordChanged { notice_id, .. }
            | Self::SecondFactorChanged { notice_id, .. }
            | Self::WrongCodes { notice_id, .. } => *notice_id,
        }
    }
}
