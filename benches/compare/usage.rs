//! What processes use of processors and memory, with all that they started (Linux: `man 5 proc`).
//! Must not change anything about them.

use std::collections::HashMap;

use crate::Outcome;

/// The kernel counts processor time in hundredths of a second (USER_HZ), which is fixed on Linux.
const TICK_MICROSECONDS: u64 = 10_000;

/// Memory in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Resident.
    pub resident: u64,
    /// Resident and private: the heap and stacks, without files and shared memory.
    pub anonymous: u64,
}

/// The processor time, in microseconds, of these processes and all below them, those that have ended included.
pub fn processor_time(roots: &[u32]) -> Outcome<u64> {
    let mut ticks = 0;
    for process in with_descendants(roots)? {
        // One that has just ended counts with its parent.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        // User and system time, then those of children that were waited for.
        ticks += fields(&stat).skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(ticks * TICK_MICROSECONDS)
}

/// The processor time that this program has used, without that of servers it started, in microseconds.
pub fn own_processor_time() -> Outcome<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    Ok(fields(&stat).skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * TICK_MICROSECONDS)
}

/// The memory of these processes and all below them.
pub fn memory(roots: &[u32]) -> Outcome<Memory> {
    let mut all = Memory::default();
    for process in with_descendants(roots)? {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else { continue };
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0)
        };
        all.resident += value("VmRSS:");
        all.anonymous += value("RssAnon:");
    }
    match all.resident {
        0 => Err("the server has ended".into()),
        _ => Ok(all),
    }
}

/// The process that started this one; nothing if it has ended.
pub fn parent(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // PostgreSQL names its processes with spaces and parentheses of their own only inside the first pair.
    fields(&stat).nth(1)?.parse().ok()
}

fn with_descendants(roots: &[u32]) -> Outcome<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        if let Some(parent) = fields(&stat).nth(1).and_then(|field| field.parse().ok()) {
            children.entry(parent).or_default().push(process);
        }
    }
    let (mut all, mut next) = (Vec::new(), roots.to_vec());
    while let Some(process) = next.pop() {
        next.extend(children.get(&process).into_iter().flatten());
        all.push(process);
    }
    Ok(all)
}

/// The fields after the name, which may hold spaces and parentheses; the first is the state.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit(") ").next().unwrap_or_default().split(' ')
}
