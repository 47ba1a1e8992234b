//! How people want to be told: what they set, and what holds where they set nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::entity::notice_setting;
use crate::failure::Failure;
use crate::words::Role::{Auditor, BranchManager, ChainViewer, FirmAdmin, Reviewer};
use crate::words::{NoticeDigest, NoticeKind, Role};

/// The hour at which daily letters go out, UTC: the morning where Peegel is at home.
const HOUR: i64 = 6;

/// Which roles a kind is for, and whether it goes out by mail where nothing is set: what waits for somebody does.
const KINDS: [(NoticeKind, &[Role], bool); 16] = {
    use NoticeKind::*;
    [
        (AssignmentGiven, &[Auditor], true),
        (AssignmentCancelled, &[Auditor], true),
        (VisitReturned, &[Auditor], true),
        (VisitRejected, &[Auditor], true),
        (VisitApproved, &[Auditor], false),
        (VisitCorrected, &[Auditor], false),
        (VisitPublished, &[Auditor], false),
        (SignalShared, &[Auditor], true),
        (QuestionAsked, &[Auditor], true),
        (QuestionAnswered, &[FirmAdmin, Reviewer], true),
        (AppealOpened, &[FirmAdmin, Reviewer], true),
        (AppealWithdrawn, &[FirmAdmin, Reviewer], false),
        (AppealDecided, &[ChainViewer, BranchManager], true),
        (SecondScoringWaiting, &[FirmAdmin, Reviewer], true),
        (ResultPublished, &[ChainViewer, BranchManager], true),
        (ResultWithdrawn, &[ChainViewer, BranchManager], true),
    ]
};

/// By which ways a kind is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ways {
    /// In the list of notices.
    pub in_app: bool,
    /// By mail.
    pub email: bool,
}

/// How somebody wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When mails go out.
    pub digest: NoticeDigest,
    ways: BTreeMap<String, Ways>,
}

/// Whether a role is ever told a kind.
pub fn is_for(kind: NoticeKind, role: Role) -> bool {
    KINDS.iter().any(|(named, roles, _)| *named == kind && roles.contains(&role))
}

/// The kinds that a role is told, in their order.
pub fn kinds_of(role: Role) -> impl Iterator<Item = NoticeKind> {
    KINDS.iter().filter(move |(_, roles, _)| roles.contains(&role)).map(|(kind, ..)| *kind)
}

/// The ways of a kind where nothing is set.
pub fn usual(kind: NoticeKind) -> Ways {
    let email = KINDS.iter().any(|(named, _, email)| *named == kind && *email);
    Ways { in_app: true, email }
}

impl Default for Settings {
    fn default() -> Self {
        Self { digest: NoticeDigest::Daily, ways: BTreeMap::new() }
    }
}

impl Settings {
    /// Settings with these ways; kinds that are not named are as usual.
    pub fn new(digest: NoticeDigest, ways: impl IntoIterator<Item = (NoticeKind, Ways)>) -> Self {
        Self { digest, ways: ways.into_iter().map(|(kind, ways)| (kind.to_string(), ways)).collect() }
    }

    /// What is stored; nothing stored is the usual.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when it cannot be read.
    pub fn of(row: Option<&notice_setting::Model>) -> Result<Self, Failure> {
        let Some(row) = row else { return Ok(Self::default()) };
        Ok(Self { digest: row.digest, ways: serde_json::from_str(&row.kinds).map_err(Failure::internal)? })
    }

    /// The ways of the kinds, as they are stored.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when they cannot be written.
    pub fn kinds(&self) -> Result<String, Failure> {
        serde_json::to_string(&self.ways).map_err(Failure::internal)
    }

    /// By which ways a kind is told.
    pub fn ways(&self, kind: NoticeKind) -> Ways {
        self.ways.get(kind.as_str()).copied().unwrap_or_else(|| usual(kind))
    }

    /// Whether a kind is mailed.
    pub fn is_mailed(&self, kind: NoticeKind) -> bool {
        self.digest != NoticeDigest::Off && self.ways(kind).email
    }

    /// When a notice of a kind goes out by mail, if it does.
    pub fn mail_at(&self, kind: NoticeKind, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.is_mailed(kind).then(|| match self.digest {
            NoticeDigest::Daily => next_morning(now),
            NoticeDigest::Immediate | NoticeDigest::Off => now,
        })
    }

    /// Ends mails of one kind, or all.
    pub fn without_mail(mut self, kind: Option<NoticeKind>) -> Self {
        match kind {
            Some(kind) => {
                let ways = Ways { email: false, ..self.ways(kind) };
                self.ways.insert(kind.to_string(), ways);
            }
            None => self.digest = NoticeDigest::Off,
        }
        self
    }
}

/// The next time that the hour strikes.
fn next_morning(now: DateTime<Utc>) -> DateTime<Utc> {
    let hour = TimeDelta::hours(HOUR);
    let day = (now - hour).date_naive();
    day.and_time(NaiveTime::MIN).and_utc() + hour + TimeDelta::days(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_for_somebody() {
        for word in NoticeKind::ALL {
            let kind = NoticeKind::from_word(word).unwrap();
            assert!(KINDS.iter().any(|(named, roles, _)| *named == kind && !roles.is_empty()), "{word}");
        }
        assert!(kinds_of(Auditor).count() > 5 && !is_for(NoticeKind::AppealOpened, ChainViewer));
    }

    #[test]
    fn daily_letters_go_out_in_the_next_morning() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        for (now, morning) in [
            ("2026-11-30T05:59:59Z", "2026-11-30T06:00:00Z"),
            ("2026-11-30T06:00:00Z", "2026-12-01T06:00:00Z"),
            ("2026-11-30T23:59:59Z", "2026-12-01T06:00:00Z"),
        ] {
            assert_eq!(Settings::default().mail_at(NoticeKind::VisitReturned, at(now)), Some(at(morning)), "{now}");
        }
    }

    #[test]
    fn mails_end_by_kind_or_altogether() {
        let now = DateTime::UNIX_EPOCH;
        let settings = Settings::new(NoticeDigest::Immediate, []).without_mail(Some(NoticeKind::VisitReturned));
        assert_eq!(settings.mail_at(NoticeKind::VisitReturned, now), None);
        assert!(settings.ways(NoticeKind::VisitReturned).in_app);
        assert_eq!(settings.mail_at(NoticeKind::QuestionAsked, now), Some(now));
        assert_eq!(settings.mail_at(NoticeKind::VisitApproved, now), None, "it waits for nobody");
        assert_eq!(settings.without_mail(None).mail_at(NoticeKind::QuestionAsked, now), None);
    }
}
