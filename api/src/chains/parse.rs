//! Reading the bodies that promise all problems at once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::entity::{branch, chain, region};
use crate::failure::FieldProblem;
use crate::http::json::Reader;
use crate::words::RecordingPolicy;

/// Most entries of one bulk request.
pub const MAX_BULK: usize = 1000;
/// What kind of place a branch is when nobody says.
const DEFAULT_FORMAT: &str = "store";
/// Days after publishing in which results may be appealed when nobody says.
const DEFAULT_APPEAL_DAYS: i32 = 14;
/// The most of them.
const MAX_APPEAL_DAYS: i64 = 365;
/// Languages of reports.
const LOCALES: [&str; 3] = ["en", "et", "hu"];

/// What every new row carries.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The firm.
    pub firm_id: Uuid,
    /// The id of the row.
    pub id: Uuid,
    /// When it is made.
    pub at: DateTime<Utc>,
}

/// A code such as `TLN-01`: letters, digits, dot, underscore and hyphen, at most 64.
pub fn is_code(code: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    code.len() <= 64 && code.bytes().all(plain) && code.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

/// A code that nobody has yet.
pub fn new_code(reader: &mut Reader<'_>, name: &'static str, taken: &mut BTreeSet<String>) -> Option<String> {
    let code = reader.text(name, 64)?;
    if !is_code(&code) {
        let message = "must be letters, digits, dots, underscores and hyphens, and start with a letter or digit";
        reader.problem(name, "bad_code", message);
        return None;
    }
    if !taken.insert(code.clone()) {
        reader.problem(name, "duplicate", format!("is taken: {code}"));
        return None;
    }
    Some(code)
}

/// The code of an entry as far as it is one, for looking up whether it is taken before the entry is read.
pub fn code_of(entry: &Value) -> Option<&str> {
    entry.get("code")?.as_str().filter(|code| is_code(code))
}

/// A list of a bulk request, which must not be empty.
pub fn bulk<'a>(reader: &mut Reader<'a>, name: &'static str) -> &'a [Value] {
    let list = reader.list(name, MAX_BULK);
    if list.is_some_and(<[Value]>::is_empty) {
        reader.problem(name, "too_few", "must have at least one entry");
    }
    list.unwrap_or_default()
}

/// A new chain.
pub fn chain(body: &Value, stamp: Stamp, taken: &mut BTreeSet<String>) -> Result<chain::Model, Vec<FieldProblem>> {
    let mut reader = Reader::new(body, "");
    let code = new_code(&mut reader, "code", taken);
    let name = reader.text("name", 200);
    let kind = reader.word("kind");
    let locale = reader.text("locale", 8);
    let colour = reader.text("colour", 7);
    check_looks(&mut reader, locale.as_deref(), colour.as_deref());
    let recording_policy = reader.optional_word("recording_policy").unwrap_or(RecordingPolicy::NeedsProof);
    let appeal_days = appeal_days(&mut reader).unwrap_or(DEFAULT_APPEAL_DAYS);
    let row = || {
        Some(chain::Model {
            firm_id: stamp.firm_id,
            id: stamp.id,
            code: code?,
            name: name?,
            kind: kind?,
            locale: locale?,
            colour: colour?,
            recording_policy,
            created_at: stamp.at,
            appeal_days,
        })
    };
    done(reader, row())
}

fn appeal_days(reader: &mut Reader<'_>) -> Option<i32> {
    reader.optional_integer("appeal_days", 0, MAX_APPEAL_DAYS).and_then(|days| i32::try_from(days).ok())
}

/// A chain after a change.
pub fn changed_chain(body: &Value, stored: &chain::Model) -> Result<chain::Model, Vec<FieldProblem>> {
    let mut reader = Reader::new(body, "");
    let name = reader.optional_text("name", 200);
    let locale = reader.optional_text("locale", 8);
    let colour = reader.optional_text("colour", 7);
    check_looks(&mut reader, locale.as_deref(), colour.as_deref());
    let recording_policy = reader.optional_word("recording_policy");
    let appeal_days = appeal_days(&mut reader);
    let stored = stored.clone();
    let row = chain::Model {
        name: name.unwrap_or(stored.name),
        locale: locale.unwrap_or(stored.locale),
        colour: colour.unwrap_or(stored.colour),
        recording_policy: recording_policy.unwrap_or(stored.recording_policy),
        appeal_days: appeal_days.unwrap_or(stored.appeal_days),
        ..stored
    };
    done(reader, Some(row))
}

/// Names what is wrong with the language and the colour of a chain.
fn check_looks(reader: &mut Reader<'_>, locale: Option<&str>, colour: Option<&str>) {
    if locale.is_some_and(|locale| !LOCALES.contains(&locale)) {
        reader.problem("locale", "bad_value", format!("is one of: {}", LOCALES.join(", ")));
    }
    if colour.is_some_and(|colour| !is_colour(colour)) {
        reader.problem("colour", "bad_value", "must be a colour such as #1F4E79");
    }
}

fn is_colour(colour: &str) -> bool {
    colour.len() == 7 && colour.strip_prefix('#').is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A new region.
pub fn region(
    entry: &Value,
    pointer: String,
    stamp: Stamp,
    chain_id: Uuid,
    taken: &mut BTreeSet<String>,
) -> Result<region::Model, Vec<FieldProblem>> {
    let mut reader = Reader::new(entry, pointer);
    let code = new_code(&mut reader, "code", taken);
    let name = reader.text("name", 200);
    let row = || {
        Some(region::Model {
            firm_id: stamp.firm_id,
            id: stamp.id,
            chain_id,
            code: code?,
            name: name?,
            created_at: stamp.at,
        })
    };
    done(reader, row())
}

/// A new branch, with the region it is in.
pub fn branch(
    entry: &Value,
    pointer: String,
    stamp: Stamp,
    chain_id: Uuid,
    taken: &mut BTreeSet<String>,
    regions: &BTreeMap<String, Uuid>,
) -> Result<(branch::Model, Option<Uuid>), Vec<FieldProblem>> {
    let mut reader = Reader::new(entry, pointer);
    let code = new_code(&mut reader, "code", taken);
    let name = reader.text("name", 200);
    let address = reader.text("address", 400);
    let region = reader.optional_text("region", 64);
    let region_id = region.as_deref().and_then(|code| regions.get(code).copied());
    if region.is_some() && region_id.is_none() {
        reader.problem("region", "unknown_ref", "is not the code of a region of this chain");
    }
    let latitude_e7 = degrees_e7(&mut reader, "latitude", 90.0);
    let longitude_e7 = degrees_e7(&mut reader, "longitude", 180.0);
    let [has_latitude, has_longitude] = ["latitude", "longitude"].map(|name| reader.optional_value(name).is_some());
    if has_latitude != has_longitude {
        let absent = if has_latitude { "longitude" } else { "latitude" };
        reader.problem(absent, "missing", "a position is a latitude and a longitude");
    }
    let time_zone = reader.text("time_zone", 64);
    if time_zone.as_deref().is_some_and(|name| name.parse::<chrono_tz::Tz>().is_err()) {
        reader.problem("time_zone", "bad_value", "must be an IANA time zone such as Europe/Tallinn");
    }
    let format = reader.optional_text("format", 64).unwrap_or_else(|| DEFAULT_FORMAT.to_owned());
    let row = || {
        let row = branch::Model {
            firm_id: stamp.firm_id,
            id: stamp.id,
            chain_id,
            code: code?,
            name: name?,
            address: address?,
            latitude_e7,
            longitude_e7,
            time_zone: time_zone?,
            format,
            created_at: stamp.at,
        };
        Some((row, region_id))
    };
    done(reader, row())
}

/// Degrees as the ten-millionths that are stored.
fn degrees_e7(reader: &mut Reader<'_>, name: &'static str, most: f64) -> Option<i32> {
    let value = reader.optional_value(name)?;
    let degrees = value.as_f64().filter(|degrees| degrees.abs() <= most);
    if degrees.is_none() {
        reader.problem(name, "out_of_range", format!("must be a number of degrees from -{most} to {most}"));
    }
    // At most 1.8e9, so it fits.
    degrees.map(|degrees| (degrees * 1e7).round() as i32)
}

/// The row, if nothing is wrong with it.
fn done<T>(reader: Reader<'_>, row: Option<T>) -> Result<T, Vec<FieldProblem>> {
    let problems = reader.finish();
    match row {
        Some(row) if problems.is_empty() => Ok(row),
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stamp() -> Stamp {
        Stamp { firm_id: Uuid::nil(), id: Uuid::nil(), at: DateTime::default() }
    }

    fn codes(problems: &[FieldProblem]) -> Vec<(&str, &str)> {
        problems.iter().map(|problem| (problem.pointer.as_str(), problem.code.as_str())).collect()
    }

    #[test]
    fn a_code_begins_with_a_letter_or_digit_and_has_64_characters() {
        assert!(is_code("TLN-01") && is_code("7") && is_code(&"a".repeat(64)));
        assert!(!is_code("") && !is_code("-a") && !is_code("a b") && !is_code("ä") && !is_code(&"a".repeat(65)));
    }

    #[test]
    fn all_problems_of_a_branch_are_named_at_once() {
        let entry = json!({
            "code": "no spaces", "name": "", "region": "south", "latitude": 91, "time_zone": "Mars/Base", "staff": 3,
        });
        let mut taken = BTreeSet::new();
        let found = branch(&entry, "/branches/2".to_owned(), stamp(), Uuid::nil(), &mut taken, &BTreeMap::new());
        assert_eq!(
            codes(&found.unwrap_err()),
            [
                ("/branches/2/code", "bad_code"),
                ("/branches/2/name", "empty"),
                ("/branches/2/address", "missing"),
                ("/branches/2/region", "unknown_ref"),
                ("/branches/2/latitude", "out_of_range"),
                ("/branches/2/longitude", "missing"),
                ("/branches/2/time_zone", "bad_value"),
                ("/branches/2/staff", "unknown_field"),
            ]
        );
    }

    #[test]
    fn a_position_is_kept_to_seven_decimals() {
        let entry = json!({
            "code": "a", "name": "A", "address": "X 1", "latitude": 59.4369608, "longitude": -24.75, "time_zone": "Europe/Tallinn",
        });
        let found =
            branch(&entry, String::new(), stamp(), Uuid::nil(), &mut BTreeSet::new(), &BTreeMap::new()).unwrap();
        assert_eq!((found.0.latitude_e7, found.0.longitude_e7), (Some(594_369_608), Some(-247_500_000)));
    }

    #[test]
    fn a_code_used_twice_is_a_duplicate_where_it_stands_again() {
        let mut taken = BTreeSet::new();
        let entry = json!({"code": "n", "name": "North"});
        assert!(region(&entry, "/regions/0".to_owned(), stamp(), Uuid::nil(), &mut taken).is_ok());
        let again = region(&entry, "/regions/1".to_owned(), stamp(), Uuid::nil(), &mut taken).unwrap_err();
        assert_eq!(codes(&again), [("/regions/1/code", "duplicate")]);
    }
}
