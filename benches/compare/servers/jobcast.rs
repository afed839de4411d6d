//! The product, whole: its release binary with access control on, whose jobs say what this program tells their upstream.
//! Must not set anything that makes it faster than it is by default; only limits against abuse are raised.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::gtm::Gtm;
use super::{Process, Protocol, START, Server, folder};
use crate::Outcome;
use crate::database::Kind;
use crate::generator::requests;

/// 32 bytes at the least; it protects nothing here.
const SECRET: &str = "a-secret-for-measurements-on-loopback-alone";

/// How long all jobs may take until they have called their upstream.
const JOBS_START: Duration = Duration::from_secs(60);

/// As many jobs under way as anybody may ask for.
const MANY_JOBS: u32 = 10_000;

/// What the product allows by default.
pub const DEFAULT_JOBS: u32 = 64;

/// The jobs whose streams are the channels.
pub struct Jobs {
    ids: Vec<String>,
    token: String,
    gtm: Gtm,
}

impl Jobs {
    /// The id of the job behind a channel.
    pub fn id(&self, channel: u32) -> &str {
        &self.ids[channel as usize]
    }

    /// The same jobs as another instance shows them.
    pub fn shown_elsewhere(&self) -> Jobs {
        Jobs { ids: self.ids.clone(), token: self.token.clone(), gtm: self.gtm.clone() }
    }

    /// A token for all jobs.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The upstream that the jobs listen to.
    pub fn gtm(&self) -> &Gtm {
        &self.gtm
    }
}

/// The binary: BENCH_JOBCAST, else the one that was built beside this program.
fn binary() -> PathBuf {
    std::env::var_os("BENCH_JOBCAST").map_or_else(|| env!("CARGO_BIN_EXE_jobcast").into(), PathBuf::from)
}

pub(super) fn missing() -> Option<String> {
    let binary = binary();
    (!binary.is_file()).then(|| format!("{} is not there", binary.display()))
}

/// A server on a fresh database with so many running jobs.
pub fn start(kind: Kind, jobs: u32, size: usize) -> Outcome<Server> {
    start_running(kind, jobs, size, MANY_JOBS)
}

/// The same with so many jobs under way at most.
pub fn start_running(kind: Kind, jobs: u32, size: usize, at_once: u32) -> Outcome<Server> {
    let database = kind.fresh()?;
    let mut server = instance(&database.url, &Gtm::start(size)?, size, at_once)?;
    server.helpers = kind.processes();
    server.database = Some(database);
    run_jobs(&mut server, jobs)?;
    Ok(server)
}

/// Starts jobs on a server that has none; each has called its upstream when this returns.
pub fn run_jobs(server: &mut Server, jobs: u32) -> Outcome<()> {
    let Protocol::Jobcast(running) = &mut server.protocol else { return Err("only the product has jobs".into()) };
    let bodies = (0..jobs).map(|number| start_request(&Gtm::site(number)));
    running.ids = requests::post_all(server.address, &running.token, bodies)?;
    running.gtm.wait_for(jobs as usize, JOBS_START)
}

/// One instance on a database that others may be on, with so many jobs under way at most.
pub fn instance(database_url: &str, gtm: &Gtm, size: usize, at_once: u32) -> Outcome<Server> {
    let folder = folder()?;
    let log = folder.path().join("jobcast.log");
    let mut command = Command::new(binary());
    // Rust's own defaults for everything else, whatever the environment says.
    command.env_clear().envs(std::env::vars().filter(|(name, _)| matches!(name.as_str(), "PATH" | "TMPDIR")));
    command.envs([("DATABASE_URL", database_url), ("GTM_BASE_URL", &gtm.url()), ("AUTH_SECRET", SECRET)]);
    // The jobs' second step needs a key; none gets there.
    command.envs([("ANTHROPIC_API_KEY", "none"), ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9"), ("PORT", "0")]);
    // Limits against abuse, which one client that plays ten thousand would meet.
    command.envs([("MAX_STREAMS_PER_ADDRESS", "100000"), ("MAX_STARTS_PER_MINUTE", "1000000")]);
    command.envs([("MAX_CONCURRENT_JOBS", at_once.to_string()), ("MAX_QUEUED_JOBS", "1000000".to_owned())]);
    let process = Process::start(&mut command, &log)?;
    let address = address(&log)?;
    Ok(Server {
        address,
        size,
        protocol: Protocol::Jobcast(Jobs { ids: Vec::new(), token: token()?, gtm: gtm.clone() }),
        processes: vec![process],
        database: None,
        folders: vec![folder],
        helpers: Vec::new(),
    })
}

/// A token for all brands, made by the product.
pub fn token() -> Outcome<String> {
    let mint = Command::new(binary()).args(["token", "--brands", "*"]).env("AUTH_SECRET", SECRET).output()?;
    match mint.status.success() {
        true => Ok(String::from_utf8(mint.stdout)?.trim().to_owned()),
        false => Err(format!("no token: {}", String::from_utf8_lossy(&mint.stderr)).into()),
    }
}

/// The body that starts a job of a brand of its own.
pub fn start_request(site: &str) -> String {
    let brand_id = uuid::Uuid::new_v4();
    format!(r#"{{"brand_id":"{brand_id}","job_type":"brand_intelligence","input_data":{{"url":"{site}"}}}}"#)
}

/// Where it says that it listens.
fn address(log: &Path) -> Outcome<SocketAddr> {
    let deadline = Instant::now() + START;
    loop {
        let said = std::fs::read_to_string(log)?;
        // Colours stand between a name and its value in a text log.
        let plain = said.replace("\u{1b}[3m", "").replace("\u{1b}[0m", "").replace("\u{1b}[2m", "");
        let address = plain.lines().find(|line| line.contains("listening") && line.contains("database="));
        let address = address.and_then(|line| line.split("address=").nth(1)?.split(' ').next()?.parse().ok());
        match address {
            Some(address) => return Ok(address),
            None if Instant::now() > deadline => return Err(said.into()),
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}
