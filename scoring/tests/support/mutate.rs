//! Spoiling documents: bytes changed at random, and JSON changed where it stays JSON.
//!
//! A document is JSON, or one line that says what the JSON is for and then JSON.

use serde_json::{Map, Value, json};

use super::numbers::Numbers;

/// Members that documents of this crate know.
const KEYS: [&str; 49] = [
    "id",
    "version",
    "aggregation",
    "unanswered",
    "cap_bonus",
    "min_scored_share_bp",
    "pass_bp",
    "sections",
    "dimensions",
    "bands",
    "items",
    "section",
    "type",
    "weight",
    "required",
    "na_allowed",
    "na",
    "scored",
    "role",
    "critical",
    "evidence",
    "phrases",
    "heard",
    "not_heard",
    "measured",
    "unit",
    "show_if",
    "positive",
    "options",
    "points",
    "min",
    "max",
    "map",
    "table",
    "mode",
    "steps",
    "otherwise_bp",
    "scope",
    "cap_bp",
    "fail_below_bp",
    "share_bp",
    "all",
    "any",
    "not",
    "item",
    "op",
    "value",
    "v",
    "a~b/c",
];

/// Words that documents of this crate know.
const WORDS: [&str; 48] = [
    "pooled",
    "weighted_sections",
    "exclude",
    "zero",
    "full",
    "yes_no",
    "choice",
    "rating",
    "multi",
    "numeric",
    "nps",
    "text",
    "normal",
    "bonus",
    "penalty",
    "section",
    "visit",
    "never",
    "always",
    "on_fail",
    "linear",
    "proportional",
    "none",
    "class",
    "sum",
    "best",
    "all_or_nothing",
    "eq",
    "ne",
    "in",
    "ge",
    "le",
    "gt",
    "lt",
    "contains",
    "answered",
    "is_na",
    "ring",
    "hold",
    "s",
    "",
    "0",
    "-0",
    "1.0",
    "60.50",
    "1e3",
    "welch",
    "\u{0}\u{1F600}",
];

/// A spoiled copy of one of the documents.
pub fn mutant(corpus: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = corpus[numbers.below(corpus.len())].clone();
    let other = &corpus[numbers.below(corpus.len())];
    for _ in 0..1 + numbers.below(4) {
        bytes = step(bytes, other, numbers);
    }
    bytes
}

/// The document with one thing changed; may take something over from another one.
pub fn step(bytes: Vec<u8>, other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let (head, body) = split(&bytes);
    if numbers.below(4) > 0
        && let Ok(mut json) = serde_json::from_slice(body)
    {
        let donor = serde_json::from_slice(split(other).1).unwrap_or_default();
        change_json(&mut json, &donor, numbers);
        return [head, json.to_string().as_bytes()].concat();
    }
    change_bytes(bytes, other, numbers)
}

/// The first line, unless JSON begins there, and the rest.
pub fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let begins = bytes.first().is_some_and(|byte| b"{[\"".contains(byte));
    let end = if begins { None } else { bytes.iter().position(|&byte| byte == b'\n') };
    bytes.split_at(end.map_or(0, |end| end + 1))
}

fn change_bytes(mut bytes: Vec<u8>, other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let places = bytes.len() + 1;
    let (from, to) = (numbers.below(places), numbers.below(places));
    let range = from.min(to)..from.max(to).min(from.min(to) + 64);
    match numbers.below(6) {
        0 => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << numbers.below(8);
            }
        }
        1 => drop(bytes.drain(range)),
        2 => {
            let copy = bytes[range].to_vec();
            bytes.splice(to..to, copy);
        }
        3 => {
            let at = numbers.below(other.len() + 1);
            let part = &other[at..other.len().min(at + 256)];
            bytes.splice(from..from, part.iter().copied());
        }
        4 => {
            let odd =
                numbers.pick(&["-", "0", "9", ".", "e", "\"", "{", "}", "[", "]", ",", ":", "null", "1e999", "\n"]);
            bytes.splice(from..from, odd.bytes());
        }
        _ => {
            let (open, close) = numbers.pick(&[("[", "]"), ("{\"not\":", "}"), ("{\"all\":[", "]}")]);
            let depth = numbers.pick(&[1, 20, 60, 130, 5000]);
            let nested = [open.repeat(depth), "1".to_owned(), close.repeat(depth)].concat();
            bytes.splice(from..from, nested.bytes());
        }
    }
    bytes
}

fn change_json(json: &mut Value, donor: &Value, numbers: &mut Numbers) {
    let spare = some_part(&mut donor.clone(), numbers).take();
    let known = some_part(&mut json.clone(), numbers).take();
    let part = some_part(json, numbers);
    match (numbers.below(10), &mut *part) {
        (0, _) => *part = odd(numbers),
        (1, _) => *part = spare,
        (2, _) => *part = known,
        (3, _) => *part = wrapped(part.take(), numbers),
        (4..=6, Value::Object(members)) => change_members(members, spare, numbers),
        (4..=6, Value::Array(list)) => change_list(list, spare, numbers),
        (_, Value::Number(n)) => *part = near(n.as_i64().unwrap_or(0), numbers),
        (_, Value::Bool(flag)) => *flag = !*flag,
        (_, Value::String(text)) => *text = numbers.pick(&WORDS).to_owned(),
        (7, Value::Object(members)) => change_members(members, odd(numbers), numbers),
        (7, Value::Array(list)) => change_list(list, odd(numbers), numbers),
        _ => *part = odd(numbers),
    }
}

// Stops at each level with a chance of one in six, so that deep parts are reached too.
fn some_part<'a>(value: &'a mut Value, numbers: &mut Numbers) -> &'a mut Value {
    let parts = match value {
        Value::Array(list) => list.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    };
    if parts == 0 || numbers.below(6) == 0 {
        return value;
    }
    let chosen = numbers.below(parts);
    match value {
        Value::Array(list) => some_part(&mut list[chosen], numbers),
        Value::Object(members) => some_part(members.values_mut().nth(chosen).expect("it was counted"), numbers),
        other => other,
    }
}

fn change_members(members: &mut Map<String, Value>, value: Value, numbers: &mut Numbers) {
    let chosen = members.keys().nth(numbers.below(members.len().max(1))).cloned();
    match (numbers.below(3), chosen) {
        (0, Some(key)) => drop(members.remove(&key)),
        (1, Some(key)) => {
            let value = members.remove(&key).unwrap_or_default();
            members.insert(numbers.pick(&KEYS).to_owned(), value);
        }
        _ => drop(members.insert(numbers.pick(&KEYS).to_owned(), value)),
    }
}

fn change_list(list: &mut Vec<Value>, value: Value, numbers: &mut Numbers) {
    let place = numbers.below(list.len() + 1);
    match numbers.below(5) {
        0 => list.truncate(place),
        1 if place < list.len() => drop(list.remove(place)),
        2 if place < list.len() => list.insert(place, list[place].clone()),
        3 if !list.is_empty() => list.rotate_left(place),
        4 if list.len() < 60 => {
            let copies = 1 + numbers.below(20);
            list.extend(std::iter::repeat_n(value, copies));
        }
        _ => list.insert(place, value),
    }
}

fn wrapped(value: Value, numbers: &mut Numbers) -> Value {
    match numbers.below(5) {
        0 => json!([value]),
        1 => json!({"not": value}),
        2 => json!({"all": [value, {"item": "a", "op": "answered"}]}),
        3 => json!({"any": [value]}),
        _ => json!({"v": value, "evidence": 1}),
    }
}

/// A number beside `n`.
fn near(n: i64, numbers: &mut Numbers) -> Value {
    match numbers.below(7) {
        0 => json!(n.saturating_add(1)),
        1 => json!(n.saturating_sub(1)),
        2 => json!(n.saturating_neg()),
        3 => json!(n.saturating_mul(10)),
        4 => json!(format!("{n}.{}", numbers.below(1000))),
        5 => json!(n as f64 + 0.5),
        _ => odd(numbers),
    }
}

/// A value that is rarely meant.
pub fn odd(numbers: &mut Numbers) -> Value {
    match numbers.below(26) {
        0 => json!(null),
        1 => json!(true),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(i64::MIN),
        5 => json!(i64::MAX),
        6 => json!(u64::MAX),
        7 => json!(1_000_000),
        8 => json!(1_000_001),
        9 => json!(10_000),
        10 => json!(0.5),
        11 => json!(-1e300),
        12 => json!(5e-324),
        13 => json!(1e16),
        14 => json!(f64::MAX),
        15 => json!([]),
        16 => json!({}),
        17 => json!({"na": true}),
        18 => json!(numbers.pick(&WORDS)),
        19 => json!("9".repeat(numbers.pick(&[38, 39, 100, 101]))),
        20 => json!(format!("0.{}1", "0".repeat(numbers.pick(&[8, 37, 38, 97, 98])))),
        21 => json!(format!("-{}.{}", numbers.next(), numbers.next())),
        22 => json!((0..numbers.below(300)).collect::<Vec<_>>()),
        23 => json!((0..numbers.below(60)).map(|n| format!("x{n}")).collect::<Vec<_>>()),
        24 => json!(numbers.below(20_000)),
        _ => (0..numbers.below(140)).fold(json!({"item": "a", "op": "answered"}), |inner, _| json!({"not": inner})),
    }
}
