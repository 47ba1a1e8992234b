//! Tests of the media module. Inputs are built here; recordings also come from the repository's fixtures.

mod builders;
mod child;
mod damage;
mod fuzz;
mod looks;
mod made;
mod photos;
mod recordings;
mod webp;

use super::child::Tools;
use super::{LookedAt, Photo, Unpreviewable, process_photo};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Writes bytes to a temporary file that lives as long as the result.
fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("temporary file");
    file.write_all(bytes).expect("write");
    file
}

/// The programs of this machine, and a folder that is not there yet.
fn tools(scratch: &Path) -> Tools {
    Tools { programs: ["/usr/bin", "/bin"].map(PathBuf::from).to_vec(), scratch: scratch.join("work") }
}

/// What is found in a file.
fn looked_at(path: &Path) -> LookedAt {
    let scratch = tempfile::tempdir().expect("a folder");
    process_photo(path, &tools(scratch.path()))
}

/// The photo of these bytes, or why it cannot be shown.
fn seen(bytes: &[u8]) -> Result<Photo, Unpreviewable> {
    looked_at(file(bytes).path()).photo
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/media").join(name)
}

fn fixture_bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).expect("fixture")
}
