//! What the operating system says of this process and its disks.

use std::path::Path;

use rustix::fs::Mode;
use rustix::process::{Resource, getrlimit, setrlimit};

/// What the process uses.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time, in seconds.
    pub cpu_s: f64,
    /// Memory held, in bytes.
    pub resident_bytes: i64,
    /// Address space, in bytes.
    pub virtual_bytes: i64,
    /// Threads.
    pub threads: i64,
    /// File descriptors in use.
    pub open_files: i64,
}

/// What this process uses; nothing where there is no `/proc`.
pub fn usage() -> Option<Usage> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may hold spaces.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<i64> = rest.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    // Numbered from 1 in proc(5), and the first one here is the third there.
    let field = |number: usize| fields.get(number - 3).copied();
    let ticks = i64::try_from(rustix::param::clock_ticks_per_second()).ok().filter(|ticks| *ticks > 0)?;
    let page = i64::try_from(rustix::param::page_size()).ok()?;
    let files = std::fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or(0);
    Some(Usage {
        cpu_s: (field(14)? + field(15)?) as f64 / ticks as f64,
        threads: field(20)?,
        virtual_bytes: field(23)?,
        resident_bytes: field(24)? * page,
        // One of them is this look at them.
        open_files: i64::try_from(files).unwrap_or(0).saturating_sub(1),
    })
}

/// File descriptors that this process may have; nothing where there is no limit.
pub fn file_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Lets this process have as many file descriptors as the system permits: the limit that processes begin with is small
/// for the sake of programs of another age.
pub fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of file descriptors stays");
        }
    }
}

/// Keeps what this process makes from now on from all other accounts: folders get 0700 at most, files 0600.
pub fn keep_files_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Room left on the disk of a folder, in bytes.
///
/// # Errors
///
/// The error of the system.
pub fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
