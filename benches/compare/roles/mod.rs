//! The servers that are part of this program, each in a process of its own: the program again, in a role.
//! Must not outlive the process that started it: the end of standard input ends it.

use std::io::{Read, Write};
use std::net::SocketAddr;

use crate::Outcome;

mod bare;
mod grip;
mod sse;

/// Runs a role: `bare THREADS`, `sse` or `grip`.
pub fn run(role: &[String]) -> Outcome<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let role: Vec<&str> = role.iter().map(String::as_str).collect();
    match role[..] {
        ["bare", threads] => bare::run(threads.parse()?),
        ["grip"] => runtime()?.block_on(grip::run()),
        ["sse"] => runtime()?.block_on(sse::run()),
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
