//! Event streams under tokens: the address that a start gives, the end with the token, and what comes after it.

use std::time::Duration;

use jobcast::demo::StandIns;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clients;
use crate::databases::TestDatabase;
use crate::harness::{
    Client, LogServer, Program, Reader, Server, Site, TokenClaims, assert_complete, claims_of, in_seconds, jobcast,
    on_both_databases, open, stored,
};

on_both_databases!(
    a_stream_ends_with_its_token_and_goes_on_exactly_with_another,
    a_brand_stream_ends_with_its_token_too,
    the_address_of_a_start_opens_that_stream_and_nothing_else,
    an_event_source_reads_the_address_of_a_start,
    watch_takes_a_token,
);

/// The leeway keeps a token that has just expired good for some seconds more.
const ALMOST_OVER: i64 = -2;

async fn a_stream_ends_with_its_token_and_goes_on_exactly_with_another(database: TestDatabase) {
    let store = open(&database).await;
    let server = LogServer::asking_for_tokens(store.clone()).await;
    let job_id = server.running_job().await;
    let claims = TokenClaims::of(Uuid::nil()).with("brands", "*");
    let short = claims.clone().with("exp", in_seconds(ALMOST_OVER)).token();
    let http = server.client().http;
    let at = |token: &str| server.client().at(&format!("/api/jobs/{job_id}/events?access_token={token}"));

    let mut reader = Reader::open(&http, at(&short), None).await;
    assert_eq!(reader.sync().await.data["resume"], "start");
    let mut history = vec![reader.next().await.unwrap(), reader.next().await.unwrap()];
    server.progress(job_id, "page 1").await;
    history.extend(reader.rest().await);
    assert_eq!(history.last().unwrap().data["current_step"].as_str().map(|text| text.ends_with("page 1")), Some(true));
    assert!(reader.retry.is_some_and(|retry| (500..=4000).contains(&retry)), "it says when to come back");

    server.progress(job_id, "page 2, while nobody looks").await;
    let refused = http.get(at(&short)).header("last-event-id", history.len()).send().await.unwrap();
    assert_eq!(refused.status(), 401, "the token that ended the stream opens no other");
    assert!(refused.json::<Value>().await.unwrap()["error"].as_str().unwrap().contains("expired"));

    let cursor = history.last().map(|last| last.id);
    let mut reader = Reader::open(&http, at(&claims.token()), cursor).await;
    assert_eq!(reader.sync().await.data["resume"], "exact");
    server.fail(job_id).await;
    history.extend(reader.rest().await);
    assert_complete(&history, &stored(store.as_ref(), job_id).await);
}

async fn a_brand_stream_ends_with_its_token_too(database: TestDatabase) {
    let server = LogServer::asking_for_tokens(open(&database).await).await;
    let brand_id = Uuid::new_v4();
    let short = TokenClaims::of(brand_id).with("exp", in_seconds(ALMOST_OVER)).token();
    let client = Client::with_token(server.url.clone(), brand_id, &short);
    let url = client.at(&format!("/api/brands/{brand_id}/events"));
    let mut reader = Reader::open(&client.http, url.clone(), None).await;
    reader.sync().await;
    assert_eq!(reader.rest().await, []);
    assert_eq!(Reader::open(&client.http, url, None).await.status, 401);
}

async fn the_address_of_a_start_opens_that_stream_and_nothing_else(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::asking_for_tokens(&database.url, &stand_ins).await;
    let brand_id = Uuid::new_v4();
    let client = Client::with_token(server.url.clone(), brand_id, &TokenClaims::of(brand_id).token());
    let body = json!({"brand_id": brand_id, "job_type": "brand_extraction", "input_data": {"url": site.url}});
    let before = in_seconds(0);
    let (_, started) = client.start_with(&body).await;
    let (id, events_url) = (started["job_id"].as_str().unwrap(), started["events_url"].as_str().unwrap());
    assert_eq!(started["status_url"], format!("/api/jobs/{id}/status"), "it has no token");
    let token = events_url.strip_prefix(&format!("/api/jobs/{id}/events?access_token=")).expect("it has a token");
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "it fits an address");

    let bare = server.client();
    let mut reader = Reader::of(bare.http.get(bare.at(events_url)).send().await.unwrap());
    assert_eq!(reader.sync().await.data["job"]["id"], id);
    let other = client.start(&site.url).await;
    let bearer = Client::with_token(server.url.clone(), brand_id, token);
    client.until(id, "completed").await;
    for what in ["status", "result"] {
        assert_eq!(bearer.get(&format!("/api/jobs/{id}/{what}")).await.0, 200, "it reads this job");
    }
    for path in [format!("/api/jobs/{other}/status"), format!("/api/brands/{brand_id}/events")] {
        assert_eq!(bearer.get(&path).await.0, 404, "{path}");
    }
    for what in ["cancel", "retry"] {
        assert_eq!(bearer.post(&format!("/api/jobs/{id}/{what}")).await.0, 403, "{what}");
    }
    assert_eq!(bearer.start_with(&body).await.0, 403);
    let claims = claims_of(token);
    let expected = json!({"brands": [brand_id], "job": id, "scope": "jobs:read"});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&claims[name], value, "{claims}");
    }
    let lifetime = before + 3600..=in_seconds(3600);
    assert!(lifetime.contains(&claims["exp"].as_i64().unwrap()), "it is good for an hour: {claims}");
}

async fn an_event_source_reads_the_address_of_a_start(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::asking_for_tokens(&database.url, &stand_ins).await;
    let brand_id = Uuid::new_v4();
    let client = Client::with_token(server.url.clone(), brand_id, &TokenClaims::of(brand_id).token());
    let body = json!({"brand_id": brand_id, "job_type": "brand_intelligence", "input_data": {"url": site.url}});
    let (_, started) = client.start_with(&body).await;
    let events_url = client.at(started["events_url"].as_str().unwrap());
    let history = clients::read_by_npm_package(&events_url).await;
    clients::assert_whole_job(&database, started["job_id"].as_str().unwrap(), &history).await;
}

async fn watch_takes_a_token(database: TestDatabase) {
    let server = LogServer::asking_for_tokens(open(&database).await).await;
    let job_id = server.running_job().await;
    let claims = TokenClaims::of(Uuid::nil()).with("brands", "*").with("job", job_id.to_string());
    server.fail(job_id).await;
    let watch = async |token: Option<&str>| {
        let mut command = jobcast();
        command.args(["watch", &job_id.to_string(), "--server", server.url.as_str()]);
        if let Some(token) = token {
            command.env("JOBCAST_TOKEN", token);
        }
        Program::start(&mut command, Duration::from_secs(60)).end().await
    };
    let ended = watch(Some(&claims.token())).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), "failed: the end\n"), "{ended:?}");
    let expired = claims.with("exp", in_seconds(-60)).token();
    for (token, word) in [(None, "a token is needed"), (Some(expired.as_str()), "expired"), (Some("\u{e9}\n"), "")] {
        let ended = watch(token).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(3), ""), "{ended:?}");
        assert!(ended.err.starts_with("jobcast: ") && ended.err.contains(word), "{ended:?}");
    }
}
