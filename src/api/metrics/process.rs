//! What the kernel says of the process, under the names of Prometheus' own clients.

use std::fs;

use super::signed;
use crate::metrics::exposition::{Families, Labels};

/// In which the kernel counts time for user space: 100 on every Linux (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Adds what can be read.
pub(super) fn add(families: &mut Families) {
    let none = Labels::new();
    if let Some(bytes) = memory() {
        families.integer("process_resident_memory_bytes", "Resident memory.", &none, signed(bytes));
    }
    if let Some((cpu, start)) = times() {
        families.seconds("process_cpu_seconds", "Time on a CPU, in user space and in the kernel.", &none, cpu);
        families.gauge("process_start_time_seconds", "When it was started, since the epoch.", &none, start);
    }
}

fn memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kilobytes.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// The CPU's seconds, and the start in seconds since the epoch.
fn times() -> Option<(f64, f64)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name may hold anything, also blanks and parentheses; behind its last one stands the state, field 3.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(((field(14)? + field(15)?) / TICKS_PER_SECOND, boot + field(22)? / TICKS_PER_SECOND))
}
