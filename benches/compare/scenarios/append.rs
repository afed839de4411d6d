//! Append → socket at a moderate load, against what the origin application does: an UPDATE for each event, and viewers who
//! ask every two seconds.
//! Must not let a poller be luckier than chance: their turns are spread evenly.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Extent, SIZE, Session, sides};
use crate::database::Kind;
use crate::generator::histogram::Histogram;
use crate::generator::lines::Mark;
use crate::generator::requests::Connection;
use crate::results::{Results, Row, Table};
use crate::servers::{Make, table};
use crate::{Outcome, clock};

/// Jobs, viewers of each, events a second of each, events of each in a round.
const SETTINGS: [(u32, u32, f64, u32); 2] = [(1, 1, 100.0, 500), (100, 1, 10.0, 50)];

/// Viewers who poll, and how often.
const POLLERS: u32 = 40;
const POLL_MICROSECONDS: u64 = 2_000_000;

/// A change every 2.2 s, so that it falls on another moment of the pollers' turns each time.
const CHANGES: u32 = 4;
const CHANGES_PER_SECOND: f64 = 1.0 / 2.2;

pub fn measure(extent: Extent, results: &mut Results) -> Outcome<()> {
    let makes = sides(&[Make::AxumSse], results);
    for (jobs, viewers, rate, events) in SETTINGS {
        let polled = table::polled(Kind::Sqlite);
        let mut measured = Table::new(
            format!("Append → socket: {jobs} jobs, a viewer each, {rate:.0} events/s each; ms from when each was due"),
            "way",
            &[("p50", "p50", 2), ("p99", "p99", 2), ("server CPU µs each", "cpu", 0)],
        )
        .over("p50 over polling", "p50", &*polled);
        for round in 0..extent.rounds {
            for make in &makes {
                eprintln!("append: {jobs} jobs, round {}, {}", round + 1, make.name());
                let row = measured.row(&make.name(), make.about());
                let phase = Session::with_channels(*make, jobs, viewers, SIZE)
                    .and_then(|mut session| session.at_a_pace(extent.of(events, events / 5), Some(rate)));
                match phase {
                    Ok(phase) => phase.note(row),
                    Err(error) => row.trouble(format!("round {}: {error}", round + 1)),
                }
            }
            for kind in [Kind::Sqlite, Kind::Postgres].into_iter().filter(|kind| kind.is_there()) {
                eprintln!("append: polling, round {}, {}", round + 1, kind.name());
                let about = format!("an axum handler with one UPDATE, {POLLERS} viewers who ask every 2 s");
                let row = measured.row(&table::polled(kind), &about);
                if let Err(error) = poll(kind, extent, row) {
                    row.trouble(format!("round {}: {error}", round + 1));
                }
            }
        }
        results.tables.push(measured);
    }
    Ok(())
}

/// Viewers who ask for the job's state, each in its turn; how old each change is when they first see it.
fn poll(kind: Kind, extent: Extent, row: &mut Row) -> Outcome<()> {
    let server = table::start(kind, SIZE)?;
    let mut publisher = server.publisher()?;
    publisher.publish(0, 0, clock::now())?;
    let changes = extent.of(CHANGES, 2);
    let end = AtomicU64::new(u64::MAX);
    let begin = clock::now();
    std::thread::scope(|scope| {
        let pollers: Vec<_> = (0..u64::from(POLLERS))
            .map(|turn| {
                let (end, address) = (&end, server.address);
                scope.spawn(move || {
                    let mut connection = Connection::open(address)?;
                    let mut seen = Seen::default();
                    let mut at = begin + turn * POLL_MICROSECONDS / u64::from(POLLERS);
                    while at < end.load(Ordering::Relaxed) {
                        clock::sleep_until(at);
                        seen.note(&connection.ask("GET /status/0 HTTP/1.1\r\n", "")?.body);
                        at += POLL_MICROSECONDS;
                    }
                    Outcome::Ok(seen.ages)
                })
            })
            .collect();
        for number in 1..=changes {
            let due = clock::due(begin, u64::from(number), CHANGES_PER_SECOND);
            clock::sleep_until(due);
            publisher.publish(0, number, due)?;
        }
        // Everybody has a last turn.
        end.store(clock::now() + POLL_MICROSECONDS, Ordering::Relaxed);
        let mut ages = Histogram::default();
        for poller in pollers {
            ages.add(&poller.join().map_err(|_| "a poller panicked")??);
        }
        if ages.len() != u64::from(POLLERS * changes) {
            return Err(format!("{} of {} changes were seen", ages.len(), POLLERS * changes).into());
        }
        row.push("p50", ages.percentile(0.5));
        row.push("p99", ages.percentile(0.99));
        Ok(())
    })
}

/// What a poller knows.
#[derive(Default)]
struct Seen {
    last: u32,
    ages: Histogram,
}

impl Seen {
    fn note(&mut self, state: &str) {
        let Some(Mark { due, number }) = crate::generator::lines::mark_in(state) else { return };
        if number > self.last {
            self.last = number;
            self.ages.push(clock::now().saturating_sub(due));
        }
    }
}
