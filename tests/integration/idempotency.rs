//! A start under an `Idempotency-Key`, and a retry, happen once however often they are asked for.

use std::collections::HashSet;
use std::time::Duration;

use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::event::EventName;
use jobcast::job::{BrandId, JobId};
use jobcast::store::StoreSettings;
use jobcast::write::Action;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{
    Client, LogServer, Proxy, Server, Site, eventually, new_job, on_both_databases, open, soon, stored,
};

on_both_databases!(
    the_same_start_has_the_same_answer_to_the_letter,
    another_body_under_the_key_is_refused,
    what_is_no_key_is_refused,
    a_start_whose_client_left_is_made_once,
    a_full_queue_does_not_use_up_the_key,
    retries_that_race_are_one,
    a_retry_counts_against_the_length_of_the_queue,
);

/// What came back, to the letter, but for the date.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    status: u16,
    body: String,
    location: Option<HeaderValue>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the answer is JSON")
    }

    fn job_id(&self) -> String {
        self.json()["job_id"].as_str().unwrap_or_else(|| panic!("not started: {self:?}")).to_owned()
    }
}

/// Posts the body as it is; answers whether this start had been made before, too.
async fn start_under(client: &Client, keys: &[HeaderValue], body: String) -> (Answer, bool) {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for key in keys {
        headers.append("idempotency-key", key.clone());
    }
    let request = client.http.post(client.at("/api/jobs/start")).headers(headers).body(body);
    let response = request.send().await.expect("the server answers");
    let status = response.status().as_u16();
    let location = response.headers().get("location").cloned();
    let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    (Answer { status, location, body: response.text().await.expect("the answer arrives") }, replayed)
}

fn key(text: &str) -> [HeaderValue; 1] {
    [HeaderValue::from_str(text).unwrap()]
}

fn body(brand_id: Uuid, site: &str) -> String {
    json!({"brand_id": brand_id, "job_type": "brand_intelligence", "input_data": {"url": site, "max_pages": 7}})
        .to_string()
}

/// A server whose jobs all wait inside gtm.
async fn held(database: &TestDatabase, more: &[&str]) -> (StandIns, Server, Gate, Site) {
    let (stand_ins, gate) = (StandIns::start().await.unwrap(), Gate::new());
    stand_ins.gtm.set_default(Behaviour::HoldAfter { events: 0, gate: gate.clone() });
    let server = Server::with(&database.url, &stand_ins, more, Default::default()).await;
    (stand_ins, server, gate, Site::start().await)
}

async fn ids_of_brand(client: &Client, brand_id: Uuid) -> HashSet<String> {
    let (_, list) = client.get(&format!("/api/jobs?brand_id={brand_id}&limit=100")).await;
    assert_eq!(list["next_cursor"], Value::Null);
    list["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

async fn the_same_start_has_the_same_answer_to_the_letter(database: TestDatabase) {
    let (_stand_ins, server, gate, site) = held(&database, &[]).await;
    let client = server.client();
    let sent = body(client.brand_id, &site.url);
    let (first, replayed) = start_under(&client, &key("the first"), sent.clone()).await;
    assert_eq!((first.status, replayed), (202, false), "{first:?}");
    let id = first.job_id();
    assert_eq!(first.location, Some(HeaderValue::from_str(&format!("/api/jobs/{id}/status")).unwrap()));
    soon("the job runs", gate.reached()).await;

    let formatted = format!(
        "{{\n  \"input_data\" : {{ \"max_pages\":7,\"url\":\"{}\" }},\r\n\t\"job_type\": \"brand\\u005fintelligence\", \"brand_id\": \"{}\" }}\n",
        site.url,
        client.brand_id.to_string().to_uppercase()
    );
    assert_eq!(start_under(&client, &key("the first"), sent.clone()).await, (first.clone(), true), "while it runs");
    assert_eq!(start_under(&client, &key(" the first "), formatted).await, (first.clone(), true), "written otherwise");
    gate.open();
    client.until(&id, "completed").await;
    assert_eq!(start_under(&client, &key("the first"), sent.clone()).await, (first.clone(), true), "after its end");

    let (unnamed, _) = start_under(&client, &[], sent.clone()).await;
    let (named, replayed) = start_under(&client, &key("the second"), sent).await;
    assert_eq!((unnamed.status, named.status, replayed), (202, 202, false));
    let ids = ids_of_brand(&client, client.brand_id).await;
    assert_eq!(ids, [id, unnamed.job_id(), named.job_id()].into());
}

async fn another_body_under_the_key_is_refused(database: TestDatabase) {
    let (_stand_ins, server, _gate, site) = held(&database, &[]).await;
    let client = server.client();
    let (first, _) = start_under(&client, &key("k"), body(client.brand_id, &site.url)).await;
    for other in [
        body(client.brand_id, "https://other.example/"),
        body(client.brand_id, &site.url).replace("\"max_pages\":7", "\"max_pages\":8"),
        json!({"brand_id": client.brand_id, "job_type": "brand_intelligence", "input_data": {"url": site.url}})
            .to_string(),
    ] {
        let (refused, _) = start_under(&client, &key("k"), other.clone()).await;
        assert_eq!(refused.status, 422, "{other}: {refused:?}");
        let answer = refused.json();
        assert_eq!((&answer["success"], &answer["code"]), (&json!(false), &json!("idempotency_key_reused")));
        assert_eq!(answer["field"], "Idempotency-Key");
    }
    let neighbour = Uuid::new_v4();
    let (elsewhere, replayed) = start_under(&client, &key("k"), body(neighbour, &site.url)).await;
    assert_eq!((elsewhere.status, replayed), (202, false), "a key belongs to its brand");
    assert_eq!(ids_of_brand(&client, client.brand_id).await, [first.job_id()].into());
    assert_eq!(ids_of_brand(&client, neighbour).await, [elsewhere.job_id()].into());
}

async fn what_is_no_key_is_refused(database: TestDatabase) {
    let (_stand_ins, server, _gate, site) = held(&database, &[]).await;
    let client = server.client();
    let bytes = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap();
    for keys in [
        vec![bytes(b"")],
        vec![bytes(b"   ")],
        vec![bytes(&[b'k'; 256])],
        vec![bytes("ключ".as_bytes())],
        vec![bytes(b"a\tb")],
        vec![bytes(b"k"), bytes(b"k")],
        vec![bytes(b"k"), bytes(b"")],
    ] {
        let (refused, _) = start_under(&client, &keys, body(client.brand_id, &site.url)).await;
        assert_eq!(refused.status, 422, "{keys:?}: {refused:?}");
        let answer = refused.json();
        assert_eq!((&answer["code"], &answer["field"]), (&json!("invalid_input"), &json!("Idempotency-Key")));
        assert!(answer["error"].as_str().unwrap().starts_with("Idempotency-Key must be "), "{answer}");
    }
    assert!(ids_of_brand(&client, client.brand_id).await.is_empty(), "no job was started");
    let (taken, _) = start_under(&client, &[bytes(&[b'~'; 255])], body(client.brand_id, &site.url)).await;
    assert_eq!(taken.status, 202, "{taken:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_that_race_over_two_servers_are_one_job() {
    let database = TestDatabase::postgres().await;
    let (_stand_ins, first, _gate, site) = held(&database, &[]).await;
    let (_more_stand_ins, second, _second_gate, _) = held(&database, &[]).await;
    race(&[first.client(), second.client()], &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_that_race_on_sqlite_are_one_job() {
    let database = TestDatabase::sqlite().await;
    let (_stand_ins, server, _gate, site) = held(&database, &[]).await;
    race(&[server.client()], &site).await;
}

async fn race(clients: &[Client], site: &Site) {
    for round in 0..4 {
        let (brand_id, key) = (Uuid::new_v4(), key(&format!("round {round}")));
        let starts = (0..32).map(|n| start_under(&clients[n % clients.len()], &key, body(brand_id, &site.url)));
        let answers = futures_util::future::join_all(starts).await;
        let (first, _) = &answers[0];
        assert_eq!(first.status, 202, "{first:?}");
        assert!(answers.iter().all(|(answer, _)| answer == first), "{answers:?}");
        assert_eq!(answers.iter().filter(|(_, replayed)| !replayed).count(), 1, "one of them made it");
        assert_eq!(ids_of_brand(&clients[0], brand_id).await, [first.job_id()].into());
    }
}

async fn a_start_whose_client_left_is_made_once(database: TestDatabase) {
    const STARTS: usize = 60;
    let (_stand_ins, server, _gate, site) = held(&database, &["--max-concurrent-jobs", "1"]).await;
    let client = server.client();
    let address = format!("{}:{}", client.url.host_str().unwrap(), client.url.port().unwrap());
    let sent = body(client.brand_id, &site.url);
    let mut random = StdRng::seed_from_u64(11);
    let (mut ids, mut replayed) = (HashSet::new(), 0);
    for n in 0..STARTS {
        let request = format!(
            "POST /api/jobs/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Idempotency-Key: key {n}\r\nContent-Length: {}\r\n\r\n{sent}",
            sent.len()
        );
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // The wait only makes the moment random: before, while or after the job is created.
        tokio::time::sleep(Duration::from_micros(random.random_range(0..8_000))).await;
        drop(stream);
        let (again, was_made) = start_under(&client, &key(&format!("key {n}")), sent.clone()).await;
        assert_eq!(again.status, 202, "{again:?}");
        replayed += usize::from(was_made);
        ids.insert(again.job_id());
    }
    assert_eq!(ids.len(), STARTS);
    assert_eq!(ids_of_brand(&client, client.brand_id).await, ids, "none was made beside those that were answered");
    assert!(replayed > 0, "some of the lost ones had been made");
}

/// The server itself does not learn whether a start is durable, and commits it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_whose_commit_has_no_answer_are_made_once() {
    let database = TestDatabase::postgres().await;
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.gtm.set_default(Behaviour::HoldAfter { events: 0, gate: gate.clone() });
    let mut proxy = Proxy::start(&database.url).await;
    let more = ["--max-concurrent-jobs", "1"];
    let server = Server::with(&proxy.url(&database.url), &stand_ins, &more, Default::default()).await;
    let client = server.client();
    client.start(&site.url).await;
    soon("one job runs, so that nothing else is claimed", gate.reached()).await;
    proxy.lose_commit_answers(2);
    for n in 0..10 {
        let (brand_id, key) = (Uuid::new_v4(), key(&format!("key {n}")));
        let starts = (0..8).map(|_| start_under(&client, &key, body(brand_id, &site.url)));
        let answers = futures_util::future::join_all(starts).await;
        let (first, _) = &answers[0];
        assert_eq!(first.status, 202, "{first:?}");
        assert!(answers.iter().all(|(answer, _)| answer == first), "{answers:?}");
        assert_eq!(ids_of_brand(&client, brand_id).await, [first.job_id()].into());
    }
    assert!(proxy.cuts() > 0, "answers were lost");
    proxy.restore();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_whose_commit_has_no_answer_are_one() {
    let database = TestDatabase::postgres().await;
    let mut proxy = Proxy::start(&database.url).await;
    let settings = StoreSettings { lease: Duration::from_secs(600), max_queued_jobs: 1000, alone: false };
    let url = proxy.url(&database.url);
    let server = LogServer::start(jobcast::store::open(&url, &url, settings).await.unwrap()).await;
    for _ in 0..5 {
        let id = server.running_job().await;
        server.fail(id).await;
        proxy.lose_commit_answers(2);
        // The first answer arrives, the second does not: that of the retry.
        server.append(JobId::new(), Action::Create(new_job(BrandId(Uuid::new_v4())))).await;
        retry_at_once(&server, id).await;
        assert!(proxy.cuts() > 0, "an answer was lost");
        proxy.restore();
        assert_retried_once(&database, id).await;
    }
}

async fn a_full_queue_does_not_use_up_the_key(database: TestDatabase) {
    let more = ["--max-concurrent-jobs", "1", "--max-queued-jobs", "1"];
    let (_stand_ins, server, gate, site) = held(&database, &more).await;
    let client = server.client();
    client.start(&site.url).await;
    soon("one job runs", gate.reached()).await;
    let sent = body(client.brand_id, &site.url);
    let (waiting, _) = start_under(&client, &key("waiting"), sent.clone()).await;
    assert_eq!(waiting.status, 202);
    for _ in 0..2 {
        let (refused, _) = start_under(&client, &key("refused"), sent.clone()).await;
        assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("queue_full")), "{refused:?}");
    }
    assert_eq!(start_under(&client, &key("waiting"), sent).await, (waiting, true), "it takes no second place");
    gate.open();
    let other = body(client.brand_id, "https://other.example/");
    eventually("the key takes another body, as if it had not been used", || async {
        let (answer, replayed) = start_under(&client, &key("refused"), other.clone()).await;
        assert!(matches!(answer.status, 202 | 429) && !replayed, "{answer:?}");
        (answer.status == 202).then_some(())
    })
    .await;
}

async fn retries_that_race_are_one(database: TestDatabase) {
    let server = LogServer::start(open(&database).await).await;
    for _ in 0..4 {
        let id = server.running_job().await;
        server.fail(id).await;
        retry_at_once(&server, id).await;
        assert_retried_once(&database, id).await;
    }
}

/// Many ask at once; one of them is told that it was done.
async fn retry_at_once(server: &LogServer, id: JobId) {
    let client = server.client();
    let path = format!("/api/jobs/{id}/retry");
    let answers = futures_util::future::join_all((0..16).map(|_| client.post(&path))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 202);
    assert_eq!((accepted.len(), refused.len()), (1, 15), "{accepted:?}");
    for (status, answer) in refused {
        assert_eq!((status.as_u16(), &answer["code"]), (409, &json!("wrong_state")), "{answer}");
        assert_eq!(answer["status"], "pending");
    }
}

async fn assert_retried_once(database: &TestDatabase, id: JobId) {
    let events = stored(open(database).await.as_ref(), id).await;
    let names: Vec<EventName> = events.iter().map(|event| event.name).collect();
    assert_eq!(names, [EventName::Queued, EventName::Started, EventName::Failed, EventName::Queued]);
}

async fn a_retry_counts_against_the_length_of_the_queue(database: TestDatabase) {
    let settings = StoreSettings { lease: Duration::from_secs(600), max_queued_jobs: 1, alone: false };
    let server = LogServer::start(database.store(settings).await).await;
    let client = server.client();
    let (failed, waiting) = (server.running_job().await, JobId::new());
    server.fail(failed).await;
    server.append(waiting, Action::Create(new_job(BrandId(client.brand_id)))).await;
    let path = format!("/api/jobs/{failed}/retry");
    let refused = client.send(reqwest::Method::POST, &path).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "queue_full");
    assert_eq!(client.job(&failed.to_string()).await["status"], "failed");
    server.append(waiting, Action::Cancel).await;
    let (status, answer) = client.post(&path).await;
    assert_eq!((status.as_u16(), &answer["job"]["status"]), (202, &json!("pending")), "{answer}");
}
