//! Writes the network of the benchmarks for other programs, and scores it on demand.
//!
//! `rescore_data FOLDER` writes `standard.json`, `answers.json` (for each item what its codes mean and
//! score) and one file of codes an item, `0.u8` or `0.u16`, then answers each line of its input with
//! one line: `score` scores all visits, `sums` gives one checksum for each figure.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;

use peegel_scoring::columns::{Code, Columns, Figures, Scorer};
use peegel_scoring::{Fraction, Standard};
use serde_json::{Map, Value, json};

#[path = "../benches/support/network.rs"]
mod network;
#[path = "../tests/support/numbers.rs"]
mod numbers;

use network::{ITEMS, VISITS};

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("name the folder to write to: rescore_data FOLDER");
        std::process::exit(2);
    };
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let standard = network::standard();
    let mut columns = Columns::new(&standard);
    fs::write(folder.join("standard.json"), network::standard_json().to_string())?;
    fs::write(folder.join("answers.json"), meanings(&standard, &mut columns).to_string())?;
    network::fill(&mut columns, &standard, VISITS);
    for item in 0..ITEMS {
        write_codes(folder, item, &columns)?;
    }

    let scorer = Scorer::new(&standard);
    let mut figures = Figures::new();
    println!("ready");
    for line in io::stdin().lock().lines() {
        match line?.as_str() {
            "score" => {
                scorer.score(&columns, &mut figures).map_err(io::Error::other)?;
                println!("scored");
            }
            "sums" => println!("{}", sums(&figures)),
            _ => println!("say score or sums"),
        }
        io::stdout().flush()?;
    }
    Ok(())
}

/// For each item its answers as `[code, value, score]`.
fn meanings(standard: &Standard, columns: &mut Columns) -> Value {
    let mut meanings = Vec::new();
    for (position, item) in standard.items().iter().enumerate() {
        let mut of_item = Vec::new();
        for value in network::values(item) {
            // A visit with this answer alone tells its code, which outlives the visit.
            columns.clear();
            let mut answers = Map::new();
            answers.insert(item.id.clone(), json!({"v": value}));
            columns.push(&answers);
            if let Some(Code::Value(code)) = columns.code(position, 0) {
                of_item.push(json!([code, value, columns.item_score(position, code).map(Fraction::to_string)]));
            }
        }
        meanings.push(of_item);
    }
    columns.clear();
    json!(meanings)
}

fn write_codes(folder: &Path, item: usize, columns: &Columns) -> io::Result<()> {
    let codes = || (0..columns.len()).filter_map(|visit| columns.code(item, visit));
    let wide = codes().any(|code| matches!(code, Code::Value(value) if value > 252));
    let number = |code| match code {
        Code::Value(value) => value,
        Code::Unlisted => u16::MAX - 2,
        Code::Na => u16::MAX - 1,
        Code::Missing => u16::MAX,
    };
    // The lower byte of a code without a value is the code of a small column.
    let bytes = codes().flat_map(|code| number(code).to_le_bytes().into_iter().take(if wide { 2 } else { 1 }));
    fs::write(folder.join(format!("{item}.{}", if wide { "u16" } else { "u8" })), bytes.collect::<Vec<u8>>())
}

/// A checksum for each figure: it changes when two visits swap their values.
fn sums(figures: &Figures) -> Value {
    let mut sums = Map::new();
    let mut put = |name: String, values: &mut dyn Iterator<Item = i64>| {
        let sum: i64 = values.zip(0..).map(|(value, visit)| (value + 2) * (visit % 8191 + 1)).sum();
        sums.insert(name, json!(sum));
    };
    let all = [("raw", figures.raw_bp()), ("score", figures.score_bp()), ("share", figures.scored_share_bp())];
    let named = all.into_iter().map(|(name, points)| (name.to_owned(), points));
    let sections = figures.sections().iter().enumerate().map(|(n, points)| (format!("s{n}"), points));
    let dimensions = figures.dimensions().iter().enumerate().map(|(n, points)| (format!("d{n}"), points));
    for (name, points) in named.chain(sections).chain(dimensions) {
        put(name, &mut points.iter().map(|score_bp| score_bp.unwrap_or(-1)));
    }
    let visits = 0..figures.len();
    put("band".to_owned(), &mut visits.clone().map(|visit| figures.band(visit).map_or(-1, |band| band as i64)));
    put("passed".to_owned(), &mut visits.clone().map(|visit| figures.passed(visit).map_or(-1, i64::from)));
    put("capped".to_owned(), &mut visits.clone().map(|visit| i64::from(figures.capped(visit))));
    put("insufficient".to_owned(), &mut visits.map(|visit| i64::from(figures.insufficient(visit))));
    json!(sums)
}
