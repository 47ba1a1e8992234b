//! Statistics at the size of a large network: 100 000 visits of 2000 branches by 800 shoppers.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use peegel_scoring::stats::crossed::crossed;
use peegel_scoring::stats::shrink::oneway;
use peegel_scoring::stats::variance_components::{Effect, variance_components};

const VISITS: usize = 100_000;
const BRANCHES: u32 = 2_000;
const SHOPPERS: u32 = 800;

fn main() {
    divan::main();
}

/// Branch, shopper and score of every visit.
struct Visits {
    branches: Vec<u32>,
    shoppers: Vec<u32>,
    scores: Vec<f64>,
}

// Drawn by a congruential generator, so that every run sees the same visits.
fn visits() -> Visits {
    let mut state = 1_u64;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((state >> 32) * u64::from(below)) >> 32) as u32
    };
    let mut visits = Visits { branches: Vec::new(), shoppers: Vec::new(), scores: Vec::new() };
    for _ in 0..VISITS {
        let (branch, shopper) = (draw(BRANCHES), draw(SHOPPERS));
        visits.branches.push(branch);
        visits.shoppers.push(shopper);
        visits.scores.push(f64::from(5_000 + branch % 700 + shopper % 300 + draw(3_000)));
    }
    visits
}

#[divan::bench]
fn variance_components_of_100k_visits(bencher: Bencher<'_, '_>) {
    let visits = visits();
    let effect = |name: &str, facets: &[usize]| Effect { name: name.to_string(), facets: facets.to_vec() };
    let effects = [effect("branch", &[0]), effect("shopper", &[1]), effect("residual", &[0, 1])];
    bencher.counter(ItemsCount::new(VISITS)).bench_local(|| {
        variance_components(&[&visits.branches, &visits.shoppers], black_box(&effects), &visits.scores)
    });
}

#[divan::bench(sample_count = 10)]
fn crossed_effects_of_100k_visits(bencher: Bencher<'_, '_>) {
    let visits = visits();
    let ids = visits.branches.iter().zip(&visits.shoppers);
    let named = ids.zip(&visits.scores).map(|((branch, shopper), y)| (format!("b{branch}"), format!("s{shopper}"), *y));
    let named: Vec<(String, String, f64)> = named.collect();
    bencher.counter(ItemsCount::new(VISITS)).bench_local(|| crossed(black_box(&named), None));
}

#[divan::bench]
fn shrinkage_of_2000_branches(bencher: Bencher<'_, '_>) {
    let visits = visits();
    let mut groups = vec![Vec::new(); BRANCHES as usize];
    for (branch, score) in visits.branches.iter().zip(&visits.scores) {
        groups[*branch as usize].push(*score);
    }
    bencher.counter(ItemsCount::new(VISITS)).bench_local(|| oneway(black_box(&groups), None));
}
