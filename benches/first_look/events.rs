//! Durable events a second: the event log's group commit against one transaction for each event.
//! Must not use other tables, indexes or settings for the peer than for the product.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use jobcast::event_log::EventLog;
use jobcast::job::JobId;
use jobcast::write::{Action, Progress, Report, Write};
use serde_json::json;

use crate::database::{Kind, open_log, running_jobs};
use crate::figures::{Latencies, Rounds, print_head, print_row};
use crate::{Outcome, ROUNDS};

mod transactions;

use transactions::Transactions;

const JOBS: usize = 200;
const PRODUCERS: [usize; 4] = [1, 32, 256, 2048];
const DURATION: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(30);

/// With the members that every event has, about 256 bytes of data.
const TEXT: &str = "The kettle is repaired, not replaced; so it says.  ";

#[derive(Default)]
struct Side {
    per_second: Rounds,
    cpu: Rounds,
    p50: Rounds,
    p99: Rounds,
}

/// What one round saw.
pub struct Seen {
    per_second: f64,
    /// Microseconds of this process for each event.
    cpu: f64,
    latencies: Latencies,
}

/// All that is measured on one database.
#[derive(Default)]
struct Figures {
    group_commit: [Side; PRODUCERS.len()],
    one_each: Side,
    data_bytes: Rounds,
}

pub async fn measure(kinds: &[Kind]) -> Outcome<()> {
    print_head(
        &format!("Durable events over {JOBS} jobs, {} s a round; ack in ms", DURATION.as_secs()),
        &["database", "way", "producers", "events/s", "against one each", "CPU µs/event here", "ack p50", "ack p99"],
    );
    let mut notes = Vec::new();
    for kind in kinds {
        let mut figures = Figures::default();
        for _ in 0..ROUNDS {
            figures.measure_round(*kind).await?;
        }
        figures.print(*kind);
        notes.push(format!("{}: {:.0} bytes of data in an event on average.", kind.name(), figures.data_bytes));
    }
    println!("\n{} The processor time is this process's: on PostgreSQL without the server's.", notes.join(" "));
    Ok(())
}

impl Figures {
    async fn measure_round(&mut self, kind: Kind) -> Outcome<()> {
        let database = kind.fresh().await?;
        let (store, event_log, _tasks) = open_log(&database.url).await?;
        let jobs: Arc<[JobId]> = running_jobs(&event_log, JOBS).await?.into();
        for (side, producers) in self.group_commit.iter_mut().zip(PRODUCERS) {
            if std::env::var("PRODUCERS").is_ok_and(|only| only != producers.to_string()) {
                continue;
            }
            side.push(append_all(&event_log, &jobs, producers).await?);
        }
        // Its rows are what the peer goes on from.
        store.close().await;
        let transactions = Transactions::open(kind, &database.url).await?;
        self.one_each.push(transactions.write_all(&jobs, DURATION).await?);
        self.data_bytes.push(transactions.mean_data_bytes().await?);
        transactions.close().await;
        database.remove().await
    }

    fn print(&self, kind: Kind) {
        for (side, producers) in self.group_commit.iter().zip(PRODUCERS) {
            if std::env::var("PRODUCERS").is_ok_and(|only| only != producers.to_string()) {
                continue;
            }
            side.print(kind, "event log", producers, &self.one_each);
        }
        self.one_each.print(kind, "one transaction each", transactions::writers(kind), &self.one_each);
    }
}

impl Side {
    fn push(&mut self, mut seen: Seen) {
        self.per_second.push(seen.per_second);
        self.cpu.push(seen.cpu);
        self.p50.push(seen.latencies.percentile(0.5));
        self.p99.push(seen.latencies.percentile(0.99));
    }

    fn print(&self, kind: Kind, way: &str, producers: usize, one_each: &Side) {
        print_row(&[
            kind.name().to_owned(),
            way.to_owned(),
            producers.to_string(),
            format!("{:.0}", self.per_second),
            format!("{:.1}", self.per_second.over(&one_each.per_second)),
            format!("{:.0}", self.cpu),
            format!("{:.2}", self.p50),
            format!("{:.2}", self.p99),
        ]);
    }
}

/// When a measurement began, by the clock and by the processor time of this process.
pub struct Beginning {
    at: Instant,
    processor_time: Duration,
}

impl Beginning {
    pub fn now() -> Outcome<Beginning> {
        Ok(Beginning { at: Instant::now(), processor_time: processor_time()? })
    }

    pub fn seen(&self, latencies: Latencies) -> Outcome<Seen> {
        let cpu = (processor_time()? - self.processor_time).as_secs_f64() * 1e6 / latencies.len() as f64;
        Ok(Seen { per_second: latencies.len() as f64 / self.at.elapsed().as_secs_f64(), cpu, latencies })
    }
}

/// What this process has used of the processors, in steps of a hundredth of a second (`man 5 proc_pid_stat`).
fn processor_time() -> Outcome<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th field after it.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    let ticks: u64 = fields.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// Producers that each append as soon as their last append is acknowledged.
async fn append_all(event_log: &EventLog, jobs: &Arc<[JobId]>, producers: usize) -> Outcome<Seen> {
    let beginning = Beginning::now()?;
    let tasks = (0..producers).map(|producer| {
        let (event_log, jobs, began) = (event_log.clone(), jobs.clone(), beginning.at);
        tokio::spawn(async move {
            let mut latencies = Latencies::default();
            for (turn, job_id) in jobs_of(producer, &jobs) {
                let sent = Instant::now();
                event_log.append(Write { job_id, action: Action::Attempt(1, report(turn)) }, PATIENCE).await?;
                latencies.push(sent.elapsed());
                if began.elapsed() > DURATION * std::env::var("TIMES").map_or(1, |n| n.parse().unwrap()) {
                    break;
                }
            }
            Outcome::Ok(latencies)
        })
    });
    let latencies: Outcome<Latencies> = try_join_all(tasks).await?.into_iter().collect();
    beginning.seen(latencies?)
}

/// The jobs that a producer writes to, one after another and without an end; producers begin at different jobs.
fn jobs_of(producer: usize, jobs: &[JobId]) -> impl Iterator<Item = (usize, JobId)> + Send {
    (producer..).map(|turn| (turn, jobs[turn % jobs.len()]))
}

/// Deltas and progress in turn.
fn report(turn: usize) -> Report {
    match turn % 2 {
        0 => Report::Delta(TEXT.to_owned()),
        _ => Report::Progress(Progress {
            step: 1,
            percent: 10,
            text: "Analyzing".to_owned(),
            detail: json!({"page": turn, "url": "https://example.com/kettles"}),
        }),
    }
}
