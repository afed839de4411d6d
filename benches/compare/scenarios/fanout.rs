//! Fan-out: the events of one channel to thousands of readers, one after another, at a pace and in bursts.
//! Must not let a server be measured while another one runs.

use super::{Extent, Phase, SIZE, Session, sides};
use crate::Outcome;
use crate::results::{BEST_PEER, Results, Table};
use crate::servers::Make;

/// Readers; events one after another, at a pace, and in a burst; the pace.
const SETTINGS: [(u32, u32, u32, u32, f64); 3] =
    [(1_000, 200, 40, 400, 20.0), (5_000, 40, 12, 80, 4.0), (10_000, 20, 6, 40, 2.0)];

const PEERS: [Make; 7] =
    [Make::Bare(2), Make::Bare(1), Make::AxumSse, Make::Nchan, Make::DurableStreams, Make::Pushpin, Make::BetterSse];

pub fn measure(extent: Extent, results: &mut Results) -> Outcome<()> {
    let makes = sides(&PEERS, results);
    for setting in SETTINGS {
        let (limit, nchan) = (Make::Bare(2).name(), Make::Nchan.name());
        let mut one_by_one = Table::new(
            format!("Fan-out to {}, one event after another", thousands(setting.0)),
            "server",
            &[
                ("deliveries/s", "rate", 0),
                ("server CPU µs each", "cpu", 2),
                ("generator CPU µs each", "own_cpu", 2),
                ("bytes each", "bytes", 0),
            ],
        )
        .over("rate over the bare loop", "rate", &*limit)
        .over("CPU over it", "cpu", &*limit)
        .over("rate over the best peer", "rate", BEST_PEER);
        let mut paced = Table::new(
            format!("Fan-out to {} at {} events/s, ms from when each was due", thousands(setting.0), setting.4),
            "server",
            &[("p50", "p50", 2), ("p99", "p99", 2)],
        )
        .over("p50 over the bare loop", "p50", &*limit)
        .over("p99 over it", "p99", &*limit);
        let mut burst = Table::new(
            format!("Fan-out to {} in a burst of {} events", thousands(setting.0), setting.3),
            "server",
            &[("deliveries/s", "rate", 0), ("server CPU µs each", "cpu", 2), ("generator CPU µs each", "own_cpu", 2)],
        )
        .over("rate over the bare loop", "rate", &*limit)
        .over("rate over nchan", "rate", &*nchan)
        .over("rate over the best peer", "rate", BEST_PEER);
        for round in 0..extent.rounds {
            for make in &makes {
                eprintln!("fanout: {} readers, round {}, {}", setting.0, round + 1, make.name());
                let phases = run(*make, setting, extent);
                for (index, table) in [&mut one_by_one, &mut paced, &mut burst].into_iter().enumerate() {
                    let row = table.row(&make.name(), make.about());
                    match &phases {
                        Ok(phases) => phases[index].note(row),
                        Err(error) => row.trouble(format!("round {}: {error}", round + 1)),
                    }
                }
            }
        }
        results.tables.extend([one_by_one, paced, burst]);
    }
    Ok(())
}

fn run(
    make: Make,
    (readers, single, paced, burst, pace): (u32, u32, u32, u32, f64),
    extent: Extent,
) -> Outcome<[Phase; 3]> {
    let mut session = Session::open(make, readers, SIZE)?;
    let single = session.one_after_another(extent.of(single, single / 4))?;
    let paced = session.at_a_pace(extent.of(paced, 3), Some(pace))?;
    let burst = session.at_a_pace(burst, None)?;
    Ok([single, paced, burst])
}

impl Phase {
    /// Puts everything that a phase can tell into a row; a table shows what it asks for.
    pub(super) fn note(&self, row: &mut crate::results::Row) {
        let each = |microseconds: u64| microseconds as f64 / self.seen.delivered as f64;
        row.push("rate", self.per_second());
        row.push("cpu", each(self.server));
        row.push("own_cpu", each(self.generator));
        row.push("bytes", self.seen.bytes as f64 / self.seen.delivered as f64);
        row.push("p50", self.seen.latency.percentile(0.5));
        row.push("p99", self.seen.latency.percentile(0.99));
        if let Some(trouble) = self.trouble() {
            row.trouble(trouble);
        }
    }
}

/// With a comma.
pub(super) fn thousands(number: u32) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", number / 1000, number % 1000),
    }
}
