//! Node.js servers, from the packages in `benches/peers`.
//! Must not run with more than one process: so do their own examples.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Process, Protocol, Server, folder, free_port, program, wait_for};
use crate::Outcome;
use crate::database::Kind;

/// Where the packages are installed.
fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers")
}

/// Why a server that needs this package cannot be started.
pub fn missing(package: &str) -> Option<String> {
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

/// Express and pg-boss on a fresh PostgreSQL database.
pub fn start_pg_boss(size: usize) -> Outcome<Server> {
    let database = Kind::Postgres.fresh()?;
    let mut server = start("pg-boss.mjs", &[&database.url], size)?;
    server.helpers = Kind::Postgres.processes();
    server.database = Some(database);
    Ok(server)
}

/// Why BullMQ has nothing to write to.
pub fn missing_redis() -> Option<String> {
    program("BENCH_REDIS", "redis-server").is_none().then(|| "redis-server is not installed".to_owned())
}

/// Express and BullMQ on a Redis that has flushed each write before it answers.
pub fn start_bullmq(size: usize) -> Outcome<Server> {
    let folder = folder()?;
    let port = free_port()?;
    let log = folder.path().join("redis.log");
    let mut redis = Command::new(program("BENCH_REDIS", "redis-server").ok_or("redis-server is not installed")?);
    redis.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]).arg("--dir").arg(folder.path());
    redis.args(["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]);
    let redis = Process::start(&mut redis, &log)?;
    wait_for(([127, 0, 0, 1], port).into(), &log)?;
    let mut server = start("bullmq.mjs", &[&port.to_string()], size)?;
    server.processes.push(redis);
    server.folders.push(folder);
    Ok(server)
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
    Ok(Server::of(process, address, Protocol::Plain, size, Some(folder)))
}
