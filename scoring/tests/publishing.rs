//! The ready-made standards, and every kind of problem with its pointer.

use peegel_scoring::{Measured, Problem, Standard, phrases, publish};
use serde_json::{Value, json};

const READY: [(&str, &str); 6] = [
    ("retail-visit", include_str!("../../fixtures/standards/retail-visit.json")),
    ("mystery-call", include_str!("../../fixtures/standards/mystery-call.json")),
    ("chat-email", include_str!("../../fixtures/standards/chat-email.json")),
    ("complaint-handling", include_str!("../../fixtures/standards/complaint-handling.json")),
    ("branch-environment", include_str!("../../fixtures/standards/branch-environment.json")),
    ("competitor-comparison", include_str!("../../fixtures/standards/competitor-comparison.json")),
];

fn found(problems: &[Problem]) -> Vec<(&str, &str)> {
    assert!(problems.iter().all(|problem| !problem.message.is_empty()));
    problems.iter().map(|problem| (problem.pointer.as_str(), problem.code.as_str())).collect()
}

/// A small valid standard with some members replaced.
fn with(changes: Value) -> Value {
    let mut standard = json!({
        "id": "tiny", "version": 1,
        "sections": [{"id": "s", "weight": 1}],
        "dimensions": [{"id": "d"}],
        "items": [{"id": "a", "section": "s", "type": "yes_no", "weight": 1}],
    });
    for (member, value) in changes.as_object().expect("an object") {
        standard[member] = value.clone();
    }
    standard
}

/// The small standard with one more item of a type with these members.
fn with_item(type_name: &str, members: Value) -> Value {
    let mut item = json!({"id": "b", "section": "s", "type": type_name, "weight": 1});
    for (member, value) in members.as_object().expect("an object") {
        item[member] = value.clone();
    }
    let mut standard = with(json!({}));
    standard["items"].as_array_mut().expect("items").push(item);
    standard
}

fn assert_problems(standard: &Value, expected: &[(&str, &str)]) {
    match Standard::parse(standard) {
        Ok(_) => assert!(expected.is_empty(), "no problems in {standard}"),
        Err(problems) => assert_eq!(found(&problems), expected, "{standard}"),
    }
}

#[test]
fn the_ready_made_standards_can_be_published() {
    let mut items = 0;
    for (id, text) in READY {
        let json: Value = serde_json::from_str(text).expect("JSON");
        let standard = Standard::parse(&json).unwrap_or_else(|problems| panic!("{id}: {problems:?}"));
        assert_eq!(standard.id(), id);
        let report = publish::check(&json, &standard);
        assert!(report.is_publishable(), "{id}: {:?}", report.problems);
        assert_eq!(report.warnings, [], "{id}");
        items += standard.items().len();
    }
    assert_eq!(items, 145);
}

#[test]
fn the_root_and_its_members_are_checked() {
    assert_problems(&json!("standard"), &[("", "bad_type")]);
    let missing = [("/id", "missing"), ("/items", "missing"), ("/sections", "missing"), ("/version", "missing")];
    assert_problems(&json!({}), &missing);
    assert_problems(
        &with(json!({
            "version": 1.0, "aggregation": "mean", "unanswered": 1, "cap_bonus": "yes", "pass_bp": 10001,
            "min_scored_share_bp": "5", "a/b~c": 1,
        })),
        &[
            ("/aggregation", "bad_value"),
            ("/a~1b~0c", "unknown_field"),
            ("/cap_bonus", "bad_type"),
            ("/min_scored_share_bp", "bad_type"),
            ("/pass_bp", "out_of_range"),
            ("/unanswered", "bad_type"),
            ("/version", "bad_type"),
        ],
    );
    assert_problems(
        &with(json!({"bands": [{"min_bp": 0}, {"label": "A"}, 5], "dimensions": [{}, {"id": "d"}, {"id": "d"}]})),
        &[
            ("/bands/0/label", "missing"),
            ("/bands/1/min_bp", "missing"),
            ("/bands/2", "bad_type"),
            ("/dimensions/0/id", "missing"),
            ("/dimensions/2/id", "duplicate"),
        ],
    );
    assert_problems(&with(json!({"bands": []})), &[("/bands", "too_few")]);
    assert_problems(
        &with(json!({"sections": [{"id": "s", "weight": 1}, {"id": "s", "weight": 1e3}]})),
        &[("/sections/1/id", "duplicate"), ("/sections/1/weight", "bad_type")],
    );
}

#[test]
fn the_members_of_items_are_checked_by_type() {
    let item = |type_name, members, expected: &[(&str, &str)]| {
        assert_problems(&with_item(type_name, members), expected);
    };
    item(
        "yes_no",
        json!({"positive": 1, "map": "linear"}),
        &[("/items/1/map", "unknown_field"), ("/items/1/positive", "bad_type")],
    );
    item("photo", json!({"bands": 1}), &[("/items/1/type", "bad_value")]);
    item("choice", json!({}), &[("/items/1/options", "missing")]);
    item(
        "multi",
        json!({"mode": "all", "options": [{"id": "x", "points": 1}, {"id": "x"}, {"id": "y", "points": 1_000_001}]}),
        &[
            ("/items/1/mode", "bad_value"),
            ("/items/1/options/1/id", "duplicate"),
            ("/items/1/options/1/points", "missing"),
            ("/items/1/options/2/points", "out_of_range"),
        ],
    );
    item("rating", json!({"min": -1, "max": 5, "map": "proportional"}), &[("/items/1/min", "out_of_range")]);
    item("rating", json!({"min": 1}), &[("/items/1/max", "missing")]);
    item(
        "rating",
        json!({"min": 1, "max": 2, "table": [0, 10001, "1"]}),
        &[("/items/1/table", "bad_length"), ("/items/1/table/1", "out_of_range"), ("/items/1/table/2", "bad_type")],
    );
    item(
        "numeric",
        json!({"min": 0.5, "bands": [], "steps": [[1, 0], [2]]}),
        &[
            ("/items/1/bands", "too_few"),
            ("/items/1/min", "bad_type"),
            ("/items/1/otherwise_bp", "missing"),
            ("/items/1/steps", "bad_value"),
            ("/items/1/steps/1", "bad_type"),
        ],
    );
    item(
        "numeric",
        json!({"steps": [[10, 0], ["9.9", 10001]], "otherwise_bp": 0}),
        &[("/items/1/steps/1/0", "not_increasing"), ("/items/1/steps/1/1", "out_of_range")],
    );
    item("nps", json!({"map": "proportional"}), &[("/items/1/map", "bad_value")]);
    item(
        "text",
        json!({"dimensions": [{"id": "d"}, {"id": "d"}, {"id": "e", "title": "x"}], "critical": {}, "role": "extra"}),
        &[
            ("/items/1/critical/cap_bp", "missing"),
            ("/items/1/critical/scope", "missing"),
            ("/items/1/dimensions/1/id", "duplicate"),
            ("/items/1/dimensions/2/id", "unknown_ref"),
            ("/items/1/dimensions/2/title", "unknown_field"),
            ("/items/1/role", "bad_value"),
        ],
    );
}

#[test]
fn conditions_are_checked() {
    let condition = |condition: Value, expected: &[(&str, &str)]| {
        assert_problems(&with_item("text", json!({"show_if": condition})), expected);
    };
    condition(json!({"any": []}), &[]);
    condition(json!({"item": "a", "op": "is_na"}), &[]);
    condition(json!({"item": "a", "op": "in", "value": [true]}), &[]);
    condition(json!([]), &[("/items/1/show_if", "bad_type")]);
    condition(json!({"item": "b", "op": "answered"}), &[("/items/1/show_if/item", "forward_ref")]);
    condition(json!({"item": "a", "op": "like", "value": 1}), &[("/items/1/show_if/op", "bad_op")]);
    condition(json!({"item": "a", "op": "contains", "value": "x"}), &[("/items/1/show_if/op", "bad_op")]);
    condition(json!({"item": "a", "op": "eq"}), &[("/items/1/show_if/value", "missing")]);
    condition(json!({"item": "a", "op": "in", "value": [true, null]}), &[("/items/1/show_if/value/1", "bad_type")]);
    condition(
        json!({"all": {}, "not": 1}),
        &[("/items/1/show_if/all", "bad_type"), ("/items/1/show_if/not", "unknown_field")],
    );
    // A decimal is wanted where numbers are compared; item b is a rating.
    let on_rating = |op: &str, value: Value, expected: &[(&str, &str)]| {
        let mut standard = with_item("rating", json!({"min": 1, "max": 5}));
        let item = json!({"id": "c", "section": "s", "type": "text", "weight": 0,
                          "show_if": {"item": "b", "op": op, "value": value}});
        standard["items"].as_array_mut().expect("items").push(item);
        assert_problems(&standard, expected);
    };
    for op in ["ge", "gt", "le", "lt"] {
        on_rating(op, json!("2.5"), &[]);
        on_rating(op, json!("many"), &[("/items/2/show_if/value", "bad_type")]);
        on_rating(op, json!(true), &[("/items/2/show_if/value", "bad_type")]);
    }
    on_rating("eq", json!("many"), &[]);
    on_rating("eq", json!(2.5), &[("/items/2/show_if/value", "bad_type")]);
    on_rating("in", json!(3), &[("/items/2/show_if/value", "bad_type")]);
    on_rating("contains", json!(3), &[("/items/2/show_if/op", "bad_op")]);
}

#[test]
fn conditions_nest_128_deep_and_no_deeper() {
    for key in ["not", "all", "any"] {
        for (depth, code) in [(1, None), (128, None), (129, Some("bad_value")), (500, Some("bad_value"))] {
            let atom = json!({"item": "a", "op": "answered"});
            let wrap = |inner| if key == "not" { json!({key: inner}) } else { json!({key: [inner]}) };
            let condition = (0..depth).fold(atom, |inner, _| wrap(inner));
            let parsed = Standard::parse(&with_item("text", json!({"show_if": condition})));
            let found = parsed.err().map(|problems| problems[0].code.as_str());
            assert_eq!(found, code, "{depth} times {key}");
        }
    }
}

#[test]
fn the_cost_of_a_standard_grows_with_its_length_only() {
    // Each pair of an option and an atom, or of a text and a language, would be a hundred million here.
    let option = |n: usize| json!({"id": format!("{n}"), "points": 1, "text": 0});
    let atom = |n: usize| json!({"item": "b", "op": "eq", "value": n});
    let mut json = with_item("choice", json!({"options": (0..10_000).map(option).collect::<Vec<_>>()}));
    let item = json!({"id": "c", "section": "s", "type": "text", "weight": 0, "show_if": {
        "any": (0..10_000).map(atom).chain([json!({"item": "b", "op": "in", "value": (0..10_000).collect::<Vec<_>>()})])
            .collect::<Vec<_>>()}});
    json["items"].as_array_mut().expect("items").push(item);
    json["languages"] = (0..10_000).map(|n| json!(format!("x-{n}"))).collect();
    json["sections"] = (0..10_000)
        .map(|n| json!({"id": if n == 0 { "s".to_owned() } else { format!("s{n}") }, "weight": 1}))
        .collect();
    let standard = Standard::parse(&json).expect("valid");
    let report = publish::check(&json, &standard);
    let words: usize = report.problems.iter().map(|problem| problem.message.len()).sum();
    assert!(words < 200 * report.problems.len(), "{words} bytes");
    assert!(found(&report.problems).contains(&("/languages", "too_many")));
}

#[test]
fn phrases_are_lists_in_languages_of_the_standard() {
    let item = |phrases: Value| {
        let item = json!({"id": "a", "section": "s", "type": "yes_no", "weight": 1, "phrases": phrases});
        let sections = json!([{"id": "s", "weight": 1}]);
        let json = with(json!({"languages": ["en", "et"], "sections": sections, "items": [item]}));
        let standard = Standard::parse(&json).expect("valid: scores do not look at phrases");
        let problems = publish::check(&json, &standard).problems;
        let found = problems.into_iter().map(|problem| {
            let rest = problem.pointer.strip_prefix("/items/0/phrases").expect("a pointer to phrases").to_owned();
            (rest, problem.code.as_str())
        });
        found.collect::<Vec<_>>()
    };
    let one = |pointer: &str, code| vec![(pointer.to_owned(), code)];
    assert_eq!(
        item(json!({"heard": {"en": ["may I * your name", "thank*"]}, "not_heard": {"et": ["pole minu töö"]}})),
        []
    );
    assert_eq!(item(json!(["x"])), one("", "bad_type"));
    assert_eq!(item(json!({})), one("", "too_few"));
    assert_eq!(item(json!({"said": {"en": ["x"]}})), one("/said", "unknown_field"));
    assert_eq!(item(json!({"heard": ["x"]})), one("/heard", "bad_type"));
    assert_eq!(item(json!({"heard": {}})), one("/heard", "too_few"));
    assert_eq!(item(json!({"heard": {"hu": ["x"]}})), one("/heard/hu", "unknown_ref"));
    assert_eq!(item(json!({"heard": {"en": "x"}})), one("/heard/en", "bad_type"));
    assert_eq!(item(json!({"heard": {"en": []}})), one("/heard/en", "too_few"));
    let of_length = |length| json!({"heard": {"en": ["x".repeat(length)]}});
    assert_eq!(item(of_length(phrases::MAX_PHRASE_LENGTH)), []);
    assert_eq!(item(of_length(phrases::MAX_PHRASE_LENGTH + 1)), one("/heard/en/0", "bad_length"));
    let many = |count: usize| json!({"heard": {"en": (0..count).map(|n| format!("x{n}")).collect::<Vec<_>>()}});
    assert_eq!(item(many(phrases::MAX_PHRASES)), []);
    assert_eq!(item(many(phrases::MAX_PHRASES + 1)), one("/heard/en", "too_many"));
    for bad in ["", "  ", "*", "* a", "a *", "a * * b", "*a", "a*b", "a**", "?!", "- * -"] {
        assert_eq!(item(json!({"not_heard": {"en": [bad]}})), one("/not_heard/en/0", "bad_value"), "{bad:?}");
    }
    assert_eq!(
        item(json!({"heard": {"en": ["Not my job", 7, "not  MY job", "a"], "de": ["x"]}, "x": 1})),
        [
            ("/heard/de".to_owned(), "unknown_ref"),
            ("/heard/en/1".to_owned(), "bad_type"),
            ("/heard/en/2".to_owned(), "duplicate"),
            ("/x".to_owned(), "unknown_field"),
        ]
    );
    // Nothing but an item has phrases.
    let json = with(json!({"sections": [{"id": "s", "weight": 1, "phrases": {}}], "items": []}));
    assert_eq!(found(&Standard::parse(&json).unwrap_err()), [("/sections/0/phrases", "unknown_field")]);
}

#[test]
fn only_times_are_measured() {
    let items = json!([
        {"id": "a", "section": "s", "type": "numeric", "weight": 0, "measured": "ring", "unit": "s"},
        {"id": "b", "section": "s", "type": "numeric", "weight": 0, "measured": "hold", "unit": "min"},
        {"id": "c", "section": "s", "type": "numeric", "weight": 0, "measured": "talk", "unit": "EUR"},
        {"id": "d", "section": "s", "type": "numeric", "weight": 0, "measured": "ring"},
        {"id": "e", "section": "s", "type": "numeric", "weight": 0, "measured": "noise", "unit": "s"},
        {"id": "f", "section": "s", "type": "yes_no", "weight": 1, "measured": "hold", "unit": "s"},
        {"id": "g", "section": "s", "type": "numeric", "weight": 0, "measured": ["ring"], "unit": "s"},
    ]);
    let json = with(json!({"sections": [{"id": "s", "weight": 1, "measured": "ring"}], "items": items}));
    let standard = Standard::parse(&json).expect("valid");
    let known: Vec<_> = standard.items().iter().map(|item| item.measured).collect();
    let (ring, hold, talk) = (Some(Measured::Ring), Some(Measured::Hold), Some(Measured::Talk));
    assert_eq!(known, [ring, hold, talk, ring, None, hold, None]);
    assert_eq!(
        found(&publish::check(&json, &standard).problems),
        [
            ("/items/2/unit", "bad_value"),
            ("/items/3/unit", "bad_value"),
            ("/items/4/measured", "bad_value"),
            ("/items/5/measured", "bad_value"),
            ("/items/6/measured", "bad_value"),
            ("/sections/0/measured", "bad_value"),
        ]
    );
}

#[test]
fn publishing_checks_ids_version_and_texts() {
    let json = with(json!({
        "id": "1st", "version": "1", "languages": ["en", "et", "en"],
        "title": {"en": "Tiny", "et": "Tilluke"},
        "sections": [{"id": "s", "weight": 1, "title": {"en": "One", "et": " "}}, {"id": "empty", "weight": 1}],
        "items": [
            {"id": "a", "section": "s", "type": "choice", "weight": 0, "evidence_kind": "video", "na": "zero",
             "text": "Which?", "options": [{"id": "x", "points": 1}, {"id": "y z", "points": 0, "text": {"et": "Y"}}]},
        ],
    }));
    let report = publish::check(&json, &Standard::parse(&json).expect("valid"));
    assert_eq!(
        found(&report.problems),
        [
            ("/id", "bad_id"),
            ("/items/0/evidence_kind", "bad_value"),
            ("/items/0/options/1/id", "bad_id"),
            ("/items/0/options/1/text", "missing_language"),
            ("/items/0/text", "missing_language"),
            ("/languages/2", "duplicate"),
            ("/sections/0/title", "missing_language"),
            ("/version", "bad_type"),
        ]
    );
    assert_eq!(
        found(&report.warnings),
        [
            ("/items", "nothing_scored"),
            ("/items/0/na", "na_without_na_allowed"),
            ("/sections/0", "zero_weight_section"),
            ("/sections/1", "empty_section"),
        ]
    );
}

#[test]
fn publishing_keeps_to_its_limits() {
    let item = |n: usize| json!({"id": format!("i{n}"), "section": "s", "type": "yes_no", "weight": 1});
    let items = |n: usize| with(json!({"items": (0..n).map(item).collect::<Vec<_>>()}));
    let option = |n: usize| json!({"id": format!("o{n}"), "points": n});
    let options = |n: usize| with_item("choice", json!({"options": (0..n).map(option).collect::<Vec<_>>()}));
    for (json, expected) in [
        (items(500), None),
        (items(501), Some(("/items", "too_many"))),
        (options(200), None),
        (options(201), Some(("/items/1/options", "too_many"))),
    ] {
        let report = publish::check(&json, &Standard::parse(&json).expect("valid"));
        assert_eq!(found(&report.problems), Vec::from_iter(expected));
        assert_eq!(report.is_publishable(), expected.is_none());
    }

    let json = with(json!({"languages": ["en", "x".repeat(35), "x".repeat(36), "", 1]}));
    let report = publish::check(&json, &Standard::parse(&json).expect("valid"));
    let expected = [("/languages/2", "bad_type"), ("/languages/3", "bad_type"), ("/languages/4", "bad_type")];
    assert_eq!(found(&report.problems), expected);

    let languages = |n: usize| {
        let json = with(json!({"title": {}, "languages": (0..n).map(|n| format!("x-{n}")).collect::<Vec<_>>()}));
        publish::check(&json, &Standard::parse(&json).expect("valid")).problems
    };
    assert_eq!(found(&languages(100)), [("/title", "missing_language")]);
    assert_eq!(found(&languages(101)), [("/languages", "too_many"), ("/title", "missing_language")]);
    assert_eq!(languages(5)[0].message, "add the text in: x-0, x-1, x-2, x-3, x-4");
    assert_eq!(languages(7)[0].message, "add the text in: x-0, x-1, x-2, x-3, x-4 and 2 more");
}

#[test]
fn publishing_bounds_the_common_denominator() {
    let waits = |widths: &[&str]| {
        let item = |(n, width): (usize, &&str)| {
            json!({"id": format!("n{n}"), "section": "s", "type": "numeric", "weight": 10,
                   "bands": [["0", 10000], [width, 3333]]})
        };
        with(json!({"items": widths.iter().enumerate().map(item).collect::<Vec<_>>()}))
    };
    let simple = waits(&["60", "90.5", "120", "300"]);
    let report = publish::check(&simple, &Standard::parse(&simple).expect("valid"));
    assert_eq!(report.problems, []);

    let awkward = waits(&["60", "1000000007.123456789", "998244353.987654321", "1000000009.000000001"]);
    let report = publish::check(&awkward, &Standard::parse(&awkward).expect("valid"));
    assert_eq!(found(&report.problems), [("/items/2", "denominator_too_large")]);

    let single = with_item("numeric", json!({"min": "5.0", "max": 5}));
    assert_eq!(publish::check(&single, &Standard::parse(&single).expect("valid")).problems, []);
    let upside_down = with_item("numeric", json!({"min": "5.5", "max": 5}));
    let report = publish::check(&upside_down, &Standard::parse(&upside_down).expect("valid"));
    assert_eq!(found(&report.problems), [("/items/1/max", "not_increasing")]);
}

/// The first item of a prime range, the one to look at, and one that fills the bound or is just beyond it.
#[test]
fn the_common_denominator_is_that_of_the_item_scores() {
    const PRIME: i64 = i64::MAX - 24;
    let options = |points: &[i64]| -> Value {
        let option = |(n, points): (usize, &i64)| json!({"id": format!("o{n}"), "points": points});
        points.iter().enumerate().map(option).collect()
    };
    let rating = |range: i128| json!({"type": "rating", "min": -5, "max": i64::try_from(range - 5).expect("64 bits")});
    for (item, own) in [
        (json!({"type": "yes_no"}), 1),
        (json!({"type": "choice", "options": options(&[999_983, 1])}), 999_983),
        (json!({"type": "choice", "options": options(&[6, 4, -2])}), 3),
        (json!({"type": "choice", "options": options(&[0, -7])}), 1),
        (json!({"type": "multi", "options": options(&[3, 4, -2])}), 7),
        (json!({"type": "multi", "options": options(&[4, 6])}), 5),
        (json!({"type": "multi", "mode": "best", "options": options(&[4, 6])}), 3),
        (json!({"type": "multi", "mode": "all_or_nothing", "options": options(&[4, 7])}), 1),
        (rating(101), 101),
        (json!({"type": "rating", "min": 2, "max": 13, "map": "proportional"}), 13),
        (json!({"type": "rating", "min": 1, "max": 2, "table": [2500, 2000]}), 20),
        (json!({"type": "nps", "map": "linear"}), 10),
        (json!({"type": "nps"}), 1),
        (json!({"type": "numeric"}), 1),
        (json!({"type": "numeric", "steps": [[1, 5000], [2, 2500]], "otherwise_bp": 2000}), 20),
        // Three tenths, and 7/10 in seven steps of one.
        (json!({"type": "numeric", "bands": [[10, 3000], [17, 10_000]]}), 10),
        // Half a step at a time, one over three of them.
        (json!({"type": "numeric", "bands": [["0.5", 0], ["3.5", 10_000]]}), 6),
        (json!({"type": "numeric", "bands": [[0, 0], [11, 10_000], [18, 0]]}), 77),
    ] {
        let publishable = |filling: i128| {
            let mut items = [rating(PRIME.into()), item.clone(), rating(filling)];
            for (n, item) in items.iter_mut().enumerate() {
                item["id"] = json!(format!("i{n}"));
                item["section"] = json!("s");
                item["weight"] = json!(1);
            }
            let json = with(json!({"items": items}));
            let report = publish::check(&json, &Standard::parse(&json).expect("valid"));
            assert!(report.problems.iter().all(|problem| problem.code.as_str() == "denominator_too_large"));
            report.is_publishable()
        };
        let most = i128::MAX / (i128::from(PRIME) * own * 3 * 20_000);
        let prime_to_own = |n: &i128| num_integer::gcd(*n, own) == 1;
        let within = (1..=most).rev().find(prime_to_own).expect("one has no factors");
        let beyond = (most + 1..).find(prime_to_own).expect("some number has none in common");
        assert_eq!((publishable(within), publishable(beyond)), (true, false), "{item}");
    }
}
