//! Limited child processes, tried with programs that every machine has.

use super::super::child::{ChildFailure, Limits, Program, WorkFolder};
use std::path::PathBuf;
use std::time::Duration;

const LIMITS: Limits = Limits { memory_bytes: 256 << 20, cpu_s: 2, file_bytes: 1 << 20, wall: Duration::from_secs(10) };

fn folders() -> Vec<PathBuf> {
    ["/usr/bin", "/bin"].map(PathBuf::from).to_vec()
}

/// Runs a line of the shell, which stands for a program that does anything.
fn shell(line: &str, limits: Limits) -> (tempfile::TempDir, WorkFolder, Result<(), ChildFailure>) {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = WorkFolder::make(parent.path().join("work")).expect("a folder");
    let program = Program::find("sh", &folders()).expect("a shell");
    let ended = program.run(["-c", line], &folder, &limits);
    (parent, folder, ended)
}

#[test]
fn it_works_in_its_folder_with_an_empty_environment() {
    let (parent, folder, ended) = shell("env > env; pwd > here; cat > heard; ulimit -c > core", LIMITS);
    ended.expect("it ends well");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    // A shell sets these itself.
    let env = read("env");
    let foreign: Vec<&str> = env
        .lines()
        .filter(|line| !["PWD=", "OLDPWD=", "SHLVL=", "_="].iter().any(|own| line.starts_with(own)))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert_eq!(PathBuf::from(read("here").trim_end()).canonicalize().ok(), folder.path().canonicalize().ok());
    assert_eq!((read("heard").as_str(), read("core").as_str()), ("", "0\n"));
    assert!(matches!(folder.output("heard", 10), Err(ChildFailure::BadOutput)), "an empty file is no output");
    assert!(folder.output("here", 10_000).expect("a file").is_some());
    assert!(matches!(folder.output("here", 2), Err(ChildFailure::BadOutput)));
    assert!(folder.output("nothing", 2).expect("no error").is_none());
    drop(folder);
    assert!(std::fs::read_dir(parent.path()).expect("a folder").next().is_none(), "nothing is left behind");
}

#[test]
fn it_is_told_when_it_failed() {
    let (_parent, _folder, ended) = shell("exit 3", LIMITS);
    assert!(matches!(ended, Err(ChildFailure::Failed(status)) if status.code() == Some(3)), "{ended:?}");
    let missing = Program::find("no-such-program", &folders());
    assert!(missing.is_none());
    assert!(Program::find("sh", &[]).is_none());
}

#[test]
fn every_limit_ends_it() {
    let (_parent, _folder, ended) = shell("while :; do :; done", Limits { cpu_s: 1, ..LIMITS });
    assert!(matches!(ended, Err(ChildFailure::TooLong)), "{ended:?}");
    let (_parent, _folder, ended) = shell("sleep 100", Limits { wall: Duration::from_millis(300), ..LIMITS });
    assert!(matches!(ended, Err(ChildFailure::TooLong)), "{ended:?}");
    let (_parent, folder, ended) = shell("exec head -c 3000000 /dev/zero > out", LIMITS);
    assert!(matches!(ended, Err(ChildFailure::BadOutput)), "{ended:?}");
    assert!(std::fs::metadata(folder.path().join("out")).expect("a file").len() <= 1 << 20);
    let (_parent, _folder, ended) = shell("x=0123456789abcdef; while :; do x=$x$x; done", LIMITS);
    assert!(matches!(ended, Err(ChildFailure::Failed(_))), "no more memory: {ended:?}");
}

#[test]
fn nothing_that_it_started_outlives_it() {
    let (_parent, folder, ended) = shell("sleep 300 & echo $! > pid", LIMITS);
    ended.expect("it ends well");
    let pid = std::fs::read_to_string(folder.path().join("pid")).expect("a file");
    // The orphan is a zombie until somebody has asked for it, if it is anything at all. It ends in its own time.
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let is_gone = |state: String| state.is_empty() || state.contains(") Z ");
    let ended = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        is_gone(state())
    });
    assert!(ended, "{}", state());
}
