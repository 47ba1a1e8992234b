//! What the files say: used before, edited, of a screen, too short.

use chrono::Duration;
use serde_json::{Value, json};

use crate::signals::facts::{Channel, Facts, FileFacts, Found, OtherFile};
use crate::words::{EvidenceKind, SignalCode};

/// Bits in which the hashes of two photos may differ that look alike: 6 of 64 survive another size and compression, and
/// hardly any two photos of one shelf.
pub const ALIKE_BITS: u32 = 6;
/// Files of other visits that a signal names.
pub const MOST_NAMED: usize = 5;
/// How long apart visits of one auditor to one branch are still of one trip: two assignments may share a photo of the door.
pub const ONE_TRIP: Duration = Duration::hours(6);
/// How much shorter than a claimed time a recording may be, in seconds: it was started when the call was.
pub const RECORDING_TOLERANCE_S: f64 = 5.0;
/// The same, of a call whose beginning and end were told by hand, to the minute.
pub const CALL_TOLERANCE_S: f64 = 90.0;

/// Programs that change photos, as they name themselves in EXIF. What phones and their cameras write is not among them.
const EDITORS: &[&str] = &[
    "photoshop",
    "lightroom",
    "gimp",
    "snapseed",
    "picsart",
    "pixelmator",
    "affinity",
    "facetune",
    "vsco",
    "canva",
    "faceapp",
    "remini",
    "meitu",
    "paint.net",
    "pixlr",
    "photoscape",
    "capture one",
    "luminar",
    "darktable",
    "polarr",
    "picsay",
    "airbrush",
    "fotor",
    "befunky",
    "corel",
    "acdsee",
    "photopea",
    "krita",
    "imagemagick",
    "exiftool",
];

/// Names that phones and computers give to pictures of their screens.
const SCREENSHOT_NAMES: &[&str] =
    &["screenshot", "screen shot", "screen_shot", "ekraanipilt", "kuvatõmmis", "képernyő"];

/// How many times as long as wide phones' screens are; cameras take 4:3, 3:2 and 16:9, which end below.
const SCREEN_RATIO: std::ops::RangeInclusive<f64> = 1.9..=2.5;

/// Signals of this family.
pub fn find(facts: &Facts) -> Vec<Found> {
    let mut found = Vec::new();
    for file in &facts.files {
        let rules = [same_file, near_duplicate, editor_software, screenshot, short_recording];
        let rules = rules.into_iter().filter_map(|rule: fn(&Facts, &FileFacts) -> Option<(SignalCode, Value)>| {
            let (code, figures) = rule(facts, file)?;
            Some(Found { code, subject_id: file.id, figures })
        });
        found.extend(rules);
    }
    found
}

/// Files of other visits, as a signal names them.
fn named<'a>(files: impl Iterator<Item = (&'a OtherFile, Option<u32>)>) -> Vec<Value> {
    files
        .take(MOST_NAMED)
        .map(|(file, bits)| {
            let mut entry = json!({
                "visit_id": file.visit_id, "evidence_id": file.id, "stored_at": file.stored_at,
                "same_auditor": file.is_own, "same_branch": file.is_same_branch,
            });
            if let Some(bits) = bits {
                entry["bits"] = json!(bits);
            }
            entry
        })
        .collect()
}

/// The same bytes came with another visit before.
fn same_file(_: &Facts, file: &FileFacts) -> Option<(SignalCode, Value)> {
    let first = file.same.iter().min_by_key(|other| other.stored_at)?;
    let figures = json!({
        "files": file.same.len(), "first_stored_at": first.stored_at,
        "elsewhere": named(file.same.iter().map(|other| (other, None))),
    });
    Some((SignalCode::SameFile, figures))
}

/// It looks like a photo of another visit, and is not the same file. Pictures of one page or chat do every time.
fn near_duplicate(facts: &Facts, file: &FileFacts) -> Option<(SignalCode, Value)> {
    if facts.channel == Channel::Written {
        return None;
    }
    let other = |id| file.same.iter().all(|same| same.id != id);
    let alike: Vec<_> = file.alike.iter().filter(|(alike, bits)| *bits <= ALIKE_BITS && other(alike.id)).collect();
    let bits = alike.iter().map(|(_, bits)| *bits).min()?;
    let figures = json!({
        "photos": alike.len(), "bits": bits, "most_bits": ALIKE_BITS,
        "elsewhere": named(alike.iter().map(|(other, bits)| (other, Some(*bits)))),
    });
    Some((SignalCode::NearDuplicate, figures))
}

/// A program for editing photos wrote it last.
fn editor_software(_: &Facts, file: &FileFacts) -> Option<(SignalCode, Value)> {
    let software = file.exif.software.as_deref()?;
    let name = software.to_lowercase();
    EDITORS.iter().find(|editor| name.contains(**editor))?;
    Some((SignalCode::EditorSoftware, json!({"software": software})))
}

/// A picture of a screen where somebody should have stood in front of something. Chats and pages are proved by nothing
/// else.
fn screenshot(facts: &Facts, file: &FileFacts) -> Option<(SignalCode, Value)> {
    if facts.channel != Channel::InPerson || file.kind != EvidenceKind::Photo {
        return None;
    }
    let name = file.name.to_lowercase();
    let is_named = SCREENSHOT_NAMES.iter().any(|known| name.starts_with(known));
    let is_cameras = file.exif.make.is_some() || file.exif.model.is_some();
    let (width, height) = file.size_px.unwrap_or_default();
    let ratio = width.max(height) as f64 / width.min(height).max(1) as f64;
    let is_screen = file.media_type == "image/png" && SCREEN_RATIO.contains(&ratio);
    // What says that it is one needs no other sign.
    if !file.exif.is_screenshot && (is_cameras || !(is_named || is_screen)) {
        return None;
    }
    let why = match (file.exif.is_screenshot, is_named) {
        (true, _) => "exif",
        (false, true) => "name",
        (false, false) => "shape",
    };
    let figures = json!({"why": why, "width_px": width, "height_px": height, "media_type": file.media_type});
    Some((SignalCode::Screenshot, figures))
}

/// The recording is shorter than what the answers say was heard in it, or than the call was.
fn short_recording(facts: &Facts, file: &FileFacts) -> Option<(SignalCode, Value)> {
    let heard_s = file.duration_ms? as f64 / 1000.0;
    let claimed = file.claimed.as_ref().map(|(item, seconds)| (Some(item.as_str()), *seconds, RECORDING_TOLERANCE_S));
    let of_call = facts.stay_ends().filter(|_| facts.channel == Channel::Phone && file.kind == EvidenceKind::Recording);
    let of_call = of_call.map(|(from, until)| (None, (until - from).num_seconds() as f64, CALL_TOLERANCE_S));
    let lacks = |(_, seconds, tolerance): &(Option<&str>, f64, f64)| seconds - tolerance - heard_s;
    let claims = [claimed, of_call].into_iter().flatten().filter(|claim| lacks(claim) > 0.0);
    let (item, claimed_s, tolerance_s) = claims.max_by(|a, b| lacks(a).total_cmp(&lacks(b)))?;
    // Recordings of one call in pieces are looked at together.
    let all_s: f64 = facts.files.iter().filter_map(|other| other.duration_ms).map(|ms| ms as f64 / 1000.0).sum();
    if all_s + tolerance_s >= claimed_s {
        return None;
    }
    let figures = json!({
        "recorded_s": (heard_s * 10.0).round() / 10.0, "claimed_s": claimed_s, "item_id": item,
        "tolerance_s": tolerance_s,
    });
    Some((SignalCode::ShortRecording, figures))
}

#[cfg(test)]
pub mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::signals::facts::{codes, plain};
    use crate::visits::types::Stay;

    /// A photo as a camera takes it, with nothing in it.
    pub fn photo() -> FileFacts {
        FileFacts {
            id: Uuid::from_u128(7),
            kind: EvidenceKind::Photo,
            name: "front.jpg".to_owned(),
            media_type: "image/jpeg".to_owned(),
            captured_at: None,
            exif: peegel_media::Exif::default(),
            size_px: Some((4000, 3000)),
            duration_ms: None,
            claimed: None,
            same: Vec::new(),
            alike: Vec::new(),
        }
    }

    fn other(n: u128) -> OtherFile {
        OtherFile {
            id: Uuid::from_u128(n),
            visit_id: Uuid::from_u128(n + 100),
            stored_at: DateTime::from_timestamp(1_700_000_000 + i64::try_from(n).unwrap(), 0).unwrap(),
            is_own: true,
            is_same_branch: false,
        }
    }

    fn found(file: FileFacts) -> Vec<Found> {
        find(&Facts { files: vec![file], ..plain() })
    }

    #[test]
    fn a_file_that_was_there_before() {
        let found = found(FileFacts { same: (1..9).map(other).collect(), ..photo() });
        assert_eq!(codes(&found), ["same_file"]);
        assert_eq!((found[0].subject_id, found[0].figures["files"].as_i64()), (photo().id, Some(8)));
        assert_eq!(found[0].figures["elsewhere"].as_array().unwrap().len(), MOST_NAMED);
    }

    #[test]
    fn alike_are_six_bits_and_another_file() {
        let alike = |bits, same| FileFacts { alike: vec![(other(1), bits)], same, ..photo() };
        let six = found(alike(6, vec![]));
        assert_eq!((codes(&six), six[0].figures["bits"].as_i64()), (vec!["near_duplicate"], Some(6)));
        assert_eq!(found(alike(7, vec![])), []);
        let written = Facts { channel: Channel::Written, files: vec![alike(0, vec![])], ..plain() };
        assert_eq!(find(&written), [], "a page looks the same each time");
        assert_eq!(codes(&found(alike(0, vec![other(1)]))), ["same_file"], "one signal of one file");
    }

    #[test]
    fn editors_name_themselves_and_phones_do_not() {
        let by = |software: &str| {
            let exif = peegel_media::Exif { software: Some(software.to_owned()), ..Default::default() };
            found(FileFacts { exif, ..photo() })
        };
        for editor in ["Adobe Photoshop 25.1 (Macintosh)", "GIMP 2.10.36", "Snapseed 2.0"] {
            assert_eq!(codes(&by(editor)), ["editor_software"], "{editor}");
        }
        for phone in ["S918BXXS3BWK1", "17.5.1", "HDR+ 1.0.585804401", "MediaTek Camera Application"] {
            assert_eq!(by(phone), [], "{phone}");
        }
        assert_eq!(found(photo()), [], "no EXIF is no signal");
    }

    #[test]
    fn pictures_of_screens() {
        let png = |size_px| FileFacts { media_type: "image/png".to_owned(), size_px: Some(size_px), ..photo() };
        assert_eq!(codes(&found(png((1080, 2400)))), ["screenshot"]);
        assert_eq!(found(png((4000, 3000))), []);
        assert_eq!(found(png((0, 0))), []);
        let named = FileFacts { name: "Screenshot_20260504-101112.jpg".to_owned(), ..photo() };
        assert_eq!(codes(&found(named.clone())), ["screenshot"]);
        let written = Facts { channel: Channel::Written, files: vec![named.clone()], ..plain() };
        assert_eq!(find(&written), [], "a chat is proved by nothing else");
        let exif = peegel_media::Exif { model: Some("Pixel 9".to_owned()), ..Default::default() };
        assert_eq!(found(FileFacts { exif, ..named }), []);
        let exif = peegel_media::Exif { is_screenshot: true, ..Default::default() };
        assert_eq!(found(FileFacts { exif, ..photo() })[0].figures["why"], "exif");
    }

    fn recording(seconds: i64, claimed: Option<f64>) -> FileFacts {
        FileFacts {
            kind: EvidenceKind::Recording,
            media_type: "audio/mp4".to_owned(),
            size_px: None,
            duration_ms: Some(seconds * 1000),
            claimed: claimed.map(|seconds| ("hold".to_owned(), seconds)),
            ..photo()
        }
    }

    #[test]
    fn a_recording_holds_what_is_claimed_of_it() {
        assert_eq!(found(recording(60, Some(65.0))), []);
        let short = found(recording(60, Some(66.0)));
        assert_eq!((codes(&short), short[0].figures["item_id"].as_str()), (vec!["short_recording"], Some("hold")));
        assert_eq!(found(recording(60, None)), []);
        let files = vec![recording(60, Some(100.0)), FileFacts { id: Uuid::from_u128(8), ..recording(50, None) }];
        assert_eq!(find(&Facts { files, ..plain() }), [], "in two pieces");
    }

    #[test]
    fn a_recording_is_as_long_as_its_call() {
        let at = |seconds: i64| DateTime::from_timestamp(1_777_888_800 + seconds, 0);
        let call = |seconds: i64| Facts {
            channel: Channel::Phone,
            stay: Stay { arrived_at: at(0), left_at: at(seconds), ..Stay::default() },
            files: vec![recording(60, None)],
            ..plain()
        };
        assert_eq!(find(&call(150)), []);
        let found = find(&call(151));
        assert_eq!((codes(&found), found[0].figures["claimed_s"].as_f64()), (vec!["short_recording"], Some(151.0)));
        assert_eq!(find(&Facts { channel: Channel::InPerson, ..call(600) }), []);
    }
}
