//! Notices in requests and in answers.

use chrono::{DateTime, NaiveDate, Utc};
use poem_openapi::Object;
use uuid::Uuid;

use crate::words::{NoticeAbout, NoticeDigest, NoticeKind};

/// Something that somebody is told.
#[derive(Debug, Object)]
pub struct NoticeView {
    /// Its id.
    pub id: Uuid,
    /// What it tells, for programs.
    pub kind: NoticeKind,
    /// What it tells, in the reader's language.
    pub text: String,
    /// What kind of object it is about.
    pub about: NoticeAbout,
    /// The id of that object; of a result, for those who read results.
    pub about_id: Uuid,
    /// The branch.
    pub branch_id: Option<Uuid>,
    /// The wave.
    pub wave_id: Option<Uuid>,
    /// The day on which it happened, UTC.
    pub happened_on: NaiveDate,
    /// When it happened; for people of the firm only.
    #[oai(skip_serializing_if_is_none)]
    pub at: Option<DateTime<Utc>>,
    /// When it was read; null while it was not.
    pub read_at: Option<DateTime<Utc>>,
}

/// Up to where notices were read.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ReadUntil {
    /// The newest notice that was read: it and all older ones are.
    pub until_id: Uuid,
}

/// How many notices were marked as read.
#[derive(Debug, Object)]
pub struct NoticesRead {
    /// Those that had not been read before.
    pub read: i64,
}

/// How somebody is told.
#[derive(Debug, Object)]
pub struct NoticeSettings {
    /// When mails go out.
    pub digest: NoticeDigest,
    /// By which ways each kind is told that their role is told of.
    pub kinds: Vec<NoticeWays>,
}

/// How somebody wants to be told.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewNoticeSettings {
    /// When mails go out.
    pub digest: NoticeDigest,
    /// By which ways kinds are told; those that are not named are told as if nothing had been set.
    #[oai(validator(max_items = 50))]
    pub kinds: Vec<NoticeWays>,
}

/// By which ways a kind is told.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NoticeWays {
    /// The kind.
    pub kind: NoticeKind,
    /// Whether it stands in the list of notices.
    pub in_app: bool,
    /// Whether it goes out by mail.
    pub email: bool,
}
