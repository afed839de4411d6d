//! The end of a job is told to its webhook: signed, at least once, whatever happens to the receiver or to the server.

use std::collections::BTreeMap;
use std::time::Duration;

use jobcast::app::AppOptions;
use jobcast::demo::{Behaviour, Gate, StandIns};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::databases::TestDatabase;
use crate::harness::{Client, Process, Receiver, Reply, Server, Site, eventually, on_both_databases, soon};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const FLAGS: [&str; 3] = ["--allow-private-webhooks", "--webhook-secret", SECRET];

on_both_databases! {
    every_end_is_told_and_signed,
    a_receiver_that_fails_is_called_again_until_it_confirms,
    a_receiver_that_cannot_be_reached_is_called_again,
    a_receiver_that_never_confirms_is_given_up,
    a_receiver_that_is_gone_is_not_called_again,
    a_second_end_is_another_delivery,
    a_call_that_kill_9_cut_is_made_again,
    the_url_is_part_of_what_a_key_stands_for,
    jobs_without_a_webhook_have_no_delivery,
    a_held_status_answers_when_the_call_has_been_made,
}

/// A server that tries again soon, and everything that its jobs need.
struct Bench {
    stand_ins: StandIns,
    site: Site,
    server: Server,
    client: Client,
}

impl Bench {
    async fn start(database: &TestDatabase) -> Bench {
        const SOON: Duration = Duration::from_millis(5);
        let options = AppOptions {
            webhook_delays: &[SOON, SOON, SOON],
            webhook_patience: Duration::from_millis(700),
            ..AppOptions::default()
        };
        Bench::with(database, &FLAGS, options).await
    }

    async fn with(database: &TestDatabase, flags: &[&str], options: AppOptions) -> Bench {
        let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
        let server = Server::with(&database.url, &stand_ins, flags, options).await;
        let client = server.client();
        Bench { stand_ins, site, server, client }
    }

    /// Starts a job that completes by itself.
    async fn start_job(&self, webhook_url: &str) -> String {
        start(&self.client, &self.site.url, webhook_url).await
    }

    /// Starts a job, and cancels it while its upstream is silent.
    async fn cancelled_job(&self, webhook_url: &str) -> String {
        let gate = Gate::new();
        self.stand_ins.gtm.script(Behaviour::HoldAfter { events: 0, gate: gate.clone() });
        let id = self.start_job(webhook_url).await;
        // Not only under way: the next call would be the one that is held.
        soon("its upstream is called", gate.reached()).await;
        assert_eq!(self.client.post(&format!("/api/jobs/{id}/cancel")).await.0, StatusCode::OK);
        id
    }
}

fn body(client: &Client, site: &str, webhook_url: &str) -> Value {
    let (brand_id, input_data) = (client.brand_id, json!({"url": site}));
    json!({"brand_id": brand_id, "job_type": "brand_extraction", "input_data": input_data, "webhook_url": webhook_url})
}

async fn start(client: &Client, site: &str, webhook_url: &str) -> String {
    let (status, answer) = client.start_with(&body(client, site, webhook_url)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    answer["job_id"].as_str().unwrap().to_owned()
}

/// Waits until the call to the job's webhook stands so; answers the job.
async fn until_webhook(client: &Client, id: &str, status: &str) -> Value {
    eventually(&format!("webhook {status}"), || async {
        let job = client.job(id).await;
        (job["webhook"]["status"] == status).then_some(job)
    })
    .await
}

async fn every_end_is_told_and_signed(database: TestDatabase) {
    let (bench, receiver) = (Bench::start(&database).await, Receiver::start().await);
    let completed = bench.start_job(&receiver.url).await;
    bench.client.until(&completed, "completed").await;
    receiver.called(1).await;
    let status = Behaviour::Status { status: 400, headers: Vec::new(), body: "{\"error\":\"no such site\"}".into() };
    bench.stand_ins.gtm.script(status);
    let failed = bench.start_job(&receiver.url).await;
    bench.client.until(&failed, "failed").await;
    receiver.called(2).await;
    let cancelled = bench.cancelled_job(&receiver.url).await;

    let calls = receiver.called(3).await;
    for (call, (id, status)) in
        calls.iter().zip([(&completed, "completed"), (&failed, "failed"), (&cancelled, "cancelled")])
    {
        let job = until_webhook(&bench.client, id, "delivered").await;
        call.assert_signed_with(SECRET);
        assert_eq!(call.id, format!("{id}.{}", job["last_seq"]));
        let result_url = (status == "completed").then(|| format!("/api/jobs/{id}/result"));
        let expected = json!({
            "type": format!("job.{status}"),
            "timestamp": job["completed_at"],
            "data": {
                "job_id": id, "brand_id": bench.client.brand_id, "job_type": "brand_extraction", "status": status,
                "result_url": result_url, "error_message": job["error_message"],
            },
        });
        assert_eq!(call.body, expected);
        let webhook = &job["webhook"];
        assert_eq!(
            (&webhook["url"], &webhook["attempts"]),
            (&json!(receiver.url.replace("/hook", "/…")), &json!(1)),
            "{webhook}"
        );
        assert!(webhook["last_error"].is_null() && webhook["next_attempt_at"].is_null(), "{webhook}");
        assert!(webhook["delivered_at"].is_string(), "{webhook}");
    }
    assert!(calls[1].body["data"]["error_message"].is_string(), "{:?}", calls[1]);
    assert_eq!(receiver.calls().len(), 3, "each once");

    let (_, list) = bench.client.get(&format!("/api/jobs?brand_id={}", bench.client.brand_id)).await;
    let listed: Vec<&Value> = list["jobs"].as_array().unwrap().iter().map(|job| &job["webhook"]["status"]).collect();
    assert_eq!(listed, ["delivered"; 3]);
    let mut events = bench.client.events(&completed, None).await;
    let sync = events.next().await.expect("the first frame");
    assert_eq!(sync.data["job"]["webhook"]["status"], "delivered", "{sync:?}");
    let (_, metrics) = text(&bench.client, "/metrics").await;
    assert!(metrics.contains("jobcast_webhooks_total{outcome=\"delivered\"}"), "{metrics}");
}

async fn a_receiver_that_fails_is_called_again_until_it_confirms(database: TestDatabase) {
    let (bench, receiver) = (Bench::start(&database).await, Receiver::start().await);
    receiver.script(&[Reply::Status(500), Reply::Held, Reply::Status(302)]);
    let id = bench.start_job(&receiver.url).await;
    let job = until_webhook(&bench.client, &id, "delivered").await;
    assert_eq!(job["webhook"]["attempts"], 4, "{job}");
    assert_eq!(job["webhook"]["last_error"], "it redirects (302), which is not followed", "{job}");
    let calls = receiver.calls();
    assert_eq!(calls.len(), 4);
    for call in &calls {
        assert_eq!((&call.id, &call.text), (&calls[0].id, &calls[0].text), "a try repeats the call to the letter");
        call.assert_signed_with(SECRET);
    }
}

async fn a_receiver_that_cannot_be_reached_is_called_again(database: TestDatabase) {
    const SOON: Duration = Duration::from_millis(20);
    const LATER: Duration = Duration::from_secs(2);
    let options = AppOptions { webhook_delays: &[SOON, SOON, LATER, LATER, LATER, LATER], ..AppOptions::default() };
    let bench = Bench::with(&database, &FLAGS, options).await;
    let (url, socket) = Receiver::reserve();
    let id = bench.start_job(&url).await;
    let job = eventually("a call that is refused", || async {
        let job = bench.client.job(&id).await;
        job["webhook"]["last_error"].is_string().then_some(job)
    })
    .await;
    let told = job["webhook"]["last_error"].as_str().unwrap();
    assert!(told.starts_with("no connection could be made") && !told.contains("hook"), "{job}");
    assert!(job["webhook"]["next_attempt_at"].is_string(), "{job}");
    let receiver = Receiver::at(socket);
    until_webhook(&bench.client, &id, "delivered").await;
    assert_eq!(receiver.calls().len(), 1);
}

async fn a_receiver_that_never_confirms_is_given_up(database: TestDatabase) {
    let (bench, receiver) = (Bench::start(&database).await, Receiver::start().await);
    receiver.script(&[Reply::Status(500); 10]);
    let id = bench.start_job(&receiver.url).await;
    let job = until_webhook(&bench.client, &id, "failed").await;
    let webhook = &job["webhook"];
    assert_eq!((&webhook["attempts"], &job["status"]), (&json!(4), &json!("completed")), "{job}");
    assert_eq!(webhook["last_error"], "it answered with status 500");
    assert!(webhook["next_attempt_at"].is_null() && webhook["delivered_at"].is_null(), "{webhook}");
    assert_eq!(receiver.calls().len(), 4);
}

async fn a_receiver_that_is_gone_is_not_called_again(database: TestDatabase) {
    let (bench, receiver) = (Bench::start(&database).await, Receiver::start().await);
    receiver.script(&[Reply::Status(410)]);
    let id = bench.start_job(&receiver.url).await;
    let job = until_webhook(&bench.client, &id, "failed").await;
    assert_eq!(job["webhook"]["attempts"], 1, "{job}");
    // A later call is made and shows that the first was not repeated before it.
    let another = bench.start_job(&receiver.url).await;
    until_webhook(&bench.client, &another, "delivered").await;
    assert_eq!(receiver.calls().len(), 2);
}

async fn a_second_end_is_another_delivery(database: TestDatabase) {
    let (bench, receiver) = (Bench::start(&database).await, Receiver::start().await);
    let id = bench.cancelled_job(&receiver.url).await;
    let first = until_webhook(&bench.client, &id, "delivered").await;
    let gate = Gate::new();
    bench.stand_ins.gtm.script(Behaviour::HoldAfter { events: 0, gate: gate.clone() });
    assert_eq!(bench.client.post(&format!("/api/jobs/{id}/retry")).await.0, StatusCode::ACCEPTED);
    let again = bench.client.until(&id, "processing").await;
    assert_eq!((&again["webhook"]["status"], &again["webhook"]["attempts"]), (&json!("pending"), &json!(0)));
    gate.open();
    bench.client.until(&id, "completed").await;
    let second = until_webhook(&bench.client, &id, "delivered").await;
    let ids: Vec<String> = receiver.calls().into_iter().map(|call| call.id).collect();
    assert_eq!(ids, [format!("{id}.{}", first["last_seq"]), format!("{id}.{}", second["last_seq"])]);
    let types: Vec<Value> = receiver.calls().into_iter().map(|call| call.body["type"].clone()).collect();
    assert_eq!(types, ["job.cancelled", "job.completed"]);
    bench.server.shut_down().await;
}

/// The end is durable and the receiver has heard of it, but nobody knows: it hears of it again under the same id.
async fn a_call_that_kill_9_cut_is_made_again(database: TestDatabase) {
    let (stand_ins, site, receiver) = (StandIns::start().await.unwrap(), Site::start().await, Receiver::start().await);
    receiver.script(&[Reply::Held]);
    let mut process = Process::start(&database.url, &stand_ins, &FLAGS);
    let id = start(&process.client(), &site.url, &receiver.url).await;
    let first = receiver.called(1).await.remove(0);
    process.kill();
    let process = process.start_again(&database.url, &stand_ins, &FLAGS);
    let job = until_webhook(&process.client(), &id, "delivered").await;
    assert_eq!((&job["status"], &job["webhook"]["attempts"]), (&json!("completed"), &json!(2)), "{job}");
    let calls = receiver.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!((&calls[1].id, &calls[1].text), (&first.id, &first.text));
    assert!(!process.log().contains(SECRET) && !process.log().contains("/hook"), "{}", process.log());
}

async fn the_url_is_part_of_what_a_key_stands_for(database: TestDatabase) {
    let (bench, receiver) = (Bench::start(&database).await, Receiver::start().await);
    let start = async |webhook_url: Value| {
        let mut body = body(&bench.client, &bench.site.url, "");
        body["webhook_url"] = webhook_url;
        let request = bench.client.http.post(bench.client.at("/api/jobs/start")).header("Idempotency-Key", "one");
        let response = request.json(&body).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (status, first) = start(json!(receiver.url)).await;
    assert_eq!(status, 202, "{first}");
    assert_eq!(start(json!(receiver.url)).await, (202, first));
    for other in [json!(format!("{}/other", receiver.url)), Value::Null] {
        let (status, answer) = start(other).await;
        assert_eq!((status, &answer["code"]), (422, &json!("idempotency_key_reused")), "{answer}");
    }
}

async fn jobs_without_a_webhook_have_no_delivery(database: TestDatabase) {
    let bench = Bench::with(&database, &[], AppOptions::default()).await;
    let id = bench.client.start_job("brand_extraction", &json!({"url": bench.site.url})).await;
    let job = bench.client.until(&id, "completed").await;
    assert_eq!(job.get("webhook"), Some(&Value::Null), "{job}");
    assert_eq!(database.number("SELECT count(*) FROM webhook_deliveries").await, 0);
    let response = bench.client.send(reqwest::Method::GET, &format!("/api/jobs/{id}/status")).await;
    assert_eq!(response.headers()["etag"], format!("W/\"{}\"", job["last_seq"]));
}

async fn a_held_status_answers_when_the_call_has_been_made(database: TestDatabase) {
    let (bench, receiver) = (Bench::with(&database, &FLAGS, AppOptions::default()).await, Receiver::start().await);
    receiver.script(&[Reply::Held]);
    let id = bench.start_job(&receiver.url).await;
    receiver.called(1).await;
    let path = format!("/api/jobs/{id}/status");
    let before = bench.client.send(reqwest::Method::GET, &path).await;
    let etag = before.headers()["etag"].clone();
    let held = bench.client.http.get(bench.client.at(&format!("{path}?wait=60"))).header("If-None-Match", etag).send();
    let (answer, ()) = tokio::join!(held, async { receiver.release() });
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<Value>().await.unwrap()["job"]["webhook"]["status"], "delivered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_make_each_call_once() {
    const JOBS: usize = 40;
    let (database, receiver) = (TestDatabase::postgres().await, Receiver::start().await);
    let bench = Bench::with(&database, &FLAGS, AppOptions::default()).await;
    let _other = Server::with(&database.url, &bench.stand_ins, &FLAGS, AppOptions::default()).await;
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..JOBS {
        // Each for a brand of its own, so that none waits for another.
        let client = bench.server.client();
        start(&client, &bench.site.url, &receiver.url).await;
        clients.push(client);
    }
    eventually("all deliveries", || async {
        let delivered = database.number("SELECT count(*) FROM webhook_deliveries WHERE status = 'delivered'").await;
        (delivered == JOBS as i64).then_some(())
    })
    .await;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    receiver.calls().into_iter().for_each(|call| *times.entry(call.id).or_default() += 1);
    assert_eq!(times.len(), JOBS);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_may_not_be_called_is_refused_at_the_start() {
    let database = TestDatabase::sqlite().await;
    let without_secret = Bench::with(&database, &[], AppOptions::default()).await;
    let body_for = |url: Value| {
        let mut body = body(&without_secret.client, &without_secret.site.url, "");
        body["webhook_url"] = url;
        body
    };
    let (status, answer) = without_secret.client.start_with(&body_for(json!("https://example.com/hook"))).await;
    assert_eq!((status.as_u16(), &answer["field"]), (422, &json!("webhook_url")), "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("WEBHOOK_SECRET"), "{answer}");
    drop(without_secret.server);

    let database = TestDatabase::sqlite().await;
    let public = Bench::with(&database, &["--webhook-secret", SECRET], AppOptions::default()).await;
    for url in [
        json!("http://127.0.0.1/hook"),
        json!("http://localhost/hook"),
        json!("http://[::1]/hook"),
        json!("http://169.254.169.254/latest/meta-data"),
        json!("http://10.0.0.1/"),
        json!("https://me:secret@example.com/"),
        json!("ftp://example.com/"),
        json!("example.com"),
        json!(""),
        json!(7),
        json!(["https://example.com/"]),
    ] {
        let (status, answer) = public.client.start_with(&body_for(url.clone())).await;
        assert_eq!((status.as_u16(), &answer["field"]), (422, &json!("webhook_url")), "{url}: {answer}");
    }
    let (status, answer) = public.client.start_with(&body_for(Value::Null)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let job_id = answer["job_id"].as_str().unwrap();
    assert!(public.client.job(job_id).await["webhook"].is_null());
}

async fn text(client: &Client, path: &str) -> (StatusCode, String) {
    let response = client.send(reqwest::Method::GET, path).await;
    (response.status(), response.text().await.unwrap())
}
