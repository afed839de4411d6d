//! The servers' side of a measurement: the roles in which this program runs as its own child.
//! Must not end before its parent does, and not outlive it: the end of standard input ends it.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::time::Instant;

use crate::streams::{DUE, since_1970};
use crate::{Outcome, due};

mod peers;
mod product;

/// Runs a role: `product URL`, `insert URL`, `log URL`, `another URL JOB_ID` or `broadcast`.
pub async fn run(role: &[String]) -> Outcome<()> {
    let role: Vec<&str> = role.iter().map(String::as_str).collect();
    match role[..] {
        ["product", url] => product::whole(url).await,
        ["log", url] => product::stream_of_one_job(url).await,
        ["another", url, job_id] => product::stream_on_another_instance(url, job_id).await,
        ["insert", url] => peers::insert(url).await,
        ["broadcast"] => peers::broadcast().await,
        _ => Err(format!("{role:?} is not a role").into()),
    }
}

/// Tells the parent where to connect.
fn greet(address: SocketAddr, stream_path: &str) -> Outcome<()> {
    println!("{address} {stream_path}");
    Ok(std::io::stdout().flush()?)
}

/// Emits events as the parent orders, `COUNT PER_SECOND` a line, until standard input ends.
///
/// On a thread of its own, which keeps time better than tokio's timers. `emit` must not block; it is given a text of
/// about 50 bytes that holds the moment at which the event was due.
async fn obey(emit: impl Fn(String) + Send + 'static) -> Outcome<()> {
    tokio::task::spawn_blocking(move || {
        for order in std::io::stdin().lock().lines() {
            let order = order?;
            let (count, per_second) = order.split_once(' ').ok_or("an order is two numbers")?;
            emit_at_rate(count.parse()?, per_second.parse()?, &emit);
            println!("emitted");
            std::io::stdout().flush()?;
        }
        Ok(())
    })
    .await?
}

fn emit_at_rate(count: u32, per_second: u32, emit: &impl Fn(String)) {
    let (begin, begin_since_1970) = (Instant::now(), since_1970());
    for index in 0..count {
        let due = due(begin, index, per_second);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let moment = (begin_since_1970 + (due - begin)).as_micros();
        emit(format!("{DUE}{moment}; The kettle is repaired."));
    }
}
