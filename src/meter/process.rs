//! Reads what the system says of this process: CPU time, memory, open files, start. Linux only; elsewhere nothing is shown.
//! Must not be called for every scrape: counting a hundred thousand open files takes a while.

use super::names;

/// Reads it anew. Blocks for some milliseconds when very many files are open.
pub fn read_process() {
    if let Some(ticks) = cpu_ticks() {
        // Counters are whole numbers; over the minutes that a rate is taken of, a second is fine enough.
        metrics::counter!(names::PROCESS_CPU).absolute(ticks / TICKS_PER_SECOND);
    }
    if let Some(bytes) = resident_bytes() {
        metrics::gauge!(names::PROCESS_MEMORY).set(bytes as f64);
    }
    if let Some(files) = open_files() {
        metrics::gauge!(names::PROCESS_FILES).set(files as f64);
    }
    if let Some(start) = start_time() {
        metrics::gauge!(names::PROCESS_START).set(start);
    }
}

/// What Linux counts times in for programs, on every machine that this runs on (man 5 proc, man 3 sysconf: USER_HZ).
const TICKS_PER_SECOND: u64 = 100;

/// The fields of `/proc/self/stat` from the state (field 3 of man 5 proc) on; the name before it may hold anything.
fn stat() -> Option<Vec<u64>> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect())
}

/// User and system time: fields 14 and 15.
fn cpu_ticks() -> Option<u64> {
    let stat = stat()?;
    Some(stat.get(11)? + stat.get(12)?)
}

/// Field 22 counts from the start of the machine, which is in `/proc/stat`.
fn start_time() -> Option<f64> {
    let after_boot = *stat()?.get(19)? as f64 / TICKS_PER_SECOND as f64;
    let machine = std::fs::read_to_string("/proc/stat").ok()?;
    let booted = machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse::<f64>().ok()?;
    Some(booted + after_boot)
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn open_files() -> Option<usize> {
    // The folder itself is open while it is read.
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_what_is_asked() {
        let opened = std::fs::File::open("/proc/self/stat").unwrap();
        assert!(open_files().unwrap() >= 3);
        drop(opened);
        assert!(resident_bytes().unwrap() > 1_000_000);
        assert!(cpu_ticks().is_some());
        let now = chrono::Utc::now().timestamp() as f64;
        let age = now - start_time().unwrap();
        assert!((-2.0..86_400.0).contains(&age), "{age}");
    }
}
