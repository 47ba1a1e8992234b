//! Tests of the media module. Inputs are built here; recordings also come from the repository's fixtures.

mod builders;
mod child;
mod damage;
mod photos;
mod recordings;

use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Writes bytes to a temporary file that lives as long as the result.
fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("temporary file");
    file.write_all(bytes).expect("write");
    file
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/media").join(name)
}

fn fixture_bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).expect("fixture")
}
