//! Append → socket: from when an event was due to be appended until a reader has it, against axum's own `Sse`.
//! Must not be read as a like for like: the product's events are durable before they are seen, the peer's never are.

use futures_util::future::try_join_all;

use crate::child::Server;
use crate::database::Kind;
use crate::figures::{Latencies, Rounds, print_head, print_row};
use crate::{Outcome, ROUNDS, streams};

/// Subscribers of one job, events in a round, events a second.
const SETTINGS: [(usize, u32, u32); 2] = [(1, 200, 100), (1000, 30, 10)];

#[derive(Clone, Default)]
struct Side {
    p50: Rounds,
    p99: Rounds,
}

pub async fn measure(kinds: &[Kind]) -> Outcome<()> {
    print_head(
        "Append → socket, one job, ms from when each event was due",
        &["subscribers", "events/s", "server", "p50", "over axum's Sse", "p99", "over axum's Sse"],
    );
    for setting in SETTINGS {
        let mut sides = vec![Side::default(); kinds.len()];
        let mut peer = Side::default();
        for _ in 0..ROUNDS {
            for (kind, side) in kinds.iter().zip(&mut sides) {
                let database = kind.fresh().await?;
                side.measure(&["log", &database.url], setting).await?;
                database.remove().await?;
            }
            peer.measure(&["broadcast"], setting).await?;
        }
        for (kind, side) in kinds.iter().zip(&sides) {
            side.print(setting, &format!("jobcast on {}", kind.name()), &peer);
        }
        peer.print(setting, "axum::serve, Sse, BroadcastStream (not durable)", &peer);
    }
    Ok(())
}

impl Side {
    async fn measure(&mut self, role: &[&str], (subscribers, events, per_second): (usize, u32, u32)) -> Outcome<()> {
        let mut server = Server::start(role)?;
        let sockets = streams::open(server.address, &server.stream_path, subscribers).await?;
        let readers = sockets.into_iter().map(|socket| tokio::spawn(streams::read_events(socket, events as usize)));
        let readers: Vec<_> = readers.collect();
        server.emit(events, per_second)?;
        let latencies: Outcome<Latencies> = try_join_all(readers).await?.into_iter().collect();
        server.emitted()?;
        let mut latencies = latencies?;
        self.p50.push(latencies.percentile(0.5));
        self.p99.push(latencies.percentile(0.99));
        Ok(())
    }

    fn print(&self, (subscribers, _, per_second): (usize, u32, u32), name: &str, peer: &Side) {
        print_row(&[
            subscribers.to_string(),
            per_second.to_string(),
            name.to_owned(),
            format!("{:.2}", self.p50),
            format!("{:.2}", self.p50.over(&peer.p50)),
            format!("{:.2}", self.p99),
            format!("{:.2}", self.p99.over(&peer.p99)),
        ]);
    }
}
