//! A full disk under SQLite: writes are refused with 503 and nothing is lost; when there is room again, all goes on by
//! itself.

use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::job::JobId;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::databases::TestDatabase;
use crate::harness::{Process, Site, assert_complete, eventually, open, soon, stored};

/// A limit on the size of files stands in for the full disk: like ENOSPC, it makes SQLite's writes fail in the middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_delays_and_loses_nothing() {
    let database = TestDatabase::sqlite().await;
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let mut process = Process::start(&database.url, &stand_ins, &[]);
    let client = process.client();
    let id = client.start(&site.url).await;
    let mut reader = client.events(&id, None).await;
    soon("the model writes", gate.reached()).await;

    process.limit_files_to(Some(1));
    gate.open();
    let body = json!({"brand_id": client.brand_id, "job_type": "brand_intelligence", "input_data": {"url": site.url}});
    let (status, answer) = client.start_with(&body).await;
    assert_eq!((status.as_u16(), &answer["code"]), (503, &json!("database_unavailable")), "{answer}");
    assert_eq!(client.job(&id).await["status"], "processing", "what is stored can be read");

    process.limit_files_to(None);
    eventually("room again", || async { (client.start_with(&body).await.0 == 202).then_some(()) }).await;
    let history = reader.rest().await;
    assert_eq!(history.last().unwrap().event, "completed");
    assert_complete(&history, &stored(open(&database).await.as_ref(), JobId(id.parse().unwrap())).await);
    process.signal(Signal::SIGTERM);
    assert!(soon("the process's end", process.ended()).await.success());
}
