//! The deployment files: what they set exists, and their times and limits fit each other.
//! Must not start a container engine: that the files are well formed is the affair of the tools that read them.

use std::collections::BTreeSet;

use clap::CommandFactory;
use jobcast::config::Cli;

const FLY: [&str; 2] = ["fly.toml", "deploy/fly.sqlite.toml"];

/// Silence after which the server sends a comment (README, "The stream").
const KEEP_ALIVE_SECONDS: u64 = 15;

/// Variables that are read by something else than the command line.
const READ_ELSEWHERE: [&str; 1] = ["RUST_LOG"];

#[test]
fn every_variable_that_is_set_is_a_setting() {
    let known: BTreeSet<String> = Cli::command()
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned))
        .chain(READ_ELSEWHERE.map(str::to_owned))
        .collect();
    for (file, from, to, count) in [
        ("fly.toml", "[env]", "\n[", 5),
        ("deploy/fly.sqlite.toml", "[env]", "\n[", 6),
        ("deploy/compose.yaml", "    environment:\n      DATABASE_URL", "\n    ports:", 6),
    ] {
        let text = read(file);
        let section = &text[text.find(from).expect(from)..];
        let section = &section[..section.find(to).expect(to)];
        let named: Vec<&str> = section.lines().filter_map(variable).collect();
        assert!(named.len() >= count, "{file}: {named:?}");
        for name in named {
            assert!(known.contains(name), "{file} sets {name}, which nothing reads");
        }
    }
    for file in [FLY[0], FLY[1], "deploy/compose.yaml", "deploy/jobcast.service"] {
        let text = read(file);
        assert!(text.contains("TRUST_PROXY"), "a proxy stands in front, and {file} does not say so");
        assert!(text.contains("METRICS_PORT"), "{file} shows /metrics to everybody");
    }
    let unit = read("deploy/jobcast.service");
    let set = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    let named: Vec<&str> =
        set.flat_map(str::split_whitespace).filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    assert!(named.len() >= 5, "{named:?}");
    for name in named {
        assert!(known.contains(name), "the unit sets {name}, which nothing reads");
    }
}

/// The upper-case name before `=` or `:`.
fn variable(line: &str) -> Option<&str> {
    let line = line.trim();
    let name = line.split_once([' ', '=', ':'])?.0;
    let is_name = name.len() > 2 && name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
    is_name.then_some(name)
}

#[test]
fn each_platform_waits_longer_than_the_drain() {
    for file in FLY {
        let text = read(file);
        assert_waits_longer(file, number(&text, "kill_timeout = "), number(&text, "DRAIN_SECONDS = \""));
        assert!(text.contains("\nkill_signal = \"SIGTERM\"\n"), "{file}");
        assert!(number(&text, "kill_timeout = ") <= 300, "{file}: Fly's longest");
    }
    let compose = read("deploy/compose.yaml");
    let service = &compose[compose.find("\n  jobcast:").unwrap()..];
    assert_waits_longer(
        "compose.yaml",
        number(service, "    stop_grace_period: "),
        number(service, "DRAIN_SECONDS: \""),
    );
    let unit = read("deploy/jobcast.service");
    assert_waits_longer("jobcast.service", number(&unit, "TimeoutStopSec="), number(&unit, "=DRAIN_SECONDS="));
}

/// The server ends within the drain; a busy machine gets a few seconds more.
fn assert_waits_longer(file: &str, patience: u64, drain: u64) {
    assert!(patience >= drain + 5, "{file}: {patience} s for a drain of {drain} s");
}

#[test]
fn fly_counts_streams_within_the_memory_and_keeps_silent_ones_open() {
    for file in FLY {
        let text = read(file);
        let (streams, soft, hard) =
            (number(&text, "MAX_STREAMS = \""), number(&text, "soft_limit = "), number(&text, "hard_limit = "));
        assert!(soft < streams && streams < hard, "{file}: {soft} < {streams} < {hard}");
        // Resident and in the kernel, as the comment reckons.
        let (memory_mib, taken_mib) = (number(&text, "memory = \""), hard * 2 * 18 / 1024);
        assert!(taken_mib * 2 <= memory_mib, "{file}: {taken_mib} of {memory_mib} MiB for streams");
        assert!(number(&text, "idle_timeout = ") >= 4 * KEEP_ALIVE_SECONDS, "{file}");
        assert!(text.contains("type = \"connections\"") && text.contains("auto_stop_machines = \"off\""), "{file}");
        assert!(text.contains("path = \"/readyz\"") && text.contains("path = \"/healthz\""), "{file}");
        assert_eq!(number(&text, "internal_port = "), number(&text, "\n  PORT = \""), "{file}");
    }
}

#[test]
fn the_image_holds_what_the_build_reads_and_nothing_more() {
    let (dockerfile, ignored) = (read("Dockerfile"), read(".dockerignore"));
    let copied: BTreeSet<&str> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--from"))
        .flat_map(|line| line.split_whitespace().rev().skip(1))
        .collect();
    let let_in: BTreeSet<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert_eq!(copied, let_in);
    assert!(dockerfile.contains("\nUSER 65532:65532\n") && dockerfile.contains("\nHEALTHCHECK "));
}

fn read(file: &str) -> String {
    std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).expect(file)
}

/// The number behind the first `key`.
fn number(text: &str, key: &str) -> u64 {
    let behind = &text[text.find(key).unwrap_or_else(|| panic!("{key} is missing")) + key.len()..];
    let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no number behind {key}"))
}
