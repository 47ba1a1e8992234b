use serde_json::json;

use super::*;
use crate::stats::StatErrorCode::{BadInput, TooFew, Undefined};

#[test]
fn a_pool_from_one_branch_is_no_prior() {
    let visits: Vec<f64> = (0..102).map(|visit| f64::from(visit % 7)).collect();
    let network = interval(&[visits, vec![3.0]], Options { clip: None, ..Options::default() }).unwrap();
    assert_eq!(network.df_pool, 101);
    assert_eq!(network.branches[0].method, Some(Method::Pooled));
}

#[test]
fn mostly_constant_branches_leave_the_prior_undefined() {
    let mut groups = vec![vec![9000.0; 5]; 30];
    groups.push(vec![8000.0, 9000.0, 7000.0, 8500.0]);
    let network = interval(&groups, Options::default()).unwrap();
    assert_eq!(network.df_pool, 123);
    assert!(network.branches.iter().all(|branch| branch.method == Some(Method::Pooled)));
    assert!(network.branches[0].own.is_none() && network.branches[30].own.is_some());
}

#[test]
fn moderation_starts_at_four_visits_and_a_hundred_degrees() {
    let group =
        |n: u32, branch: u32| (0..n).map(|visit| f64::from((visit * 37 + branch * 53) % 101)).collect::<Vec<_>>();
    let groups = |branches: u32| (0..branches).map(|branch| group(3 + branch % 2, branch)).collect::<Vec<_>>();
    let enough = interval(&groups(40), Options::default()).unwrap();
    assert_eq!(enough.df_pool, 100);
    for branch in &enough.branches {
        assert_eq!(branch.method, Some(if branch.n == 4 { Method::Moderated } else { Method::Pooled }));
    }
    let short = interval(&groups(39), Options::default()).unwrap();
    assert!(short.df_pool < 100 && short.branches.iter().all(|branch| branch.method == Some(Method::Pooled)));
}

#[test]
fn every_bound_is_clipped_even_above_the_mean() {
    let clip = Some([0.0, 50.0]);
    let network = interval(&[vec![80.0, 90.0], vec![10.0, 20.0]], Options { clip, ..Options::default() }).unwrap();
    assert_eq!((network.branches[0].mean, network.branches[0].upper), (Some(85.0), Some(50.0)));
    assert_eq!(network.branches[1].own, Some([0.0, 50.0]));
}

#[test]
fn inputs_are_read_to_the_letter() {
    for (input, code) in [
        (json!({"groups": [[], []]}), TooFew),
        (json!({"groups": [[]], "clip": [1, 0]}), BadInput),
        (json!({"groups": [[1]], "clip": [0]}), BadInput),
        (json!({"groups": [[1]], "clip": 0}), BadInput),
        (json!({"groups": [[1]], "conf": null}), BadInput),
        (json!({"groups": [[1]], "min_df": -1}), BadInput),
        (json!({"groups": [[1]], "min_df": 2.5}), BadInput),
        (json!({"groups": [[1, null]]}), BadInput),
        (json!({"groups": [1, 2]}), BadInput),
        (json!({"groups": [[1e200, 3e200]], "clip": null}), Undefined),
    ] {
        assert_eq!(run(input.clone()).unwrap_err().code, code, "{input}");
    }
}

#[test]
fn a_network_of_a_hundred_thousand_branches_takes_no_time() {
    let groups: Vec<Vec<f64>> =
        (0..100_000_u32).map(|i| (0..i % 9).map(|j| f64::from((i + j * j) % 97)).collect()).collect();
    assert_eq!(interval(&groups, Options::default()).unwrap().branches.len(), 100_000);
}
