//! A reconnect storm: thousands of readers cut at once, who come back each with a cursor of its own.
//! Must not wait between the cut and the return, and must not forgive an event that is lost or comes twice.

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use super::{DELIVERY, Extent, OPENING, SIZE, Session, fanout::thousands, in_turn, sides};
use crate::Outcome;
use crate::database::{Kind, blocking};
use crate::generator::readers::Readers;
use crate::results::{Results, Row, Table};
use crate::servers::{From, Make, Server};
use crate::{clock, usage};

const READERS: u32 = 10_000;
const HISTORY: u32 = 500;

/// The cursors lie evenly in so many of the last events.
const MISSED_AT_MOST: u32 = 100;

/// How many come back at a time: as many as nginx lets wait to be accepted.
const AT_ONCE: usize = 500;

/// PostgreSQL's processes report what they did after this much idleness.
const STATISTICS: Duration = Duration::from_secs(11);

/// Those that keep history.
const PEERS: [Make; 2] = [Make::Nchan, Make::DurableStreams];

pub fn measure(extent: Extent, results: &mut Results) -> Outcome<()> {
    let makes = sides(&PEERS, results);
    let mut table = Table::new(
        format!("{} viewers cut at once and back with cursors into {HISTORY} events", thousands(READERS)),
        "server",
        &[
            ("all caught up after s", "seconds", 2),
            ("all answered after s", "answered", 2),
            ("deliveries/s", "rate", 0),
            ("server CPU µs each", "cpu", 2),
            ("reads of the events' table", "reads", 0),
        ],
    )
    .over("time over nchan", "seconds", Make::Nchan.name())
    .over("time over durable-streams", "seconds", Make::DurableStreams.name());
    table.notes.push(format!(
        "From the cut to the last missing event; cursors lie evenly in the last {MISSED_AT_MOST} events, so that {} events are missing in all. {AT_ONCE} \
         connections are being opened at a time. Reads are those of PostgreSQL's statistics for the table of events, in one round.",
        thousands(missing() as u32)
    ));
    in_turn("storm", extent, &makes, &mut table, |make, round, row| run(make, row, round == 0));
    results.tables.push(table);
    Ok(())
}

/// The number of the last event that reader `index` has.
fn has(index: u32) -> u32 {
    HISTORY - 2 - index % MISSED_AT_MOST
}

/// The events that all readers miss.
fn missing() -> u64 {
    (0..READERS).map(|index| u64::from(HISTORY - 1 - has(index))).sum()
}

fn run(make: Make, row: &mut Row, counts_reads: bool) -> Outcome<()> {
    let mut session = Session::open(make, 1, SIZE)?;
    let cursors = cursors(&mut session)?;
    let mut readers = Readers::new()?;
    let wanted = (0..READERS).map(|_| session.server.wanted(0, &From::Now, HISTORY)).collect();
    readers.open(wanted, AT_ONCE, OPENING)?;
    let counts_reads = counts_reads && make == Make::Jobcast(Kind::Postgres);
    let reads = if counts_reads { Some(reads(&session.server)?) } else { None };

    let (server, own, begin) = (session.server.processor_time()?, usage::own_processor_time()?, clock::now());
    readers.cut();
    let back = (0..READERS).map(|index| {
        let cursor = From::After(cursors[has(index) as usize].clone());
        session.server.wanted(0, &cursor, has(index) + 1)
    });
    readers.come_back(back.collect(), AT_ONCE, OPENING)?;
    row.push("answered", (clock::now() - begin) as f64 / 1e6);
    let all = missing();
    readers.until(DELIVERY, |seen| seen.delivered >= all || seen.faults.broken > 0)?;
    // What comes twice comes right after: a moment for that.
    readers.idle(Duration::from_millis(100))?;
    let (server, own) = (session.server.processor_time()? - server, usage::own_processor_time()? - own);
    let lost = readers.lost(HISTORY);
    let seen = readers.take_seen();
    let seconds = seen.last.saturating_sub(begin) as f64 / 1e6;
    row.push("seconds", seconds);
    super::Phase { seen, lost, seconds, server, generator: own }.note(row);
    if let Some(before) = reads {
        row.push("reads", self::reads(&session.server)? - before);
    }
    Ok(())
}

/// Publishes the history; the cursor after each event.
fn cursors(session: &mut Session) -> Outcome<Vec<String>> {
    let mut cursors = vec![String::new(); session.next as usize];
    while session.next < HISTORY {
        session.one_after_another(1)?.clean()?;
        cursors.push(session.readers.cursor().ok_or("no reader")?);
    }
    Ok(cursors)
}

/// How often the table of events was read so far.
fn reads(server: &Server) -> Outcome<f64> {
    let url = server.database_url().ok_or("only the product has a database")?;
    std::thread::sleep(STATISTICS);
    blocking(async {
        let mut connection = PgConnection::connect(url).await?;
        let scans = "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'job_events'";
        let scans: i64 = sqlx::query_scalar(scans).fetch_one(&mut connection).await?;
        Ok(scans as f64)
    })
}
