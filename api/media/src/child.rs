//! Programs of other people, run on a file of a stranger's: without a shell, with an empty environment, in a folder of
//! their own and within limits that the system keeps, not they.
//!
//! `prlimit` and `setpriv` (util-linux) set the limits on themselves and then become the program, so that nothing of it
//! ever runs without them. Where they are missing, the program counts as missing.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Most files that a program may have open.
const OPEN_FILES: u32 = 64;

/// Where the programs of this machine are, and where they may work.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Folders in which programs are looked for.
    pub programs: Vec<PathBuf>,
    /// A folder that is not there yet and that nobody else uses: made when a program runs, and removed afterwards.
    pub scratch: PathBuf,
}

/// What a program may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Address space in bytes, with everything that is only reserved.
    pub memory_bytes: u64,
    /// Processor time in seconds, over all threads.
    pub cpu_s: u64,
    /// Size of the largest file that it writes, in bytes.
    pub file_bytes: u64,
    /// Time by the clock on the wall.
    pub wall: Duration,
}

/// Why a program gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ChildFailure {
    /// This machine could not run it, which says nothing about the file.
    #[error("the program could not be run: {0}")]
    NotRun(#[from] io::Error),
    /// It took more processor time or more time than allowed.
    #[error("the program took too long")]
    TooLong,
    /// It wrote a larger file than allowed, or nothing.
    #[error("the program wrote too much or nothing")]
    BadOutput,
    /// It ended with an error, as it also does when it is not given more memory.
    #[error("the program failed: {0}")]
    Failed(ExitStatus),
}

/// A program that is installed, together with what limits it.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    prlimit: PathBuf,
    setpriv: PathBuf,
}

impl Program {
    /// Looks for a program; none when it is not installed, or not without limits.
    pub fn find(name: &str, folders: &[PathBuf]) -> Option<Self> {
        let find = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
        Some(Self { path: find(name)?, prlimit: find("prlimit")?, setpriv: find("setpriv")? })
    }

    /// Runs the program in a folder until it ends, or ends it. It hears and says nothing: what it makes are files in
    /// the folder. It and all that it started are gone when this returns, or when the calling thread ends.
    ///
    /// # Errors
    ///
    /// [`ChildFailure`] when it did not run, went beyond a limit, or failed.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        folder: &WorkFolder,
        limits: &Limits,
    ) -> Result<(), ChildFailure> {
        let mut command = Command::new(&self.setpriv);
        command
            .args(["--no-new-privs", "--pdeathsig", "KILL", "--"])
            .arg(&self.prlimit)
            .arg(format!("--as={}", limits.memory_bytes))
            // At the first figure it is told to end, at the second it is ended.
            .arg(format!("--cpu={}:{}", limits.cpu_s, limits.cpu_s + 1))
            .arg(format!("--fsize={}", limits.file_bytes))
            .arg("--core=0")
            .arg(format!("--nofile={OPEN_FILES}"))
            .arg("--")
            .arg(&self.path)
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let mut child = command.spawn()?;
        let is_in_time = wait_and_end(&child, limits.wall);
        let status = child.wait()?;
        let is_in_time = is_in_time?;
        match status.signal().and_then(Signal::from_named_raw) {
            _ if status.success() => Ok(()),
            _ if !is_in_time => Err(ChildFailure::TooLong),
            Some(Signal::XCPU) => Err(ChildFailure::TooLong),
            Some(Signal::XFSZ) => Err(ChildFailure::BadOutput),
            _ => Err(ChildFailure::Failed(status)),
        }
    }
}

/// Waits until a program has ended by itself, for so long at most; then ends whatever is left of its group. Says whether
/// it was in time.
fn wait_and_end(child: &Child, wall: Duration) -> io::Result<bool> {
    let pid = Pid::from_child(child);
    std::thread::scope(|scope| {
        let (sender, ended) = mpsc::channel();
        let waits = std::thread::Builder::new().name("child".to_owned()).spawn_scoped(scope, move || {
            // Leaves the child as it is, so that its number is not given to another before it is used below.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while waitid(WaitId::Pid(pid), options).is_err_and(|error| error == Errno::INTR) {}
            let _ = sender.send(());
        });
        let is_in_time = waits.map(|_| ended.recv_timeout(wall).is_ok());
        // Nothing is left of most, which is no error.
        let _ = kill_process_group(pid, Signal::KILL);
        is_in_time
    })
}

/// A folder that only this process can look into, removed with this.
#[derive(Debug)]
pub struct WorkFolder(PathBuf);

impl WorkFolder {
    /// Makes the folder.
    ///
    /// # Errors
    ///
    /// The error of the file system; also when there is one of that name.
    pub fn make(path: PathBuf) -> io::Result<Self> {
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file that a program has written, once its size was checked; none when there is no such file.
    ///
    /// # Errors
    ///
    /// [`ChildFailure::BadOutput`] when it is no plain file, empty or larger.
    pub fn output(&self, name: &str, most_bytes: u64) -> Result<Option<PathBuf>, ChildFailure> {
        let path = self.0.join(name);
        let metadata = match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        if !metadata.is_file() || !(1..=most_bytes).contains(&metadata.len()) {
            return Err(ChildFailure::BadOutput);
        }
        Ok(Some(path))
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // What stays behind is swept away with what uploads leave.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
