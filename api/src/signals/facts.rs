//! What is known of a visit and of those that it is compared with, as the rules take it.

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use peegel_media::Exif;
use serde_json::Value;
use uuid::Uuid;

use crate::visits::types::Stay;
use crate::words::{EvidenceKind, Outcome, SignalCode};

/// Something that does not fit together.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What.
    pub code: SignalCode,
    /// The file that it is about, or the visit.
    pub subject_id: Uuid,
    /// By how much. What stands under `elsewhere` is of other visits, and not for the auditor.
    pub figures: Value,
}

/// How a visit is made, by its standard's `channel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// At the branch; also where the standard names no channel.
    InPerson,
    /// By telephone.
    Phone,
    /// By chat, e-mail or on a page.
    Written,
    /// By any of them: nobody can tell where, nor how long it takes.
    Any,
}

impl Channel {
    /// The channel of a standard.
    pub fn of_standard(body: &Value) -> Self {
        match body["channel"].as_str() {
            Some("phone") => Self::Phone,
            Some("written") => Self::Written,
            Some("any") => Self::Any,
            _ => Self::InPerson,
        }
    }
}

/// Everything about a visit that the rules look at.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The visit.
    pub visit_id: Uuid,
    /// How it is made.
    pub channel: Channel,
    /// Whether it could be made.
    pub outcome: Outcome,
    /// The window of its assignment.
    pub window: (DateTime<Utc>, DateTime<Utc>),
    /// When it was filed first.
    pub filed_at: DateTime<Utc>,
    /// The time zone of the branch.
    pub zone: Tz,
    /// Where the branch is, if anybody said.
    pub branch: Option<Place>,
    /// When and where the auditor was.
    pub stay: Stay,
    /// What the phone's clocks said, by filing.
    pub contacts: Vec<Contact>,
    /// The files that are stored.
    pub files: Vec<FileFacts>,
    /// Visits of the auditor around the same time.
    pub others: Vec<OtherStay>,
    /// Other auditors who had filed from the same phone; at most [`MOST_AUDITORS`](super::store::MOST_AUDITORS).
    pub other_auditors_of_phone: usize,
    /// What it is compared with.
    pub compared: Compared,
}

/// A point on WGS 84, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// The phone's clocks with one filing: as the visit says, and at the moment of sending.
#[derive(Clone, Debug, Default)]
pub struct Contact {
    /// When the server took it.
    pub received_at: DateTime<Utc>,
    /// The clock of the visit's own `device`.
    pub at: Option<DateTime<Utc>>,
    /// The clock beside it that never goes back, in milliseconds.
    pub monotonic_ms: Option<i64>,
    /// The clock at the moment of sending, where the phone told it.
    pub sent_at: Option<DateTime<Utc>>,
    /// The clock beside that one that never goes back.
    pub sent_monotonic_ms: Option<i64>,
}

impl Contact {
    /// The latest that the phone's clock is known to have shown.
    pub fn latest(&self) -> Option<DateTime<Utc>> {
        self.sent_at.max(self.at)
    }
}

/// A file that is stored.
#[derive(Clone, Debug)]
pub struct FileFacts {
    /// Its id.
    pub id: Uuid,
    /// What it is.
    pub kind: EvidenceKind,
    /// Its name.
    pub name: String,
    /// Its media type, as found in its content.
    pub media_type: String,
    /// When it was taken, by the phone.
    pub captured_at: Option<DateTime<Utc>>,
    /// What the camera says.
    pub exif: Exif,
    /// Width and height in pixels, of a photo.
    pub size_px: Option<(i64, i64)>,
    /// Length, of a recording.
    pub duration_ms: Option<i64>,
    /// The longest time that an answer claims to be heard in it, in seconds, with its item.
    pub claimed: Option<(String, f64)>,
    /// Files of other visits with the same bytes.
    pub same: Vec<OtherFile>,
    /// Photos of other visits that look like it, with the bits in which their hashes differ.
    pub alike: Vec<(OtherFile, u32)>,
}

/// A file of another visit that was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherFile {
    /// The file.
    pub id: Uuid,
    /// Its visit.
    pub visit_id: Uuid,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// Whether it is the same auditor's.
    pub is_own: bool,
    /// Whether it is of the same branch.
    pub is_same_branch: bool,
}

/// Another visit of the auditor, at another time.
#[derive(Clone, Debug)]
pub struct OtherStay {
    /// The visit.
    pub visit_id: Uuid,
    /// Where its branch is, if it is made there.
    pub branch: Option<Place>,
    /// When and where the auditor was.
    pub stay: Stay,
}

/// What a visit is compared with; all of it was filed before.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// The marks of the visit's own answers.
    pub answers: String,
    /// Whether every answer with points earned all of them.
    pub earned_all: bool,
    /// How long the questionnaire was worked on, and the stay, in milliseconds.
    pub answering_ms: Option<i64>,
    /// How long the stay was.
    pub stay_ms: Option<i64>,
    /// The last visits by the same version of the standard.
    pub of_standard: Vec<Peer>,
    /// The last of them that are the auditor's.
    pub own: Vec<Peer>,
    /// The visit with the most similar texts, if any are.
    pub text: Option<SameText>,
}

/// Another visit by the same version of the standard.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The visit.
    pub visit_id: Uuid,
    /// Whether it is the same auditor's.
    pub is_own: bool,
    /// The marks of its answers.
    pub answers: String,
    /// The most answers in a row that are the same.
    pub longest_run: usize,
    /// How long its questionnaire was worked on.
    pub answering_ms: Option<i64>,
    /// How long its stay was.
    pub stay_ms: Option<i64>,
}

/// Another visit in which the same is written.
#[derive(Clone, Debug, PartialEq)]
pub struct SameText {
    /// The visit.
    pub visit_id: Uuid,
    /// Shared rows of words over all of both, 0 to 1.
    pub similarity: f64,
    /// Words of this visit.
    pub words: usize,
    /// Whether it is the same auditor's.
    pub is_own: bool,
    /// Whether it is of the same branch.
    pub is_same_branch: bool,
}

impl Facts {
    /// A signal about the visit as a whole.
    pub fn of_visit(&self, code: SignalCode, figures: Value) -> Found {
        Found { code, subject_id: self.visit_id, figures }
    }

    /// How far the server's clock was ahead of the phone's, where the phone told its clock at the moment of sending.
    pub fn skew(&self) -> Duration {
        let known = |contact: &Contact| contact.sent_at.map(|sent_at| contact.received_at - sent_at);
        self.contacts.iter().rev().find_map(known).unwrap_or_default()
    }

    /// When the auditor came and left, in either order; none unless both were told.
    pub fn stay_ends(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let (arrived, left) = (self.stay.arrived_at?, self.stay.left_at?);
        Some((arrived.min(left), arrived.max(left)))
    }
}

/// Signals of all families.
pub fn find(facts: &Facts) -> Vec<Found> {
    let mut found = super::time::find(facts);
    found.extend(super::place::find(facts));
    found.extend(super::files::find(facts));
    found.extend(super::answers::find(facts));
    found.extend(super::texts::find(facts));
    found
}

/// A visit about which nothing is known but that it was filed.
#[cfg(test)]
pub fn plain() -> Facts {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    Facts {
        visit_id: Uuid::from_u128(1),
        channel: Channel::InPerson,
        outcome: Outcome::Completed,
        window: (at("2026-05-01T00:00:00Z"), at("2026-05-31T23:59:59Z")),
        filed_at: at("2026-05-04T11:00:00Z"),
        zone: Tz::Europe__Tallinn,
        branch: Some(Place { latitude: 59.437, longitude: 24.7536 }),
        stay: Stay::default(),
        contacts: Vec::new(),
        files: Vec::new(),
        others: Vec::new(),
        other_auditors_of_phone: 0,
        compared: Compared::default(),
    }
}

/// The codes that are found.
#[cfg(test)]
pub fn codes(found: &[Found]) -> Vec<&'static str> {
    found.iter().map(|found| found.code.as_str()).collect()
}
