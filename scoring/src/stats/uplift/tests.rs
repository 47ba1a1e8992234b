use serde_json::json;

use super::*;
use crate::stats::StatErrorCode;

fn code(input: Value) -> StatErrorCode {
    run(input).unwrap_err().code
}

fn item(id: &str, weight: f64) -> UpliftItem {
    let (section, controllability, effort, critical, owner) = (None, 1.0, Effort::Small, false, None);
    UpliftItem { id: id.to_string(), weight, section, controllability, effort, critical, owner }
}

fn pooled(items: Vec<UpliftItem>, visits: Vec<Vec<Option<f64>>>) -> UpliftInput {
    UpliftInput { items, visits, aggregation: Aggregation::Pooled, sections: vec![] }
}

#[test]
fn the_gain_is_what_a_perfect_item_would_have_scored_more() {
    let items = vec![item("a", 3.0), item("b", 2.0), item("c", 5.0)];
    let visits = vec![
        vec![Some(0.2), Some(0.5), None],
        vec![Some(1.0), Some(0.0), Some(0.7)],
        vec![None, None, None],
        vec![None, Some(0.4), Some(0.1)],
    ];
    let input = pooled(items, visits);
    let score = |visit: &Vec<Option<f64>>| {
        let asked = || input.items.iter().zip(visit).filter_map(|(item, score)| Some((item.weight, (*score)?)));
        let possible: f64 = asked().map(|(weight, _)| weight).sum();
        asked().map(|(weight, score)| weight * score).sum::<f64>() / possible
    };
    let mean = |visits: &[Vec<Option<f64>>]| {
        let scores: Vec<f64> = visits.iter().map(score).filter(|score| !score.is_nan()).collect();
        scores.iter().sum::<f64>() / scores.len() as f64
    };
    let gains = uplift(&input).unwrap();
    assert_eq!(gains.visits, 3);
    assert!((gains.recoverable_bp - 1e4 * (1.0 - mean(&input.visits))).abs() < 1e-8);
    for (position, item) in gains.items.iter().enumerate() {
        let mut perfect = input.visits.clone();
        perfect.iter_mut().for_each(|visit| visit[position] = visit[position].map(|_| 1.0));
        assert!((item.uplift_bp - 1e4 * (mean(&perfect) - mean(&input.visits))).abs() < 1e-8);
    }
}

#[test]
fn knock_outs_come_first_and_count_but_are_never_left_out() {
    let mut items: Vec<UpliftItem> = ["a", "b", "c", "d", "e"].map(|id| item(id, 1.0)).to_vec();
    items.iter_mut().for_each(|item| item.owner = Some("one".to_string()));
    for critical in &mut items[2..] {
        critical.critical = true;
        critical.weight = 0.0;
    }
    let gains = uplift(&pooled(items, vec![vec![Some(0.0); 5]; 4])).unwrap();
    assert_eq!(gains.order, ["c", "d", "e", "a", "b"]);
    assert_eq!(gains.picked, ["c", "d", "e"]);
}

#[test]
fn an_owner_with_two_is_passed_over() {
    let mut items: Vec<UpliftItem> =
        [("a", 3.0), ("b", 2.5), ("c", 2.0), ("d", 1.5), ("e", 9.0)].map(|(id, weight)| item(id, weight)).to_vec();
    items[..3].iter_mut().for_each(|item| item.owner = Some("one".to_string()));
    items[4].controllability = 0.0;
    let gains = uplift(&pooled(items, vec![vec![Some(0.0); 5]; 4])).unwrap();
    assert_eq!(gains.order, ["a", "b", "c", "d", "e"]);
    assert_eq!(gains.picked, ["a", "b", "d"]);
}

#[test]
fn sixty_percent_are_enough_in_spite_of_rounding() {
    // Each is a tenth, so the first is .6 of all, but for rounding.
    let items = vec![item("a", 0.6), item("b", 0.3), item("c", 0.1)];
    let gains = uplift(&pooled(items, vec![vec![Some(0.0); 3]; 7])).unwrap();
    assert_eq!(gains.picked, ["a"]);
}

#[test]
fn equal_priorities_keep_their_order_in_spite_of_rounding() {
    let items = vec![item("a", 1.0), item("b", 1.0), item("c", 1.0)];
    let visits = vec![
        vec![Some(0.9), Some(0.7), Some(0.8)],
        vec![Some(0.7), Some(0.8), Some(0.9)],
        vec![Some(0.8), Some(0.9), Some(0.7)],
    ];
    assert_eq!(uplift(&pooled(items, visits)).unwrap().order, ["a", "b", "c"]);
}

#[test]
fn sections_without_a_question_pass_their_weight_on() {
    let input = json!({
        "items": [{"id": "a", "weight": 2, "section": "s"}, {"id": "b", "weight": 4, "section": "t"}],
        "visits": [{"a": 0.5}, {"a": 1, "b": 0}, {"b": null}],
        "aggregation": "weighted_sections",
        "sections": [{"id": "s", "weight": 60}, {"id": "t", "weight": 40}, {"id": "u", "weight": 900}],
    });
    let gains = run(input).unwrap();
    assert_eq!(gains["visits"], 2);
    assert!((gains["items"][0]["uplift_bp"].as_f64().unwrap() - 2500.0).abs() < 1e-9);
    assert!((gains["items"][1]["uplift_bp"].as_f64().unwrap() - 2000.0).abs() < 1e-9);
    assert_eq!(gains["items"][1]["asked"], 1);
}

#[test]
fn an_item_without_weight_has_a_failure_rate_and_no_action() {
    let input = json!({"items": [{"id": "a", "weight": 0}, {"id": "b", "weight": 1}, {"id": "c", "weight": 1}],
                       "visits": [{"a": 0}, {"a": 0, "b": 1}, {"a": 0}, {"a": 0}]});
    let gains = run(input).unwrap();
    assert_eq!((&gains["visits"], &gains["items"][0]["failed"]), (&json!(1), &json!(4)));
    assert_eq!(gains["items"][0]["eligible"], false);
    assert_eq!(gains["items"][2]["fail_rate"], Value::Null);
}

#[test]
fn shapes_and_ranges_are_kept() {
    let input = json!({"items": [{"id": "a", "weight": 1}], "visits": [{"a": 0.5}]});
    assert!(run(input.clone()).is_ok());
    let bad_items = [
        json!({"id": "a", "weight": -1}),
        json!({"id": "a"}),
        json!({"id": 1, "weight": 1}),
        json!({"id": "a", "weight": 1, "effort": "XL"}),
        json!({"id": "a", "weight": 1, "controllability": 1.1}),
        json!({"id": "a", "weight": 1, "critical": null}),
        json!({"id": "a", "weight": 1, "colour": "red"}),
    ];
    for item in bad_items {
        let mut input = input.clone();
        input["items"][0] = item;
        assert_eq!(code(input), StatErrorCode::BadInput);
    }
    for visits in [json!([{"a": 1.1}]), json!([{"a": -0.1}]), json!([{"a": "1"}]), json!([{"b": null}]), json!({})] {
        let mut input = input.clone();
        input["visits"] = visits;
        assert_eq!(code(input), StatErrorCode::BadInput);
    }
    for (name, value) in [("aggregation", json!("mean")), ("aggregation", json!("weighted_sections")), ("x", json!(1))]
    {
        let mut input = input.clone();
        input[name] = value;
        assert_eq!(code(input), StatErrorCode::BadInput);
    }
    assert_eq!(
        code(json!({"items": [{"id": "a", "weight": 1}, {"id": "a", "weight": 1}], "visits": []})),
        StatErrorCode::BadInput
    );
    assert_eq!(code(json!({"items": [], "visits": [{}]})), StatErrorCode::TooFew);
}
