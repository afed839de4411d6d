//! kill -9 at every boundary of every job type: the job completes, and no finished upstream call is made again.

use std::time::Duration;

use chrono::Utc;
use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::job::JobId;
use serde_json::json;

use super::*;
use crate::harness::{Process, assert_complete, on_both_databases, open, soon, stored};

/// Short, so that a silent worker's job is taken up soon.
const LEASE: [&str; 2] = ["--lease-seconds", "1"];

on_both_databases!(
    brand_intelligence,
    competitor_analysis,
    target_audiences,
    products_services,
    campaigns,
    brand_extraction,
    page_discovery,
    a_kill_between_two_pages_of_ads_repeats_the_second_alone,
    a_kill_while_an_answer_is_corrected_does_not_ask_the_first_question_again,
);

async fn brand_intelligence(database: TestDatabase) {
    kill_everywhere(&database, &BRAND_INTELLIGENCE).await;
}

async fn competitor_analysis(database: TestDatabase) {
    kill_everywhere(&database, &COMPETITOR_ANALYSIS).await;
}

async fn target_audiences(database: TestDatabase) {
    kill_everywhere(&database, &TARGET_AUDIENCES).await;
}

async fn products_services(database: TestDatabase) {
    kill_everywhere(&database, &PRODUCTS_SERVICES).await;
}

async fn campaigns(database: TestDatabase) {
    kill_everywhere(&database, &CAMPAIGNS).await;
}

async fn brand_extraction(database: TestDatabase) {
    kill_everywhere(&database, &BRAND_EXTRACTION).await;
}

async fn page_discovery(database: TestDatabase) {
    kill_everywhere(&database, &PAGE_DISCOVERY).await;
}

async fn kill_everywhere(database: &TestDatabase, case: &Case) {
    for held in 0..case.calls.len() {
        kill_during(database, case, held).await;
    }
    kill_after_the_last_call(database, case).await;
}

/// Kills the server while the call of this number is under way: it alone is made again.
async fn kill_during(database: &TestDatabase, case: &Case, held: usize) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    let mut process = Process::start(&database.url, &stand_ins, &LEASE);
    let client = case.client(process.client(), &site).await;
    let before = calls(&stand_ins);
    let upstream = case.calls[held];
    upstream.script(&stand_ins, Behaviour::HoldAfter { events: 0, gate: gate.clone() });
    let id = case.start(&client, &site).await;
    soon("the call is under way", gate.reached()).await;
    process.kill();

    finish(database, &stand_ins, case, &client, &id).await;
    let mut expected = case.calls.to_vec();
    expected.push(upstream);
    assert_eq!(calls_since(&stand_ins, before), tally(&expected), "{} killed in call {held}", case.job_type);
}

/// Kills the server between the last step's first word and its end, or right after it: both must come out the same.
async fn kill_after_the_last_call(database: &TestDatabase, case: &Case) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let mut process = Process::start(&database.url, &stand_ins, &LEASE);
    let client = case.client(process.client(), &site).await;
    let before = calls(&stand_ins);
    let id = case.start(&client, &site).await;
    let mut reader = client.events(&id, None).await;
    let last = reader.sync().await.data["job"]["total_steps"].clone();
    while let Some(received) = reader.next().await {
        if received.data["step"] == last {
            break;
        }
    }
    process.kill();

    finish(database, &stand_ins, case, &client, &id).await;
    assert_eq!(calls_since(&stand_ins, before), tally(case.calls), "{} killed while it saved", case.job_type);
}

async fn a_kill_between_two_pages_of_ads_repeats_the_second_alone(database: TestDatabase) {
    let (stand_ins, gate) = (StandIns::start().await.unwrap(), Gate::new());
    stand_ins.foreplay.script(Behaviour::Normal);
    stand_ins.foreplay.script(Behaviour::HoldAfter { events: 0, gate: gate.clone() });
    let mut process = Process::start(&database.url, &stand_ins, &LEASE);
    let client = process.client();
    // Fifty ads are looked at for a range, and the last hundred days hold some of the sixty.
    let start_date = (Utc::now() - Duration::from_secs(100 * 24 * 3600)).date_naive();
    let input_data = json!({"competitor_name": "Acme", "start_date": start_date, "limit": 50});
    let id = client.start_job("competitor_analysis", &input_data).await;
    soon("the second page is asked for", gate.reached()).await;
    process.kill();

    finish(&database, &stand_ins, &COMPETITOR_ANALYSIS, &client, &id).await;
    assert_eq!(calls(&stand_ins), [0, 3, 1]);
    let cursors: Vec<bool> = stand_ins
        .foreplay
        .requests()
        .iter()
        .map(|request| request.query.as_deref().unwrap_or_default().contains("cursor="))
        .collect();
    assert_eq!(cursors, [false, true, true], "the first page was asked for once");
}

async fn a_kill_while_an_answer_is_corrected_does_not_ask_the_first_question_again(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(super::failing::answer("{\"name\": \"of another form\"}", "end_turn"));
    stand_ins.claude.script(Behaviour::HoldAfter { events: 4, gate: gate.clone() });
    let mut process = Process::start(&database.url, &stand_ins, &LEASE);
    let client = process.client();
    let id = client.start(&site.url).await;
    soon("the answer is being corrected", gate.reached()).await;
    process.kill();

    finish(&database, &stand_ins, &BRAND_INTELLIGENCE, &client, &id).await;
    assert_eq!(calls(&stand_ins), [1, 0, 3]);
    let turns: Vec<usize> =
        stand_ins.claude.requests().iter().map(|request| request.body["messages"].as_array().unwrap().len()).collect();
    assert_eq!(turns, [1, 3, 3], "the first question was asked once");
}

/// A new server takes the job up; it completes, with an unbroken history and its rows saved once.
async fn finish(database: &TestDatabase, stand_ins: &StandIns, case: &Case, client: &Client, id: &str) {
    let process = Process::start(&database.url, stand_ins, &LEASE);
    let new_client = process.client();
    let mut reader = new_client.events(id, None).await;
    if reader.status == 200 {
        reader.sync().await;
        let history = reader.rest().await;
        let job_id = JobId(id.parse().unwrap());
        assert_complete(&history, &stored(open(database).await.as_ref(), job_id).await);
        assert_eq!(history.last().unwrap().event, "completed", "{history:?}");
    }
    let job = new_client.job(id).await;
    assert_eq!(job["status"], "completed", "{job}");
    let (_, result) = new_client.get(&format!("/api/jobs/{id}/result")).await;
    let rows = case.rows_of(database, client.brand_id).await;
    assert_eq!(rows, case.rows_in(&result["result_data"]), "the rows were saved once");
}
