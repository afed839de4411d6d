//! Idle streams: how much resident memory a server has for each.
//! Must not count what the first streams bring once: connections to a database, a warm allocator.

use super::{AT_ONCE, Extent, OPENING, SIZE, in_turn, sides};
use crate::Outcome;
use crate::generator::readers::Readers;
use crate::results::{Results, Row, Table};
use crate::servers::{From, Make};

/// Streams that are open before the first reading, and stay open.
const BEFORE: u32 = 50;

/// How many more are open at the second reading.
const STREAMS: u32 = 10_000;

const PEERS: [Make; 6] =
    [Make::Bare(2), Make::AxumSse, Make::Nchan, Make::DurableStreams, Make::Pushpin, Make::BetterSse];

pub fn measure(extent: Extent, results: &mut Results) -> Outcome<()> {
    let makes = sides(&PEERS, results);
    let mut table = Table::new(
        "Idle event streams: memory for each of 10,000, KiB",
        "server",
        &[
            ("resident", "resident", 2),
            ("of it private (anonymous)", "anonymous", 2),
            ("without streams, MiB", "base", 0),
            ("opened in s", "opened", 2),
        ],
    )
    .over("over nchan", "resident", Make::Nchan.name())
    .over("over durable-streams", "resident", Make::DurableStreams.name());
    table.notes.push(
        "Growth of the server's `VmRSS` with all its processes, from 50 streams to 10,050, once it has come to rest. Memory of the \
         kernel is not in it, nor that of PostgreSQL."
            .to_owned(),
    );
    in_turn("memory", extent, &makes, &mut table, |make, _, row| run(make, row));
    results.tables.push(table);
    Ok(())
}

fn run(make: Make, row: &mut Row) -> Outcome<()> {
    let server = make.start(1, SIZE)?;
    let mut readers = Readers::new()?;
    let wanted = |count: u32| (0..count).map(|_| server.wanted(0, &From::Now, 0)).collect();
    readers.open(wanted(BEFORE), AT_ONCE, OPENING)?;
    let before = server.settled_memory()?;
    let begin = std::time::Instant::now();
    readers.open(wanted(STREAMS), AT_ONCE, OPENING)?;
    row.push("opened", begin.elapsed().as_secs_f64());
    let after = server.settled_memory()?;
    let each = |after: u64, before: u64| (after as f64 - before as f64) / f64::from(STREAMS);
    row.push("resident", each(after.resident, before.resident));
    row.push("anonymous", each(after.anonymous, before.anonymous));
    row.push("base", before.resident as f64 / 1024.0);
    Ok(())
}
