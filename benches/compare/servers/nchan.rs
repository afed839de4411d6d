//! nginx with nchan: two workers, an eventsource subscriber, 5,000 events kept in memory.
//! Must not use any file outside its folder.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Process, Protocol, Server, folder, free_port, program, wait_for};
use crate::Outcome;

const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

pub(super) fn missing() -> Option<String> {
    if program("BENCH_NGINX", "nginx").is_none() {
        return Some("nginx is not installed (Debian: nginx-light)".to_owned());
    }
    (!Path::new(MODULE).is_file()).then(|| format!("{MODULE} is not there (Debian: libnginx-mod-nchan)"))
}

pub(super) fn start(size: usize) -> Outcome<Server> {
    let folder = folder()?;
    let port = free_port()?;
    let path = folder.path();
    let configuration = include_str!("../../peers/nchan.conf")
        .replace("@MODULE@", MODULE)
        .replace("@PORT@", &port.to_string())
        .replace("@FOLDER@", &path.to_string_lossy());
    let file = path.join("nginx.conf");
    std::fs::write(&file, configuration)?;
    // Workers of a server that root started belong to another user, who writes nothing but needs the way there.
    let log = path.join("nginx.log");
    let nginx = program("BENCH_NGINX", "nginx").ok_or("nginx is not installed")?;
    let process = Process::start(Command::new(nginx).arg("-p").arg(path).arg("-c").arg(&file), &log)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    wait_for(address, &log)?;
    Ok(Server::of(process, address, Protocol::Nchan, size, Some(folder)))
}
