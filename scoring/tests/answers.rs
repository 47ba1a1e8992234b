//! How single answers are read: types, N/A, evidence, conditions.

use peegel_scoring::{Mode, Outcome, ScoreResult, Standard, Status, score};
use serde_json::{Value, json};

/// A standard with one section and these items, each of weight 1 unless it says otherwise.
fn standard(items: Value) -> Standard {
    let mut json = json!({"id": "tiny", "version": "draft", "sections": [{"id": "s", "weight": 1}], "items": items});
    for item in json["items"].as_array_mut().expect("items") {
        item["section"] = json!("s");
        if item.get("weight").is_none() {
            item["weight"] = json!(1);
        }
    }
    Standard::parse(&json).expect("a valid standard")
}

fn submit(standard: &Standard, answers: &Value) -> Outcome {
    score(standard, answers.as_object().expect("an object"), Mode::Submit)
}

fn scored(standard: &Standard, answers: &Value) -> ScoreResult {
    submit(standard, answers).scored().expect("no faults")
}

/// The faults of a submitted visit as `item code`.
fn faults(standard: &Standard, answers: &Value) -> Vec<String> {
    match submit(standard, answers) {
        Outcome::Scored(_) => Vec::new(),
        Outcome::Refused(problems) => problems.iter().map(|p| format!("{} {}", p.item, p.code.as_str())).collect(),
    }
}

/// The only fault of `answer` to a required item of this type, or its score.
fn judged(item: &Value, answer: Value) -> String {
    let mut item = item.clone();
    item["id"] = json!("i");
    match submit(&standard(json!([item])), &json!({"i": answer})) {
        Outcome::Scored(result) => result.items[0].score.as_ref().map_or("none".to_owned(), |score| score.to_string()),
        Outcome::Refused(problems) => problems.iter().map(|p| p.code.as_str()).collect::<Vec<_>>().join(" "),
    }
}

#[test]
fn values_must_have_the_type_of_the_item() {
    let yes_no = json!({"type": "yes_no", "positive": false});
    let rating = json!({"type": "rating", "min": 1, "max": 5});
    let numeric = json!({"type": "numeric", "min": 0, "max": "9.5", "steps": [["2.5", 10000]], "otherwise_bp": 0});
    let nps = json!({"type": "nps", "map": "class"});
    for (item, value, expected) in [
        (&yes_no, json!(false), "1/1"),
        (&yes_no, json!("true"), "bad_type"),
        (&yes_no, json!(null), "bad_type"),
        (&rating, json!(4), "3/4"),
        (&rating, json!(4.0), "bad_type"),
        (&rating, json!("4"), "bad_type"),
        (&rating, json!(true), "bad_type"),
        (&rating, json!(0), "out_of_range"),
        (&rating, json!(u64::MAX), "out_of_range"),
        (&numeric, json!(2), "1/1"),
        (&numeric, json!("2.50"), "1/1"),
        (&numeric, json!("2.500000000000000000000000000000000000000001"), "0/1"),
        (&numeric, json!(0), "1/1"),
        (&numeric, json!("9.50"), "0/1"),
        (&numeric, json!("9.51"), "out_of_range"),
        (&numeric, json!("-0.1"), "out_of_range"),
        (&numeric, json!(2.5), "bad_type"),
        (&numeric, json!("1e1"), "bad_type"),
        (&nps, json!(10), "1/1"),
        (&nps, json!(8), "1/2"),
        (&nps, json!(6), "0/1"),
        (&nps, json!(11), "out_of_range"),
        (&json!({"type": "nps"}), json!(7), "none"),
        (&json!({"type": "text"}), json!(""), "none"),
        (&json!({"type": "text"}), json!(1), "bad_type"),
    ] {
        assert_eq!(judged(item, json!({"v": value})), expected, "{value} for {item}");
    }
}

#[test]
fn options_score_by_mode() {
    let options = json!([{"id": "a", "points": 4}, {"id": "b", "points": 2}, {"id": "c", "points": -3}]);
    let choice = json!({"type": "choice", "options": options});
    assert_eq!(judged(&choice, json!({"v": "b"})), "1/2");
    assert_eq!(judged(&choice, json!({"v": "c"})), "0/1");
    assert_eq!(judged(&choice, json!({"v": "z"})), "unknown_option");
    for (mode, value, expected) in [
        ("sum", json!(["a"]), "2/3"),
        ("sum", json!(["b", "c"]), "0/1"),
        ("best", json!(["b", "c"]), "1/2"),
        ("best", json!([]), "0/1"),
        ("all_or_nothing", json!(["b", "a"]), "1/1"),
        ("all_or_nothing", json!(["a", "b", "c"]), "0/1"),
        ("sum", json!(["a", "a", "z"]), "unknown_option"),
        ("sum", json!(["a", "a", 1]), "bad_type"),
        ("sum", json!(["a", "a"]), "duplicate_option"),
        ("sum", json!("a"), "bad_type"),
    ] {
        let multi = json!({"type": "multi", "mode": mode, "options": options});
        assert_eq!(judged(&multi, json!({"v": value})), expected, "{mode} {value}");
    }
    let worthless = json!([{"id": "a", "points": 0}, {"id": "b", "points": -1}]);
    assert_eq!(judged(&json!({"type": "choice", "options": worthless}), json!({"v": "a"})), "0/1");
    assert_eq!(judged(&json!({"type": "multi", "options": worthless}), json!({"v": ["a"]})), "0/1");
}

#[test]
fn empty_answers_are_unanswered_and_na_wins_over_a_value() {
    let item = json!({"type": "yes_no"});
    for empty in [json!(null), json!({}), json!({"na": false}), json!({"evidence": 3})] {
        assert_eq!(judged(&item, empty.clone()), "missing_required", "{empty}");
    }
    assert_eq!(judged(&item, json!({"na": true, "v": true})), "na_not_allowed");
    assert_eq!(judged(&item, json!({"na": "yes", "v": true})), "bad_type");
    assert_eq!(judged(&item, json!(true)), "bad_type");
    let allowed = standard(json!([{"id": "i", "type": "yes_no", "na_allowed": true}]));
    assert_eq!(scored(&allowed, &json!({"i": {"na": true, "v": 7}})).items[0].status, Status::Na);
}

#[test]
fn evidence_is_asked_for_with_valid_answers_only() {
    let on_fail = json!({"type": "yes_no", "evidence": "on_fail", "na_allowed": true});
    let always = json!({"type": "text", "evidence": "always"});
    for (item, answer, expected) in [
        (&on_fail, json!({"v": true}), "1/1"),
        (&on_fail, json!({"v": false}), "evidence_missing"),
        (&on_fail, json!({"v": false, "evidence": 1}), "0/1"),
        (&on_fail, json!({"v": false, "evidence": -1}), "evidence_missing"),
        (&on_fail, json!({"v": false, "evidence": "1"}), "evidence_missing"),
        (&on_fail, json!({"v": 0}), "bad_type"),
        (&on_fail, json!({"na": true}), "none"),
        (&always, json!({"v": "text"}), "evidence_missing"),
        (&always, json!({"v": "text", "evidence": 2}), "none"),
    ] {
        assert_eq!(judged(item, answer.clone()), expected, "{answer} for {item}");
    }
}

#[test]
fn an_atom_is_false_unless_its_item_is_answered() {
    let shown = |condition: Value, parent: Value| {
        let standard = standard(json!([
            {"id": "p", "type": "numeric", "required": false, "na_allowed": true},
            {"id": "c", "type": "text", "required": false, "show_if": condition},
        ]));
        scored(&standard, &json!({"p": parent})).items[1].status != Status::Hidden
    };
    let ne = json!({"item": "p", "op": "ne", "value": "60.0"});
    let not_eq = json!({"not": {"item": "p", "op": "eq", "value": 60}});
    for (parent, by_ne, by_not_eq) in [
        (json!(null), false, true),
        (json!({"na": true}), false, true),
        (json!({"v": 60}), false, false),
        (json!({"v": "60.00"}), false, false),
        (json!({"v": "60.01"}), true, true),
    ] {
        assert_eq!(shown(ne.clone(), parent.clone()), by_ne, "ne {parent}");
        assert_eq!(shown(not_eq.clone(), parent.clone()), by_not_eq, "not eq {parent}");
    }
    assert!(shown(json!({"item": "p", "op": "is_na"}), json!({"na": true})));
    assert!(!shown(json!({"item": "p", "op": "answered"}), json!({"na": true})));
    assert!(shown(json!({"item": "p", "op": "in", "value": [1, "2.50"]}), json!({"v": "2.5"})));
    assert!(!shown(json!({"item": "p", "op": "gt", "value": "2.5"}), json!({"v": "2.5"})));
    assert!(!shown(json!({"item": "p", "op": "eq", "value": "sixty"}), json!({"v": 60})));
}

/// Whether an item is shown under a condition on `parent`, an item with the id `p`.
fn shows(parent: &Value, condition: &Value, answer: Value) -> bool {
    let mut parent = parent.clone();
    parent["id"] = json!("p");
    let child = json!({"id": "c", "type": "text", "required": false, "show_if": condition});
    scored(&standard(json!([parent, child])), &json!({"p": {"v": answer}})).items[1].status != Status::Hidden
}

#[test]
fn numbers_are_compared_exactly() {
    let numeric = json!({"type": "numeric"});
    let rating = json!({"type": "rating", "min": 0, "max": 9});
    let nps = json!({"type": "nps"});
    for (op, below, equal, above) in [
        ("eq", false, true, false),
        ("ne", true, false, true),
        ("ge", false, true, true),
        ("gt", false, false, true),
        ("le", true, true, false),
        ("lt", true, false, false),
    ] {
        for (answer, expected) in [("2.999999999", below), ("3.0", equal), ("3.000000001", above)] {
            assert_eq!(shows(&numeric, &json!({"item": "p", "op": op, "value": 3}), json!(answer)), expected, "{op}");
        }
        for (answer, expected) in [(2, below), (3, equal), (4, above)] {
            let condition = json!({"item": "p", "op": op, "value": "3.00"});
            assert_eq!(shows(&rating, &condition, json!(answer)), expected, "{op} {answer}");
            assert_eq!(shows(&nps, &condition, json!(answer)), expected, "{op} {answer}");
        }
    }
}

#[test]
fn ids_of_options_equal_numbers_and_texts_but_never_booleans() {
    let options: Vec<_> = ["1", "1.0", "01", "x", "true", "-1"].map(|id| json!({"id": id, "points": 1})).to_vec();
    let choice = json!({"type": "choice", "options": options});
    let multi = json!({"type": "multi", "options": options});
    for (value, equal) in [
        (json!(1), vec!["1", "1.0", "01"]),
        (json!("1.00"), vec!["1", "1.0", "01"]),
        (json!("01"), vec!["1", "1.0", "01"]),
        (json!("-1.0"), vec!["-1"]),
        (json!("x"), vec!["x"]),
        (json!("true"), vec!["true"]),
        (json!(true), vec![]),
        (json!(2), vec![]),
        (json!("gone"), vec![]),
    ] {
        for option in &options {
            let id = option["id"].as_str().expect("an id");
            let of = |op, value: &Value| json!({"item": "p", "op": op, "value": value});
            assert_eq!(shows(&choice, &of("eq", &value), json!(id)), equal.contains(&id), "{id} eq {value}");
            assert_eq!(shows(&choice, &of("ne", &value), json!(id)), !equal.contains(&id), "{id} ne {value}");
            assert_eq!(shows(&choice, &of("in", &json!(["?", value])), json!(id)), equal.contains(&id), "{id} in");
            assert_eq!(shows(&multi, &of("contains", &value), json!([id])), equal.contains(&id), "{id} contains");
        }
        assert!(!shows(&multi, &json!({"item": "p", "op": "contains", "value": value}), json!([])));
    }
    let both = json!({"item": "p", "op": "contains", "value": "x"});
    assert!(shows(&multi, &both, json!(["1", "x"])) && !shows(&multi, &both, json!(["1", "-1"])));
}

#[test]
fn a_visit_is_judged_from_the_smallest_share_on() {
    let mut json = json!({
        "id": "tiny", "version": 1, "sections": [{"id": "s", "weight": 1}], "pass_bp": 10_000,
        "bands": [{"min_bp": 0, "label": "B"}, {"min_bp": 10_000, "label": "A"}],
        "items": [{"id": "a", "section": "s", "type": "yes_no", "weight": 1},
                  {"id": "b", "section": "s", "type": "yes_no", "weight": 2, "na_allowed": true}],
    });
    // A third is 3333.3 basis points.
    for (smallest, insufficient) in [(3333, false), (3334, true)] {
        json["min_scored_share_bp"] = json!(smallest);
        let visit =
            scored(&Standard::parse(&json).expect("valid"), &json!({"a": {"v": true}, "b": {"na": true}})).visit;
        assert_eq!((visit.score_bp, visit.scored_share_bp), (Some(10_000), Some(3333)));
        assert_eq!(
            (visit.insufficient, visit.band.is_none(), visit.passed.is_none()),
            (insufficient, insufficient, insufficient)
        );
    }
    json["min_scored_share_bp"] = json!(5000);
    json["items"][1]["weight"] = json!(1);
    let visit = scored(&Standard::parse(&json).expect("valid"), &json!({"a": {"v": true}, "b": {"na": true}})).visit;
    assert_eq!((visit.insufficient, visit.band.as_deref(), visit.passed), (false, Some("A"), Some(true)));
}

#[test]
fn json_text_is_read_as_the_limits_of_the_crate_say() {
    let numeric = json!({"type": "numeric", "min": -5, "bands": [[0, 0], [1, 10_000]]});
    for (text, expected) in [
        (r#"{"v": 1}"#, "1/1"),
        (r#"{"v": 18446744073709551615}"#, "1/1"),
        (r#"{"v": 18446744073709551616}"#, "bad_type"),
        (r#"{"v": "18446744073709551616"}"#, "1/1"),
        (r#"{"v": -0}"#, "bad_type"),
        (r#"{"v": "-0"}"#, "0/1"),
        (r#"{"v": 0, "v": 1}"#, "1/1"),
        (r#"{"na": true, "v": 1, "na": false}"#, "1/1"),
    ] {
        assert_eq!(judged(&numeric, serde_json::from_str(text).expect("JSON")), expected, "{text}");
    }
}

#[test]
fn unscored_items_leave_all_sums_but_can_be_critical() {
    let critical = json!({"scope": "visit", "cap_bp": 2500});
    for role in ["normal", "bonus", "penalty"] {
        let standard = standard(json!([
            {"id": "a", "type": "yes_no", "weight": 4},
            {"id": "b", "type": "yes_no", "weight": 4, "scored": false, "role": role, "critical": critical},
            {"id": "c", "type": "yes_no", "weight": 4},
        ]));
        for (unscored, score) in [(true, "1/2"), (false, "1/4")] {
            let answers = json!({"a": {"v": true}, "b": {"v": unscored}, "c": {"v": false}});
            let result = scored(&standard, &answers);
            assert_eq!(result.visit.raw.map(|raw| raw.to_string()).as_deref(), Some("1/2"), "{role} {unscored}");
            assert_eq!(result.visit.score.map(|score| score.to_string()).as_deref(), Some(score), "{role} {unscored}");
            assert_eq!(result.sections[0].earned.to_string(), "4/1");
            assert_eq!(result.items[1].score.as_ref().map(|score| score.is_one()), Some(unscored));
        }
    }
}

#[test]
fn faults_come_in_item_order_and_unknown_items_last_by_id() {
    let standard = standard(json!([
        {"id": "b", "type": "yes_no"},
        {"id": "a", "type": "yes_no", "show_if": {"item": "b", "op": "eq", "value": true}},
    ]));
    let answers = json!({"zz": null, "Z": {"v": 1}, "a": {"v": true}, "b": {"v": 1}});
    assert_eq!(faults(&standard, &answers), ["b bad_type", "a answer_for_hidden", "Z unknown_item", "zz unknown_item"]);
}
