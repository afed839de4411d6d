//! A server in a process of its own: this program again, in a server's role.
//! Must not share memory, descriptors or a runtime with the client, whose share would be counted as the server's.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Outcome;

/// A server that listens; dropping it kills it.
pub struct Server {
    pub address: SocketAddr,
    /// The path of its event stream, if it has one.
    pub stream_path: String,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a role of `serve.rs`; returns when it listens.
    pub fn start(role: &[&str]) -> Outcome<Server> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .args(role)
            .env("RUST_LOG", "off")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take().ok_or("the server has no standard input")?;
        let mut answers = BufReader::new(child.stdout.take().ok_or("the server has no standard output")?);
        let mut greeting = String::new();
        answers.read_line(&mut greeting)?;
        let (address, stream_path) = greeting
            .trim_end_matches('\n')
            .split_once(' ')
            .ok_or_else(|| format!("the server {role:?} did not start"))?;
        let (address, stream_path) = (address.parse()?, stream_path.to_owned());
        Ok(Server { address, stream_path, child, orders, answers })
    }

    /// Has the server emit events at a fixed rate; returns at once.
    pub fn emit(&mut self, count: u32, per_second: u32) -> Outcome<()> {
        writeln!(self.orders, "{count} {per_second}")?;
        Ok(self.orders.flush()?)
    }

    /// Waits until the server has emitted what it was told to.
    pub fn emitted(&mut self) -> Outcome<()> {
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        if answer == "emitted\n" { Ok(()) } else { Err(format!("the server ended: {answer:?}").into()) }
    }

    /// The resident memory, in KiB.
    pub fn resident(&self) -> Outcome<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path)
            .map_err(|error| format!("resident memory is read from {path}, which only Linux has: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the server has ended")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
