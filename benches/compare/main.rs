//! Side-by-side comparisons with peers: every figure beside theirs, measured in turn (A B A B) within one run.
//! Must not load anything but loopback, and must not run without a bound in count and time.
//!
//! `./scripts/bench` installs the peers and runs this; `benches/README.md` has the method and the results.
#![allow(clippy::print_stdout)] // a benchmark prints its results

use std::path::{Path, PathBuf};
use std::time::Instant;

mod clock;
mod database;
mod generator;
mod plot;
mod report;
mod results;
mod roles;
mod scenarios;
mod selftest;
mod servers;
mod summary;
mod usage;

use results::Results;
use scenarios::{ALL, Extent, Scenario};

/// Any failure ends the run: a figure that was not measured as said must not be printed.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How often each side is measured; the order is all sides, then all sides again.
const ROUNDS: usize = 3;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    rlimit::increase_nofile_limit(u64::MAX)?;
    clock::now();
    match arguments.split_first() {
        Some((first, role)) if first == "serve" => roles::run(role),
        Some((first, _)) if first == "selftest" => selftest::run(),
        Some((first, _)) if first == "report" => report::write(&folder()),
        _ => measure(&arguments),
    }
}

/// Where results are kept.
fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results");
    std::env::var_os("BENCH_RESULTS").map_or_else(beside, PathBuf::from)
}

fn measure(arguments: &[String]) -> Outcome<()> {
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let rounds = match std::env::var("BENCH_ROUNDS") {
        Ok(rounds) => rounds.parse().map_err(|_| "BENCH_ROUNDS is not a number")?,
        Err(_) => {
            if quick {
                1
            } else {
                ROUNDS
            }
        }
    };
    let names: Vec<&String> = arguments.iter().filter(|argument| *argument != "--quick").collect();
    if let Some(unknown) = names.iter().find(|name| ALL.iter().all(|scenario| scenario.name != **name)) {
        let known = ALL.iter().map(|scenario| format!("  {:<12}{}", scenario.name, scenario.about));
        return Err(format!("{unknown} is not measured; known are:\n{}", known.collect::<Vec<_>>().join("\n")).into());
    }
    let extent = Extent { quick, rounds };
    let begin = Instant::now();
    for scenario in ALL.iter().filter(|scenario| names.is_empty() || names.iter().any(|name| *name == scenario.name)) {
        run(scenario, extent)?;
    }
    eprintln!("The whole run took {:.0} s.", begin.elapsed().as_secs_f64());
    Ok(())
}

fn run(scenario: &Scenario, extent: Extent) -> Outcome<()> {
    let begin = Instant::now();
    let mut results = Results::new(scenario.name, report::conditions(extent)?);
    (scenario.measure)(extent, &mut results)?;
    results.conditions.push(format!("took {:.0} s", begin.elapsed().as_secs_f64()));
    println!("## {}\n\n{}", scenario.name, results.markdown());
    // A quick run says that everything works, not how fast it is.
    let folder = if extent.quick { std::env::temp_dir().join("jobcast-bench-quick") } else { folder() };
    for drawing in &results.plots {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(&drawing.file), plot::svg(drawing))?;
    }
    results.save(&folder)
}
