//! Where a phone has got to in what concerns it: sealed, so that nobody makes one up or reads how busy the firm is from
//! it, and good for one membership.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::events::verify::Head;
use crate::failure::{Failure, Kind};
use crate::people::types::Caller;
use crate::sync::store;

/// Days after which a cursor is good no longer.
pub const MAX_AGE_DAYS: i64 = 90;
/// Characters of the hash of the last event that a cursor carries.
const HASH_CHARS: usize = 16;

/// A place in the firm's history, and in the first listing while that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The number of the last event that was taken into account; 0 before the first.
    pub seq: i64,
    /// The beginning of its hash. Another history, such as one from before a backup was restored, has another.
    pub hash: String,
    /// Where the first listing goes on; none once it has ended.
    pub listing: Option<(Part, Option<Uuid>)>,
}

/// A part of the first listing. In this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Assignments in the auditor's hands.
    Hands,
    /// Assignments on the job board.
    Board,
    /// The auditor's visits.
    Visits,
}

impl Part {
    /// The one after it.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Hands => Some(Self::Board),
            Self::Board => Some(Self::Visits),
            Self::Visits => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Hands => "h",
            Self::Board => "b",
            Self::Visits => "v",
        }
    }
}

impl Cursor {
    /// The place of an event.
    pub fn at(seq: i64, hash: &str, listing: Option<(Part, Option<Uuid>)>) -> Self {
        Self { seq, hash: hash.chars().take(HASH_CHARS).collect(), listing }
    }

    /// The beginning of the first listing.
    pub fn start(head: &Head) -> Self {
        Self::at(head.seq, &head.hash, Some((Part::Hands, None)))
    }

    /// As text that [`Cursor::read`] takes back from the same membership.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the key of the installation cannot be read.
    pub async fn write(&self, app: &App, caller: &Caller) -> Result<String, Failure> {
        app.vault.seal_for_address(&owner(caller), self.text(app.clock.now()).as_bytes()).await
    }

    /// Reads what [`Cursor::write`] gave out.
    ///
    /// # Errors
    ///
    /// * 400 `bad_cursor` when it is not one, or another membership's.
    /// * 410 `cursor_expired` when it is older than [`MAX_AGE_DAYS`], or of another history.
    pub async fn read(app: &App, caller: &Caller, cursor: &str) -> Result<Self, Failure> {
        let text = app.vault.open_of_address(&owner(caller), cursor).await?.ok_or_else(bad)?;
        let text = String::from_utf8(text).map_err(|_| bad())?;
        let (place, issued_at) = Self::of_text(&text).ok_or_else(bad)?;
        if is_old(issued_at, app.clock.now()) {
            return Err(expired());
        }
        let same = match place.seq {
            0 => true,
            seq => {
                let hash = store::hash_of_event(app.db.reader(), caller.firm_id, seq).await?;
                hash.is_some_and(|hash| hash.starts_with(&place.hash))
            }
        };
        if same { Ok(place) } else { Err(expired()) }
    }

    fn text(&self, now: DateTime<Utc>) -> String {
        let part = self.listing.map_or("-", |(part, _)| part.word());
        let after = self.listing.and_then(|(_, after)| after).map(|id| id.to_string()).unwrap_or_default();
        format!("{}:{}:{}:{part}:{after}", now.timestamp(), self.seq, self.hash)
    }

    fn of_text(text: &str) -> Option<(Self, DateTime<Utc>)> {
        let mut parts = text.split(':');
        let issued_at = DateTime::from_timestamp(parts.next()?.parse().ok()?, 0)?;
        let (seq, hash) = (parts.next()?.parse().ok()?, parts.next()?.to_owned());
        let part = parts.next()?;
        let after = Some(parts.next()?).filter(|id| !id.is_empty()).map(str::parse).transpose().ok()?;
        let part = [Part::Hands, Part::Board, Part::Visits].into_iter().find(|known| known.word() == part);
        Some((Self { seq, hash, listing: part.map(|part| (part, after)) }, issued_at))
    }
}

fn is_old(issued_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - issued_at > TimeDelta::days(MAX_AGE_DAYS)
}

/// Whom a cursor is sealed for.
fn owner(caller: &Caller) -> String {
    format!("sync cursor\n{}\n{}", caller.firm_id, caller.membership_id)
}

fn bad() -> Failure {
    Failure::malformed("bad_cursor", "`cursor` is not one that this list gave you. Begin without it.")
}

fn expired() -> Failure {
    let detail = format!(
        "This cursor is older than {MAX_AGE_DAYS} days, or of a history that is not there any more. Begin without a \
         cursor, and forget what is not listed then; keep visits that were not sent yet."
    );
    Failure::new(Kind::Gone, "cursor_expired", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let id = Uuid::from_u128(5);
        for listing in [None, Some((Part::Hands, None)), Some((Part::Visits, Some(id))), Some((Part::Board, Some(id)))]
        {
            let place = Cursor::at(71, "0123456789abcdef0123", listing);
            assert_eq!(Cursor::of_text(&place.text(now)), Some((place, now)));
        }
        assert!(!is_old(now, now + TimeDelta::days(MAX_AGE_DAYS)));
        assert!(is_old(now, now + TimeDelta::days(MAX_AGE_DAYS) + TimeDelta::seconds(1)));
        assert!(!is_old(now, now - TimeDelta::days(1)), "a clock that was put back");
        assert_eq!(Cursor::of_text(""), None);
        assert_eq!(Cursor::of_text("1:2:3"), None);
    }
}
