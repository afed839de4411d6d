//! Another program keeps the SQLite file locked: clients are told, viewers stay, running jobs go on afterwards.

use std::time::Duration;

use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::job::JobId;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection, raw_sql};
use tokio::time::timeout;

use crate::databases::TestDatabase;
use crate::harness::{Process, Program, Server, Site, assert_complete, flags, jobcast, open, soon, stored};

/// No request is held longer than this; a start waits 5 s for the file.
const BOUND: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_another_program_has_locked() {
    let database = TestDatabase::sqlite().await;
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.gtm.script(Behaviour::HoldAfter { events: 1, gate: gate.clone() });
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let id = client.start(&site.url).await;
    soon("the job runs", gate.reached()).await;
    let mut reader = client.events(&id, None).await;
    reader.sync().await;
    let mut history = reader.until("progress").await;

    let mut other = SqliteConnection::connect(&database.url).await.unwrap();
    // It may meet a commit of the server.
    raw_sql("PRAGMA busy_timeout = 20000; BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    // The job has more to say, which waits.
    gate.open();
    let body = json!({"brand_id": client.brand_id, "job_type": "brand_intelligence", "input_data": {"url": site.url}});
    let request = client.http.post(client.at("/api/jobs/start")).json(&body).send();
    let answer = timeout(BOUND, request).await.expect("an answer within its bound").unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["code"], "database_unavailable", "{told}");
    assert_eq!(client.job(&id).await["status"], "processing", "what is stored can be read");
    raw_sql("ROLLBACK").execute(&mut other).await.unwrap();

    history.extend(reader.rest().await);
    assert_complete(&history, &stored(open(&database).await.as_ref(), JobId(id.parse().unwrap())).await);
    assert_eq!(history.last().unwrap().event, "completed");
    assert_eq!(client.job(&id).await["retry_count"], 0);
    let next = client.start(&site.url).await;
    client.until(&next, "completed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_the_same_file_is_refused_and_a_later_one_is_not() {
    let database = TestDatabase::sqlite().await;
    let stand_ins = StandIns::start().await.unwrap();
    let mut first = Process::start(&database.url, &stand_ins, &[]);
    let flags = flags(&database.url, &stand_ins);
    let ended = Program::start(jobcast().args(&flags), BOUND).end().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let last = ended.err.lines().last().unwrap_or_default();
    let file = database.url.strip_prefix("sqlite://").unwrap();
    assert!(last.contains(file) && last.contains("another jobcast process is using this file"), "{ended:?}");
    assert!(last.contains("PostgreSQL"), "it says what to do: {ended:?}");
    // The system takes the lock back from a process that was killed.
    first.kill();
    let second = Process::start(&database.url, &stand_ins, &[]);
    assert_eq!(second.client().get("/readyz").await.0, 200);
}
