//! Start latency: `POST /api/jobs/start` of the whole product against an axum handler with one INSERT.
//! Must not count the work of jobs: their upstream takes the connection and never answers.

use crate::child::Server;
use crate::database::Kind;
use crate::figures::{Rounds, print_head, print_row};
use crate::load::post_starts;
use crate::{Outcome, ROUNDS};

/// Moderate: well below what either side can do.
const PER_SECOND: u32 = 300;
const REQUESTS: u32 = 900;

/// Requests before the measured ones, so that statements are prepared and connections open.
const WARM_UP: u32 = 60;

#[derive(Default)]
struct Side {
    p50: Rounds,
    p99: Rounds,
}

pub async fn measure(kinds: &[Kind]) -> Outcome<()> {
    print_head(
        &format!("Start: {PER_SECOND} requests a second, {REQUESTS} a round, ms from when each was due"),
        &["database", "p50", "one INSERT p50", "ratio", "p99", "one INSERT p99", "ratio"],
    );
    let mut lateness = Rounds::default();
    for kind in kinds {
        let (mut product, mut insert) = (Side::default(), Side::default());
        for _ in 0..ROUNDS {
            product.measure(*kind, "product", &mut lateness).await?;
            insert.measure(*kind, "insert", &mut lateness).await?;
        }
        print_row(&[
            kind.name().to_owned(),
            format!("{:.2}", product.p50),
            format!("{:.2}", insert.p50),
            format!("{:.2}", product.p50.over(&insert.p50)),
            format!("{:.2}", product.p99),
            format!("{:.2}", insert.p99),
            format!("{:.2}", product.p99.over(&insert.p99)),
        ]);
    }
    println!("\nThe generator itself sent late by {:.2} ms at the most (p99 of the worst round).", lateness.largest());
    Ok(())
}

impl Side {
    async fn measure(&mut self, kind: Kind, role: &str, lateness: &mut Rounds) -> Outcome<()> {
        let database = kind.fresh().await?;
        let server = Server::start(&[role, &database.url])?;
        let address = server.address;
        let mut seen = tokio::task::spawn_blocking(move || {
            post_starts(address, WARM_UP, PER_SECOND)?;
            post_starts(address, REQUESTS * rate() / PER_SECOND, rate())
        })
        .await??;
        self.p50.push(seen.latencies.percentile(0.5));
        self.p99.push(seen.latencies.percentile(0.99));
        lateness.push(seen.lateness.percentile(0.99));
        drop(server);
        database.remove().await
    }
}

fn rate() -> u32 {
    std::env::var("RATE").map_or(PER_SECOND, |rate| rate.parse().unwrap())
}
