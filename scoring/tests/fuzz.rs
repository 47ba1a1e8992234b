//! The fuzz targets on seeded mutations of the fixtures: the same thousands of documents on every run.
//!
//! `scoring/fuzz` runs the same targets without end; what they find is kept in `scoring/fuzz/regressions` and replayed here.

use std::fs;
use std::panic::{catch_unwind, resume_unwind};
use std::path::Path;

#[path = "support/targets.rs"]
mod targets;

use targets::numbers::Numbers;
use targets::{TARGETS, Target, mutate};

fn target(name: &str) -> Target {
    *TARGETS.iter().find(|(known, _)| *known == name).expect("a known target")
}

/// Runs a target on a document, which is kept in a file when the target panics.
fn check((name, run): Target, bytes: &[u8]) {
    if let Err(panic) = catch_unwind(|| run(bytes)) {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-crash"));
        fs::write(&file, bytes).expect("the folder for files of tests can be written");
        eprintln!("The document is in {}. Keep it: move it to scoring/fuzz/regressions/{name}/", file.display());
        resume_unwind(panic);
    }
}

fn fuzz(name: &str, rounds: usize) {
    let target = target(name);
    let seeds = targets::seeds(name);
    seeds.iter().for_each(|seed| check(target, seed));
    let mut numbers = Numbers(20_260_722);
    for _ in 0..rounds {
        check(target, &mutate::mutant(&seeds, &mut numbers));
    }
}

#[test]
fn any_standard() {
    fuzz("standard", 6000);
}

#[test]
fn any_answers() {
    fuzz("answers", 6000);
}

#[test]
fn any_decimal() {
    fuzz("decimal", 6000);
}

#[test]
fn any_input_of_statistics() {
    fuzz("stats", 6000);
}

#[test]
fn any_score_command() {
    fuzz("score_command", 3000);
}

#[test]
fn what_fuzzing_found_stays_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions");
    let mut replayed = 0;
    for &target in &TARGETS {
        for file in fs::read_dir(folder.join(target.0)).into_iter().flatten() {
            let file = file.expect("the folder can be read").path();
            check(target, &fs::read(file).expect("a file"));
            replayed += 1;
        }
    }
    assert!(replayed > 0, "no regressions in {}", folder.display());
}

/// Gives the fuzzers something to begin with: `cargo test -p peegel-scoring --test fuzz -- --ignored`.
#[test]
#[ignore = "writes scoring/fuzz/corpus"]
fn write_the_corpus() {
    for (name, _) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        fs::create_dir_all(&folder).expect("the folder can be made");
        for (n, seed) in targets::seeds(name).iter().enumerate() {
            fs::write(folder.join(format!("seed-{n}")), seed).expect("the folder can be written");
        }
    }
}
