//! What purging a class of data does to a visit: one function a table.
//!
//! A table that comes to hold personal data of visits is a line in [`take`], or in [`Purging::finish`] when it hangs on files. What stays in all of them is listed in
//! ARCHITECTURE.md under "What a purge does".

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DatabaseTransaction;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::agreement;
use crate::app::App;
use crate::appeals;
use crate::canonical::canonical;
use crate::consent;
use crate::entity::{event, evidence, visit};
use crate::events;
use crate::evidence::service::has_bytes;
use crate::failure::Failure;
use crate::publishing;
use crate::retention::line::Taken;
use crate::retention::store;
use crate::review;
use crate::signals;
use crate::transcripts;
use crate::uploads;
use crate::visits;
use crate::visits::withhold::without_texts;
use crate::words::{DataClass, EvidenceKind, EvidenceState, SignalCode};

/// The classes that are purged visit by visit. The identity of auditors is not: an erasure takes it.
pub const OF_VISITS: [DataClass; 6] = [
    DataClass::Photos,
    DataClass::Recordings,
    DataClass::Documents,
    DataClass::Exif,
    DataClass::Positions,
    DataClass::FreeText,
];
/// The bits of all of them.
pub const ALL: i32 = (1 << OF_VISITS.len()) - 1;
/// How long a photo that has come may wait for its previews before what the camera wrote goes, and the photo with it.
const UNPROCESSED_FOR: TimeDelta = TimeDelta::days(2);
/// The member of payloads of events that holds what somebody wrote.
const WRITTEN: &str = "reason";

/// Signals whose figures say what cameras wrote, and where somebody was and with which phone.
const SIGNALS_OF_EXIF: [SignalCode; 4] =
    [SignalCode::CaptureTime, SignalCode::EditorSoftware, SignalCode::Screenshot, SignalCode::OutsideFence];
const SIGNALS_OF_POSITIONS: [SignalCode; 5] = [
    SignalCode::OutsideFence,
    SignalCode::MockPosition,
    SignalCode::AccuracyZero,
    SignalCode::ImpossibleTravel,
    SignalCode::SharedDevice,
];

/// The bit of a class in `visits.purged`; none of the identity of auditors.
pub const fn bit(class: DataClass) -> i32 {
    match class {
        DataClass::Photos => 1,
        DataClass::Recordings => 2,
        DataClass::Documents => 4,
        DataClass::Exif => 8,
        DataClass::Positions => 16,
        DataClass::FreeText => 32,
        DataClass::AuditorIdentity => 0,
    }
}

/// The bits of a visit after somebody wrote something on it: its texts are purged anew. Whatever writes a text on a visit
/// says so, by this or by [`reopen`](super::store::reopen).
pub const fn written(purged: i32) -> i32 {
    purged & !bit(DataClass::FreeText)
}

/// The bits of what comes anew with the bytes of a file: what it is, what the camera wrote, and its name.
pub const fn of_file(kind: EvidenceKind) -> i32 {
    let class = match kind {
        EvidenceKind::Photo => DataClass::Photos,
        EvidenceKind::Recording => DataClass::Recordings,
        EvidenceKind::Document => DataClass::Documents,
    };
    bit(class) | bit(DataClass::Exif) | bit(DataClass::FreeText)
}

/// A visit that is being purged: its rows, locked, and what was taken so far.
pub struct Purging<'a> {
    /// Everything shared.
    pub app: &'a App,
    /// The transaction.
    pub tx: &'a DatabaseTransaction,
    /// The time.
    pub at: DateTime<Utc>,
    /// The visit.
    pub visit: visit::Model,
    /// Its files.
    pub files: Vec<evidence::Model>,
    /// What was taken.
    pub taken: Taken,
    /// The rows as they were.
    before: (visit::Model, Vec<evidence::Model>),
    unreferred: Vec<String>,
    ended: BTreeSet<Uuid>,
}

impl<'a> Purging<'a> {
    /// Begins with a visit and its files.
    pub fn new(
        app: &'a App,
        tx: &'a DatabaseTransaction,
        at: DateTime<Utc>,
        visit: visit::Model,
        files: Vec<evidence::Model>,
    ) -> Self {
        let taken = Taken::default();
        let (before, unreferred, ended) = ((visit.clone(), files.clone()), Vec::new(), BTreeSet::new());
        Self { app, tx, at, visit, files, taken, before, unreferred, ended }
    }

    /// Whether there was anything to take.
    pub fn has_changed(&self) -> bool {
        !self.taken.is_empty() || (&self.visit, &self.files) != (&self.before.0, &self.before.1)
    }

    /// Writes the rows of the visit and of its files, and gives up their references to stored bytes.
    ///
    /// # Errors
    ///
    /// [`Failure`] (500) when the database fails.
    pub async fn finish(mut self) -> Result<(visit::Model, Taken), Failure> {
        let firm_id = self.visit.firm_id;
        let both = self.files.into_iter().zip(&self.before.1);
        for (row, _) in both.filter(|(row, before)| row != *before) {
            crate::evidence::store::update(self.tx, row).await?;
        }
        // What was made of files that are gone. A table of that kind is a line here.
        for id in &self.ended {
            transcripts::store::delete_of(self.tx, firm_id, *id).await?;
        }
        let ended: Vec<_> = self.ended.into_iter().collect();
        crate::evidence::store::drop_waveforms(self.tx, firm_id, ended.iter().copied()).await?;
        uploads::store::drop_of(self.tx, firm_id, &ended).await?;
        // In one order, so that two purges do not wait for each other.
        self.unreferred.sort_unstable();
        crate::evidence::store::unrefer(self.tx, firm_id, &self.unreferred).await?;
        store::update_visit(self.tx, self.visit.clone()).await?;
        Ok((self.visit, self.taken))
    }
}

/// Takes a class of data from a visit; `rule` says why, to whoever asks for a file that is gone.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn take(of: &mut Purging<'_>, class: DataClass, rule: &str) -> Result<(), Failure> {
    match class {
        DataClass::Photos => files(of, EvidenceKind::Photo, class, rule),
        DataClass::Recordings => files(of, EvidenceKind::Recording, class, rule),
        DataClass::Documents => {
            files(of, EvidenceKind::Document, class, rule);
            appeal_files(of).await?;
        }
        DataClass::Exif => {
            let waits = exif(of, rule);
            figures(of, &SIGNALS_OF_EXIF).await?;
            if waits {
                return Ok(());
            }
        }
        DataClass::Positions => {
            stay(of).await?;
            devices(of).await?;
            figures(of, &SIGNALS_OF_POSITIONS).await?;
        }
        DataClass::FreeText => {
            answers(of).await?;
            draft(of).await?;
            file_names(of).await?;
            reviews(of);
            consents(of).await?;
            signals(of).await?;
            questions(of).await?;
            second_scoring(of).await?;
            appeals(of).await?;
            reasons(of).await?;
        }
        DataClass::AuditorIdentity => {}
    }
    of.visit.purged |= bit(class);
    Ok(())
}

/// The stored bytes that a file refers to.
pub fn referred(row: &evidence::Model) -> Vec<String> {
    let original = row.sha256.clone().filter(|_| has_bytes(row.state) && row.purged_at.is_none());
    let made = [&row.preview_320_sha256, &row.preview_1600_sha256, &row.report_sha256];
    original.into_iter().chain(made.into_iter().flatten().cloned()).collect()
}

/// Files of a kind: their bytes, all that was made of them, and what was found in them. Id, kind, hash and size stay. One
/// that never came will not be taken any more.
fn files(of: &mut Purging<'_>, kind: EvidenceKind, class: DataClass, rule: &str) {
    for at in 0..of.files.len() {
        let row = &of.files[at];
        if row.kind == kind && !matches!(row.state, EvidenceState::Purged | EvidenceState::Lost) {
            whole_file(of, at, class, rule);
        }
    }
}

fn whole_file(of: &mut Purging<'_>, at: usize, class: DataClass, rule: &str) {
    let row = &mut of.files[at];
    if has_bytes(row.state) {
        of.taken.file(class, row);
    }
    of.unreferred.extend(referred(row));
    row.state = EvidenceState::Purged;
    (row.preview_320_sha256, row.preview_1600_sha256, row.report_sha256) = (None, None, None);
    (row.exif, row.phash, row.facts, row.captured_at) = (None, None, None, None);
    (row.problem, row.problem_code) = (None, None);
    row.file_name = row.id.to_string();
    row.purged_at = Some(row.purged_at.unwrap_or(of.at));
    row.purge_rule = Some(rule.to_owned());
    of.ended.insert(row.id);
}

/// What cameras wrote. The original holds it too, so it goes, whatever was read of it: a position may stand in XMP or in
/// what a maker adds. Where there is no preview, nothing would be left to look at, and the whole file goes; one that has
/// just come and is not processed is left for another night, which gives true.
fn exif(of: &mut Purging<'_>, rule: &str) -> bool {
    let mut waits = false;
    for at in 0..of.files.len() {
        let row = &mut of.files[at];
        if !is_picture(row) || !has_bytes(row.state) {
            continue;
        }
        let came_at = row.stored_at.unwrap_or(row.declared_at);
        if row.state == EvidenceState::Stored && of.at - came_at < UNPROCESSED_FOR {
            waits = true;
            continue;
        }
        if row.preview_1600_sha256.is_none() {
            whole_file(of, at, DataClass::Exif, rule);
            continue;
        }
        row.exif = None;
        if row.purged_at.is_none() {
            of.unreferred.extend(row.sha256.clone());
            of.taken.file(DataClass::Exif, row);
            row.purged_at = Some(of.at);
            row.purge_rule = Some(rule.to_owned());
        }
    }
    waits
}

/// Whether a camera may have written into a file.
fn is_picture(row: &evidence::Model) -> bool {
    let is_image = row.media_type.as_deref().is_some_and(|media_type| media_type.starts_with("image/"));
    row.kind == EvidenceKind::Photo || is_image || row.exif.is_some()
}

/// Where the auditor was, and with which phone; when they came and left stays.
async fn stay(of: &mut Purging<'_>) -> Result<(), Failure> {
    let rows = visits::store::clear_stay(of.tx, of.visit.firm_id, of.visit.id).await?;
    of.taken.rows("stays", rows);
    Ok(())
}

/// What the phone said of itself.
async fn devices(of: &mut Purging<'_>) -> Result<(), Failure> {
    let rows = visits::store::clear_devices(of.tx, of.visit.firm_id, of.visit.id).await?;
    of.taken.rows("revisions.device", rows);
    Ok(())
}

/// Text answers and comments of all revisions, which become what a receipt with texts withheld shows.
async fn answers(of: &mut Purging<'_>) -> Result<(), Failure> {
    let (firm_id, id) = (of.visit.firm_id, of.visit.id);
    let revisions = visits::store::revisions_of(of.tx, firm_id, id).await?;
    if revisions.iter().all(|revision| revision.withheld.is_some()) {
        return Ok(());
    }
    let (standard_id, version) = (&of.visit.standard_id, of.visit.standard_version);
    let standard = of.app.standards.get(of.tx, firm_id, standard_id, version).await?;
    let standard = standard.ok_or_else(|| Failure::internal(format!("the standard of visit {id} is gone")))?;
    for mut revision in revisions.into_iter().filter(|revision| revision.withheld.is_none()) {
        let filed: Map<String, Value> = serde_json::from_str(&revision.answers).map_err(Failure::internal)?;
        let (left, withheld) = without_texts(&standard.standard, filed);
        let left = canonical(&left)?;
        of.taken.revision(&revision, &withheld);
        (revision.answers, revision.answers_sha256) = (left.text, left.sha256);
        revision.withheld = Some(json!(withheld).to_string());
        revision.reasons = None;
        visits::store::update_revision(of.tx, revision).await?;
    }
    Ok(())
}

/// What was saved and not filed.
async fn draft(of: &mut Purging<'_>) -> Result<(), Failure> {
    let rows = visits::store::remove_draft(of.tx, of.visit.firm_id, of.visit.id).await?;
    of.taken.rows("visit_drafts", rows);
    Ok(())
}

/// Names of files, what was said of those that are lost, and what uploads were told of them.
async fn file_names(of: &mut Purging<'_>) -> Result<(), Failure> {
    for row in &mut of.files {
        row.file_name = row.id.to_string();
        if row.state == EvidenceState::Lost {
            row.problem = None;
        }
    }
    let ids: Vec<_> = of.files.iter().map(|row| row.id).collect();
    let rows = uploads::store::clear_metadata(of.tx, of.visit.firm_id, &ids).await?;
    of.taken.rows("uploads.metadata", rows);
    Ok(())
}

/// What the reviewer said last, and the answer to the last write, which names files.
fn reviews(of: &mut Purging<'_>) {
    if of.visit.review_reason.take().is_some() {
        of.taken.rows("visits.review_reason", 1);
    }
    if of.visit.return_items.take().is_some() {
        of.taken.rows("visits.return_items", 1);
    }
    if of.visit.reporting_reason.take().is_some() {
        of.taken.rows("visits.reporting_reason", 1);
    }
    // The hash of what was sent would let a guess at its texts be confirmed.
    (of.visit.write_sha256, of.visit.write_answer) = (None, None);
}

/// What was said on consents to its recordings; that they were given, on what basis and when, stays.
async fn consents(of: &mut Purging<'_>) -> Result<(), Failure> {
    let rows = consent::store::clear_texts(of.tx, of.visit.firm_id, of.visit.id).await?;
    of.taken.rows("consents", rows);
    Ok(())
}

/// Figures of signals; that they were found and how they were judged stays.
async fn figures(of: &mut Purging<'_>, codes: &[SignalCode]) -> Result<(), Failure> {
    let rows = signals::store::clear_figures(of.tx, of.visit.firm_id, of.visit.id, codes).await?;
    of.taken.rows("signals.figures", rows);
    Ok(())
}

/// What was said to signals, and what texts were compared by.
async fn signals(of: &mut Purging<'_>) -> Result<(), Failure> {
    let rows = signals::store::clear_texts(of.tx, of.visit.firm_id, of.visit.id).await?;
    of.taken.rows("signals.answer", rows);
    let rows = signals::store::clear_sketch(of.tx, of.visit.firm_id, of.visit.id).await?;
    of.taken.rows("sketches.text", rows);
    Ok(())
}

/// What was written on questions, and corrections being worked on; that they were asked and answered stays.
async fn questions(of: &mut Purging<'_>) -> Result<(), Failure> {
    let rows = review::store::clear_messages(of.tx, of.visit.firm_id, of.visit.id).await?;
    of.taken.rows("question_messages.text", rows);
    let rows = review::store::remove_drafts(of.tx, of.visit.firm_id, of.visit.id).await?;
    of.taken.rows("correction_drafts", rows);
    // Answers that are kept for the case that a request is repeated hold the texts, too.
    store::forget_answers(of.tx, of.visit.firm_id, "create_question", of.visit.id).await?;
    Ok(())
}

/// What a second scorer wrote; what they answered stays for the agreement.
async fn second_scoring(of: &mut Purging<'_>) -> Result<(), Failure> {
    let rows = agreement::store::clear_texts(of.app, of.tx, of.visit.firm_id, of.visit.id).await?;
    of.taken.rows("second_scorings", rows);
    Ok(())
}

/// What was said in appeals, and to the chain when the result was taken back; how they ended stays.
async fn appeals(of: &mut Purging<'_>) -> Result<(), Failure> {
    let rows = appeals::store::clear_texts(of.tx, of.visit.firm_id, of.visit.id).await?;
    of.taken.rows("appeals", rows);
    let rows = publishing::store::clear_public_reason(of.tx, of.visit.firm_id, of.visit.id, None).await?;
    of.taken.rows("withdrawals.public_reason", rows);
    store::forget_answers(of.tx, of.visit.firm_id, "create_appeal", of.visit.public_id).await?;
    Ok(())
}

/// What the branch sent with its appeals.
async fn appeal_files(of: &mut Purging<'_>) -> Result<(), Failure> {
    let removed = appeals::store::remove_files(of.tx, of.visit.firm_id, of.visit.id).await?;
    of.taken.rows("appeal_files", removed.len() as u64);
    of.unreferred.extend(removed);
    Ok(())
}

/// Reasons in the history of the visit and of its files. The chain of hashes stays whole: the line names what is gone.
async fn reasons(of: &mut Purging<'_>) -> Result<(), Failure> {
    let files = of.files.iter().map(|row| format!("evidence/{}", row.id));
    let objects: Vec<_> = std::iter::once(format!("visit/{}", of.visit.id)).chain(files).collect();
    for some in objects.chunks(100) {
        for row in events::store::of_objects(of.tx, of.visit.firm_id, some).await? {
            if is_written(&row) {
                erase_payload(of.tx, &mut of.taken, &row).await?;
            }
        }
    }
    Ok(())
}

/// Whether the payload of an event holds what somebody wrote.
pub fn is_written(row: &event::Model) -> bool {
    let payload: Option<BTreeMap<String, Value>> =
        row.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
    payload.is_some_and(|payload| payload.get(WRITTEN).is_some_and(Value::is_string))
        && ["visit.", "evidence."].iter().any(|start| row.kind.starts_with(start))
}

/// Takes the payload of an event away, and notes it.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn erase_payload(tx: &DatabaseTransaction, taken: &mut Taken, row: &event::Model) -> Result<(), Failure> {
    events::store::erase_payload(tx, row.firm_id, row.seq).await?;
    taken.event(row);
    Ok(())
}
