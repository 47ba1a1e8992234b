use serde_json::json;

use super::*;
use crate::stats::StatErrorCode::{BadInput, TooFew, Undefined};

#[test]
fn inputs_are_read_to_the_letter() {
    for (input, code) in [
        (json!({"kind": "straight", "answers": [null, null]}), TooFew),
        (json!({"kind": "straight", "answers": ["Y", 5]}), BadInput),
        (json!({"kind": "straight", "answers": ["Y"], "seconds": [1]}), BadInput),
        (json!({"kind": "speed", "seconds": [1, 2]}), TooFew),
        (json!({"kind": "speed", "seconds": [0]}), BadInput),
        (json!({"kind": "speed", "seconds": [5, null]}), BadInput),
        (json!({"kind": "speed", "seconds": [7, 7, 7, 7]}), Undefined),
        (json!({"kind": "duplicate", "a": [], "b": []}), TooFew),
        (json!({"kind": "duplicate", "a": ["Y", null], "b": [null, "Y"]}), TooFew),
        (json!({"kind": "duplicate", "a": [null], "b": [null], "expected": [1.5]}), BadInput),
        (json!({"kind": "duplicate", "a": ["Y"], "b": ["Y"], "expected": []}), BadInput),
        (json!({"kind": "duplicate", "a": ["Y"], "b": ["Y"], "expected": null}), BadInput),
        (json!({"kind": "geo"}), BadInput),
        (json!({"answers": ["Y"]}), BadInput),
    ] {
        assert_eq!(run(input.clone()).unwrap_err().code, code, "{input}");
    }
}

#[test]
fn certain_agreement_has_no_z_and_skipped_items_do_not_count() {
    let (a, b) = ([Some("Y"), Some("N"), None], [Some("Y"), Some("Y"), Some("Y")]);
    assert_eq!(duplicate(&a, &b, Some(&[1.0, 0.0, 0.5])).unwrap().z, None);
    assert_eq!(duplicate(&a, &b, Some(&[0.5, 0.5, 0.1])), duplicate(&a, &b, Some(&[0.5, 0.5, 0.9])));
}

#[test]
fn all_different_answers_have_the_most_entropy() {
    let answers: Vec<_> = (0..64).map(|code| Some(code.to_string())).collect();
    let report = straight(&answers).unwrap();
    assert!((report.entropy_bits - 6.0).abs() < 1e-12);
    assert_eq!((report.longstring, report.modal_share), (1, 1.0 / 64.0));
}

#[test]
fn speed_does_not_depend_on_the_unit_of_time() {
    let seconds = [610.0, 700.0, 655.0, 90.0, 820.0, 590.0];
    let (one, other) = (speed(&seconds).unwrap(), speed(&seconds.map(|s| s / 60.0)).unwrap());
    assert_eq!(one.flagged, other.flagged);
    assert!(one.z.iter().zip(&other.z).all(|(a, b)| (a - b).abs() < 1e-10));
}
