//! What is known of a visit, read in a bounded number of queries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use peegel_scoring::{EvidenceKind as Proof, ItemKind};
use sea_orm::ConnectionTrait;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::app::App;
use crate::chains::store::{branch_by_id, branches_by_ids};
use crate::chains::types::degrees;
use crate::entity::{assignment, branch, evidence, revision, sketch, stay, visit};
use crate::evidence::service::has_bytes;
use crate::evidence::similar::near_duplicates;
use crate::evidence::store::evidence_of_visits;
use crate::failure::Failure;
use crate::fieldwork::store::assignment_by_id;
use crate::http::json::time;
use crate::signals::facts::{
    Channel, Compared, Contact, Facts, FileFacts, OtherFile, OtherStay, Peer, Place, SameText,
};
use crate::signals::files::{ALIKE_BITS, ONE_TRIP};
use crate::signals::{sketch as sketches, store, texts};
use crate::standards::cache::CompiledStandard;
use crate::visits::day::zone_of;
use crate::visits::stay as stays;
use crate::visits::store::{revision_of, stay_of, visit_by_id};
use crate::words::Outcome;

/// Texts that are read because their sketches say so.
const MOST_READ: usize = 5;
/// How long before and after a stay the auditor's other ones are looked at: within a day everybody gets anywhere.
const AROUND: Duration = Duration::hours(24);

/// A visit that was filed, with its own rows.
pub struct Filed {
    /// The visit.
    pub visit: visit::Model,
    /// What was filed last.
    pub revision: revision::Model,
    /// When and where the auditor was.
    pub stay: Option<stay::Model>,
    /// Its files.
    pub files: Vec<evidence::Model>,
    /// Its assignment.
    pub assignment: assignment::Model,
    /// Its branch.
    pub branch: branch::Model,
    /// Its standard.
    pub standard: Arc<CompiledStandard>,
}

/// The rows of a visit; none while it was not filed.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn filed(app: &App, firm_id: Uuid, visit_id: Uuid) -> Result<Option<Filed>, Failure> {
    let db = app.db.reader();
    let Some(visit) = visit_by_id(db, firm_id, visit_id).await? else { return Ok(None) };
    let revision = revision_of(db, firm_id, visit_id, visit.current_revision).await?;
    let assignment = assignment_by_id(db, firm_id, visit.assignment_id).await?;
    let branch = branch_by_id(db, firm_id, visit.branch_id).await?;
    let standard = app.standards.get(db, firm_id, &visit.standard_id, visit.standard_version).await?;
    let (Some(revision), Some(assignment), Some(branch), Some(standard)) = (revision, assignment, branch, standard)
    else {
        return Ok(None);
    };
    let stay = stay_of(db, firm_id, visit_id).await?;
    let files = evidence_of_visits(db, firm_id, &[visit_id]).await?;
    Ok(Some(Filed { visit, revision, stay, files, assignment, branch, standard }))
}

impl Filed {
    /// What of it others are compared with; none of a visit that could not be made.
    pub fn sketch(&self) -> Option<sketch::Model> {
        let sketch = || sketches::of_visit(&self.visit, &self.revision, self.stay.as_ref(), &self.standard.standard);
        (self.visit.outcome == Outcome::Completed).then(sketch)
    }

    fn answers(&self) -> Map<String, Value> {
        serde_json::from_str(&self.revision.answers).unwrap_or_default()
    }
}

/// Everything that the rules look at.
///
/// # Errors
///
/// [`Failure`] (500) when the database fails.
pub async fn facts(app: &App, filed: &Filed) -> Result<Facts, Failure> {
    let db = app.db.reader();
    let Filed { visit, assignment, branch, .. } = filed;
    let contacts = store::contacts(db, visit.firm_id, visit.id).await?;
    let (mut others, mut other_auditors_of_phone) = (Vec::new(), 0);
    if let Some(stay) = &filed.stay {
        others = others_around(app, filed, stay).await?;
        other_auditors_of_phone = store::other_auditors_of_phone(db, stay).await?;
    }
    let mut files = Vec::new();
    for file in filed.files.iter().filter(|file| has_bytes(file.state)) {
        files.push(file_facts(db, filed, file).await?);
    }
    Ok(Facts {
        visit_id: visit.id,
        channel: Channel::of_standard(&filed.standard.body),
        outcome: visit.outcome,
        window: (assignment.window_start, assignment.window_end),
        filed_at: visit.submitted_at.unwrap_or(visit.received_at),
        zone: zone_of(branch),
        branch: place_of(branch),
        stay: filed.stay.as_ref().map(stays::of_row).unwrap_or_default(),
        contacts: contacts.into_iter().map(|(received_at, device)| contact(received_at, &device)).collect(),
        files,
        others,
        other_auditors_of_phone,
        compared: compared(app, filed).await?,
    })
}

fn place_of(branch: &branch::Model) -> Option<Place> {
    let (latitude, longitude) = branch.latitude_e7.zip(branch.longitude_e7)?;
    Some(Place { latitude: degrees(latitude), longitude: degrees(longitude) })
}

/// What a phone said of its clocks with one filing.
fn contact(received_at: DateTime<Utc>, device: &str) -> Contact {
    let device: Value = serde_json::from_str(device).unwrap_or_default();
    let at = |clocks: &Value| clocks["at"].as_str().and_then(time);
    let sent = &device["sent"];
    Contact {
        received_at,
        at: at(&device),
        monotonic_ms: device["monotonic_ms"].as_i64(),
        sent_at: at(sent),
        sent_monotonic_ms: sent["monotonic_ms"].as_i64(),
    }
}

/// Other visits of the auditor within a day, of any wave and chain.
async fn others_around(app: &App, filed: &Filed, stay: &stay::Model) -> Result<Vec<OtherStay>, Failure> {
    let db = app.db.reader();
    let Some(arrived_at) = stay.arrived_at else { return Ok(Vec::new()) };
    let rows = store::stays_around(db, stay, arrived_at - AROUND, arrived_at + AROUND).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.visit_id).collect();
    let visits = store::visits(db, stay.firm_id, &ids).await?;
    let branch_ids: Vec<_> = visits.iter().map(|visit| visit.branch_id).collect();
    let branches = branches_by_ids(db, stay.firm_id, &branch_ids).await?;
    let mut others = Vec::with_capacity(rows.len());
    for row in rows {
        let visit = visits.iter().find(|visit| visit.id == row.visit_id);
        // A copy, or a visit that was filed anew, is the same one.
        let Some(visit) = visit.filter(|visit| visit.assignment_id != filed.assignment.id) else { continue };
        let standard = app.standards.get(db, visit.firm_id, &visit.standard_id, visit.standard_version).await?;
        let is_there = standard.is_some_and(|standard| Channel::of_standard(&standard.body) == Channel::InPerson);
        let branch = branches.iter().find(|branch| branch.id == visit.branch_id && is_there).and_then(place_of);
        others.push(OtherStay { visit_id: row.visit_id, branch, stay: stays::of_row(&row) });
    }
    Ok(others)
}

async fn file_facts(db: &impl ConnectionTrait, filed: &Filed, file: &evidence::Model) -> Result<FileFacts, Failure> {
    let same = store::same_files(db, file).await?;
    let same = others(db, filed, file, same).await?;
    let alike = alike(db, filed, file).await?;
    let facts: Value = file.facts.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let number = |name: &str| facts[name].as_i64();
    Ok(FileFacts {
        id: file.id,
        kind: file.kind,
        name: file.file_name.clone(),
        media_type: file.media_type.clone().unwrap_or_default(),
        captured_at: file.captured_at,
        exif: file.exif.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
        size_px: number("width_px").zip(number("height_px")),
        duration_ms: number("duration_ms"),
        claimed: claimed(filed, file),
        same,
        alike,
    })
}

/// Photos of other visits that look like one, and in how many bits they differ.
async fn alike(
    db: &impl ConnectionTrait,
    filed: &Filed,
    file: &evidence::Model,
) -> Result<Vec<(OtherFile, u32)>, Failure> {
    let Some(phash) = file.phash else { return Ok(Vec::new()) };
    let near = near_duplicates(db, file.firm_id, phash, ALIKE_BITS, file.id).await?;
    let ids: Vec<_> = near.iter().map(|near| near.evidence_id).collect();
    let stored_at = store::stored_at(db, file.firm_id, &ids).await?;
    let found = near.iter().filter(|near| near.visit_id != file.visit_id).filter_map(|near| {
        let (_, stored_at) = stored_at.iter().find(|(id, _)| *id == near.evidence_id)?;
        Some((near.evidence_id, near.visit_id, *stored_at))
    });
    let others = others(db, filed, file, found.collect()).await?;
    let bits = |id| near.iter().find(|near| near.evidence_id == id).map_or(u32::MAX, |near| near.distance);
    Ok(others.into_iter().map(|other| (other.clone(), bits(other.id))).collect())
}

/// Files of other visits that were there before, without those of the same assignment and of the same trip.
async fn others(
    db: &impl ConnectionTrait,
    filed: &Filed,
    file: &evidence::Model,
    found: Vec<(Uuid, Uuid, Option<DateTime<Utc>>)>,
) -> Result<Vec<OtherFile>, Failure> {
    let ids: Vec<_> = found.iter().map(|(_, visit_id, _)| *visit_id).collect();
    let visits = store::visits(db, file.firm_id, &ids).await?;
    let own_at = file.stored_at.unwrap_or(file.declared_at);
    let stays = store::stays(db, file.firm_id, &ids).await?;
    let mut others: Vec<_> = found
        .into_iter()
        .filter_map(|(id, visit_id, stored_at)| {
            let (visit, stored_at) = (visits.iter().find(|visit| visit.id == visit_id)?, stored_at?);
            let is_own = visit.auditor_id == filed.visit.auditor_id;
            let is_same_branch = visit.branch_id == filed.visit.branch_id;
            let stay = stays.iter().find(|stay| stay.visit_id == visit_id);
            let is_one_trip =
                is_own && is_same_branch && is_one_trip(made(&filed.visit, filed.stay.as_ref()), made(visit, stay));
            let is_before = (stored_at, id) < (own_at, file.id);
            let is_other = visit.assignment_id != filed.visit.assignment_id && !is_one_trip && is_before;
            is_other.then_some(OtherFile { id, visit_id, stored_at, is_own, is_same_branch })
        })
        .collect();
    others.sort_unstable_by_key(|other| (other.stored_at, other.id));
    Ok(others)
}

/// From when until when a visit was made, as far as anybody told: the stay, or the phone's clock when it was filed, or ours.
fn made(visit: &visit::Model, stay: Option<&stay::Model>) -> (DateTime<Utc>, DateTime<Utc>) {
    let filed = visit.device_at.or(visit.submitted_at).unwrap_or(visit.received_at);
    let ends = stay.map(|stay| (stay.arrived_at.or(stay.left_at), stay.left_at.or(stay.arrived_at)));
    match ends {
        Some((Some(arrived), Some(left))) => (arrived.min(left), arrived.max(left)),
        _ => (filed, filed),
    }
}

/// Whether two visits are of one trip, by when they were made: when their files came says what a network did.
fn is_one_trip(one: (DateTime<Utc>, DateTime<Utc>), other: (DateTime<Utc>, DateTime<Utc>)) -> bool {
    (one.0 - other.1).max(other.0 - one.1) <= ONE_TRIP
}

/// The longest time that an answer says was heard in a recording, in seconds, with its item: of the items that only a
/// recording proves and that name this one.
fn claimed(filed: &Filed, file: &evidence::Model) -> Option<(String, f64)> {
    let proves: Vec<String> = serde_json::from_str(&file.item_ids).unwrap_or_default();
    let answers = filed.answers();
    let items = filed.standard.body["items"].as_array()?;
    let seconds = |id: String| {
        let item = filed.standard.standard.item(&id)?;
        let is_heard = item.evidence_kind == Some(Proof::Recording) && matches!(item.kind, ItemKind::Numeric { .. });
        let in_seconds = items.iter().any(|entry| entry["id"] == id.as_str() && entry["unit"] == "s");
        let value = &answers.get(&id).filter(|_| is_heard && in_seconds)?["v"];
        let seconds = value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|n| n.is_finite())?;
        Some((id, seconds))
    };
    proves.into_iter().filter_map(seconds).max_by(|a, b| a.1.total_cmp(&b.1))
}

/// What a visit is compared with; all of it was filed before.
async fn compared(app: &App, filed: &Filed) -> Result<Compared, Failure> {
    let db = app.db.reader();
    let Some(own) = filed.sketch() else { return Ok(Compared::default()) };
    let of_standard = store::of_standard(db, &own).await?;
    let own_of_standard = store::own_of_standard(db, &own).await?;
    let text = match &own.text {
        Some(_) => same_text(app, filed, &own).await?,
        None => None,
    };
    let peers = |rows: Vec<sketch::Model>| rows.into_iter().map(|row| peer(row, own.auditor_id)).collect();
    Ok(Compared {
        earned_all: sketches::earned_all(&filed.answers(), &filed.standard.standard),
        of_standard: peers(of_standard),
        own: peers(own_of_standard),
        answers: own.answers,
        answering_ms: own.answering_ms,
        stay_ms: own.stay_ms,
        text,
    })
}

fn peer(row: sketch::Model, auditor_id: Uuid) -> Peer {
    Peer {
        visit_id: row.visit_id,
        is_own: row.auditor_id == auditor_id,
        longest_run: usize::try_from(row.longest_run).unwrap_or(0),
        answers: row.answers,
        answering_ms: row.answering_ms,
        stay_ms: row.stay_ms,
    }
}

/// The visit of the auditor or at the branch whose texts are most like this one's. Sketches say which are worth reading.
async fn same_text(app: &App, filed: &Filed, own: &sketch::Model) -> Result<Option<SameText>, Failure> {
    let db = app.db.reader();
    let Some(sketch) = &own.text else { return Ok(None) };
    let beside = store::beside(db, own).await?;
    let is_mine = |row: &&sketch::Model| row.auditor_id == own.auditor_id && row.branch_id == own.branch_id;
    let mine: Vec<_> = beside.iter().filter(is_mine).map(|row| row.visit_id).collect();
    let (visits, stays) = (store::visits(db, own.firm_id, &mine).await?, store::stays(db, own.firm_id, &mine).await?);
    let own_made = made(&filed.visit, filed.stay.as_ref());
    let one_trip = |visit: &&visit::Model| {
        let stay = stays.iter().find(|stay| stay.visit_id == visit.id);
        is_one_trip(own_made, made(visit, stay))
    };
    let one_trip: BTreeSet<_> = visits.iter().filter(one_trip).map(|visit| visit.id).collect();
    let mut alike: Vec<_> = beside
        .into_iter()
        .filter(|row| !one_trip.contains(&row.visit_id))
        .filter_map(|row| {
            let share = texts::estimate(sketch, row.text.as_deref()?);
            (share >= texts::READ_SHARE).then_some((share, row))
        })
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.visit_id.cmp(&b.1.visit_id)));
    let words = texts::written(&filed.answers(), |item| sketches::is_text(&filed.standard.standard, item));
    let mut best: Option<SameText> = None;
    let mut standards: BTreeMap<(String, i32), Option<Arc<CompiledStandard>>> = BTreeMap::new();
    for (_, row) in alike.into_iter().take(MOST_READ) {
        let key = (row.standard_id.clone(), row.standard_version);
        if !standards.contains_key(&key) {
            let standard = app.standards.get(db, row.firm_id, &key.0, key.1).await?;
            standards.insert(key.clone(), standard);
        }
        let revision = revision_of(db, row.firm_id, row.visit_id, row.revision).await?;
        let (Some(Some(standard)), Some(revision)) = (standards.get(&key), revision) else { continue };
        let answers: Map<String, Value> = serde_json::from_str(&revision.answers).unwrap_or_default();
        let theirs = texts::written(&answers, |item| sketches::is_text(&standard.standard, item));
        let similarity = texts::similarity(&words, &theirs);
        if best.as_ref().is_none_or(|best| best.similarity < similarity) {
            best = Some(SameText {
                visit_id: row.visit_id,
                similarity,
                words: words.len(),
                is_own: row.auditor_id == own.auditor_id,
                is_same_branch: row.branch_id == own.branch_id,
            });
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trip_is_told_by_when_visits_were_made() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let mut visit = crate::scorecards::totals::tests::published_visit();
        (visit.submitted_at, visit.received_at) = (Some(at("2026-05-06T18:00:00Z")), at("2026-05-06T18:00:00Z"));
        let stay = |arrived: &str, left: &str| stay::Model {
            firm_id: visit.firm_id,
            visit_id: visit.id,
            auditor_id: visit.auditor_id,
            arrived_at: Some(at(arrived)),
            left_at: Some(at(left)),
            answering_ms: None,
            positions: None,
            device_sha256: None,
            created_at: at("2026-05-06T18:00:00Z"),
        };
        let first = stay("2026-05-04T10:00:00Z", "2026-05-04T10:30:00Z");
        let beside = stay("2026-05-04T16:30:00Z", "2026-05-04T16:40:00Z");
        let later = stay("2026-05-04T16:30:01Z", "2026-05-04T16:40:00Z");
        let of = |stay: &stay::Model| made(&visit, Some(stay));
        assert!(is_one_trip(of(&first), of(&beside)) && is_one_trip(of(&beside), of(&first)));
        assert!(!is_one_trip(of(&first), of(&later)) && !is_one_trip(of(&later), of(&first)));
        // Without a stay the phone's clock says it, and without that ours.
        assert!(!is_one_trip(of(&first), made(&visit, None)), "two days later, by our clock");
        let told = visit::Model { device_at: Some(at("2026-05-04T11:00:00Z")), ..visit.clone() };
        assert!(is_one_trip(of(&first), made(&told, None)));
        let half = stay::Model { arrived_at: None, ..first.clone() };
        assert_eq!(of(&half), (at("2026-05-04T10:30:00Z"), at("2026-05-04T10:30:00Z")));
    }
}
