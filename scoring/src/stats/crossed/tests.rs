use super::*;
use crate::stats::{ConnectedGroup, StatErrorCode};

const GIVEN: CrossedComponents = CrossedComponents { branch: 25.0, shopper: 16.0, residual: 49.0 };

fn code(visits: &[(&str, &str, f64)], given: Option<CrossedComponents>) -> StatErrorCode {
    crossed(visits, given).unwrap_err().code
}

// Nine branches, four shoppers, every visit twice but some; scores from a small congruential generator.
fn visits() -> Vec<(String, String, f64)> {
    let mut state = 12_345_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    let mut visits = Vec::new();
    for branch in 0..9 {
        for shopper in 0..4 {
            for _ in 0..2 {
                if draw() < 0.6 {
                    let score = 60.0 + 2.0 * f64::from(branch) + 3.0 * f64::from(shopper) + 12.0 * draw();
                    visits.push((format!("b{branch}"), format!("s{shopper}"), score));
                }
            }
        }
    }
    visits
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(1.0)
}

#[test]
fn either_side_may_be_eliminated() {
    let turned: Vec<_> = visits().into_iter().map(|(branch, shopper, y)| (shopper, branch, y)).collect();
    let mirrored = CrossedComponents { branch: GIVEN.shopper, shopper: GIVEN.branch, ..GIVEN };
    let (one, other) = (crossed(&visits(), Some(GIVEN)).unwrap(), crossed(&turned, Some(mirrored)).unwrap());
    assert!(close(one.mu, other.mu));
    for (branch, shopper) in one.branches.iter().zip(&other.shoppers) {
        assert_eq!((&branch.id, branch.n), (&shopper.id, shopper.n));
        assert!(close(branch.effect, shopper.effect) && close(branch.pev, shopper.pev));
    }
}

#[test]
fn the_equations_of_the_model_hold() {
    let visits = visits();
    let apart = crossed(&visits, Some(GIVEN)).unwrap();
    let rest = |(branch, shopper, y): &(String, String, f64)| {
        let branch = apart.branches.iter().find(|effect| effect.id == *branch).unwrap();
        let shopper = apart.shoppers.iter().find(|effect| effect.id == *shopper).unwrap();
        y - apart.mu - branch.effect - shopper.effect
    };
    assert!(visits.iter().map(rest).sum::<f64>().abs() < 1e-9);
    for effect in &apart.branches {
        let left: f64 = visits.iter().filter(|visit| visit.0 == effect.id).map(rest).sum();
        assert!(close(left * GIVEN.branch / GIVEN.residual, effect.effect));
    }
    for effect in &apart.shoppers {
        let left: f64 = visits.iter().filter(|visit| visit.1 == effect.id).map(rest).sum();
        assert!(close(left * GIVEN.shopper / GIVEN.residual, effect.effect));
        assert!(0.0 < effect.pev && effect.pev < GIVEN.shopper);
    }
}

#[test]
fn a_side_without_variance_has_no_effects() {
    let no_shoppers = CrossedComponents { shopper: 0.0, ..GIVEN };
    let apart = crossed(&visits(), Some(no_shoppers)).unwrap();
    for effect in &apart.shoppers {
        assert_eq!((effect.effect, effect.pev, effect.z, effect.q, effect.flagged), (0.0, 0.0, None, None, false));
    }
    assert!(apart.corrected.iter().zip(visits()).all(|(corrected, (_, _, y))| *corrected == y));
    let no_branches = CrossedComponents { branch: 0.0, ..GIVEN };
    let apart = crossed(&visits(), Some(no_branches)).unwrap();
    assert!(apart.branches.iter().all(|effect| effect.effect == 0.0 && effect.pev == 0.0));
}

#[test]
fn rows_may_stand_in_any_order() {
    let mut turned = visits();
    turned.reverse();
    let (one, other) = (crossed(&visits(), None).unwrap(), crossed(&turned, None).unwrap());
    assert!(close(one.mu, other.mu));
    let ids = |apart: &Crossed| apart.branches.iter().map(|effect| effect.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&one), ids(&other));
    assert!(one.corrected.iter().zip(other.corrected.iter().rev()).all(|(a, b)| close(*a, *b)));
}

#[test]
fn groups_come_sorted_by_their_first_branch() {
    let visits = [
        ("d", "z", 1.0),
        ("b", "y", 2.0),
        ("c", "z", 3.0),
        ("a", "x", 4.0),
        ("d", "w", 5.0),
        ("a", "x", 6.0),
        ("c", "x", 6.0),
    ];
    let error = crossed(&visits, None).unwrap_err();
    let group = |branches: &[&str], shoppers: &[&str]| ConnectedGroup {
        branches: branches.iter().map(ToString::to_string).collect(),
        shoppers: shoppers.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(error.groups, [group(&["a", "c", "d"], &["w", "x", "z"]), group(&["b"], &["y"])]);
}

#[test]
fn scores_that_add_up_leave_no_residual() {
    let mut visits = Vec::new();
    for (branch, quality) in [("a", 0.1), ("b", 5.7), ("c", 9.3)] {
        for (shopper, severity) in [("x", 71.3), ("y", 66.1), ("z", 80.9)] {
            visits.push((branch, shopper, quality + severity));
        }
    }
    assert_eq!(code(&visits, None), StatErrorCode::Undefined);
    assert_eq!(code(&visits, Some(CrossedComponents { residual: 0.0, ..GIVEN })), StatErrorCode::Undefined);
}

#[test]
fn bad_input_comes_before_too_few() {
    assert_eq!(code(&[("a", "x", f64::NAN)], None), StatErrorCode::BadInput);
    assert_eq!(code(&[], Some(CrossedComponents { branch: -1.0, ..GIVEN })), StatErrorCode::BadInput);
    assert_eq!(code(&[], None), StatErrorCode::TooFew);
    let two = [("a", "x", 1.0), ("b", "x", 2.0), ("a", "y", 3.0)];
    assert_eq!(code(&two[..2], Some(GIVEN)), StatErrorCode::TooFew);
    assert_eq!(code(&two, None), StatErrorCode::TooFew);
    assert!(crossed(&two, Some(GIVEN)).is_ok());
    let huge = [("a", "x", 1e200), ("b", "x", 2e200), ("a", "y", 3e200), ("b", "y", -1e200)];
    assert_eq!(code(&huge, None), StatErrorCode::Undefined);
}

#[test]
fn too_many_levels_on_both_sides_are_refused() {
    let chain: Vec<(String, String, f64)> = (0..=MOST_LEVELS)
        .flat_map(|level| [(level, level), (level, level + 1)])
        .map(|(branch, shopper)| (format!("b{branch:05}"), format!("s{shopper:05}"), 1.0))
        .collect();
    assert_eq!(crossed(&chain, Some(GIVEN)).unwrap_err().code, StatErrorCode::TooMany);
}
