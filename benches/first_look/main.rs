//! A first look at speed and memory: every figure beside a peer's, measured in turn (A B A B) within one run.
//! Must not load anything but loopback, and must not run without a bound in count and time.
//!
//! `cargo bench --bench first_look` runs all; `-- start events memory delivery instances` chooses. `benches/README.md` has the
//! method and results.
#![allow(clippy::print_stdout)] // a benchmark prints its results

use std::time::{Duration, Instant};

mod child;
mod database;
mod delivery;
mod events;
mod figures;
mod instances;
mod load;
mod memory;
mod serve;
mod start;
mod streams;

use database::Kind;

/// Any failure ends the run: a figure that was not measured as said must not be printed.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How often each side is measured; the order is all sides, then all sides again.
const ROUNDS: usize = 3;

/// What can be measured, in the order in which it runs.
const MEASURES: [&str; 5] = ["start", "events", "memory", "delivery", "instances"];

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    rlimit::increase_nofile_limit(u64::MAX)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.split_first() {
        Some((first, role)) if first == "serve" => runtime.block_on(serve::run(role)),
        _ => runtime.block_on(measure(&arguments)),
    }
}

async fn measure(wanted: &[String]) -> Outcome<()> {
    if let Some(unknown) = wanted.iter().find(|name| !MEASURES.contains(&name.as_str())) {
        return Err(format!("{unknown} is not a measure; known are: {}", MEASURES.join(", ")).into());
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let begin = Instant::now();
    let kinds = database::kinds();
    print_conditions(&kinds).await?;
    if is_wanted("start") {
        start::measure(&kinds).await?;
    }
    if is_wanted("events") {
        events::measure(&kinds).await?;
    }
    if is_wanted("memory") {
        memory::measure(&kinds).await?;
    }
    if is_wanted("delivery") {
        delivery::measure(&kinds).await?;
    }
    if is_wanted("instances") && kinds.contains(&Kind::Postgres) {
        instances::measure().await?;
    }
    println!("\nThe whole run took {:.0} s.", begin.elapsed().as_secs_f64());
    Ok(())
}

async fn print_conditions(kinds: &[Kind]) -> Outcome<()> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown");
    println!("{} cores of {};", std::thread::available_parallelism()?, cpu.trim_start_matches(['\t', ':', ' ']));
    println!(
        "Linux {}; load before the run {}",
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").trim()
    );
    for kind in kinds {
        println!("{}", kind.conditions().await?);
    }
    if !kinds.contains(&Kind::Postgres) {
        println!("PostgreSQL was left out: TEST_DATABASE_URL is not set.");
    }
    println!("{ROUNDS} rounds, in turn; medians (smallest–largest). A ratio closer to 1 than 15 % is no difference.");
    Ok(())
}

/// The moment at which the `index`th of `per_second` things a second is due.
fn due(begin: Instant, index: u32, per_second: u32) -> Instant {
    begin + Duration::from_secs(1) * index / per_second
}
