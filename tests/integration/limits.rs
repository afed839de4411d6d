//! Limits delay a job or refuse it: per process, per brand, and the length of the queue.

use jobcast::demo::{Behaviour, Gate, StandIns};
use serde_json::json;

use crate::databases::TestDatabase;
use crate::harness::{Client, Server, Site, eventually, on_both_databases, soon};

on_both_databases!(
    a_brand_at_its_limit_delays_its_own_jobs_alone,
    a_process_at_its_limit_delays_all,
    a_full_queue_refuses_with_429,
    too_many_streams_are_refused_with_503,
    the_list_pages_newest_first,
);

/// A server whose jobs all wait inside gtm.
async fn held(database: &TestDatabase, more: &[&str]) -> (StandIns, Server, Gate, Site) {
    let (stand_ins, gate) = (StandIns::start().await.unwrap(), Gate::new());
    stand_ins.gtm.set_default(Behaviour::HoldAfter { events: 0, gate: gate.clone() });
    let server = Server::with(&database.url, &stand_ins, more, Default::default()).await;
    (stand_ins, server, gate, Site::start().await)
}

async fn with_status(client: &Client, status: &str) -> usize {
    let (_, list) = client.get(&format!("/api/jobs?brand_id={}&status={status}&limit=100", client.brand_id)).await;
    list["jobs"].as_array().unwrap().len()
}

async fn a_brand_at_its_limit_delays_its_own_jobs_alone(database: TestDatabase) {
    let (_stand_ins, server, gate, site) = held(&database, &["--max-jobs-per-brand", "2"]).await;
    let (greedy, modest) = (server.client(), server.client());
    for _ in 0..5 {
        greedy.start(&site.url).await;
    }
    let other = modest.start(&site.url).await;
    soon("three jobs run", gate.reached_times(3)).await;
    modest.until(&other, "processing").await;
    assert_eq!((with_status(&greedy, "processing").await, with_status(&greedy, "pending").await), (2, 3));
    gate.open();
    eventually("all complete", || async { (with_status(&greedy, "completed").await == 5).then_some(()) }).await;
}

async fn a_process_at_its_limit_delays_all(database: TestDatabase) {
    let (_stand_ins, server, gate, site) = held(&database, &["--max-concurrent-jobs", "2"]).await;
    let clients: Vec<Client> = (0..4).map(|_| server.client()).collect();
    for client in &clients {
        client.start(&site.url).await;
    }
    soon("two jobs run", gate.reached_times(2)).await;
    let client = server.client();
    let (_, running) = client.get("/api/jobs?status=processing").await;
    assert_eq!(running["jobs"].as_array().unwrap().len(), 2);
    gate.open();
    for client in &clients {
        eventually("completion", || async { (with_status(client, "completed").await == 1).then_some(()) }).await;
    }
}

async fn a_full_queue_refuses_with_429(database: TestDatabase) {
    let more = ["--max-concurrent-jobs", "1", "--max-queued-jobs", "3"];
    let (_stand_ins, server, gate, site) = held(&database, &more).await;
    let client = server.client();
    client.start(&site.url).await;
    soon("one job runs", gate.reached()).await;
    for _ in 0..3 {
        client.start(&site.url).await;
    }
    let body = json!({"brand_id": client.brand_id, "job_type": "brand_intelligence", "input_data": {"url": site.url}});
    let refused = client.http.post(client.at("/api/jobs/start")).json(&body).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    let answer: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(answer["code"], "queue_full", "{answer}");
    gate.open();
    eventually("room again", || async { (client.start_with(&body).await.0 == 202).then_some(()) }).await;
}

async fn too_many_streams_are_refused_with_503(database: TestDatabase) {
    let (_stand_ins, server, _gate, site) = held(&database, &["--max-streams", "2"]).await;
    let client = server.client();
    let id = client.start(&site.url).await;
    let (mut first, mut second) = (client.events(&id, None).await, client.events(&id, None).await);
    first.sync().await;
    second.sync().await;
    let third = client.events(&id, None).await;
    assert_eq!(third.status, 503);
    assert!(third.headers.contains_key("retry-after"));
    drop(first);
    eventually("a free place", || async { (client.events(&id, None).await.status == 200).then_some(()) }).await;
}

async fn the_list_pages_newest_first(database: TestDatabase) {
    let (_stand_ins, server, _gate, site) = held(&database, &[]).await;
    let client = server.client();
    let mut started = Vec::new();
    for _ in 0..7 {
        started.push(client.start(&site.url).await);
    }
    server.client().start(&site.url).await;
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = client.get(&format!("/api/jobs?brand_id={}&limit=3&cursor={cursor}", client.brand_id)).await;
        let jobs = page["jobs"].as_array().unwrap();
        assert!(jobs.len() <= 3);
        listed.extend(jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    started.reverse();
    assert_eq!(listed, started);
}
