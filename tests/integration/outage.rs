//! The database goes away under a running server, in every way that a proxy can bring about: clients are told, viewers
//! stay connected, running jobs go on, nothing is lost or repeated, and everything recovers by itself.

use std::time::Duration;

use jobcast::app::AppOptions;
use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::event::EventName;
use jobcast::job::JobId;
use jobcast::store::Store;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::databases::TestDatabase;
use crate::harness::{Client, Proxy, Server, Site, assert_complete, eventually, open, soon, stored};

/// No route holds a request longer than this while the database is away. Commands and questions wait 5 s for it; a
/// silent connection alone would hold them for 38.
const BOUND: Duration = Duration::from_secs(20);

/// Short, so that a claim whose answer was lost is taken up soon, and so that leases run out during an outage.
const LEASE: [&str; 2] = ["--lease-seconds", "1"];

fn lively() -> AppOptions {
    AppOptions { keep_alive: Duration::from_millis(50), ..AppOptions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_refuses_connections_is_told_and_comes_back() {
    goes_away_and_comes_back(Proxy::cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_silent_is_told_and_comes_back() {
    goes_away_and_comes_back(|proxy| proxy.stall()).await;
}

async fn goes_away_and_comes_back(go_away: impl FnOnce(&mut Proxy)) {
    let database = TestDatabase::postgres().await;
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.gtm.set_default(Behaviour::HoldAfter { events: 1, gate: gate.clone() });
    let mut proxy = Proxy::start(&database.url).await;
    let server = Server::with(&proxy.url(&database.url), &stand_ins, &LEASE, lively()).await;
    let client = server.client();
    let (watched, other) = (client.start(&site.url).await, client.start(&site.url).await);
    soon("both jobs run", gate.reached_times(2)).await;
    let mut reader = client.events(&watched, None).await;
    reader.sync().await;
    let mut history = reader.until("progress").await;

    go_away(&mut proxy);
    tokio::join!(
        is_unavailable(&client, client.http.get(client.at("/readyz"))),
        is_unavailable(&client, start_request(&client, &site)),
        is_unavailable(&client, client.http.get(client.at(&format!("/api/jobs/{watched}/status")))),
        is_unavailable(&client, client.http.get(client.at(&format!("/api/jobs/{watched}/result")))),
        // The stream of the watched one may be served from memory for a second.
        is_unavailable(&client, client.http.get(client.at(&format!("/api/jobs/{other}/events")))),
        is_unavailable(&client, client.http.get(client.at("/api/jobs"))),
        is_unavailable(&client, client.http.post(client.at(&format!("/api/jobs/{other}/cancel")))),
        is_unavailable(&client, client.http.post(client.at(&format!("/api/jobs/{other}/retry")))),
    );
    assert_eq!(client.send(Method::GET, "/healthz").await.status(), 200, "the process itself is well");
    reader.next_comment().await;
    reader.next_comment().await;

    // The job goes on before the database does: what it says waits.
    gate.open();
    assert!(stand_ins.gtm.wait_until(|counts| counts.calls == 2, BOUND).await);
    proxy.restore();
    eventually("ready", || async { (client.get("/readyz").await.0 == 200).then_some(()) }).await;
    history.extend(reader.rest().await);
    assert_complete(&history, &stored(open(&database).await.as_ref(), JobId(watched.parse().unwrap())).await);
    assert_eq!(history.last().unwrap().event, "completed");
    let next = client.start(&site.url).await;
    client.until(&next, "completed").await;
    let job = client.job(&watched).await;
    assert_eq!(job["retry_count"], 0, "the attempt went on; nothing was paid twice");
}

fn start_request(client: &Client, site: &Site) -> RequestBuilder {
    let body = json!({"brand_id": client.brand_id, "job_type": "brand_intelligence", "input_data": {"url": site.url}});
    client.http.post(client.at("/api/jobs/start")).json(&body)
}

async fn is_unavailable(client: &Client, request: RequestBuilder) {
    let request = request.build().unwrap();
    let route = format!("{} {}", request.method(), request.url().path());
    let answer = timeout(BOUND, client.http.execute(request)).await;
    let answer = answer.unwrap_or_else(|_| panic!("{route}: no answer within {BOUND:?}")).unwrap();
    assert_eq!(answer.status(), 503, "{route}");
    assert!(answer.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0, "{route}");
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["success"], &body["code"]), (&json!(false), &json!("database_unavailable")), "{route}: {body}");
    let words = body["error"].as_str().unwrap();
    assert!(!words.contains("postgres") && !words.contains("127.0.0.1"), "internal causes stay inside: {words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_are_replaced_unseen() {
    let database = TestDatabase::postgres().await;
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.gtm.script(Behaviour::HoldAfter { events: 1, gate: gate.clone() });
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let id = client.start(&site.url).await;
    soon("the job runs", gate.reached()).await;
    let mut reader = client.events(&id, None).await;
    reader.sync().await;
    let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'jobcast'";
    for _ in 0..5 {
        assert!(database.number(terminate).await > 0, "there were connections to kill");
        // Each of these meets a dead connection or opens a new one; none shows it.
        let paths = [format!("/api/jobs/{id}/status"), "/api/jobs".to_owned(), "/readyz".to_owned()];
        let answers = futures_util::future::join_all(paths.iter().map(|path| client.get(path))).await;
        assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
        assert!(database.number(terminate).await > 0, "there were connections to kill");
        let (status, answer) = client.post(&format!("/api/jobs/{}/cancel", client.start(&site.url).await)).await;
        assert!(status == 200 || answer["code"] == "wrong_state", "{answer}");
    }
    gate.open();
    let history = reader.rest().await;
    assert_complete(&history, &stored(open(&database).await.as_ref(), JobId(id.parse().unwrap())).await);
    assert_eq!(history.last().unwrap().event, "completed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_learn_of_a_cancel_whose_answer_never_came() {
    let database = TestDatabase::postgres().await;
    let (stand_ins, gate) = (StandIns::start().await.unwrap(), Gate::new());
    stand_ins.gtm.script(Behaviour::HoldAfter { events: 0, gate: gate.clone() });
    let proxy = Proxy::start(&database.url).await;
    let server = Server::start(&proxy.url(&database.url), &stand_ins).await;
    let client = server.client();
    let id = client.start("https://example.com").await;
    soon("the job runs", gate.reached()).await;
    let mut reader = client.events(&id, None).await;
    reader.sync().await;
    proxy.lose_commit_answers(1);
    is_unavailable(&client, client.http.post(client.at(&format!("/api/jobs/{id}/cancel")))).await;
    let history = reader.rest().await;
    assert_eq!(history.last().unwrap().event, "cancelled", "{history:?}");
    assert_complete(&history, &stored(open(&database).await.as_ref(), JobId(id.parse().unwrap())).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_ends_although_the_database_is_silent() {
    let database = TestDatabase::postgres().await;
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.gtm.script(Behaviour::HoldAfter { events: 1, gate: gate.clone() });
    let proxy = Proxy::start(&database.url).await;
    let more = ["--lease-seconds", "1", "--drain-seconds", "4"];
    let server = Server::with(&proxy.url(&database.url), &stand_ins, &more, lively()).await;
    let id = server.client().start(&site.url).await;
    soon("the job runs", gate.reached()).await;
    let mut reader = server.client().events(&id, None).await;
    reader.sync().await;
    proxy.stall();
    server.shut_down().await;
    assert!(reader.rest().await.iter().all(|received| received.event != "failed"));

    // Its job could not be released; the lease runs out, and another process goes on.
    let next = Server::with(&database.url, &stand_ins, &LEASE, lively()).await;
    next.client().until(&id, "completed").await;
    assert_eq!((stand_ins.gtm.calls(), stand_ins.claude.calls()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_survive_connections_that_are_cut_at_random_bytes() {
    // Twice the mean is the most that gets through between two cuts. The results of all jobs, committed together on a new
    // connection, take more than 24,000 bytes, most of them statements to be prepared.
    for (seed, mean) in [(1, 20_000), (2, 20_000), (3, 24_000), (4, 24_000), (5, 30_000), (6, 30_000)] {
        jobs_survive(&format!("seed {seed}, a cut every {mean} bytes"), |proxy| proxy.cut_at_random(seed, mean)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_not_repeated() {
    for every in [2, 3, 5] {
        jobs_survive(&format!("every {every}th answer"), |proxy| proxy.lose_commit_answers(every)).await;
    }
}

/// Runs a few jobs to their end while the fault goes on: every viewer sees every event once, no text is doubled, and no
/// upstream is called twice.
async fn jobs_survive(fault: &str, begin: impl FnOnce(&Proxy)) {
    const JOBS: usize = 3;
    let database = TestDatabase::postgres().await;
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.gtm.set_default(Behaviour::HoldAfter { events: 1, gate: gate.clone() });
    // So that the text comes in several commits.
    stand_ins.claude.set_pace(Duration::from_millis(4));
    let mut proxy = Proxy::start(&database.url).await;
    let server = Server::with(&proxy.url(&database.url), &stand_ins, &LEASE, lively()).await;
    let client = server.client();
    let (mut ids, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..JOBS {
        let id = client.start(&site.url).await;
        let mut reader = client.events(&id, None).await;
        reader.sync().await;
        ids.push(id);
        readers.push(reader);
    }
    soon("all jobs run", gate.reached_times(JOBS)).await;

    begin(&proxy);
    gate.open();
    let histories = futures_util::future::join_all(readers.iter_mut().map(|reader| reader.rest())).await;
    let cuts = proxy.cuts();
    proxy.restore();

    assert!(cuts > 0, "{fault}: nothing was cut");
    let store = open(&database).await;
    for (id, history) in ids.iter().zip(histories) {
        assert_eq!(history.last().map(|last| last.event.as_str()), Some("completed"), "{fault}: {history:?}");
        let job_id = JobId(id.parse().unwrap());
        assert_complete(&history, &stored(store.as_ref(), job_id).await);
        assert_text_is_whole(store.as_ref(), job_id, fault).await;
    }
    assert_eq!((stand_ins.gtm.calls(), stand_ins.claude.calls()), (JOBS, JOBS), "{fault}: each step was done once");
    assert_eq!(database.number("SELECT count(*) FROM brand_intelligence").await, JOBS as i64, "{fault}");
    eventually("ready", || async { (client.get("/readyz").await.0 == 200).then_some(()) }).await;
}

/// The text of all deltas is the model's answer, one JSON object: a piece twice or too little would spoil it.
async fn assert_text_is_whole(store: &dyn Store, job_id: JobId, fault: &str) {
    let deltas = stored(store, job_id).await.into_iter().filter(|event| event.name == EventName::Delta);
    let pieces: Vec<String> = deltas
        .map(|event| serde_json::from_str::<Value>(&event.data).unwrap()["text"].as_str().unwrap().to_owned())
        .collect();
    assert!(pieces.len() > 1, "{fault}: the text came in several commits");
    let answer: Value = serde_json::from_str(&pieces.concat()).unwrap_or_else(|error| panic!("{fault}: {error}"));
    let result = store.result_data(job_id).await.unwrap().unwrap();
    assert_eq!(answer["mission"], result["mission"], "{fault}");
}
