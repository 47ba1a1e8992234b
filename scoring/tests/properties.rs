//! Laws of scoring, tried on the ready standards with answers from a seeded generator.

use peegel_scoring::{
    Fraction, Item, ItemScore, Mode, Outcome, ScoreResult, Standard, Status, score, score_json, visible,
};
use serde_json::{Map, Value, json};

#[path = "support/numbers.rs"]
mod numbers;
#[path = "support/values.rs"]
mod values;

use numbers::Numbers;
use values::value;

const CASES: &str = include_str!("../../fixtures/scoring/scoring_cases.json");

/// Valid answers of a visit, with evidence, some optional items left empty, some N/A.
fn answers(standard: &Standard, numbers: &mut Numbers) -> Map<String, Value> {
    let mut answers = Map::new();
    for item in standard.items() {
        if !item.required && numbers.below(4) == 0 {
            continue;
        }
        if item.na_allowed && numbers.below(5) == 0 {
            answers.insert(item.id.clone(), json!({"na": true}));
            continue;
        }
        let value = value(&item.kind, numbers);
        answers.insert(item.id.clone(), json!({"v": value, "evidence": 1}));
    }
    for (id, status) in visible(standard, &answers) {
        if status == Status::Hidden {
            answers.remove(id);
        }
    }
    answers
}

fn parse(json: &Value) -> Standard {
    Standard::parse(json).unwrap_or_else(|problems| panic!("{problems:?} in {json}"))
}

fn submit(standard: &Value, answers: &Map<String, Value>) -> ScoreResult {
    match score(&parse(standard), answers, Mode::Submit) {
        Outcome::Scored(result) => *result,
        Outcome::Refused(problems) => panic!("{problems:?}"),
    }
}

/// Runs a law on every valid ready standard with several sets of answers.
fn for_each(mut law: impl FnMut(&Value, &Map<String, Value>, &mut Numbers)) {
    let cases: Vec<Value> = serde_json::from_str(CASES).expect("the cases are JSON");
    let mut numbers = Numbers(20_260_101);
    for case in cases {
        let json = &case["standard"];
        let Ok(standard) = Standard::parse(json) else { continue };
        for _ in 0..3 {
            let answers = answers(&standard, &mut numbers);
            law(json, &answers, &mut numbers);
        }
    }
}

fn items_mut(standard: &mut Value) -> impl Iterator<Item = &mut Value> {
    standard["items"].as_array_mut().expect("items").iter_mut()
}

/// Position of a random item no condition refers to.
fn unreferenced(standard: &Value, numbers: &mut Numbers) -> Option<usize> {
    let items = standard["items"].as_array().expect("items");
    let position = numbers.below(items.len());
    let reference = format!("\"item\":{}", items[position]["id"]);
    let referenced = items.iter().any(|item| item.get("show_if").is_some_and(|c| c.to_string().contains(&reference)));
    (!referenced).then_some(position)
}

#[test]
fn excluded_na_is_the_same_as_deleting_the_item() {
    let mut tried = 0;
    for_each(|standard, answers, numbers| {
        let Some(position) = unreferenced(standard, numbers) else { return };
        let mut standard = standard.clone();
        standard["min_scored_share_bp"] = json!(0);
        let mut without = standard.clone();
        let deleted = without["items"].as_array_mut().expect("items").remove(position);
        let id = deleted["id"].as_str().expect("an id");
        standard["items"][position]["na_allowed"] = json!(true);
        standard["items"][position]["na"] = json!("exclude");
        let mut answers = answers.clone();
        answers.remove(id);
        let expected = submit(&without, &answers);
        if !visible(&parse(&standard), &answers).contains(&(id, Status::Hidden)) {
            answers.insert(id.to_owned(), json!({"na": true}));
        }
        let mut got = submit(&standard, &answers);

        assert_eq!(got.items.remove(position).lost, None);
        assert_eq!(got.items, expected.items);
        assert_eq!(got.dimensions, expected.dimensions);
        // Only the share that was scored tells the two apart.
        got.visit.scored_share_bp = expected.visit.scored_share_bp;
        for (got, expected) in got.sections.iter_mut().zip(&expected.sections) {
            got.scored_share_bp = expected.scored_share_bp;
        }
        assert_eq!((got.visit, got.sections), (expected.visit, expected.sections));
        tried += 1;
    });
    assert!(tried > 300, "only {tried} visits");
}

#[test]
fn na_as_zero_or_full_is_the_same_as_that_answer() {
    let mut tried = 0;
    for_each(|standard, answers, numbers| {
        let Some(position) = unreferenced(standard, numbers) else { return };
        let mut standard = standard.clone();
        let item = &mut standard["items"][position];
        let id = item["id"].as_str().expect("an id").to_owned();
        if item["type"] != "yes_no" || item.get("critical").is_some() || !answers.contains_key(&id) {
            return;
        }
        item["na_allowed"] = json!(true);
        item["positive"] = json!(true);
        if item.get("role").is_some() || item.get("scored").is_some() {
            return;
        }
        for (policy, answer) in [("zero", false), ("full", true)] {
            standard["items"][position]["na"] = json!(policy);
            let mut answers = answers.clone();
            answers.insert(id.clone(), json!({"v": answer, "evidence": 1}));
            let expected = submit(&standard, &answers);
            answers.insert(id.clone(), json!({"na": true}));
            let got = submit(&standard, &answers);
            assert_eq!((got.visit, got.sections), (expected.visit, expected.sections));
            assert_eq!(got.dimensions, expected.dimensions);
            assert_eq!(got.items[position].lost, expected.items[position].lost);
        }
        tried += 1;
    });
    assert!(tried > 50, "only {tried} visits");
}

#[test]
fn scaling_all_weights_changes_no_score() {
    for_each(|standard, answers, _| {
        let expected = submit(standard, answers);
        let mut scaled = standard.clone();
        for item in items_mut(&mut scaled) {
            item["weight"] = json!(item["weight"].as_i64().expect("a weight") * 5);
        }
        let got = submit(&scaled, answers);
        assert_eq!((got.visit, got.items), (expected.visit.clone(), expected.items.clone()));
        for (got, expected) in got.sections.iter().zip(&expected.sections) {
            assert_eq!((&got.score, got.score_bp), (&expected.score, expected.score_bp));
        }
        for (got, expected) in got.dimensions.iter().zip(&expected.dimensions) {
            assert_eq!(got.score, expected.score);
        }

        let mut scaled = standard.clone();
        for section in scaled["sections"].as_array_mut().expect("sections") {
            section["weight"] = json!(section["weight"].as_i64().expect("a weight") * 3);
        }
        assert_eq!(submit(&scaled, answers), expected);
    });
}

#[test]
fn the_order_of_items_changes_only_the_order_of_the_trace() {
    let mut moved = 0;
    for_each(|standard, answers, numbers| {
        let items = standard["items"].as_array().expect("items");
        let mut order: Vec<&Value> = Vec::new();
        let mut rest: Vec<&Value> = items.iter().collect();
        // Any item whose parents are placed may be the next.
        while !rest.is_empty() {
            let parents_first = |item: &Value| {
                let condition = item.get("show_if").map(Value::to_string).unwrap_or_default();
                !rest.iter().any(|other| condition.contains(&format!("\"item\":{}", other["id"])))
            };
            let free: Vec<usize> = (0..rest.len()).filter(|&at| parents_first(rest[at])).collect();
            order.push(rest.remove(numbers.pick(&free)));
        }
        let mut shuffled = standard.clone();
        shuffled["items"] = order.into_iter().cloned().collect();
        moved += usize::from(shuffled != *standard);
        let (got, expected) = (submit(&shuffled, answers), submit(standard, answers));
        assert_eq!(got.visit, expected.visit);
        assert_eq!((&got.sections, &got.dimensions), (&expected.sections, &expected.dimensions));
        let sorted = |result: &ScoreResult| {
            let mut items: Vec<ItemScore> = result.items.clone();
            items.sort_by(|a, b| a.id.cmp(&b.id));
            let mut failures = result.critical_failures.clone();
            failures.sort_by(|a, b| a.item.cmp(&b.item));
            (items, failures)
        };
        assert_eq!(sorted(&got), sorted(&expected));
    });
    assert!(moved > 300, "only {moved} visits");
}

#[test]
fn a_better_answer_never_lowers_a_score() {
    let mut tried = 0;
    for_each(|standard, answers, numbers| {
        let Some(position) = unreferenced(standard, numbers) else { return };
        let compiled = parse(standard);
        let item: &Item = &compiled.items()[position];
        if visible(&compiled, answers)[position].1 != Status::Ok {
            return;
        }
        let scored = |value: Value| {
            let mut answers = answers.clone();
            answers.insert(item.id.clone(), json!({"v": value, "evidence": 1}));
            submit(standard, &answers)
        };
        let mut results = [scored(value(&item.kind, numbers)), scored(value(&item.kind, numbers))];
        results.sort_by(|a, b| a.items[position].score.cmp(&b.items[position].score));
        let [worse, better] = results;
        tried += usize::from(worse.items[position].score < better.items[position].score);
        assert!(worse.visit.raw <= better.visit.raw && worse.visit.score <= better.visit.score);
        assert!(worse.sections.iter().zip(&better.sections).all(|(worse, better)| worse.score <= better.score));
        assert!(worse.dimensions.iter().zip(&better.dimensions).all(|(worse, better)| worse.score <= better.score));
    });
    assert!(tried > 100, "only {tried} visits");
}

#[test]
fn a_cap_never_raises_a_score() {
    for_each(|standard, answers, _| {
        let capped = submit(standard, answers);
        let mut standard = standard.clone();
        for item in items_mut(&mut standard) {
            item.as_object_mut().expect("an item").remove("critical");
        }
        let free = submit(&standard, answers);
        assert!(capped.visit.score <= capped.visit.raw);
        assert!(capped.visit.raw <= free.visit.raw);
        assert!(capped.sections.iter().zip(&free.sections).all(|(capped, free)| capped.score <= free.score));
        assert_eq!(capped.dimensions, free.dimensions);
    });
}

#[test]
fn rescoring_the_same_version_gives_the_submitted_score() {
    for_each(|standard, answers, _| {
        let mut standard = standard.clone();
        // The one intended difference: history is never punished for items left empty.
        standard["unanswered"] = json!("exclude");
        let submitted = submit(&standard, answers);
        let mut rescored = score(&parse(&standard), answers, Mode::Rescore).scored().expect("rescoring never refuses");
        assert_eq!(rescored.warnings.take(), Some(Vec::new()));
        assert_eq!(rescored, submitted);
    });
}

#[test]
fn presentation_fields_change_nothing() {
    fn decorate(value: &mut Value) {
        let Value::Object(members) = value else { return };
        let fields =
            ["format", "title", "text", "help", "advice", "channel", "languages", "unit", "evidence_kind", "measured"];
        for field in fields {
            members.insert(field.to_owned(), json!({"any": ["thing", 1.5, null]}));
        }
        if members.contains_key("section") {
            members.insert("phrases".to_owned(), json!([{"heard": 7}]));
        }
        // The dimensions an item refers to are no place for them.
        let own = if members.contains_key("type") { "options" } else { "dimensions" };
        for list in ["sections", own, "bands", "items"] {
            if let Some(Value::Array(parts)) = members.get_mut(list) {
                parts.iter_mut().for_each(decorate);
            }
        }
    }
    for_each(|standard, answers, _| {
        let mut full = standard.clone();
        decorate(&mut full);
        assert_eq!(submit(&full, answers), submit(standard, answers));
    });
}

#[test]
fn score_and_losses_add_up_to_one() {
    let mut tried = 0;
    for_each(|standard, answers, _| {
        let mut standard = standard.clone();
        for item in items_mut(&mut standard) {
            let item = item.as_object_mut().expect("an item");
            item.remove("role");
            item.remove("critical");
        }
        let result = submit(&standard, answers);
        let Some(raw) = result.visit.raw else { return };
        let total = result.items.iter().filter_map(|item| item.lost.as_ref()).fold(raw, |sum, lost| &sum + lost);
        assert_eq!(total, Fraction::ONE);
        tried += 1;
    });
    assert!(tried > 300, "only {tried} visits");
}

#[test]
fn long_decimals_are_scored_exactly() {
    let standard = json!({
        "id": "wait", "version": 1, "sections": [{"id": "s", "weight": 1}],
        "items": [{"id": "n", "section": "s", "type": "numeric", "weight": 3,
                   "bands": [["0", 0], ["3.000000000000000000000000000000000000000000000000", 10000]]}],
    });
    let value = format!("1.{}1", "0".repeat(60));
    let result = submit(&standard, json!({"n": {"v": value}}).as_object().expect("an object"));
    let expected = format!("1{}1/3{}", "0".repeat(60), "0".repeat(61));
    assert_eq!(result.visit.score.map(|score| score.to_string()), Some(expected));
    assert_eq!(result.visit.score_bp, Some(3333));
}

#[test]
fn hostile_input_never_panics() {
    /// Puts `odd` somewhere up to `depth` levels below `value`.
    fn spoil(value: &mut Value, depth: usize, odd: &Value, numbers: &mut Numbers) {
        let mut inside: Vec<&mut Value> = match value {
            Value::Array(list) if depth > 0 => list.iter_mut().collect(),
            Value::Object(members) if depth > 0 => members.values_mut().collect(),
            _ => Vec::new(),
        };
        if inside.is_empty() {
            *value = odd.clone();
        } else {
            let chosen = numbers.below(inside.len());
            spoil(inside.swap_remove(chosen), depth - 1, odd, numbers);
        }
    }
    let odd = [
        json!(null),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
        json!(0.5),
        json!(""),
        json!("1".repeat(100)),
        json!("0".repeat(5000)),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"v": []}),
        json!({"na": 1}),
        json!({"not": {"all": [{"item": "q1", "op": "eq", "value": "1e5"}]}}),
        json!(true),
    ];
    for_each(|standard, answers, numbers| {
        let (mut standard, mut answers) = (standard.clone(), Value::Object(answers.clone()));
        for target in [&mut standard, &mut answers] {
            let (depth, odd) = (numbers.below(6), &odd[numbers.below(odd.len())]);
            spoil(target, depth, odd, numbers);
        }
        for mode in [Mode::Submit, Mode::Rescore] {
            let (result, exit_code) = score_json(&standard, &answers, mode);
            assert_eq!(result["ok"] == true, exit_code == 0);
        }
    });
}
