//! When and where the auditor was, as the phone tells it with a visit.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::entity::stay;
use crate::failure::FieldProblem;
use crate::http::json::Reader;
use crate::secrets::sha256_hex;
use crate::visits::service::Prepared;
use crate::visits::types::{Position, Stay};

/// Most positions of one visit.
pub const MAX_POSITIONS: usize = 50;
/// Largest error of a position, in metres; the phone knows nothing then.
const MAX_ACCURACY_M: f64 = 1e8;

/// Reads the member `stay` of a visit. That times are in an impossible order is no problem of the body: clocks are set
/// while somebody is in a shop, and a reviewer is told.
pub fn parse(value: &Value, problems: &mut Vec<FieldProblem>) -> Stay {
    let mut reader = Reader::new(value, "/stay");
    let arrived_at = reader.optional_time("arrived_at");
    let left_at = reader.optional_time("left_at");
    let answering_ms = reader.optional_integer("answering_ms", 0, 9_007_199_254_740_991);
    let listed = reader.optional_list("positions", MAX_POSITIONS).unwrap_or_default();
    problems.extend(reader.finish());
    let mut positions = Vec::with_capacity(listed.len());
    for (i, entry) in listed.iter().enumerate() {
        let mut reader = Reader::new(entry, format!("/stay/positions/{i}"));
        let at = reader.time("at");
        let latitude = number(&mut reader, "latitude", (-90.0, 90.0), true);
        let longitude = number(&mut reader, "longitude", (-180.0, 180.0), true);
        let accuracy_m = number(&mut reader, "accuracy_m", (0.0, MAX_ACCURACY_M), false);
        let is_mock = reader.optional_value("is_mock");
        if is_mock.is_some_and(|is_mock| !is_mock.is_boolean()) {
            reader.problem("is_mock", "bad_type", "must be true or false");
        }
        problems.extend(reader.finish());
        if let (Some(at), Some(latitude), Some(longitude)) = (at, latitude, longitude) {
            let is_mock = is_mock.and_then(Value::as_bool);
            positions.push(Position { at, latitude, longitude, accuracy_m, is_mock });
        }
    }
    Stay { arrived_at, left_at, answering_ms, positions }
}

fn number(reader: &mut Reader<'_>, name: &'static str, (least, most): (f64, f64), is_required: bool) -> Option<f64> {
    let value = if is_required { reader.value(name)? } else { reader.optional_value(name)? };
    let number = value.as_f64().filter(|number| (least..=most).contains(number));
    if number.is_none() {
        reader.problem(name, "out_of_range", format!("must be a number from {least} to {most}"));
    }
    number
}

/// The row of a visit that is filed; none when the phone told nothing.
pub fn row(prepared: &Prepared, at: DateTime<Utc>) -> Option<stay::Model> {
    let write = &prepared.write;
    if write.stay.is_none() && write.device_id.is_none() {
        return None;
    }
    let stay = write.stay.clone().unwrap_or_default();
    let positions = Some(&stay.positions).filter(|positions| !positions.is_empty());
    Some(stay::Model {
        firm_id: prepared.firm_id,
        visit_id: prepared.visit_id,
        auditor_id: prepared.auditor_id,
        arrived_at: stay.arrived_at,
        left_at: stay.left_at,
        answering_ms: stay.answering_ms,
        positions: positions.and_then(|positions| serde_json::to_string(positions).ok()),
        device_sha256: write.device_id.as_deref().map(|id| device_sha256(prepared.firm_id, id)),
        created_at: at,
    })
}

/// What is kept of the id that an app made for itself: phones of one firm can be told apart, and not followed into
/// another one.
fn device_sha256(firm_id: Uuid, id: &str) -> String {
    sha256_hex(format!("{firm_id}\n{id}").as_bytes())
}

/// A stored stay.
pub fn of_row(row: &stay::Model) -> Stay {
    let positions = row.positions.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    Stay { arrived_at: row.arrived_at, left_at: row.left_at, answering_ms: row.answering_ms, positions }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(value: &Value) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        parse(value, &mut problems);
        problems.into_iter().map(|problem| (problem.pointer, problem.code)).collect()
    }

    #[test]
    fn every_problem_of_a_stay_is_named_at_once() {
        let entry = json!({"latitude": 91, "accuracy_m": -1, "is_mock": 1, "speed": 3});
        let value = json!({"arrived_at": "noon", "answering_ms": -1, "positions": [7, entry], "x": 1});
        let found = found(&value);
        let found: Vec<_> = found.iter().map(|(pointer, code)| (pointer.as_str(), code.as_str())).collect();
        let wanted = [
            ("/stay/arrived_at", "bad_time"),
            ("/stay/answering_ms", "out_of_range"),
            ("/stay/x", "unknown_field"),
            ("/stay/positions/0", "bad_type"),
            ("/stay/positions/1/at", "missing"),
            ("/stay/positions/1/latitude", "out_of_range"),
            ("/stay/positions/1/longitude", "missing"),
            ("/stay/positions/1/accuracy_m", "out_of_range"),
            ("/stay/positions/1/is_mock", "bad_type"),
            ("/stay/positions/1/speed", "unknown_field"),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn fifty_positions_are_the_most() {
        let one = json!({"at": "2026-05-04T10:00:00Z", "latitude": 59.4, "longitude": 24.7});
        let stay = |n: usize| json!({"positions": vec![one.clone(); n]});
        assert_eq!(found(&stay(MAX_POSITIONS)), []);
        let wanted = ("/stay/positions".to_owned(), "too_many".to_owned());
        assert_eq!(found(&stay(MAX_POSITIONS + 1)), [wanted]);
    }

    #[test]
    fn a_stay_is_read_as_it_was_told() {
        let value = json!({
            "arrived_at": "2026-05-04T10:00:00Z", "left_at": "2026-05-04T09:00:00Z", "answering_ms": 5,
            "positions": [{"at": "2026-05-04T10:00:00Z", "latitude": 59.4, "longitude": 24.7, "accuracy_m": 12.5}],
        });
        let mut problems = Vec::new();
        let stay = parse(&value, &mut problems);
        assert_eq!((problems.len(), stay.positions.len(), stay.answering_ms), (0, 1, Some(5)));
        assert_eq!((stay.positions[0].accuracy_m, stay.positions[0].is_mock), (Some(12.5), None));
    }

    #[test]
    fn the_same_phone_is_another_one_in_another_firm() {
        let [one, other] = [1, 2].map(|n| device_sha256(Uuid::from_u128(n), "phone"));
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
        assert_eq!(one, device_sha256(Uuid::from_u128(1), "phone"));
    }
}
