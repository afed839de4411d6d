//! Many channels: thousands of jobs with few viewers each, all moving slowly.
//! Must not publish in bursts: the events of all channels are evenly apart.

use super::{Extent, SIZE, Session, fanout::thousands, in_turn, sides};
use crate::Outcome;
use crate::results::{Results, Table};
use crate::servers::Make;

const CHANNELS: u32 = 5_000;
const READERS_EACH: u32 = 2;

/// Events of each channel in a round, one a second.
const EVENTS: u32 = 5;

const PEERS: [Make; 5] = [Make::Bare(2), Make::AxumSse, Make::Nchan, Make::DurableStreams, Make::BetterSse];

pub fn measure(extent: Extent, results: &mut Results) -> Outcome<()> {
    let makes = sides(&PEERS, results);
    let mut table = Table::new(
        format!(
            "{} jobs with {READERS_EACH} viewers each, one event a second each, ms from when each was due",
            thousands(CHANNELS)
        ),
        "server",
        &[("p50", "p50", 2), ("p99", "p99", 2), ("deliveries/s", "rate", 0), ("server CPU µs each", "cpu", 1)],
    )
    .over("p99 over nchan", "p99", Make::Nchan.name())
    .over("p99 over durable-streams", "p99", Make::DurableStreams.name());
    table.notes.push(
        "5,000 events/s over 16 connections that each wait for an answer before the next event; the product reads them from 5,000 \
         open answers of its upstream, and its processor time includes the 5,000 jobs that run in it and their database."
            .to_owned(),
    );
    in_turn("many", extent, &makes, &mut table, |make, _, row| {
        let mut session = Session::with_channels(make, CHANNELS, READERS_EACH, SIZE)?;
        session.at_a_pace(extent.of(EVENTS, 2), Some(1.0))?.note(row);
        Ok(())
    });
    results.tables.push(table);
    Ok(())
}
