//! How fast visits are scored: `cargo bench -p peegel-scoring --bench scoring`.

use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use peegel_scoring::columns::{Columns, Figures, Scorer};
use peegel_scoring::{Mode, Outcome, Standard, score};
use serde_json::{Map, Value, json};

#[path = "support/network.rs"]
mod network;
#[path = "../tests/support/numbers.rs"]
mod numbers;

use network::{ITEMS, VISITS};
use numbers::Numbers;

struct Network {
    standard: Standard,
    columns: Columns,
}

static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    let standard = network::standard();
    let mut columns = Columns::new(&standard);
    network::fill(&mut columns, &standard, VISITS);
    let bytes = columns.bytes();
    let million = bytes as f64 / VISITS as f64;
    println!("columns of {VISITS} visits x {ITEMS} items: {bytes} bytes, {million:.1} MB per million visits");
    Network { columns, standard }
});

fn main() {
    divan::main();
}

/// 40 items in 5 sections and 4 dimensions, answered.
fn forty() -> (Standard, Map<String, Value>) {
    let mut items = Vec::new();
    let mut answers = Map::new();
    for n in 0..40 {
        let id = format!("question_{n}");
        let mut item = match n % 5 {
            0 => json!({"type": "rating", "min": 1, "max": 5}),
            1 => json!({"type": "choice", "options": [{"id": "a", "points": 3}, {"id": "b", "points": 1}]}),
            2 if n < 10 => json!({"type": "numeric", "bands": [[60, 10_000], ["180.5", 5000], [300, 0]]}),
            _ => json!({"type": "yes_no"}),
        };
        item["id"] = json!(id);
        item["section"] = json!(format!("s{}", n % 5));
        item["weight"] = json!(1 + n % 4);
        item["dimensions"] = json!([{"id": format!("d{}", n % 4)}]);
        if n % 8 == 7 {
            item["show_if"] = json!({"item": "question_0", "op": "ge", "value": 2});
        }
        items.push(item);
        let value = match n % 5 {
            0 => json!(2 + n % 4),
            1 => json!("b"),
            2 if n < 10 => json!("100.5"),
            _ => json!(n % 7 != 0),
        };
        answers.insert(id, json!({"v": value}));
    }
    items[3]["critical"] = json!({"scope": "visit", "cap_bp": 5000});
    let part = |name: &str, n: usize| -> Vec<Value> { (0..n).map(|n| json!({"id": format!("{name}{n}")})).collect() };
    let mut standard = json!({
        "id": "forty", "version": 1, "sections": part("s", 5), "dimensions": part("d", 4), "items": items,
        "bands": [{"min_bp": 8000, "label": "A"}, {"min_bp": 0, "label": "B"}], "pass_bp": 6000,
    });
    for section in standard["sections"].as_array_mut().into_iter().flatten() {
        section["weight"] = json!(20);
    }
    (Standard::parse(&standard).unwrap_or_else(|problems| panic!("{problems:?}")), answers)
}

/// One visit of 40 items with its whole explanation.
#[divan::bench]
fn visit_of_40_items(bencher: Bencher) {
    let (standard, answers) = forty();
    assert!(matches!(score(&standard, &answers, Mode::Submit), Outcome::Scored(_)));
    bencher.bench_local(|| score(&standard, &answers, Mode::Submit));
}

/// Rescoring all visits over columns that exist; items are answers.
#[divan::bench]
fn rescore_400k_visits(bencher: Bencher) {
    let scorer = Scorer::new(&NETWORK.standard);
    let mut figures = Figures::new();
    bencher.counter(ItemsCount::new(VISITS * ITEMS)).bench_local(|| scorer.score(&NETWORK.columns, &mut figures));
}

/// Making columns of visits that are in memory as JSON; items are answers.
#[divan::bench]
fn push_10k_visits(bencher: Bencher) {
    let mut numbers = Numbers(1);
    let visits: Vec<_> = (0..10_000).map(|_| network::answers(&NETWORK.standard, &mut numbers)).collect();
    let mut columns = Columns::new(&NETWORK.standard);
    bencher.counter(ItemsCount::new(visits.len() * ITEMS)).bench_local(|| {
        columns.clear();
        visits.iter().for_each(|answers| columns.push(answers));
    });
}

/// What memory allows: adding up as many bytes as the columns have.
#[divan::bench]
fn memory_sum(bencher: Bencher) {
    let bytes = vec![1_u8; NETWORK.columns.bytes()];
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| divan::black_box(&bytes).iter().map(|&byte| u64::from(byte)).sum::<u64>());
}

/// What memory allows: copying as many bytes as the columns have.
#[divan::bench]
fn memory_copy(bencher: Bencher) {
    let bytes = vec![1_u8; NETWORK.columns.bytes()];
    let mut copy = vec![0_u8; bytes.len()];
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| {
        copy.copy_from_slice(divan::black_box(&bytes));
        divan::black_box(&copy);
    });
}
