//! The promises under faults: servers are killed, frozen and replaced, the database and every connection break, upstreams
//! fail, while users start jobs and viewers watch; then an oracle compares everything with what is stored.
//!
//! A run follows from its seed. A failure prints the seed and the story, and leaves the servers' logs behind:
//! `FAULT_SEED=… ./scripts/test faults::NAME` makes the same decisions again. `FAULT_LOGS=1` keeps
//! the logs of a run that passes too, in `target/tmp/faults/SEED`. `./scripts/soak` runs for longer.

mod calls;
mod cluster;
mod driver;
mod evidence;
mod oracle;
mod plan;
mod run;
mod servers;
mod story;
mod summary;
mod upstreams;
mod users;
mod viewers;
mod world;

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use plan::FaultRun;
use story::Story;
use summary::Summary;
use world::{Kind, World};

/// One run at a time: it takes the whole machine, and its processes would starve another's.
static ALONE: Mutex<()> = Mutex::const_new(());

/// How long faults come in one round. A longer run is made of rounds with seeds that follow each other.
const SHORT_ROUND: Duration = Duration::from_secs(14);
const LONG_ROUND: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_with_a_fixed_seed() {
    keeps_every_promise("postgres_with_a_fixed_seed", Kind::Postgres, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_with_a_random_seed() {
    keeps_every_promise("postgres_with_a_random_seed", Kind::Postgres, chosen_seed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_with_a_random_seed() {
    keeps_every_promise("sqlite_with_a_random_seed", Kind::Sqlite, chosen_seed()).await;
}

/// `FAULT_SEED`, or one that nobody has chosen.
fn chosen_seed() -> u64 {
    number_in("FAULT_SEED").unwrap_or_else(|| rand::random_range(0..1 << 32))
}

fn number_in(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} must be a whole number, not {value:?}")))
}

/// Runs one round, or as many as fit into `FAULT_SECONDS`.
async fn keeps_every_promise(test: &str, kind: Kind, seed: u64) {
    let _alone = ALONE.lock().await;
    eprintln!("FAULT_SEED={seed} ./scripts/test faults::{test}");
    let story = Story::begin();
    let _told = ToldOnPanic { story: story.clone() };
    let (seconds, began) = (number_in("FAULT_SECONDS"), Instant::now());
    let mut run = match kind {
        Kind::Postgres => FaultRun { seed, storm: SHORT_ROUND, jobs: 36, viewers: 240, servers: 3 },
        Kind::Sqlite => FaultRun { seed, storm: SHORT_ROUND, jobs: 24, viewers: 120, servers: 1 },
    };
    if seconds.is_some() {
        run = FaultRun { storm: LONG_ROUND, jobs: 3 * run.jobs, viewers: 2 * run.viewers, ..run };
    }
    let world = World::start(kind, run.servers, story.clone()).await;
    let mut summary = Summary::default();
    loop {
        let round = run.play(&world).await;
        eprintln!("seed {}: {round}", run.seed);
        summary.add(round);
        let violations = story.violations();
        assert!(
            violations.is_empty(),
            "with the seed {} {} things happened that must not:\n{}\nMore in {}\nAgain: FAULT_SEED={} {}./scripts/test faults::{test}",
            run.seed,
            violations.len(),
            violations[..violations.len().min(20)].join("\n"),
            Story::folder(&run.seed.to_string()).display(),
            run.seed,
            seconds.map_or_else(String::new, |_| "FAULT_SECONDS=1 ".to_owned()),
        );
        if seconds.is_none_or(|seconds| began.elapsed() >= Duration::from_secs(seconds)) {
            break;
        }
        run.seed += 1;
    }
    world.servers.stop().await;
    assert!(story.violations().is_empty(), "with the seed {seed}: {:?}", story.violations());
    eprintln!("{}", summary.text(&story));
}

/// Prints what happened when the test fails, whatever it fails on.
struct ToldOnPanic {
    story: Story,
}

impl Drop for ToldOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.story.text());
        }
    }
}
