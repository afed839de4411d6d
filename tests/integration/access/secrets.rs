//! No secret shows: not in the logs of a run that tells everything, not in metrics, not in an answer.

use jobcast::demo::StandIns;
use nix::sys::signal::Signal;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{
    Client, Process, Receiver, Reply, SECRET, Site, TokenClaims, in_seconds, on_both_databases, signed,
};

on_both_databases!(no_secret_is_ever_written);

const PREVIOUS: &str = "the secret before the present one, 55d0";
const CLAUDE_KEY: &str = "sk-ant-planted-58f1c2";
const FOREPLAY_KEY: &str = "foreplay-planted-9be3d7";
const WEBHOOK_SECRET: &str = "webhooks-planted-c81d52";
const WEBHOOK_TOKEN: &str = "token=receiver-planted-07e4ab";
const PASSWORD: &str = "password-planted-37aa90";

/// The database with a password, which the server for tests does not ask for; a file has none.
fn with_password(database_url: &str) -> String {
    let mut url = Url::parse(database_url).unwrap();
    if url.scheme() != "sqlite" {
        url.set_password(Some(PASSWORD)).unwrap();
        return url.into();
    }
    database_url.to_owned()
}

async fn no_secret_is_ever_written(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let flags = [
        "--auth-secret",
        SECRET,
        "--auth-secret-previous",
        PREVIOUS,
        "--anthropic-api-key",
        CLAUDE_KEY,
        "--foreplay-api-key",
        FOREPLAY_KEY,
        "--webhook-secret",
        WEBHOOK_SECRET,
        "--allow-private-webhooks",
    ];
    let mut process = Process::logging("trace", &with_password(&database.url), &stand_ins, &flags);
    let brand_id = Uuid::new_v4();
    let claims = TokenClaims::of(brand_id);
    let good = claims.token();
    let expired = claims.clone().with("exp", in_seconds(-60)).token();
    let foreign = signed(&claims.0, "a secret of somebody else, 61c0a8b3");
    let stranger = TokenClaims::of(Uuid::new_v4()).token();
    let mut answers = String::new();

    let client = Client::with_token(process.url.clone(), brand_id, &good);
    // Its path is the secret of whoever gave it.
    let receiver = Receiver::start().await;
    receiver.script(&[Reply::Status(500)]);
    let hook = format!("{}?{WEBHOOK_TOKEN}", receiver.url);
    let input = json!({"url": site.url});
    let with_hook =
        json!({"brand_id": brand_id, "job_type": "brand_extraction", "input_data": input, "webhook_url": hook});
    let (status, with_hook) = client.start_with(&with_hook).await;
    assert_eq!(status, 202, "{with_hook}");
    receiver.called(1).await;
    let with_hook = with_hook["job_id"].as_str().unwrap().to_owned();
    for path in [format!("/api/jobs/{with_hook}/status"), format!("/api/jobs?brand_id={brand_id}")] {
        let job = client.get(&path).await.1.to_string();
        assert!(job.contains("\"attempts\""), "{job}");
        answers.push_str(&job);
    }
    let mut events = client.events(&with_hook, None).await;
    answers.push_str(&format!("{:?}", events.next().await));
    let analysis = client.start_job("brand_intelligence", &json!({"url": site.url})).await;
    let competitor = client.start_job("competitor_analysis", &json!({"competitor_name": "Acme"})).await;
    for id in [&analysis, &competitor] {
        client.until(id, "completed").await;
    }
    let body = json!({"brand_id": brand_id, "job_type": "brand_extraction", "input_data": {"url": site.url}});
    let (_, started) = client.start_with(&body).await;
    let events_url = started["events_url"].as_str().unwrap();
    let events_token = events_url.split_once("access_token=").unwrap().1.to_owned();
    let bare = Client::new(process.url.clone());
    for path in [
        events_url.to_owned(),
        format!("/api/jobs/{analysis}/events?access_token={good}&last_event_id=x"),
        format!("/api/jobs/{analysis}/events?access_token={expired}"),
        format!("/api/jobs/{analysis}/events?access_token={foreign}"),
        format!("/api/jobs/{analysis}/events?access_token={stranger}"),
        format!("/api/jobs/{analysis}/status?access_token={good}"),
        format!("/api/nothing?access_token={good}"),
        format!("/static/nothing?access_token={good}"),
        format!("/api/jobs?access_token={good}&%zz"),
        format!("/?access_token={good}"),
        "/metrics".to_owned(),
    ] {
        let response = bare.http.get(bare.at(&path)).send().await.unwrap();
        assert_eq!(response.headers()["referrer-policy"], "no-referrer", "{path}");
        answers.push_str(&format!("{:?}", response.headers()));
        answers.push_str(&response.text().await.unwrap());
    }
    for token in [&good, &expired, &foreign, &stranger] {
        let response = bare.http.get(bare.at("/api/jobs?limit=x")).bearer_auth(token).send().await.unwrap();
        answers.push_str(&response.text().await.unwrap());
    }
    process.logged(&format!("/api/jobs/{analysis}/events")).await;
    process.signal(Signal::SIGTERM);
    process.ended().await;

    let log = process.log();
    assert!(log.contains("\"TRACE\"") && log.contains("\"path\":\"/api/nothing\""), "it was told everything");
    let signatures =
        [&good, &expired, &foreign, &stranger, &events_token].map(|token| token.rsplit_once('.').unwrap().1);
    for secret in [SECRET, PREVIOUS, CLAUDE_KEY, FOREPLAY_KEY, PASSWORD, WEBHOOK_SECRET, WEBHOOK_TOKEN]
        .into_iter()
        .chain(signatures)
    {
        assert!(!log.contains(secret), "{secret} is in the log: {}", line_with(&log, secret));
        assert!(!answers.contains(secret), "{secret} is in an answer: {}", line_with(&answers, secret));
    }
}

fn line_with<'a>(text: &'a str, secret: &str) -> &'a str {
    text.lines().find(|line| line.contains(secret)).unwrap_or_default()
}
