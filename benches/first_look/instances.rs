//! What it adds to a delivery that the viewer is on another instance: append → socket there, against append → socket here.
//! Must not let the two sides differ in anything but where the readers are.

use futures_util::future::try_join_all;

use crate::child::Server;
use crate::database::{Database, Kind};
use crate::figures::{Latencies, Rounds, print_head, print_row};
use crate::{Outcome, ROUNDS, streams};

/// Subscribers of one job, events in a round, events a second.
const SETTINGS: [(usize, u32, u32); 2] = [(1, 400, 100), (500, 60, 20)];

#[derive(Clone, Default)]
struct Side {
    p50: Rounds,
    p99: Rounds,
}

pub async fn measure() -> Outcome<()> {
    print_head(
        "Append → socket on another instance, PostgreSQL, ms from when each event was due",
        &["subscribers", "events/s", "readers on", "p50", "p99"],
    );
    for setting in SETTINGS {
        let (mut here, mut there) = (Side::default(), Side::default());
        for _ in 0..ROUNDS {
            for (side, elsewhere) in [(&mut here, false), (&mut there, true)] {
                let database = Kind::Postgres.fresh().await?;
                side.measure(&database, elsewhere, setting).await?;
                database.remove().await?;
            }
        }
        here.print(setting, "the instance that appends");
        there.print(setting, "another instance");
    }
    Ok(())
}

impl Side {
    async fn measure(
        &mut self,
        database: &Database,
        elsewhere: bool,
        (subscribers, events, per_second): (usize, u32, u32),
    ) -> Outcome<()> {
        let mut appends = Server::start(&["log", &database.url])?;
        let job_id = appends.stream_path.split('/').nth(3).ok_or("the stream's path has a job")?.to_owned();
        // Started on both sides, so that both have the same load on the machine.
        let other = Server::start(&["another", &database.url, &job_id])?;
        let serves = if elsewhere { other.address } else { appends.address };
        let sockets = streams::open(serves, &appends.stream_path, subscribers).await?;
        let readers = sockets.into_iter().map(|socket| tokio::spawn(streams::read_events(socket, events as usize)));
        let readers: Vec<_> = readers.collect();
        appends.emit(events, per_second)?;
        let latencies: Outcome<Latencies> = try_join_all(readers).await?.into_iter().collect();
        appends.emitted()?;
        let mut latencies = latencies?;
        self.p50.push(latencies.percentile(0.5));
        self.p99.push(latencies.percentile(0.99));
        Ok(())
    }

    fn print(&self, (subscribers, _, per_second): (usize, u32, u32), readers: &str) {
        print_row(&[
            subscribers.to_string(),
            per_second.to_string(),
            readers.to_owned(),
            format!("{:.2}", self.p50),
            format!("{:.2}", self.p99),
        ]);
    }
}
