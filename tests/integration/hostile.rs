//! Hostile requests against a live server: every one is answered, as the contract says, and the server lives on.
//! What reads a request's parts is tried by the thousand beside its code; the corpus is the same.

use jobcast::app::AppOptions;
use jobcast::demo::StandIns;
use serde_json::Value;

use crate::corpus::withstands;
use crate::databases::TestDatabase;
use crate::harness::{Client, Server};

const CASES: u32 = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_start_body_is_answered_in_the_contracts_words() {
    let (database, stand_ins) = (TestDatabase::sqlite().await, StandIns::start().await.unwrap());
    // Few run and few may wait, so that the jobs which such bodies start do not pile up.
    let flags = ["--webhook-secret", "a secret of the tests", "--max-queued-jobs", "50"];
    let server = Server::with(&database.url, &stand_ins, &flags, AppOptions::default()).await;
    let client = server.client();
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        withstands("start", CASES, |body| handle.block_on(starts_or_is_refused(&client, body.to_vec())));
    });
    assert_eq!(client.get("/healthz").await.0, 200);
    server.shut_down().await;
}

async fn starts_or_is_refused(client: &Client, body: Vec<u8>) {
    let request = client.http.post(client.at("/api/jobs/start")).header("Content-Type", "application/json").body(body);
    let response = request.send().await.expect("every request is answered");
    let status = response.status().as_u16();
    let answer: Value = response.json().await.expect("every answer is JSON");
    match status {
        202 => assert!(answer["success"] == true && answer["job_id"].is_string(), "{answer}"),
        400 | 413 | 422 | 429 => {
            assert!(answer["success"] == false && answer["code"].is_string(), "{answer}");
            let error = answer["error"].as_str().expect("words");
            assert!(!error.is_empty() && error.chars().count() <= 600, "{answer}");
        }
        other => panic!("{other}: {answer}"),
    }
}
