//! A standard as large as those of the field, and visits by it that look random and are the same every time.

use serde_json::{Map, Value, json};

/// Items of the standard.
const ITEMS: usize = 40;

/// Every type of item, conditions, dimensions, a critical item.
pub fn standard() -> Value {
    let sections: Vec<_> = ["entry", "service", "product", "farewell"]
        .map(|id| json!({"id": id, "weight": 25, "title": {"en": id}}))
        .into();
    let dimensions: Vec<_> = ["politeness", "needs", "knowledge", "speed", "honesty"]
        .map(|id| json!({"id": id, "title": {"en": id}}))
        .into();
    let option = |id: &str, points| json!({"id": id, "points": points, "text": {"en": id}});
    let items: Vec<_> = (0..ITEMS)
        .map(|i| {
            let mut item = json!({
                "id": format!("q{i}"), "section": sections[i / 10]["id"], "weight": 1 + i % 5, "required": true,
                "text": {"en": format!("Question {i}: was it done as the standard of the chain says?")},
                "dimensions": [{"id": dimensions[i % 5]["id"]}, {"id": dimensions[(i + 2) % 5]["id"]}],
            });
            let of_type = match i % 10 {
                1 => json!({"type": "rating", "min": 1, "max": 5, "map": "linear"}),
                2 => json!({"type": "choice", "options": [option("all", 100), option("some", 50), option("none", 0)]}),
                3 => json!({"type": "numeric", "min": 0, "steps": [[60, 10000], [180, 5000]], "otherwise_bp": 0, "unit": "s"}),
                4 => json!({"type": "multi", "mode": "sum", "options": [option("a", 30), option("b", 30), option("c", 40)]}),
                5 => json!({"type": "yes_no", "show_if": {"item": format!("q{}", i - 1), "op": "contains", "value": "a"}}),
                6 => json!({"type": "nps", "map": "none", "weight": 0}),
                7 => json!({"type": "text", "weight": 0}),
                8 => json!({"type": "yes_no", "na_allowed": true}),
                9 => json!({"type": "yes_no", "critical": {"scope": "section", "cap_bp": 5000}}),
                _ => json!({"type": "yes_no"}),
            };
            for (name, value) in of_type.as_object().into_iter().flatten() {
                item[name] = value.clone();
            }
            item
        })
        .collect();
    json!({
        "format": "peegel.standard/1", "id": "load", "version": 1, "title": {"en": "Load"}, "languages": ["en"],
        "pass_bp": 8000, "min_scored_share_bp": 6000,
        "bands": [{"min_bp": 8000, "label": "A", "title": {"en": "Good"}}, {"min_bp": 0, "label": "B", "title": {"en": "Weak"}}],
        "sections": sections, "dimensions": dimensions, "items": items,
    })
}

/// The answers of visit `n`; how well it went depends on `n`.
fn answers(n: u64) -> Map<String, Value> {
    let mut answers = Map::new();
    for i in 0..ITEMS as u64 {
        let dice = mix(n * ITEMS as u64 + i);
        let mut answer = match i % 10 {
            1 => json!({"v": 1 + dice % 5}),
            2 => json!({"v": (["all", "some", "none"][(dice % 3) as usize])}),
            3 => json!({"v": dice % 240}),
            4 => json!({"v": ["a", "c"]}),
            6 => json!({"v": dice % 11}),
            7 => json!({"v": "The assistant came over, asked what we were looking for and showed two kinds of it."}),
            8 if dice.is_multiple_of(4) => json!({"na": true}),
            _ => json!({"v": !dice.is_multiple_of(4 + n % 9)}),
        };
        if dice.is_multiple_of(10) {
            answer["comment"] = json!("There was a queue of three at the time.");
        }
        answers.insert(format!("q{i}"), answer);
    }
    answers
}

/// An id as random as a phone would make it.
pub fn id(n: u64) -> String {
    let (high, low) = (mix(2 * n) & !0xF000 | 0x4000, mix(2 * n + 1) >> 2 | 1 << 63);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

/// The id of visit `n`, and what is filed.
pub fn visit(assignment_id: &Value, n: u64) -> (String, Value) {
    let body = json!({
        "assignment_id": assignment_id, "state": "submitted", "outcome": "completed", "answers": answers(n),
        "device": {"model": "Pixel 9", "os": "Android 16", "app": "example 1.0"},
    });
    (id(n), body)
}

/// Spreads a number over all 64 bits (SplitMix64).
pub fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
