//! The machine: open files, memory and disk against what the settings allow.
//! Must not change a limit.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::store::inspection::{Kind, sqlite_file};

use super::finding::Finding;

/// Files besides the streams': the 1,024 connections of requests that are no streams, those to the database and the upstreams.
const OTHER_FILES: u64 = 1536;
/// Resident memory of an idle stream on PostgreSQL, in bytes, rounded up (benches/README.md, "Idle event streams").
const STREAM_BYTES: u64 = 18 * 1024;

const MIB: u64 = 1024 * 1024;
/// With less free disk the log of SQLite, which may grow to 64 MiB between checkpoints, soon has no room.
const DISK_FAIL: u64 = 128 * MIB;
const DISK_WARN: u64 = 1024 * MIB;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let streams = config.max_streams.into();
    let files = rlimit::Resource::NOFILE.get_hard().ok().map(|limit| open_files(streams, limit));
    let memory = memory_limit().map(|limit| memory(streams, limit));
    [files, memory, disk(config)].into_iter().flatten().collect()
}

/// The server raises its soft limit to the hard one.
fn open_files(streams: u64, limit: u64) -> Finding {
    let wanted = streams + OTHER_FILES;
    if limit < wanted {
        return Finding::warn(
            "open files",
            format!("the limit is {limit}; MAX_STREAMS={streams} may need {wanted}"),
            "raise it (ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile= of Docker) or lower MAX_STREAMS",
        );
    }
    Finding::ok("open files", format!("the limit is {limit}, enough for MAX_STREAMS={streams}"))
}

/// Half of the memory is left to jobs, to the kernel's socket buffers and to bursts.
fn memory(streams: u64, limit: u64) -> Finding {
    let needed = streams * STREAM_BYTES / MIB;
    let says = format!("{} MiB; MAX_STREAMS={streams} idle streams take {needed} MiB", limit / MIB);
    if needed > limit / MIB / 2 {
        let fits = limit / 2 / STREAM_BYTES;
        return Finding::warn("memory", says, format!("set MAX_STREAMS to {fits} at the most, or give it more memory"));
    }
    Finding::ok("memory", says)
}

/// The smallest of the machine's memory and the limits of the process's control group; none where neither can be read.
fn memory_limit() -> Option<u64> {
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let total = || {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    };
    // In a container these are its own: version 2 of control groups, then version 1.
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    groups.into_iter().filter_map(number).chain(total()).min()
}

/// Of the folder of an SQLite file; nothing where the database is elsewhere or cannot be told.
fn disk(config: &Config) -> Option<Finding> {
    let url = config.database_url.expose();
    if !matches!(Kind::of(url), Ok(Kind::Sqlite)) {
        return None;
    }
    let folder = folder_of(&sqlite_file(url).ok()?.path);
    if !is_writable(&folder) {
        return Some(Finding::fail(
            "disk",
            format!("this user may not write in {}", folder.display()),
            "change the folder's owner or DATABASE_URL; SQLite keeps its log beside the file",
        ));
    }
    Some(of_free_bytes(&folder, free_bytes(&folder)?))
}

fn of_free_bytes(folder: &Path, free: u64) -> Finding {
    let says = format!("{} MiB are free in {}", free / MIB, folder.display());
    let advice = "make room or enlarge the volume; lower RETENTION_DAYS to keep less";
    match free {
        ..DISK_FAIL => Finding::fail("disk", says, advice),
        DISK_FAIL..DISK_WARN => Finding::warn("disk", says, advice),
        _ => Finding::ok("disk", says),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(unix)]
fn is_writable(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn is_writable(_folder: &Path) -> bool {
    true
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn limits_are_held_against_the_settings() {
        assert_eq!(open_files(1000, 1000 + OTHER_FILES).level, Level::Ok);
        assert_eq!(open_files(1000, 999 + OTHER_FILES).level, Level::Warn);
        assert_eq!(memory(4500, 512 * MIB).level, Level::Ok);
        let too_many = memory(100_000, 512 * MIB);
        assert_eq!(too_many.level, Level::Warn);
        assert!(too_many.to_string().contains("MAX_STREAMS to 14563"), "{too_many}");
        assert_eq!(memory(14_563, 512 * MIB).level, Level::Ok, "the number that was advised");
        for (free, level) in [(DISK_FAIL - 1, Level::Fail), (DISK_FAIL, Level::Warn), (DISK_WARN, Level::Ok)] {
            assert_eq!(of_free_bytes(Path::new("/data"), free).level, level);
        }
    }
}
