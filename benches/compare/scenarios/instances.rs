//! Three processes on one PostgreSQL: how much longer an event takes to a viewer on another instance, and what it costs the
//! writing one that others listen.
//! Must not let the two sides differ in anything but where the viewers are.

use super::durable::stored_per_second;
use super::{AT_ONCE, Extent, OPENING, SIZE, Session};
use crate::Outcome;
use crate::database::{Database, Kind};
use crate::generator::readers::Readers;
use crate::results::{Results, Row, Table};
use crate::servers::gtm::Gtm;
use crate::servers::{From, Server, jobcast};

/// Jobs, viewers in all, events a second of each job, events of each in a round.
const SETTINGS: [(u32, u32, f64, u32); 3] = [(1, 2, 100.0, 400), (1, 1_000, 20.0, 60), (100, 200, 5.0, 15)];

/// Jobs that store as fast as they can.
const JOBS: u32 = 256;

const HERE: &str = "on the instance that writes";
const THERE: &str = "on the two others";

pub fn measure(extent: Extent, results: &mut Results) -> Outcome<()> {
    if !Kind::Postgres.is_there() {
        results.conditions.push("not measured: BENCH_POSTGRES_URL names no server".to_owned());
        return Ok(());
    }
    for setting @ (jobs, viewers, rate, _) in SETTINGS {
        let mut table = Table::new(
            format!(
                "Three instances: {jobs} jobs, {viewers} viewers, {rate:.0} events/s each job, ms from when each was due"
            ),
            "viewers",
            &[("p50", "p50", 2), ("p99", "p99", 2), ("p50 added", "p50_added", 2), ("p99 added", "p99_added", 2)],
        );
        for round in 0..extent.rounds {
            let mut here = (f64::NAN, f64::NAN);
            for (name, elsewhere) in [(HERE, false), (THERE, true)] {
                eprintln!("instances: {jobs} jobs, {viewers} viewers, round {}, {name}", round + 1);
                let row = table.row(name, "");
                match deliver(elsewhere, setting, extent, row) {
                    Ok(figures) if elsewhere => {
                        row.push("p50_added", figures.0 - here.0);
                        row.push("p99_added", figures.1 - here.1);
                    }
                    Ok(figures) => here = figures,
                    Err(error) => row.trouble(format!("round {}: {error}", round + 1)),
                }
            }
        }
        results.tables.push(table);
    }
    let mut table = Table::new(
        format!("Events a second that one instance stores, {JOBS} jobs"),
        "others",
        &[("events/s", "rate", 0), ("CPU µs each of the writing instance", "cpu", 1)],
    );
    table.notes.push(
        "The product announces changed jobs after their commit, as many as have piled up in one NOTIFY, which cannot be switched off. \
         Without other instances nobody hears it; with them each hears it and reads the new events of what is watched there."
            .to_owned(),
    );
    for round in 0..extent.rounds {
        for (name, others, watched) in
            [("none", 0, false), ("two, nothing watched there", 2, false), ("two, every job watched on both", 2, true)]
        {
            eprintln!("instances: stored, round {}, {name}", round + 1);
            let row = table.row(name, "");
            match store(others, watched) {
                Ok((rate, cpu)) => {
                    row.push("rate", rate);
                    row.push("cpu", cpu);
                }
                Err(error) => row.trouble(format!("round {}: {error}", round + 1)),
            }
        }
    }
    results.tables.push(table);
    Ok(())
}

/// Instances on one database. The first runs all jobs, since the others come when they are taken.
struct Instances {
    writes: Server,
    others: Vec<Server>,
    // Behind the servers that have it open.
    _database: Database,
}

fn start(jobs: u32, others: usize) -> Outcome<Instances> {
    let database = Kind::Postgres.fresh()?;
    let gtm = Gtm::start(SIZE)?;
    let mut writes = jobcast::instance(&database.url, &gtm, SIZE, jobs)?;
    jobcast::run_jobs(&mut writes, jobs)?;
    let others = (0..others).map(|_| {
        let mut other = jobcast::instance(&database.url, &gtm, SIZE, 1)?;
        other.show_jobs_of(&writes);
        Ok(other)
    });
    Ok(Instances { others: others.collect::<Outcome<_>>()?, writes, _database: database })
}

fn deliver(
    elsewhere: bool,
    (jobs, viewers, rate, events): (u32, u32, f64, u32),
    extent: Extent,
    row: &mut Row,
) -> Outcome<(f64, f64)> {
    // All three run on both sides, so that both have the same load on the machine.
    let Instances { writes, others, _database } = start(jobs, 2)?;
    let shown: Vec<&Server> = if elsewhere { others.iter().collect() } else { vec![&writes] };
    let mut readers = Readers::new()?;
    let wanted = (0..viewers).map(|viewer| {
        let server = shown[viewer as usize / jobs as usize % shown.len()];
        server.wanted(viewer % jobs, &From::Now, 0)
    });
    readers.open(wanted.collect(), AT_ONCE, OPENING)?;
    let mut session = Session::over(writes, readers, jobs)?;
    let phase = session.at_a_pace(extent.of(events, events / 4), Some(rate))?;
    phase.note(row);
    let figures = (phase.seen.latency.percentile(0.5), phase.seen.latency.percentile(0.99));
    drop(session);
    drop(others);
    Ok(figures)
}

fn store(others: usize, watched: bool) -> Outcome<(f64, f64)> {
    let instances = start(JOBS, others)?;
    let mut readers = Readers::new()?;
    if watched {
        let all = instances.others.iter().flat_map(|server| (0..JOBS).map(|job| server.wanted(job, &From::Now, 0)));
        readers.open(all.collect(), AT_ONCE, OPENING)?;
    }
    // The viewers read meanwhile, as browsers do.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (readers, stop) = (&mut readers, &stop);
        scope.spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = readers.idle(std::time::Duration::from_millis(50));
            }
        });
        let stored = stored_per_second(&instances.writes, JOBS);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        stored
    })
}
