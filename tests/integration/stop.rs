//! Stop means stop: a cancel closes the upstream connection, a worker without its lease cannot write, a drain ends.

use std::time::Duration;

use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::job::JobId;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::databases::TestDatabase;
use crate::harness::{
    Process, Reader, Server, Site, assert_complete, eventually, on_both_databases, open, soon, stored,
};

on_both_databases!(
    cancel_closes_the_upstream_connection,
    cancel_is_idempotent_and_a_finished_job_refuses_it,
    a_cancelled_job_goes_on_after_a_retry_from_its_stored_steps,
    a_drain_without_jobs_ends_every_stream_in_order,
    a_drain_with_open_streams_and_a_running_job_ends_in_time,
    a_second_signal_cuts_the_drain_short,
);

/// The promise is one second; it is a deadline here, not a measurement.
const WITHIN_A_SECOND: Duration = Duration::from_secs(1);

async fn cancel_closes_the_upstream_connection(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let (in_gtm, in_claude) = (Gate::new(), Gate::new());
    stand_ins.gtm.script(Behaviour::HoldAfter { events: 1, gate: in_gtm.clone() });
    stand_ins.gtm.script(Behaviour::Normal);
    stand_ins.claude.script(Behaviour::HoldAfter { events: 10, gate: in_claude.clone() });

    let first = client.start(&site.url).await;
    soon("the analysis is under way", in_gtm.reached()).await;
    let (status, answer) = client.post(&format!("/api/jobs/{first}/cancel")).await;
    assert_eq!((status.as_u16(), &answer["job"]["status"]), (200, &json!("cancelled")), "{answer}");
    assert!(stand_ins.gtm.wait_until(|counts| counts.open == 0, WITHIN_A_SECOND).await, "gtm is still called");

    let second = client.start(&site.url).await;
    soon("the model writes", in_claude.reached()).await;
    let mut reader = client.events(&second, None).await;
    client.post(&format!("/api/jobs/{second}/cancel")).await;
    assert!(stand_ins.claude.wait_until(|counts| counts.open == 0, WITHIN_A_SECOND).await, "Claude is still called");
    assert_eq!(reader.rest().await.last().unwrap().event, "cancelled", "every viewer is told");
    let stored = stored(open(&database).await.as_ref(), JobId(second.parse().unwrap())).await;
    assert_eq!(stored.last().unwrap().name.as_str(), "cancelled", "nothing was written afterwards");
}

async fn cancel_is_idempotent_and_a_finished_job_refuses_it(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let gate = Gate::new();
    stand_ins.gtm.script(Behaviour::HoldAfter { events: 1, gate: gate.clone() });
    let id = client.start(&site.url).await;
    soon("the analysis is under way", gate.reached()).await;
    let mut last_seq = None;
    for _ in 0..3 {
        let (status, answer) = client.post(&format!("/api/jobs/{id}/cancel")).await;
        assert_eq!((status.as_u16(), &answer["job"]["status"]), (200, &json!("cancelled")));
        let seq = answer["job"]["last_seq"].as_i64();
        assert_eq!(*last_seq.get_or_insert(seq), seq, "a second cancel adds no event");
    }
    let (status, answer) = client.get(&format!("/api/jobs/{id}/result")).await;
    assert_eq!((status.as_u16(), &answer["status"]), (409, &json!("cancelled")), "{answer}");

    let done = client.start(&site.url).await;
    client.until(&done, "completed").await;
    for route in ["cancel", "retry"] {
        let (status, answer) = client.post(&format!("/api/jobs/{done}/{route}")).await;
        assert_eq!((status.as_u16(), &answer["code"]), (409, &json!("wrong_state")), "{route}: {answer}");
    }
}

async fn a_cancelled_job_goes_on_after_a_retry_from_its_stored_steps(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    stand_ins.claude.script(Behaviour::HoldAfter { events: 10, gate: gate.clone() });
    let id = client.start(&site.url).await;
    soon("the model writes", gate.reached()).await;
    client.post(&format!("/api/jobs/{id}/cancel")).await;
    let (status, answer) = client.post(&format!("/api/jobs/{id}/retry")).await;
    // The worker may have taken it up again already.
    let now = answer["job"]["status"].as_str().unwrap_or_default();
    assert!(status == 202 && ["pending", "processing"].contains(&now), "{answer}");
    client.until(&id, "completed").await;
    assert_eq!((stand_ins.gtm.calls(), stand_ins.claude.calls()), (1, 2));
    let mut reader = client.events(&id, None).await;
    reader.sync().await;
    let history = reader.rest().await;
    assert_complete(&history, &stored(open(&database).await.as_ref(), JobId(id.parse().unwrap())).await);
}

/// Without a job to wait for, it is the streams alone that hold the process up.
async fn a_drain_without_jobs_ends_every_stream_in_order(database: TestDatabase) {
    let stand_ins = StandIns::start().await.unwrap();
    let mut process = Process::start(&database.url, &stand_ins, &["--drain-seconds", "5"]);
    let client = process.client();
    let mut streams = Vec::new();
    for _ in 0..20 {
        let brand = client.at(&format!("/api/brands/{}/events", client.brand_id));
        let mut reader = Reader::open(&client.http, brand, None).await;
        reader.sync().await;
        streams.push(reader);
    }
    process.signal(Signal::SIGTERM);
    for reader in &mut streams {
        let first_retry = reader.retry.take();
        assert_eq!((reader.rest().await.len(), first_retry.is_some()), (0, true));
        assert!(reader.retry.is_some(), "it is told when to come back");
    }
    assert!(soon("the process's end", process.ended()).await.success());
}

async fn a_drain_with_open_streams_and_a_running_job_ends_in_time(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 10, gate: gate.clone() });
    let drain = ["--drain-seconds", "5", "--lease-seconds", "600"];
    let mut process = Process::start(&database.url, &stand_ins, &drain);
    let client = process.client();
    let id = client.start(&site.url).await;
    soon("the model writes", gate.reached()).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut reader = client.events(&id, None).await;
        reader.sync().await;
        streams.push(reader);
    }
    process.signal(Signal::SIGTERM);
    eventually("not ready", || async { (client.get("/readyz").await.0 == 503).then_some(()) }).await;
    let body = json!({"brand_id": client.brand_id, "job_type": "brand_intelligence", "input_data": {"url": site.url}});
    let (status, answer) = client.start_with(&body).await;
    assert_eq!((status.as_u16(), &answer["code"]), (503, &json!("draining")), "{answer}");
    // A stream that is asked for now ends at once and says when to come back: a 503 would end an EventSource for good.
    let mut late = client.events(&id, None).await;
    late.sync().await;
    assert_eq!((late.status, late.rest().await.len()), (200, 0));
    assert!(late.retry.is_some());
    for reader in &mut streams {
        let rest = reader.rest().await;
        assert!(rest.iter().all(|received| received.event != "cancelled" && received.event != "failed"), "{rest:?}");
    }
    assert!(soon("the process's end", process.ended()).await.success());
    assert_eq!(stand_ins.claude.open_requests(), 0);

    // The lease is long: only because it was released does the next process go on at once.
    let next = Process::start(&database.url, &stand_ins, &drain);
    let job = next.client().until(&id, "completed").await;
    assert_eq!(job["retry_count"], 0, "a hand-over uses up no retry");
    assert_eq!((stand_ins.gtm.calls(), stand_ins.claude.calls()), (1, 2));
}

async fn a_second_signal_cuts_the_drain_short(database: TestDatabase) {
    let (stand_ins, gate) = (StandIns::start().await.unwrap(), Gate::new());
    stand_ins.gtm.set_default(Behaviour::HoldAfter { events: 0, gate: gate.clone() });
    // Without the second signal the drain would outlast every deadline of this test.
    let mut process = Process::start(&database.url, &stand_ins, &["--drain-seconds", "290"]);
    process.client().start("https://example.com").await;
    soon("the job runs", gate.reached()).await;
    process.signal(Signal::SIGINT);
    eventually("the drain", || async { (process.client().get("/readyz").await.0 == 503).then_some(()) }).await;
    process.signal(Signal::SIGTERM);
    assert!(soon("the process's end", process.ended()).await.success());
}
