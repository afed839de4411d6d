//! What is part of this program and runs in a process of its own: the program again, in a role.
//! Must not outlive the process that started it: the end of standard input ends a server, and a writer ends by itself.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::Outcome;
use crate::generator::histogram::Histogram;

mod bare;
mod grip;
mod log;
mod sse;
mod table;
pub mod transactions;

/// Runs a role: a server (`bare THREADS`, `sse`, `grip`, `table URL`), or a writer that ends after some seconds (`log URL`,
/// `transactions URL`).
pub fn run(role: &[String]) -> Outcome<()> {
    let role: Vec<&str> = role.iter().map(String::as_str).collect();
    match role[..] {
        ["log", url] => return runtime()?.block_on(log::run(url)),
        ["transactions", url] => return runtime()?.block_on(transactions::run(url)),
        _ => {}
    }
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    match role[..] {
        ["bare", threads] => bare::run(threads.parse()?),
        ["grip"] => runtime()?.block_on(grip::run()),
        ["sse"] => runtime()?.block_on(sse::run()),
        ["table", url] => runtime()?.block_on(table::run(url)),
        _ => Err(format!("{role:?} is not a role").into()),
    }
}

/// With tokio's defaults: as many workers as cores.
fn runtime() -> Outcome<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Tells the parent where to connect.
fn greet(address: SocketAddr) -> Outcome<()> {
    println!("{address}");
    Ok(std::io::stdout().flush()?)
}

/// Tells the parent figures: how many wrote at once, events a second, p50 and p99 of an acknowledgement in milliseconds.
fn tell(producers: usize, latency: &Histogram, time: Duration) -> Outcome<()> {
    let rate = latency.len() as f64 / time.as_secs_f64();
    println!("{producers} {rate} {} {}", latency.percentile(0.5), latency.percentile(0.99));
    Ok(std::io::stdout().flush()?)
}
