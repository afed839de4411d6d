//! The durable-streams server with its defaults: an append is answered when it is durable in the write-ahead log.
//! Must not keep its data anywhere but on the disk that the product's databases are on.

use std::net::SocketAddr;
use std::process::Command;

use super::{Process, Protocol, Server, folder, free_port, program, wait_for};
use crate::Outcome;
use crate::generator::requests;

const NAME: &str = "durable-streams-server";

pub(super) fn missing() -> Option<String> {
    program("BENCH_DURABLE_STREAMS", NAME)
        .filter(|path| path.is_file())
        .is_none()
        .then(|| format!("{NAME} is not installed (cargo install durable-streams --version 0.1.5 --locked)"))
}

pub(super) fn start(channels: u32, size: usize) -> Outcome<Server> {
    let folder = folder()?;
    let port = free_port()?;
    let log = folder.path().join("server.log");
    let server = program("BENCH_DURABLE_STREAMS", NAME).ok_or("it is not installed")?;
    let mut command = Command::new(server);
    command.args(["--port", &port.to_string(), "--data-dir"]).arg(folder.path().join("data"));
    let process = Process::start(&mut command, &log)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    wait_for(address, &log)?;
    for channel in 0..channels {
        requests::once(address, &format!("PUT /{channel} HTTP/1.1\r\nContent-Type: application/json\r\n"), "")?;
    }
    Ok(Server::of(process, address, Protocol::DurableStreams, size, Some(folder)))
}
