//! Node.js servers, from the packages in `benches/peers`.
//! Must not run with more than one process: so do their own examples.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Process, Protocol, Server, folder, free_port, program, wait_for};
use crate::Outcome;

/// Where the packages are installed.
fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers")
}

/// Why a server that needs this package cannot be started.
pub(super) fn missing(package: &str) -> Option<String> {
    if program("BENCH_NODE", "node").is_none() {
        return Some("node is not installed".to_owned());
    }
    let folder = peers().join("node_modules").join(package);
    (!folder.is_dir()).then(|| format!("{package} is not installed (npm ci --prefix benches/peers)"))
}

/// Express and better-sse.
pub(super) fn start_better_sse(size: usize) -> Outcome<Server> {
    start("better-sse.mjs", &[], size)
}

/// One of the scripts, which listens on the port that is its first argument.
pub fn start(script: &str, arguments: &[&str], size: usize) -> Outcome<Server> {
    let folder = folder()?;
    let port = free_port()?;
    let log = folder.path().join("node.log");
    let mut command = Command::new(program("BENCH_NODE", "node").ok_or("node is not installed")?);
    command.arg(peers().join(script)).arg(port.to_string()).args(arguments).env("NODE_ENV", "production");
    let process = Process::start(&mut command, &log)?;
    let address = ([127, 0, 0, 1], port).into();
    wait_for(address, &log)?;
    Ok(Server {
        address,
        size,
        protocol: Protocol::Plain,
        processes: vec![process],
        database: None,
        folder: Some(folder),
        helpers: Vec::new(),
    })
}
