//! The servers that are compared: how each is started, subscribed to and published to.
//! Must not measure anything, and must not leave a process or file behind.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Outcome;
use crate::database::{Database, Kind};
use crate::generator::lines::CursorFrom;
use crate::generator::publish::{HttpPublisher, Publisher};
use crate::generator::readers::Wanted;
use crate::usage;

mod durable_streams;
pub mod gtm;
pub mod jobcast;
mod nchan;
pub mod node;
mod pushpin;
pub mod table;

/// How long a server may take to start.
const START: Duration = Duration::from_secs(20);

/// Memory has come to rest when so many samples in a row, over a second, are the same: allocators give back what they do not
/// need only after a while. It is waited for for so many samples at the most.
const SAMPLE: Duration = Duration::from_millis(150);
const SAME: u32 = 8;
const SAMPLES: u32 = 40;

/// What can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Make {
    Jobcast(Kind),
    /// The bare loop with so many sending threads.
    Bare(usize),
    AxumSse,
    Nchan,
    DurableStreams,
    Pushpin,
    BetterSse,
}

impl Make {
    /// What it is called in tables.
    pub fn name(self) -> String {
        match self {
            Make::Jobcast(kind) => format!("jobcast on {}", kind.name()),
            Make::Bare(1) => "bare loop, 1 thread".to_owned(),
            Make::Bare(threads) => format!("bare loop, {threads} threads"),
            Make::AxumSse => "axum `Sse` + broadcast".to_owned(),
            Make::Nchan => "nchan (2 workers)".to_owned(),
            Make::DurableStreams => "durable-streams".to_owned(),
            Make::Pushpin => "pushpin".to_owned(),
            Make::BetterSse => "better-sse (Node)".to_owned(),
        }
    }

    /// What a reader of the figures has to know of it: what it does and what it does not.
    pub fn about(self) -> &'static str {
        match self {
            Make::Jobcast(_) => "durable before visible, token for each stream",
            Make::Bare(_) => "stores nothing, no access control; one send per socket and event",
            Make::AxumSse | Make::BetterSse => "stores nothing, no access control",
            Make::Nchan => "keeps events in memory, no access control",
            Make::DurableStreams => "durable before visible, no access control",
            Make::Pushpin => "a proxy: stores nothing, access is the origin's",
        }
    }

    /// Why it cannot be started here; nothing where it can.
    pub fn missing(self) -> Option<String> {
        match self {
            Make::Jobcast(Kind::Postgres) if !Kind::Postgres.is_there() => {
                Some("BENCH_POSTGRES_URL names no server".to_owned())
            }
            Make::Jobcast(_) => jobcast::missing(),
            Make::Bare(_) | Make::AxumSse => None,
            Make::Nchan => nchan::missing(),
            Make::DurableStreams => durable_streams::missing(),
            Make::Pushpin => pushpin::missing(),
            Make::BetterSse => node::missing("better-sse"),
        }
    }

    /// Starts it with this many channels, each of whose events has about `size` bytes of data.
    pub fn start(self, channels: u32, size: usize) -> Outcome<Server> {
        let server = match self {
            Make::Jobcast(kind) => jobcast::start(kind, channels, size),
            Make::Bare(threads) => role(&["bare", &threads.to_string()], size),
            Make::AxumSse => role(&["sse"], size),
            Make::Nchan => nchan::start(size),
            Make::DurableStreams => durable_streams::start(channels, size),
            Make::Pushpin => pushpin::start(size),
            Make::BetterSse => node::start_better_sse(size),
        };
        server.map_err(|error| format!("{} did not start: {error}", self.name()).into())
    }
}

/// A server that listens. Dropping it ends its processes and removes its files.
pub struct Server {
    pub address: SocketAddr,
    /// Bytes of an event's data.
    size: usize,
    protocol: Protocol,
    // Ended in this order: the processes before what they have open.
    processes: Vec<Process>,
    database: Option<Database>,
    folders: Vec<TempDir>,
    /// Processes that work for it but are not its own: those of PostgreSQL.
    helpers: Vec<u32>,
}

/// How it is spoken to.
pub enum Protocol {
    /// `GET /sub/CHANNEL` and `POST /pub/CHANNEL`.
    Plain,
    Nchan,
    /// The same stream; events are posted to this port.
    Pushpin(u16),
    DurableStreams,
    Jobcast(jobcast::Jobs),
}

/// From where a stream is read.
#[derive(Clone, Debug)]
pub enum From {
    /// Only what is published from now on.
    Now,
    Start,
    After(String),
}

impl Server {
    /// A peer that is one process, with the folder that its files are in.
    fn of(process: Process, address: SocketAddr, protocol: Protocol, size: usize, folder: Option<TempDir>) -> Server {
        let folders = folder.into_iter().collect();
        Server { address, size, protocol, processes: vec![process], database: None, folders, helpers: Vec::new() }
    }

    /// The request for the stream of a channel.
    pub fn request(&self, channel: u32, from: &From) -> Vec<u8> {
        let last_event_id = match from {
            From::After(cursor) => format!("Last-Event-ID: {cursor}\r\n"),
            _ => String::new(),
        };
        let (path, headers) = match &self.protocol {
            Protocol::Plain | Protocol::Pushpin(_) => (format!("/sub/{channel}"), last_event_id),
            Protocol::Nchan if matches!(from, From::Start) => (format!("/all/{channel}"), last_event_id),
            Protocol::Nchan => (format!("/sub/{channel}"), last_event_id),
            Protocol::DurableStreams => {
                let offset = match from {
                    From::Now => "now",
                    From::Start => "-1",
                    From::After(cursor) => cursor,
                };
                (format!("/{channel}?offset={offset}&live=sse"), String::new())
            }
            Protocol::Jobcast(jobs) => {
                let query = if matches!(from, From::Now) { "?last_event_id=tail" } else { "" };
                let path = format!("/api/jobs/{}/events{query}", jobs.id(channel));
                (path, format!("{last_event_id}Authorization: Bearer {}\r\n", jobs.token()))
            }
        };
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n{headers}\r\n").into_bytes()
    }

    /// A reader of a channel that is to see events from number `first` on.
    pub fn wanted(&self, channel: u32, from: &From, first: u32) -> Wanted {
        let cursor_from = match self.protocol {
            Protocol::DurableStreams => CursorFrom::ControlEvent,
            _ => CursorFrom::Id,
        };
        Wanted { address: self.address, request: self.request(channel, from), cursor_from, first }
    }

    /// Something that publishes to its channels.
    pub fn publisher(&self) -> Outcome<Publisher> {
        let event_stream = " HTTP/1.1\r\nContent-Type: text/plain\r\n";
        let (before, after) = match &self.protocol {
            Protocol::Jobcast(jobs) => return Ok(Publisher::Upstream(jobs.gtm().clone())),
            Protocol::Plain => ("POST /pub/", event_stream),
            Protocol::Pushpin(port) => return pushpin::publisher(*port, self.size),
            Protocol::Nchan => {
                ("POST /pub/", " HTTP/1.1\r\nContent-Type: text/plain\r\nX-EventSource-Event: progress\r\n")
            }
            Protocol::DurableStreams => ("POST /", " HTTP/1.1\r\nContent-Type: application/json\r\n"),
        };
        Ok(Publisher::Http(HttpPublisher::connect(self.address, before, after, self.size)?))
    }

    /// The jobs behind the channels, of the product alone.
    pub fn jobs(&self) -> Option<&jobcast::Jobs> {
        match &self.protocol {
            Protocol::Jobcast(jobs) => Some(jobs),
            _ => None,
        }
    }

    /// Shows the jobs of another instance on the same database.
    pub fn show_jobs_of(&mut self, other: &Server) {
        if let Protocol::Jobcast(jobs) = &other.protocol {
            self.protocol = Protocol::Jobcast(jobs.shown_elsewhere());
        }
    }

    /// Where its database is, of the product alone.
    pub fn database_url(&self) -> Option<&str> {
        self.database.as_ref().map(|database| database.url.as_str())
    }

    /// Its processes, without those that help it.
    fn process_ids(&self) -> Vec<u32> {
        self.processes.iter().map(|process| process.child.id()).collect()
    }

    /// The processor time that it has used, its database's included, in microseconds.
    pub fn processor_time(&self) -> Outcome<u64> {
        usage::processor_time(&[self.process_ids(), self.helpers.clone()].concat())
    }

    /// Its memory, its database's not included.
    pub fn memory(&self) -> Outcome<usage::Memory> {
        usage::memory(&self.process_ids())
    }

    /// Its memory once it has come to rest.
    pub fn settled_memory(&self) -> Outcome<usage::Memory> {
        let (mut last, mut same) = (self.memory()?, 0);
        for _ in 0..SAMPLES {
            std::thread::sleep(SAMPLE);
            let now = self.memory()?;
            same = if now.resident.abs_diff(last.resident) <= 16 { same + 1 } else { 0 };
            last = now;
            if same == SAME {
                break;
            }
        }
        Ok(last)
    }
}

/// A process that is killed when it is dropped.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a command without input; what it says goes to a file.
    fn start(command: &mut Command, log: &Path) -> Outcome<Process> {
        let output = std::fs::File::create(log)?;
        let errors = output.try_clone()?;
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        Ok(Process { child: child.map_err(|error| format!("{:?}: {error}", command.get_program()))? })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Those that have children of their own end them when they are asked to; with ten thousand streams that takes a while.
        if let Ok(process) = i32::try_from(self.child.id()) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), nix::sys::signal::Signal::SIGTERM);
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program in a role.
fn role(role: &[&str], size: usize) -> Outcome<Server> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .args(role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("no standard output")?;
    let process = Process { child };
    let mut greeting = String::new();
    BufReader::new(output).read_line(&mut greeting)?;
    let address = greeting.trim().parse().map_err(|_| format!("the role {role:?} said {greeting:?}"))?;
    Ok(Server::of(process, address, Protocol::Plain, size, None))
}

/// A folder for a server's files, on the disk of TMPDIR.
fn folder() -> Outcome<TempDir> {
    Ok(tempfile::Builder::new().prefix("jobcast-bench.").tempdir()?)
}

/// A port that was free a moment ago, for servers that do not say which one they took.
fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until something listens there.
fn wait_for(address: SocketAddr, log: &Path) -> Outcome<()> {
    let deadline = Instant::now() + START;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > deadline {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            let said: String = said.lines().next().unwrap_or("it said nothing").chars().take(300).collect();
            return Err(format!("nothing listens on {address}: {said}").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Where a program is: in the variable, or on the PATH, or in the folders that are not on everybody's.
fn program(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}
