//! kill -9 in the middle of each step: the job finishes, and no finished step is called again.

use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::job::JobId;
use serde_json::json;

use crate::databases::TestDatabase;
use crate::harness::{Process, Received, Site, assert_complete, on_both_databases, open, soon, stored};

on_both_databases!(
    a_kill_while_the_site_is_analysed_repeats_that_step,
    a_kill_while_the_model_writes_keeps_the_analysis,
    a_kill_while_the_result_is_saved_calls_nobody_again,
    a_viewer_of_a_killed_server_goes_on_where_it_was,
);

/// Short, so that a silent worker's job is taken up soon.
const LEASE: [&str; 2] = ["--lease-seconds", "1"];

async fn a_kill_while_the_site_is_analysed_repeats_that_step(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.gtm.script(Behaviour::HoldAfter { events: 2, gate: gate.clone() });
    let mut process = Process::start(&database.url, &stand_ins, &LEASE);
    let id = process.client().start(&site.url).await;
    soon("the analysis is under way", gate.reached()).await;
    process.kill();
    finish(&database, &stand_ins, &id).await;
    assert_eq!((stand_ins.gtm.calls(), stand_ins.claude.calls()), (2, 1));
}

async fn a_kill_while_the_model_writes_keeps_the_analysis(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let mut process = Process::start(&database.url, &stand_ins, &LEASE);
    let id = process.client().start(&site.url).await;
    soon("the model writes", gate.reached()).await;
    process.kill();
    finish(&database, &stand_ins, &id).await;
    assert_eq!((stand_ins.gtm.calls(), stand_ins.claude.calls()), (1, 2));
}

async fn a_kill_while_the_result_is_saved_calls_nobody_again(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let mut process = Process::start(&database.url, &stand_ins, &LEASE);
    let client = process.client();
    let id = client.start(&site.url).await;
    let mut reader = client.events(&id, None).await;
    // Killed between the third step's first word and its end, or right after it: both must come out the same.
    while let Some(received) = reader.next().await {
        if received.data["step"] == 3 {
            break;
        }
    }
    process.kill();
    finish(&database, &stand_ins, &id).await;
    assert_eq!((stand_ins.gtm.calls(), stand_ins.claude.calls()), (1, 1));
}

async fn a_viewer_of_a_killed_server_goes_on_where_it_was(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let mut process = Process::start(&database.url, &stand_ins, &LEASE);
    let client = process.client();
    let id = client.start(&site.url).await;
    let mut reader = client.events(&id, None).await;
    let mut history = reader.until("delta").await;
    soon("the model writes", gate.reached()).await;
    process.kill();
    history.extend(reader.rest().await);

    let process = Process::start(&database.url, &stand_ins, &LEASE);
    let mut resumed = process.client().events(&id, history.last().map(|received| received.id)).await;
    assert_eq!(resumed.sync().await.data["resume"], "exact");
    history.extend(resumed.rest().await);
    let job_id = JobId(id.parse().unwrap());
    assert_complete(&history, &stored(open(&database).await.as_ref(), job_id).await);
    assert!(names(&history).contains(&"retrying"), "the lost attempt is told: {:?}", names(&history));
    assert_eq!(history.last().unwrap().event, "completed");
}

/// A new server takes the job up; it completes, with an unbroken history and one row.
async fn finish(database: &TestDatabase, stand_ins: &StandIns, id: &str) {
    let process = Process::start(&database.url, stand_ins, &LEASE);
    let client = process.client();
    let mut reader = client.events(id, None).await;
    if reader.status == 200 {
        reader.sync().await;
        let history = reader.rest().await;
        let job_id = JobId(id.parse().unwrap());
        assert_complete(&history, &stored(open(database).await.as_ref(), job_id).await);
        assert_eq!(history.last().unwrap().event, "completed");
    }
    let (_, result) = client.get(&format!("/api/jobs/{id}/result")).await;
    assert_eq!(result["status"], json!("completed"), "{result}");
    assert_eq!(database.number("SELECT count(*) FROM brand_intelligence").await, 1, "the result was saved once");
}

fn names(history: &[Received]) -> Vec<&str> {
    history.iter().map(|received| received.event.as_str()).collect()
}
