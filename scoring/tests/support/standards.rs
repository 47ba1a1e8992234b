//! Random standards and random answers to them, good and bad.

use peegel_scoring::Standard;
use serde_json::{Map, Value, json};

use super::numbers::Numbers;
use super::values::value;

/// Points without common factors, so that few items have a huge common denominator.
const PRIMES: [i64; 9] = [999_983, 999_979, 999_961, 999_959, 999_953, 999_931, 999_917, 999_907, 999_883];

/// The JSON of a valid standard with every kind of item, condition, policy, cap and role.
///
/// Of one in four the item scores have a common denominator beyond 64 or 128 bits.
pub fn standard(numbers: &mut Numbers) -> Value {
    let huge = numbers.below(4) == 0;
    let sections = 1 + numbers.below(4);
    let dimensions = numbers.below(4);
    let heavy = numbers.pick(&[1, 10, 1000, 1_000_000]);
    let mut items: Vec<Value> = Vec::new();
    for position in 0..1 + numbers.below(14) {
        let mut item = if huge && numbers.below(3) > 0 { fine(position, numbers) } else { kind(numbers) };
        item["id"] = json!(format!("q{position}"));
        item["section"] = json!(format!("s{}", numbers.below(sections)));
        let any = 1 + numbers.below(heavy);
        item["weight"] = json!(numbers.pick(&[0, 1, 2, 3, 5, any]));
        fields(&mut item, dimensions, numbers);
        if position > 0 && numbers.below(3) == 0 {
            item["show_if"] = condition(&items, 3, numbers);
        }
        items.push(item);
    }
    let part = |name: &str, n: usize| -> Vec<Value> { (0..n).map(|n| json!({"id": format!("{name}{n}")})).collect() };
    let mut standard = json!({
        "id": "random", "version": 1, "items": items, "dimensions": part("d", dimensions),
        "sections": part("s", sections), "aggregation": numbers.pick(&["pooled", "weighted_sections"]),
        "unanswered": numbers.pick(&["exclude", "zero"]), "cap_bonus": numbers.below(2) == 0,
        "min_scored_share_bp": numbers.pick(&[0, 0, 5000, 10_000]),
    });
    for section in standard["sections"].as_array_mut().into_iter().flatten() {
        section["weight"] = json!(numbers.pick(&[0, 1, 7, 60]));
    }
    if numbers.below(2) == 0 {
        standard["bands"] =
            json!([{"min_bp": 5000, "label": "B"}, {"min_bp": 0, "label": "C"}, {"min_bp": 8300, "label": "A"}]);
    }
    if numbers.below(2) == 0 {
        standard["pass_bp"] = json!(numbers.below(10_001));
    }
    standard
}

fn kind(numbers: &mut Numbers) -> Value {
    match numbers.below(10) {
        0 | 1 => json!({"type": "yes_no", "positive": numbers.below(3) > 0}),
        2 => json!({"type": "choice", "options": options(2 + numbers.below(4), numbers)}),
        3 => {
            let modes = ["sum", "best", "all_or_nothing"];
            json!({"type": "multi", "mode": numbers.pick(&modes), "options": options(2 + numbers.below(5), numbers)})
        }
        4 => json!({"type": "rating", "min": 1, "max": 5, "map": numbers.pick(&["linear", "proportional"])}),
        5 => json!({"type": "rating", "min": 0, "max": 2, "table": [0, numbers.below(10_001), 10_000]}),
        6 => json!({"type": "numeric", "min": -10, "bands": [[0, 10_000], ["60.5", 5000], [300, 0]]}),
        7 => json!({"type": "numeric", "steps": [["2.5", 10_000], [100, numbers.below(10_001)]], "otherwise_bp": 0}),
        8 => json!({"type": "nps", "map": numbers.pick(&["none", "linear", "class"])}),
        _ => numbers.pick(&[json!({"type": "text"}), json!({"type": "numeric"})]),
    }
}

// An item whose scores have a large denominator of their own.
fn fine(position: usize, numbers: &mut Numbers) -> Value {
    let most = PRIMES[position % PRIMES.len()];
    let some = numbers.below(most as usize);
    let options = json!([{"id": "o0", "points": most}, {"id": "o1", "points": some}, {"id": "o2", "points": 0}]);
    match numbers.below(4) {
        0 => json!({"type": "multi", "options": options, "mode": "best"}),
        1 => json!({"type": "numeric", "bands": [["-0.001", 0], [most, 10_000]]}),
        _ => json!({"type": "choice", "options": options}),
    }
}

fn options(n: usize, numbers: &mut Numbers) -> Vec<Value> {
    (0..n).map(|n| json!({"id": format!("o{n}"), "points": numbers.below(9) as i64 - 2})).collect()
}

fn fields(item: &mut Value, dimensions: usize, numbers: &mut Numbers) {
    item["required"] = json!(numbers.below(3) > 0);
    item["na_allowed"] = json!(numbers.below(3) > 0);
    item["na"] = json!(numbers.pick(&["exclude", "zero", "full"]));
    item["scored"] = json!(numbers.below(8) > 0);
    item["role"] = json!(numbers.pick(&["normal", "normal", "normal", "bonus", "penalty"]));
    item["evidence"] = json!(numbers.pick(&["never", "always", "on_fail"]));
    if numbers.below(5) == 0 {
        let caps = [0, 2500, 5000, 9999, 10_000];
        item["critical"] = json!({
            "scope": numbers.pick(&["section", "visit"]), "cap_bp": numbers.pick(&caps),
            "fail_below_bp": numbers.pick(&[10_000, 5000, 1]),
        });
    }
    let shares = [10_000, 10_000, 5000, 3333, 0];
    let served = (0..dimensions).filter(|_| numbers.below(2) == 0).collect::<Vec<_>>();
    item["dimensions"] =
        served.iter().map(|d| json!({"id": format!("d{d}"), "share_bp": numbers.pick(&shares)})).collect();
}

/// A condition on some of the items so far, nested up to `depth` deep.
fn condition(items: &[Value], depth: usize, numbers: &mut Numbers) -> Value {
    if depth > 0 && numbers.below(2) == 0 {
        let mut parts =
            || -> Vec<Value> { (0..numbers.below(4)).map(|_| condition(items, depth - 1, numbers)).collect() };
        let parts = parts();
        return match numbers.below(3) {
            0 => json!({"all": parts}),
            1 => json!({"any": parts}),
            _ => json!({"not": condition(items, depth - 1, numbers)}),
        };
    }
    let parent = &items[numbers.below(items.len())];
    let number = |numbers: &mut Numbers| numbers.pick(&[json!(1), json!("2.0"), json!(4), json!("60.5")]);
    let option = |numbers: &mut Numbers| json!(numbers.pick(&["o0", "o1", "o4", "gone"]));
    let (ops, value): (&[&str], Value) = match parent["type"].as_str() {
        Some("yes_no") => (&["eq", "ne", "in"], json!(numbers.below(2) == 0)),
        Some("choice") => (&["eq", "ne", "in"], option(numbers)),
        Some("multi") => (&["contains"], option(numbers)),
        Some("rating" | "nps" | "numeric") => (&["eq", "ne", "in", "ge", "gt", "le", "lt"], number(numbers)),
        _ => (&["answered", "is_na"], Value::Null),
    };
    let op = if numbers.below(5) == 0 { numbers.pick(&["answered", "is_na"]) } else { numbers.pick(ops) };
    let mut condition = json!({"item": parent["id"], "op": op});
    match op {
        "answered" | "is_na" => {}
        "in" => condition["value"] = json!([value, value]),
        _ => condition["value"] = value,
    }
    condition
}

/// Answers of a visit: most of them valid, some N/A, some empty, some wrong, some to items that do not exist.
pub fn answers(standard: &Standard, numbers: &mut Numbers) -> Map<String, Value> {
    let mut answers = Map::new();
    let care = numbers.below(3);
    for item in standard.items() {
        let answer = match numbers.below(12) {
            0 => continue,
            1 => json!({"na": true}),
            2 if care == 0 => wrong(numbers),
            3 if care == 0 => json!({"v": wrong(numbers)}),
            _ => json!({"v": value(&item.kind, numbers), "evidence": numbers.below(2)}),
        };
        answers.insert(item.id.clone(), answer);
    }
    if care == 0 && numbers.below(3) == 0 {
        answers.insert("long_gone".to_owned(), json!({"v": true}));
    }
    answers
}

fn wrong(numbers: &mut Numbers) -> Value {
    let wrong = [
        json!(null),
        json!({}),
        json!({"na": 1, "v": true}),
        json!({"na": true, "v": true}),
        json!("o9"),
        json!(["o0", "o0"]),
        json!(["o0", "o9"]),
        json!([1]),
        json!(77),
        json!(-77),
        json!(1.5),
        json!("-1000000.5"),
        json!("-0.1"),
        json!("1e3"),
        json!(true),
    ];
    numbers.pick(&wrong)
}
