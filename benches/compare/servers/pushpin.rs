//! Pushpin: its three processes, the zurl that it fetches answers with, and an origin that hands streams over to it.
//! Must not use the sockets and files of an installation that runs as a service.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Process, Protocol, START, Server, folder, free_port, program, role, wait_for};
use crate::Outcome;
use crate::generator::publish::{Body, HttpPublisher, Publisher};
use crate::generator::response::Response;

/// The packaged wiring of the three processes.
const INTERNAL: &str = "/usr/lib/pushpin/internal.conf";

pub(super) fn missing() -> Option<String> {
    let missing = ["pushpin", "zurl"].into_iter().find(|name| program("", name).is_none());
    match missing {
        Some(name) => Some(format!("{name} is not installed (Debian: pushpin)")),
        None => (!Path::new(INTERNAL).is_file()).then(|| format!("{INTERNAL} is not there (Debian: pushpin)")),
    }
}

pub(super) fn start(size: usize) -> Outcome<Server> {
    let origin = role(&["grip"], size)?;
    let folder = folder()?;
    let [port, publish, push, subscribe, command] =
        [free_port()?, free_port()?, free_port()?, free_port()?, free_port()?];
    let path = folder.path().to_string_lossy().into_owned();
    // The packaged wiring looks for zurl where the service would have it.
    let internal = std::fs::read_to_string(INTERNAL)?.replace("/var/run/zurl", &path);
    std::fs::write(folder.path().join("internal.conf"), internal)?;
    std::fs::write(folder.path().join("routes"), format!("* {}\n", origin.address))?;
    let fill = |text: &str| {
        let ports =
            [("@PORT@", port), ("@PUBLISH@", publish), ("@PUSH@", push), ("@SUB@", subscribe), ("@COMMAND@", command)];
        ports.iter().fold(text.replace("@FOLDER@", &path), |text, (name, port)| text.replace(name, &port.to_string()))
    };
    let (conf, zurl_conf) = (folder.path().join("pushpin.conf"), folder.path().join("zurl.conf"));
    std::fs::write(&conf, fill(include_str!("../../peers/pushpin.conf")))?;
    std::fs::write(&zurl_conf, fill(include_str!("../../peers/zurl.conf")))?;
    let zurl_log = folder.path().join("zurl.log");
    let mut zurl = Command::new("zurl");
    let zurl = Process::start(zurl.arg(format!("--config={}", zurl_conf.display())), &zurl_log)?;
    let log = folder.path().join("pushpin.log");
    let mut pushpin = Command::new("pushpin");
    let pushpin = Process::start(pushpin.arg(format!("--config={}", conf.display())), &log)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    wait_for(address, &log)?;
    wait_for(SocketAddr::from(([127, 0, 0, 1], publish)), &log)?;
    wait_for_a_stream(address)?;
    let mut processes = vec![pushpin, zurl];
    processes.extend(origin.processes);
    Ok(Server {
        address,
        size,
        protocol: Protocol::Pushpin(publish),
        processes,
        database: None,
        folders: vec![folder],
        helpers: Vec::new(),
    })
}

/// Its processes listen before they know of each other; until then they answer with 502 and 500.
fn wait_for_a_stream(address: SocketAddr) -> Outcome<()> {
    let deadline = Instant::now() + START;
    loop {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        socket.write_all(b"GET /sub/4000000000 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")?;
        let (mut response, mut part) = (Response::default(), [0; 4096]);
        if let Ok(length) = socket.read(&mut part) {
            response.feed(&part[..length], &mut |_| {})?;
        }
        match response.status() {
            200 => return Ok(()),
            _ if Instant::now() > deadline => return Err(format!("no stream: {}", response.head()).into()),
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Posts to its own port for publishing.
pub(super) fn publisher(port: u16, size: usize) -> Outcome<Publisher> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut http =
        HttpPublisher::connect(address, "POST /publish/", " HTTP/1.1\r\nContent-Type: application/json\r\n", size)?;
    http.set_body(Body::Grip);
    Ok(Publisher::Http(http))
}
