//! What a process uses of the machine, as Linux counts it.

use crate::running::Outcome;

/// What `utime` and `stime` count in.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the process has used of all cores so far, in user mode and in the kernel.
pub fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program is in brackets and may hold spaces.
    let (_, after_name) = stat.rsplit_once(')').ok_or("unreadable /proc/PID/stat")?;
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

/// The most memory that the process has held.
pub fn peak_mb(pid: u32) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
