//! Clients that leave in the middle of a request, hundreds of times and at any moment, leave nothing behind.

use std::time::Duration;

use jobcast::demo::{Behaviour, Gate, StandIns};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::databases::TestDatabase;
use crate::harness::{Client, Server, Site, eventually, on_both_databases, soon};

on_both_databases!(clients_that_leave_at_any_moment_leave_nothing_behind);

/// How often each kind of request is broken off.
const TIMES: usize = 300;

async fn clients_that_leave_at_any_moment_leave_nothing_behind(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.gtm.set_default(Behaviour::HoldAfter { events: 0, gate: gate.clone() });
    // Most starts are refused, after their transaction, so that few jobs are left to run.
    let server = Server::with(&database.url, &stand_ins, &["--max-queued-jobs", "5"], Default::default()).await;
    let client = server.client();
    let id = client.start(&site.url).await;
    soon("the job runs", gate.reached()).await;
    let etag = client.send(reqwest::Method::GET, &format!("/api/jobs/{id}/status")).await.headers()["etag"].clone();
    let etag = etag.to_str().unwrap().to_owned();

    let body = json!({"brand_id": client.brand_id, "job_type": "brand_intelligence", "input_data": {"url": site.url}});
    let requests = [
        post("/api/jobs/start", &body.to_string()),
        get(&format!("/api/jobs/{id}/status?wait=60"), &format!("If-None-Match: {etag}\r\n")),
        get(&format!("/api/jobs/{id}/events"), ""),
        get("/api/jobs?limit=100", ""),
    ];
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..TIMES {
        // A few at once, so that the pool is contended.
        let leaving = requests.iter().map(|request| {
            let sent = if random.random_ratio(1, 4) { random.random_range(0..request.len()) } else { request.len() };
            leave_after(&client, &request.as_bytes()[..sent], Duration::from_micros(random.random_range(0..5_000)))
        });
        futures_util::future::join_all(leaving).await;
    }

    gate.open();
    if database.url.starts_with("postgres") {
        let stuck = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                     AND application_name = 'jobcast' AND state LIKE 'idle in transaction%'";
        eventually("no session is stuck in a transaction", || async {
            (database.number(stuck).await == 0).then_some(())
        })
        .await;
    }
    // More requests at once than there are connections, so that each of them is used.
    let path = format!("/api/jobs/{id}/status");
    let answers = futures_util::future::join_all((0..50).map(|_| client.get(&path))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    eventually("a start is taken", || async { (client.start_with(&body).await.0 == 202).then_some(()) }).await;
    client.until(&id, "completed").await;
}

/// Sends these bytes, waits a moment, and leaves; the wait only makes the moment random.
async fn leave_after(client: &Client, bytes: &[u8], moment: Duration) {
    let address = format!("{}:{}", client.url.host_str().unwrap(), client.url.port().unwrap());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(bytes).await.unwrap();
    tokio::time::sleep(moment).await;
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}
