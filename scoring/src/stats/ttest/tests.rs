use serde_json::json;

use super::*;
use crate::stats::StatErrorCode::{BadInput, TooFew, Undefined};

const A: [f64; 4] = [8100.0, 7600.0, 9000.0, 7000.0];
const B: [f64; 3] = [7000.0, 7450.0, 6900.0];

#[test]
fn swapping_the_waves_turns_every_sign() {
    for test in [welch, |a: &[f64], b: &[f64], conf| pooled(a, b, None, conf)] {
        let (there, back) = (test(&A, &B, 0.9).unwrap().change, test(&B, &A, 0.9).unwrap().change);
        assert_eq!((there.diff, there.t), (-back.diff, -back.t));
        assert_eq!(there.ci, [-back.ci[1], -back.ci[0]]);
        assert_eq!((there.p, there.df, there.se), (back.p, back.df, back.se));
    }
}

#[test]
fn a_list_that_does_not_vary_leaves_the_degrees_of_the_other() {
    let change = welch(&A, &[7000.0, 7000.0], 0.95).unwrap().change;
    assert!((change.df - 3.0).abs() < 1e-12);
}

#[test]
fn a_pool_makes_up_for_single_visits_and_three_values_make_one() {
    assert_eq!(pooled(&[1.0], &[2.0, 4.0], None, 0.95).unwrap().change.df, 1.0);
    assert_eq!(pooled(&[], &[2.0, 4.0], Some(Pool { s: 1.0, df: 9.0 }), 0.95).unwrap_err().code, TooFew);
    assert_eq!(pooled(&[1.0], &[2.0], Some(Pool { s: 0.0, df: 9.0 }), 0.95).unwrap_err().code, Undefined);
    for pool in [Pool { s: -1.0, df: 9.0 }, Pool { s: 1.0, df: 0.0 }, Pool { s: 1.0, df: f64::NAN }] {
        assert_eq!(pooled(&[], &[], Some(pool), 0.95).unwrap_err().code, BadInput);
    }
}

#[test]
fn inputs_are_read_to_the_letter() {
    for (input, code) in [
        (json!({"a": [1, 2], "b": [3, 4]}), BadInput),
        (json!({"kind": "welch", "a": [1], "b": [3, 4], "s_pool": 3}), BadInput),
        (json!({"kind": "welch", "a": [1], "b": [3, "4"]}), BadInput),
        (json!({"kind": "welch", "a": [], "b": [], "conf": 1}), BadInput),
        (json!({"kind": "welch", "a": [1, null], "b": [3, 4]}), BadInput),
        (json!({"kind": "welch", "a": [[1], [2]], "b": [3, 4]}), BadInput),
        (json!({"kind": "pooled", "a": [], "b": [3, 4], "s_pool": 3}), BadInput),
        (json!({"kind": "pooled", "a": [1], "b": [3], "s_pool": null, "df_pool": null}), BadInput),
        (json!({"kind": "paired", "a": [1], "b": [3, 4]}), BadInput),
        (json!({"kind": "paired", "a": [1, true], "b": [3, 4]}), BadInput),
        (json!({"kind": "paired", "a": [1, [null]], "b": [3, 4]}), BadInput),
        (json!({"kind": "paired", "a": [], "b": []}), TooFew),
        (json!({"kind": "paired", "a": [1, null], "b": [3, 4]}), TooFew),
        (json!({"kind": "welch", "a": [1e200, 2e200], "b": [3e200, 4e200]}), Undefined),
    ] {
        assert_eq!(run(input.clone()).unwrap_err().code, code, "{input}");
    }
}

#[test]
fn members_are_flat_and_counted_degrees_are_integers() {
    let output = run(json!({"kind": "paired", "a": [1, 2, [4, 4]], "b": [0, 3, 1]})).unwrap();
    let members: Vec<_> = output.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["ci", "df", "diff", "dropped", "kind", "mdc", "mean_a", "mean_b", "n", "p", "se", "t"]);
    assert!(output["df"].is_u64());
}
