//! Reading the bodies that promise all problems at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use crate::chains::parse::Stamp;
use crate::entity::{assignment, wave};
use crate::failure::FieldProblem;
use crate::http::json::{Reader, text_problem};
use crate::standards::check::is_id;
use crate::words::{AssignmentState, VersionState, WaveState};

/// The longest name of a wave, in characters.
const MAX_WAVE_NAME: usize = 200;
/// All visits of a wave, in basis points.
const MAX_SHARE_BP: i64 = 10_000;

/// The name of a wave as far as it can be one, for looking up whether it is taken before the wave is read.
pub fn wave_name(body: &Value) -> Option<&str> {
    body.get("name")?.as_str().filter(|name| text_problem(name, MAX_WAVE_NAME).is_none())
}

/// A new wave.
pub fn wave(
    body: &Value,
    stamp: Stamp,
    is_chain: impl Fn(Uuid) -> bool,
    is_name_taken: bool,
) -> Result<wave::Model, Vec<FieldProblem>> {
    let mut reader = Reader::new(body, "");
    let chain_id = reader.uuid("chain_id");
    if chain_id.is_some_and(|id| !is_chain(id)) {
        reader.problem("chain_id", "unknown_ref", "is not a chain of this firm");
    }
    let name = reader.text("name", MAX_WAVE_NAME);
    if is_name_taken {
        reader.problem("name", "duplicate", "is the name of another wave of this chain");
    }
    let kind = reader.word("kind");
    let (opens_on, closes_on) = (reader.date("opens_on"), reader.date("closes_on"));
    let double_scoring_bp = reader.optional_integer("double_scoring_bp", 0, MAX_SHARE_BP);
    if let (Some(first), Some(last)) = (opens_on, closes_on)
        && first > last
    {
        reader.problem("closes_on", "out_of_range", "must not be before `opens_on`");
    }
    let row = || {
        Some(wave::Model {
            firm_id: stamp.firm_id,
            id: stamp.id,
            chain_id: chain_id?,
            name: name?,
            kind: kind?,
            state: WaveState::Planned,
            opens_on: opens_on?,
            closes_on: closes_on?,
            created_at: stamp.at,
            closed_at: None,
            double_scoring_bp: double_scoring_bp.and_then(|bp| i32::try_from(bp).ok()).unwrap_or(0),
        })
    };
    let row = row();
    done(reader, row)
}

/// What the entries of one request refer to, looked up before they are read.
#[derive(Debug, Default)]
pub struct Known {
    /// Branches that the wave may go to.
    pub branches: BTreeSet<Uuid>,
    /// Those of them whose chain is the rival of another client.
    pub of_others: BTreeSet<Uuid>,
    /// States of the versions of the standards named.
    pub versions: BTreeMap<(String, i32), VersionState>,
    /// Scenarios named that the firm has, with the numbers of their newest versions.
    pub scenarios: BTreeMap<String, i32>,
    /// Active auditors of the firm.
    pub auditors: BTreeSet<Uuid>,
    /// Ids that assignments have; new ones are added as they are read.
    pub taken: BTreeSet<Uuid>,
}

/// The UUIDs that entries hold in a member.
pub fn uuids_of(list: &[Value], name: &str) -> Vec<Uuid> {
    list.iter().filter_map(|entry| entry.get(name)?.as_str()?.parse().ok()).collect()
}

/// The ids of standards, or of scenarios, that entries hold in a member.
pub fn names_of<'a>(list: &'a [Value], name: &str) -> BTreeSet<&'a str> {
    list.iter().filter_map(|entry| entry.get(name)?.as_str()).filter(|id| is_id(id)).collect()
}

/// A new assignment.
pub fn assignment(
    entry: &Value,
    pointer: String,
    stamp: Stamp,
    wave_id: Uuid,
    known: &mut Known,
) -> Result<assignment::Model, Vec<FieldProblem>> {
    let mut reader = Reader::new(entry, pointer);
    let id = reader.optional_uuid("id").unwrap_or(stamp.id);
    if !known.taken.insert(id) {
        reader.problem("id", "duplicate", "is the id of another assignment");
    }
    let branch_id = reader.uuid("branch_id");
    if branch_id.is_some_and(|id| !known.branches.contains(&id)) {
        reader.problem("branch_id", "unknown_ref", "is not a branch that this wave goes to");
    } else if branch_id.is_some_and(|id| known.of_others.contains(&id)) {
        reader.problem("branch_id", "unknown_ref", "is already compared with another client");
    }
    let version = version(&mut reader, known);
    let scenario = scenario(&mut reader, known);
    let auditor_id = reader.optional_uuid("auditor_id");
    if auditor_id.is_some_and(|id| !known.auditors.contains(&id)) {
        reader.problem("auditor_id", "unknown_ref", "is not an active membership with the role auditor");
    }
    let (window_start, window_end) = (reader.time("window_start"), reader.time("window_end"));
    if let (Some(start), Some(end)) = (window_start, window_end)
        && start >= end
    {
        reader.problem("window_end", "out_of_range", "must be after `window_start`");
    }
    let row = || {
        let (standard_id, standard_version) = version?;
        Some(assignment::Model {
            firm_id: stamp.firm_id,
            id,
            wave_id,
            branch_id: branch_id?,
            standard_id,
            standard_version,
            scenario_version: scenario.as_ref().map(|(_, version)| *version),
            scenario_id: scenario.map(|(id, _)| id),
            auditor_id,
            state: if auditor_id.is_some() { AssignmentState::Assigned } else { AssignmentState::Open },
            window_start: window_start?,
            window_end: window_end?,
            created_at: stamp.at,
        })
    };
    let row = row();
    done(reader, row)
}

/// The version of a standard that an entry names, if it is published.
fn version(reader: &mut Reader<'_>, known: &Known) -> Option<(String, i32)> {
    let standard_id = reader.text("standard_id", 64);
    let number =
        reader.value("standard_version").and_then(|_| reader.optional_integer("standard_version", 1, i32::MAX.into()));
    let key = (standard_id?, i32::try_from(number?).ok()?);
    match known.versions.get(&key) {
        Some(VersionState::Published) => return Some(key),
        Some(state) => {
            let message = format!("is {state}; only published versions can be assigned");
            reader.problem("standard_version", "not_published", message);
        }
        None if known.versions.keys().any(|(id, _)| *id == key.0) => {
            reader.problem("standard_version", "unknown_ref", "is not a version of this standard");
        }
        None => reader.problem("standard_id", "unknown_ref", "is not a standard of this firm"),
    }
    None
}

/// The version of a scenario that an entry names, or the newest of the one that it names.
fn scenario(reader: &mut Reader<'_>, known: &Known) -> Option<(String, i32)> {
    let id = reader.optional_text("scenario_id", 64);
    let number = reader.optional_integer("scenario_version", 1, i32::MAX.into());
    let Some(id) = id else {
        if number.is_some() {
            reader.problem("scenario_id", "missing", "is required with `scenario_version`");
        }
        return None;
    };
    let Some(newest) = known.scenarios.get(&id).copied() else {
        reader.problem("scenario_id", "unknown_ref", "is not a scenario of this firm");
        return None;
    };
    let version = number.map_or(Some(newest), |number| i32::try_from(number).ok().filter(|number| *number <= newest));
    if version.is_none() {
        reader.problem("scenario_version", "unknown_ref", "is not a version of this scenario");
    }
    Some((id, version?))
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
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    fn stamp() -> Stamp {
        Stamp { firm_id: Uuid::nil(), id: Uuid::from_u128(9), at: DateTime::default() }
    }

    fn known() -> Known {
        Known {
            branches: BTreeSet::from([Uuid::from_u128(1), Uuid::from_u128(5)]),
            of_others: BTreeSet::from([Uuid::from_u128(5)]),
            versions: BTreeMap::from([
                (("visit".to_owned(), 1), VersionState::Published),
                (("visit".to_owned(), 2), VersionState::Draft),
            ]),
            scenarios: BTreeMap::from([("gift".to_owned(), 3)]),
            auditors: BTreeSet::from([Uuid::from_u128(2)]),
            taken: BTreeSet::new(),
        }
    }

    fn entry() -> Value {
        json!({
            "branch_id": Uuid::from_u128(1), "standard_id": "visit", "standard_version": 1,
            "window_start": "2026-10-01T08:00:00Z", "window_end": "2026-10-10T18:00:00Z",
        })
    }

    fn codes(problems: &[FieldProblem]) -> Vec<(&str, &str)> {
        problems.iter().map(|problem| (problem.pointer.as_str(), problem.code.as_str())).collect()
    }

    #[test]
    fn without_an_auditor_it_goes_to_the_job_board() {
        let row = assignment(&entry(), String::new(), stamp(), Uuid::nil(), &mut known()).unwrap();
        assert_eq!((row.id, row.state), (Uuid::from_u128(9), AssignmentState::Open));
        let mut given = entry();
        given["auditor_id"] = json!(Uuid::from_u128(2));
        let row = assignment(&given, String::new(), stamp(), Uuid::nil(), &mut known()).unwrap();
        assert_eq!(row.state, AssignmentState::Assigned);
    }

    #[test]
    fn all_problems_of_an_assignment_are_named_at_once() {
        let mut bad = entry();
        bad["id"] = json!(Uuid::from_u128(7));
        bad["branch_id"] = json!(Uuid::from_u128(3));
        bad["standard_version"] = json!(2);
        bad["auditor_id"] = json!(Uuid::from_u128(3));
        bad["window_end"] = bad["window_start"].clone();
        bad["pay"] = json!(20);
        let mut known = known();
        known.taken.insert(Uuid::from_u128(7));
        let found = assignment(&bad, "/assignments/4".to_owned(), stamp(), Uuid::nil(), &mut known).unwrap_err();
        assert_eq!(
            codes(&found),
            [
                ("/assignments/4/id", "duplicate"),
                ("/assignments/4/branch_id", "unknown_ref"),
                ("/assignments/4/standard_version", "not_published"),
                ("/assignments/4/auditor_id", "unknown_ref"),
                ("/assignments/4/window_end", "out_of_range"),
                ("/assignments/4/pay", "unknown_field"),
            ]
        );
    }

    #[test]
    fn the_rival_of_another_client_is_refused() {
        let mut bad = entry();
        bad["branch_id"] = json!(Uuid::from_u128(5));
        let found = assignment(&bad, String::new(), stamp(), Uuid::nil(), &mut known()).unwrap_err();
        assert_eq!(codes(&found), [("/branch_id", "unknown_ref")]);
        assert_eq!(found[0].message, "is already compared with another client");
    }

    #[test]
    fn an_unknown_version_differs_from_an_unknown_standard() {
        for (member, value, pointer) in
            [("standard_version", json!(3), "/standard_version"), ("standard_id", json!("other"), "/standard_id")]
        {
            let mut bad = entry();
            bad[member] = value;
            let found = assignment(&bad, String::new(), stamp(), Uuid::nil(), &mut known()).unwrap_err();
            assert_eq!(codes(&found), [(pointer, "unknown_ref")]);
        }
    }

    #[test]
    fn a_scenario_is_kept_in_its_version() {
        let of = |id: Value, version: Value| {
            let mut entry = entry();
            (entry["scenario_id"], entry["scenario_version"]) = (id, version);
            assignment(&entry, String::new(), stamp(), Uuid::nil(), &mut known())
        };
        let kept = |row: assignment::Model| (row.scenario_id, row.scenario_version);
        assert_eq!(kept(of(json!("gift"), Value::Null).unwrap()), (Some("gift".to_owned()), Some(3)));
        assert_eq!(kept(of(json!("gift"), json!(2)).unwrap()), (Some("gift".to_owned()), Some(2)));
        assert_eq!(kept(of(Value::Null, Value::Null).unwrap()), (None, None));
        for (id, version, problem) in [
            (json!("other"), Value::Null, ("/scenario_id", "unknown_ref")),
            (json!("gift"), json!(4), ("/scenario_version", "unknown_ref")),
            (json!("gift"), json!(0), ("/scenario_version", "out_of_range")),
            (Value::Null, json!(1), ("/scenario_id", "missing")),
        ] {
            assert_eq!(codes(&of(id, version).unwrap_err()), [problem]);
        }
    }

    #[test]
    fn a_wave_does_not_end_before_it_begins() {
        let body = json!({
            "chain_id": Uuid::nil(), "name": "Autumn", "kind": "regular", "opens_on": "2026-10-02", "closes_on": "2026-10-01",
        });
        assert_eq!(codes(&wave(&body, stamp(), |_| true, false).unwrap_err()), [("/closes_on", "out_of_range")]);
        let found = wave(&body, stamp(), |_| false, true).unwrap_err();
        assert_eq!(
            codes(&found),
            [("/chain_id", "unknown_ref"), ("/name", "duplicate"), ("/closes_on", "out_of_range")]
        );
    }
}
