//! Starting jobs under load: `POST /api/jobs/start` at a fixed rate while thousands of streams are open, against the
//! enqueueing of queues and one INSERT.
//! Must not count the work of jobs: their upstream takes the call and says nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{AT_ONCE, Extent, OPENING, SIZE, is_wanted};
use crate::Outcome;
use crate::database::Kind;
use crate::generator::readers::Readers;
use crate::generator::requests;
use crate::results::{Results, Row, Table};
use crate::servers::gtm::Gtm;
use crate::servers::{From, Server, jobcast, node, table};

const PER_SECOND: f64 = 1_000.0;
const REQUESTS: u32 = 5_000;

/// Requests before the measured ones, so that statements are prepared and connections open.
const WARM_UP: u32 = 500;

const STREAMS: u32 = 5_000;

/// The number of the first site that these jobs analyse; those of the job with the streams are below.
const FIRST_SITE: u32 = 1_000_000;

/// What takes starts.
#[derive(Clone, Copy)]
enum Way {
    Product(Kind),
    Insert(Kind),
    PgBoss,
    BullMq,
}

impl Way {
    fn name(self) -> String {
        match self {
            Way::Product(kind) => format!("jobcast on {}", kind.name()),
            Way::Insert(kind) => format!("axum, one INSERT, {}", kind.name()),
            Way::PgBoss => "pg-boss behind express".to_owned(),
            Way::BullMq => "BullMQ behind express".to_owned(),
        }
    }

    fn about(self) -> &'static str {
        match self {
            Way::Product(_) => "with 5,000 streams open, token checked; up to 64 jobs are taken up meanwhile",
            Way::Insert(_) => "no streams, no access control, nobody takes jobs up",
            Way::PgBoss => "no streams, no access control, no worker; on PostgreSQL",
            Way::BullMq => "no streams, no access control, no worker; on Redis with `appendfsync always`",
        }
    }

    fn missing(self) -> Option<String> {
        match self {
            Way::Product(kind) | Way::Insert(kind) => {
                (!kind.is_there()).then(|| "BENCH_POSTGRES_URL names no server".to_owned())
            }
            Way::PgBoss if !Kind::Postgres.is_there() => Some("BENCH_POSTGRES_URL names no server".to_owned()),
            Way::PgBoss => node::missing("pg-boss"),
            Way::BullMq => node::missing("bullmq").or_else(node::missing_redis),
        }
    }

    fn start(self) -> Outcome<(Server, Readers)> {
        let mut readers = Readers::new()?;
        let server = match self {
            Way::Product(kind) => {
                let server = jobcast::start_running(kind, 1, SIZE, jobcast::DEFAULT_JOBS)?;
                let wanted = (0..STREAMS).map(|_| server.wanted(0, &From::Now, 0)).collect();
                readers.open(wanted, AT_ONCE, OPENING)?;
                server
            }
            Way::Insert(kind) => table::start(kind, SIZE)?,
            Way::PgBoss => node::start_pg_boss(SIZE)?,
            Way::BullMq => node::start_bullmq(SIZE)?,
        };
        Ok((server, readers))
    }
}

pub fn measure(extent: Extent, results: &mut Results) -> Outcome<()> {
    let all = [
        Way::Product(Kind::Sqlite),
        Way::Product(Kind::Postgres),
        Way::Insert(Kind::Sqlite),
        Way::Insert(Kind::Postgres),
        Way::PgBoss,
        Way::BullMq,
    ];
    let wanted = all.into_iter().filter(|way| is_wanted(&way.name()));
    let (there, missing): (Vec<Way>, Vec<Way>) = wanted.partition(|way| way.missing().is_none());
    for way in missing {
        results.conditions.push(format!("{} was left out: {}", way.name(), way.missing().unwrap_or_default()));
    }
    let mut table = Table::new(
        format!("Starts at {PER_SECOND:.0} a second, {REQUESTS} a round, ms from when each was due"),
        "way",
        &[("p50", "p50", 2), ("p99", "p99", 2), ("sent late by p99", "lateness", 2)],
    )
    .over("p99 over one INSERT, PostgreSQL", "p99", Way::Insert(Kind::Postgres).name());
    for round in 0..extent.rounds {
        for way in &there {
            eprintln!("start: round {}, {}", round + 1, way.name());
            let row = table.row(&way.name(), way.about());
            if let Err(error) = run(*way, extent, row) {
                row.trouble(format!("round {}: {error}", round + 1));
            }
        }
    }
    results.tables.push(table);
    Ok(())
}

fn run(way: Way, extent: Extent, row: &mut Row) -> Outcome<()> {
    let (server, _readers) = way.start()?;
    let head = requests::start_head(server.jobs().map_or("none", |jobs| jobs.token()));
    // A site for each: the stand-in keeps one answer open for each, and a job whose answer closes makes room for others.
    let next = AtomicU32::new(FIRST_SITE);
    let body = || jobcast::start_request(&Gtm::site(next.fetch_add(1, Ordering::Relaxed)));
    requests::at_a_rate(server.address, &head, body, WARM_UP, PER_SECOND / 2.0)?;
    let load = requests::at_a_rate(server.address, &head, body, extent.of(REQUESTS, REQUESTS / 5), PER_SECOND)?;
    row.push("p50", load.latency.percentile(0.5));
    row.push("p99", load.latency.percentile(0.99));
    row.push("lateness", load.lateness.percentile(0.99));
    Ok(())
}
