//! Resident memory of idle event streams: the product's against axum's own `Sse` under `axum::serve`.
//! Must not count a client's memory, or what the server needs without any stream.

use std::time::Duration;

use crate::child::Server;
use crate::database::Kind;
use crate::figures::{Rounds, print_head, print_row};
use crate::{Outcome, ROUNDS, streams};

/// How many streams are open at each reading. A process cannot have more than 20,000 descriptors on some machines.
const STREAMS: [usize; 2] = [5_000, 10_000];

#[derive(Default)]
struct Side {
    base: Rounds,
    each: [Rounds; STREAMS.len()],
}

pub async fn measure(kinds: &[Kind]) -> Outcome<()> {
    print_head(
        "Idle event streams, resident KiB each",
        &["server", "without streams, MiB", "at 5,000", "at 10,000", "axum's Sse at 10,000 over it"],
    );
    let mut sides: Vec<Side> = kinds.iter().map(|_| Side::default()).collect();
    let mut peer = Side::default();
    for _ in 0..ROUNDS {
        for (kind, side) in kinds.iter().zip(&mut sides) {
            let database = kind.fresh().await?;
            side.measure(&["log", &database.url]).await?;
            database.remove().await?;
        }
        peer.measure(&["broadcast"]).await?;
    }
    for (kind, side) in kinds.iter().zip(&sides) {
        side.print(&format!("jobcast on {}", kind.name()), &peer);
    }
    peer.print("axum::serve, Sse, BroadcastStream", &peer);
    Ok(())
}

impl Side {
    async fn measure(&mut self, role: &[&str]) -> Outcome<()> {
        let server = Server::start(role)?;
        // The first streams also bring database connections and a warm allocator; they are not counted and stay open.
        let mut open = streams::open(server.address, &server.stream_path, 50).await?;
        let (base, already) = (settled(&server).await?, open.len());
        self.base.push(base as f64 / 1024.0);
        for (each, count) in self.each.iter_mut().zip(STREAMS) {
            let more = count + already - open.len();
            open.extend(streams::open(server.address, &server.stream_path, more).await?);
            each.push((settled(&server).await? - base) as f64 / count as f64);
        }
        Ok(())
    }

    fn print(&self, name: &str, peer: &Side) {
        let [at_5000, at_10000] = &self.each;
        print_row(&[
            name.to_owned(),
            format!("{:.0}", self.base),
            format!("{at_5000:.2}"),
            format!("{at_10000:.2}"),
            format!("{:.2}", peer.each[1].over(at_10000)),
        ]);
    }
}

/// The resident memory, in KiB, once it has stopped moving.
async fn settled(server: &Server) -> Outcome<u64> {
    let mut last = server.resident()?;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let now = server.resident()?;
        if now == last {
            return Ok(now);
        }
        last = now;
    }
    Err("the server's memory did not come to rest within 3 s".into())
}
