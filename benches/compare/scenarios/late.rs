//! Late joiners: thousands of readers that ask for a channel's whole history at the same moment.
//! Must not count the time that connections take: all are there when the first request is sent.

use super::{AT_ONCE, DELIVERY, Extent, OPENING, SIZE, Session, fanout::thousands, in_turn, sides};
use crate::Outcome;
use crate::generator::readers::Readers;
use crate::results::{Results, Row, Table};
use crate::servers::{From, Make};
use crate::{clock, usage};

const READERS: u32 = 10_000;
const HISTORY: u32 = 20;

/// Those that keep history.
const PEERS: [Make; 2] = [Make::Nchan, Make::DurableStreams];

pub fn measure(extent: Extent, results: &mut Results) -> Outcome<()> {
    let makes = sides(&PEERS, results);
    let mut table = Table::new(
        format!("{} readers that ask for {HISTORY} events at once", thousands(READERS)),
        "server",
        &[("deliveries/s", "rate", 0), ("all have all after s", "seconds", 2), ("server CPU µs each", "cpu", 2)],
    )
    .over("rate over nchan", "rate", Make::Nchan.name());
    table.notes.push("From the first request to the last event; the connections are open before.".to_owned());
    in_turn("late", extent, &makes, &mut table, |make, _, row| run(make, row));
    results.tables.push(table);
    Ok(())
}

fn run(make: Make, row: &mut Row) -> Outcome<()> {
    // The session's own events are part of the history.
    let mut session = Session::open(make, 1, SIZE)?;
    session.one_after_another(HISTORY - session.next)?.clean()?;
    let mut late = Readers::new()?;
    let wanted = (0..READERS).map(|_| session.server.wanted(0, &From::Start, 0)).collect();
    late.connect_all(wanted, AT_ONCE, OPENING)?;
    let (server, own, begin) = (session.server.processor_time()?, usage::own_processor_time()?, clock::now());
    late.release();
    let all = u64::from(READERS) * u64::from(HISTORY);
    late.until(DELIVERY, |seen| seen.delivered >= all || seen.faults.broken > 0)?;
    let (server, own) = (session.server.processor_time()? - server, usage::own_processor_time()? - own);
    let lost = late.lost(HISTORY);
    let seen = late.take_seen();
    let seconds = seen.last.saturating_sub(begin) as f64 / 1e6;
    row.push("seconds", seconds);
    super::Phase { seen, lost, seconds, server, generator: own }.note(row);
    Ok(())
}
