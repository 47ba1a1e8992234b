//! A network of branches to measure with: one standard, and as many made-up visits as asked for.

use peegel_scoring::columns::Columns;
use peegel_scoring::{Item, ItemKind, Standard};
use serde_json::{Map, Value, json};

use super::numbers::Numbers;

/// Visits of the measured network.
pub const VISITS: usize = 400_000;

/// Items of its standard.
pub const ITEMS: usize = 25;

/// 25 items of all scored types in 6 sections and 8 dimensions; five of them have conditions, one of
/// these nested, two are critical, one is a bonus and one a penalty; all policies of N/A.
pub fn standard() -> Standard {
    Standard::parse(&standard_json()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The standard as JSON.
pub fn standard_json() -> Value {
    let yes_no = || json!({"type": "yes_no"});
    let rating = || json!({"type": "rating", "min": 1, "max": 5});
    let options = |points: &[i64]| -> Vec<Value> {
        points.iter().zip("abcdef".chars()).map(|(points, id)| json!({"id": id, "points": points})).collect()
    };
    let choice = |points: &[i64]| json!({"type": "choice", "options": options(points)});
    let multi = |points: &[i64]| json!({"type": "multi", "options": options(points)});
    let wait = json!({"type": "numeric", "min": 0, "bands": [[60, 10_000], [180, 5000], [300, 0]]});
    let tills = json!({"type": "numeric", "min": 0, "steps": [["0.5", 0], ["2", 5000]], "otherwise_bp": 10_000});
    let kinds = [
        yes_no(),
        yes_no(),
        rating(),
        yes_no(),
        choice(&[0, 1, 2]),
        yes_no(),
        wait,
        yes_no(),
        rating(),
        multi(&[1, 2, 1]),
        yes_no(),
        yes_no(),
        choice(&[0, 2, 3, 1]),
        yes_no(),
        yes_no(),
        rating(),
        yes_no(),
        tills,
        yes_no(),
        json!({"type": "nps", "map": "linear"}),
        yes_no(),
        multi(&[2, 1, 1, -1]),
        yes_no(),
        rating(),
        choice(&[4, 1]),
    ];
    let weights = [3, 5, 2, 4, 1, 2, 6, 1, 3, 2, 4, 5, 2, 1, 3, 2, 8, 1, 2, 4, 3, 2, 1, 5, 2];
    let mut items: Vec<Value> = Vec::new();
    for (position, (mut item, weight)) in kinds.into_iter().zip(weights).enumerate() {
        item["id"] = json!(format!("q{position}"));
        item["section"] = json!(format!("s{}", position / 4 % 6));
        item["weight"] = json!(weight);
        item["required"] = json!(false);
        let also = json!({"id": format!("d{}", (position * 3 + 1) % 8), "share_bp": 5000});
        let mut dimensions = vec![json!({"id": format!("d{}", position % 8)})];
        if position % 3 == 0 && position % 8 != (position * 3 + 1) % 8 {
            dimensions.push(also);
        }
        item["dimensions"] = json!(dimensions);
        if position % 4 == 1 {
            item["na_allowed"] = json!(true);
            item["na"] = json!(["exclude", "zero", "full"][position / 4 % 3]);
        }
        items.push(item);
    }
    items[5]["show_if"] = json!({"item": "q3", "op": "eq", "value": true});
    items[9]["show_if"] = json!({"item": "q6", "op": "gt", "value": 60});
    items[13]["show_if"] = json!({"not": {"item": "q12", "op": "in", "value": ["a", "b"]}});
    items[18]["show_if"] = json!({"all": [
        {"item": "q5", "op": "answered"}, {"any": [{"item": "q8", "op": "le", "value": 2}, {"item": "q1", "op": "is_na"}]},
    ]});
    items[21]["show_if"] = json!({"item": "q9", "op": "contains", "value": "b"});
    items[11]["critical"] = json!({"scope": "visit", "cap_bp": 4000});
    items[16]["critical"] = json!({"scope": "section", "cap_bp": 5000});
    items[14]["role"] = json!("bonus");
    items[22]["role"] = json!("penalty");
    let parts = |name: &str, n: usize| -> Vec<Value> {
        let weights = [10, 20, 15, 25, 10, 20];
        (0..n).map(|n| json!({"id": format!("{name}{n}"), "weight": weights[n % 6]})).collect()
    };
    let dimensions: Vec<_> = (0..8).map(|n| json!({"id": format!("d{n}")})).collect();
    json!({
        "id": "network", "version": 1, "sections": parts("s", 6), "dimensions": dimensions, "items": items,
        "min_scored_share_bp": 6000, "pass_bp": 7500,
        "bands": [{"min_bp": 9000, "label": "A"}, {"min_bp": 7500, "label": "B"}, {"min_bp": 5000, "label": "C"},
                  {"min_bp": 0, "label": "D"}],
    })
}

/// Random answers of one visit: most items answered well, some N/A, a few left empty.
pub fn answers(standard: &Standard, numbers: &mut Numbers) -> Map<String, Value> {
    let mut answers = Map::new();
    for item in standard.items() {
        let roll = numbers.below(100);
        let answer = match roll {
            0..3 => continue,
            3..12 if item.na_allowed => json!({"na": true}),
            _ => json!({"v": value(item, numbers)}),
        };
        answers.insert(item.id.clone(), answer);
    }
    answers
}

// Like `values`, the better ones more often where there are few.
fn value(item: &Item, numbers: &mut Numbers) -> Value {
    match item.kind {
        ItemKind::YesNo { .. } => json!(numbers.below(100) < 82),
        ItemKind::Rating { .. } => json!(1 + numbers.below(5).max(numbers.below(5))),
        ItemKind::Nps { .. } => json!(numbers.below(11).max(numbers.below(11))),
        _ => numbers.pick(&values(item)),
    }
}

/// Every answer that occurs.
pub fn values(item: &Item) -> Vec<Value> {
    let options: Vec<_> = item.options().iter().map(|option| option.id.as_str()).collect();
    match &item.kind {
        ItemKind::YesNo { .. } => vec![json!(false), json!(true)],
        ItemKind::Rating { .. } => (1..=5).map(|rating| json!(rating)).collect(),
        ItemKind::Nps { .. } => (0..=10).map(|nps| json!(nps)).collect(),
        ItemKind::Choice { .. } => options.iter().map(|option| json!(option)).collect(),
        ItemKind::Multi { .. } => (0..1 << options.len())
            .map(|set: usize| {
                let chosen = options.iter().enumerate().filter(|(option, _)| set >> option & 1 == 1);
                json!(chosen.map(|(_, option)| option).collect::<Vec<_>>())
            })
            .collect(),
        _ => (0..400).map(|seconds| json!(seconds)).chain((0..8).map(|tills| json!(format!("{tills}.5")))).collect(),
    }
}

/// Adds visits.
pub fn fill(columns: &mut Columns, standard: &Standard, visits: usize) {
    let mut numbers = Numbers(42);
    for _ in 0..visits {
        columns.push(&answers(standard, &mut numbers));
    }
}
