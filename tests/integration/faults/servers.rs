//! The server processes of a run, each behind a proxy of its own and with one before its database; a process may be
//! replaced, its place and its address stay.
//! Must not hide that a process ended by itself.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard};
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::calls::attempts_in;
use super::story::Story;
use super::upstreams::Upstreams;
use crate::harness::{Process, Proxy};

/// Short, so that a silent worker's job is taken up soon; the drain is as short as it may be. All viewers come from one
/// address.
#[rustfmt::skip]
const FLAGS: [&str; 12] = [
    "--lease-seconds", "2",
    "--drain-seconds", "4",
    "--max-jobs-per-brand", BRAND_LIMIT,
    "--max-streams-per-address", "100000",
    "--max-starts-per-minute", "100000",
    "--port", "0",
];

/// How many jobs of a brand may be under way at once.
pub const BRAND_LIMIT: &str = "6";

/// From the stop signal to the exit: the drain, and what a busy machine takes.
const EXIT_TIME: Duration = Duration::from_secs(12);

/// The pause between tries to start a process.
const START_PAUSE: Duration = Duration::from_millis(200);

/// How long a process may take to start while the database goes away and comes back.
const START_TIME: Duration = Duration::from_secs(90);

/// A place for a process.
pub struct Place {
    pub number: usize,
    /// Where clients find it, whichever process is there.
    pub url: Url,
    pub front: AsyncMutex<Proxy>,
    /// Before the database; none before a file.
    pub database: Option<AsyncMutex<Proxy>>,
    running: AsyncMutex<Running>,
    shared: Arc<Shared>,
}

/// What all places have in common.
struct Shared {
    database_url: String,
    upstreams: Arc<Upstreams>,
    story: Story,
    /// Numbers the processes.
    callers: AtomicUsize,
    ended: Mutex<Vec<Ended>>,
}

/// The process that is in a place now.
pub struct Running {
    caller: usize,
    pub process: Process,
}

/// What a process left behind.
pub struct Ended {
    pub caller: usize,
    pub log: String,
    /// Its attempts by job.
    pub attempts: BTreeMap<String, Vec<i64>>,
}

/// All places.
pub struct Servers {
    pub places: Vec<Arc<Place>>,
    shared: Arc<Shared>,
}

impl Servers {
    /// Starts so many servers on this database.
    pub async fn start(count: usize, database_url: &str, upstreams: Arc<Upstreams>, story: &Story) -> Servers {
        let shared = Arc::new(Shared {
            database_url: database_url.to_owned(),
            upstreams,
            story: story.clone(),
            callers: AtomicUsize::new(0),
            ended: Mutex::default(),
        });
        let mut places = Vec::new();
        for number in 0..count {
            places.push(Arc::new(Place::open(number, &shared).await));
        }
        Servers { places, shared }
    }

    /// Every process is well, or that is told.
    pub async fn check(&self) {
        for place in &self.places {
            drop(place.occupied().await);
        }
    }

    /// Stops all processes in order.
    pub async fn stop(&self) {
        for place in &self.places {
            let mut running = place.occupied().await;
            place.terminate(&mut running.process).await;
        }
    }

    /// What the processes left behind that have ended, and what those that run have logged so far.
    pub async fn logs(&self) -> Vec<Ended> {
        let mut logs = Vec::new();
        for place in &self.places {
            let running = place.running.lock().await;
            logs.push(Ended::new(running.caller, running.process.log()));
        }
        logs.extend(self.shared.ended.lock().unwrap().drain(..));
        logs
    }
}

impl Ended {
    fn new(caller: usize, log: String) -> Ended {
        Ended { caller, attempts: attempts_in(&log), log }
    }
}

impl Place {
    async fn open(number: usize, shared: &Arc<Shared>) -> Place {
        let database = match shared.database_url.starts_with("postgres") {
            true => Some(AsyncMutex::new(Proxy::start(&shared.database_url).await)),
            false => None,
        };
        let url = match &database {
            Some(proxy) => proxy.lock().await.url(&shared.database_url),
            None => shared.database_url.clone(),
        };
        let running = shared.start(&url, number).await;
        let front = Proxy::to(address(&running.process)).await;
        Place {
            number,
            url: Url::parse(&format!("http://{}", front.address())).expect("it is a URL"),
            front: AsyncMutex::new(front),
            database,
            running: AsyncMutex::new(running),
            shared: shared.clone(),
        }
    }

    /// The process that is in this place. One that has ended by itself is told and replaced.
    pub async fn occupied(&self) -> MutexGuard<'_, Running> {
        let mut running = self.running.lock().await;
        if let Some(status) = running.process.has_ended() {
            let caller = running.caller;
            self.shared.story.violation(format!("process {caller} ended by itself: {status}"));
            self.replace(&mut running).await;
        }
        running
    }

    /// kill -9, and a new process after a time.
    pub async fn kill(&self, down: Duration) {
        let mut running = self.occupied().await;
        running.process.kill();
        sleep(down).await;
        self.replace(&mut running).await;
    }

    /// SIGTERM, and a new process, before the old one has ended or after.
    pub async fn deploy(&self, overlapping: bool) {
        let mut running = self.occupied().await;
        if overlapping {
            let fresh = self.fresh().await;
            self.front.lock().await.lead_to(address(&fresh.process));
            let mut old = std::mem::replace(&mut *running, fresh);
            // Others may already do something to the new one.
            drop(running);
            self.terminate(&mut old.process).await;
            self.shared.bury(old);
        } else {
            self.terminate(&mut running.process).await;
            self.replace(&mut running).await;
        }
    }

    async fn terminate(&self, process: &mut Process) {
        let began = Instant::now();
        process.signal(Signal::SIGTERM);
        let story = &self.shared.story;
        match timeout(EXIT_TIME, process.ended()).await {
            Ok(status) if status.success() => story.tell("drained", format!("{:.1} s", began.elapsed().as_secs_f64())),
            Ok(status) if status.signal() == Some(9) => story.tell("drained", "killed meanwhile"),
            Ok(status) => story.violation(format!("a drained process ended with {status}: {}", tail(&process.log()))),
            Err(_) => story.violation(format!("a process did not end within {EXIT_TIME:?}: {}", tail(&process.log()))),
        }
    }

    async fn replace(&self, running: &mut Running) {
        let fresh = self.fresh().await;
        self.front.lock().await.lead_to(address(&fresh.process));
        self.shared.bury(std::mem::replace(running, fresh));
    }

    async fn fresh(&self) -> Running {
        let url = match &self.database {
            Some(proxy) => {
                let url = self.shared.database_url.as_str();
                proxy.lock().await.url(url)
            }
            None => self.shared.database_url.clone(),
        };
        self.shared.start(&url, self.number).await
    }
}

impl Shared {
    /// Starts a process; tries again while it cannot start, as a platform does.
    async fn start(&self, database_url: &str, place: usize) -> Running {
        let deadline = Instant::now() + START_TIME;
        loop {
            let caller = self.callers.fetch_add(1, Ordering::Relaxed);
            let mut arguments: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
            arguments.extend(["--database-url".to_owned(), database_url.to_owned()]);
            arguments.extend(self.upstreams.flags(caller));
            match Process::try_start(arguments).await {
                Ok(process) => {
                    self.story.tell("started", format!("process {caller} in place {place} at {}", process.url));
                    return Running { caller, process };
                }
                Err(log) => {
                    self.story.tell("did not start", tail(&log));
                    assert!(Instant::now() < deadline, "no server starts within {START_TIME:?}: {log}");
                }
            }
            sleep(START_PAUSE).await;
        }
    }

    fn bury(&self, Running { caller, process }: Running) {
        self.ended.lock().unwrap().push(Ended::new(caller, process.last_log()));
    }
}

fn address(process: &Process) -> String {
    format!("127.0.0.1:{}", process.url.port().expect("the address has a port"))
}

/// The last lines of a log.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
