//! Tenants on one server do not learn of each other: lists, brand streams, keys for starts.

use jobcast::demo::StandIns;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{Client, Reader, Server, Site, TokenClaims, on_both_databases};

on_both_databases!(
    a_list_shows_the_tokens_brands_alone_page_by_page,
    a_brand_stream_is_its_tenants_alone,
    the_same_key_of_two_tenants_names_two_jobs,
    a_stranger_can_neither_cancel_nor_retry,
);

fn client_of(server: &Server, brand_id: Uuid) -> Client {
    Client::with_token(server.url.clone(), brand_id, &TokenClaims::of(brand_id).token())
}

fn ids(list: &Value) -> Vec<String> {
    list["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

async fn a_list_shows_the_tokens_brands_alone_page_by_page(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::asking_for_tokens(&database.url, &stand_ins).await;
    let brands = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    let mut started = Vec::new();
    for round in 0..2 {
        for brand_id in brands {
            let id = client_of(&server, brand_id).start(&site.url).await;
            started.push((brand_id, id, round));
        }
    }
    let of = |brands: &[Uuid]| {
        let jobs = started.iter().rev().filter(|(brand_id, ..)| brands.contains(brand_id));
        jobs.map(|(_, id, _)| id.clone()).collect::<Vec<_>>()
    };
    let (_, list) = client_of(&server, brands[0]).get("/api/jobs").await;
    assert_eq!(ids(&list), of(&brands[..1]));

    let two = TokenClaims::of(brands[0]).with("brands", json!(brands[..2])).token();
    let two = Client::with_token(server.url.clone(), brands[0], &two);
    let (mut listed, mut query) = (Vec::new(), "/api/jobs?limit=3".to_owned());
    loop {
        let (_, page) = two.get(&query).await;
        listed.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("/api/jobs?limit=3&cursor={cursor}");
    }
    assert_eq!(listed, of(&brands[..2]), "the pages leave the third brand out and count right");
    let (_, one) = two.get(&format!("/api/jobs?brand_id={}", brands[1])).await;
    assert_eq!(ids(&one), of(&brands[1..2]));
    for stranger in [brands[2], Uuid::new_v4()] {
        let (status, none) = two.get(&format!("/api/jobs?brand_id={stranger}")).await;
        assert_eq!((status.as_u16(), none), (200, json!({"success": true, "jobs": [], "next_cursor": null})));
    }
    let all = TokenClaims::of(brands[0]).with("brands", "*").token();
    let (_, list) = Client::with_token(server.url.clone(), brands[0], &all).get("/api/jobs").await;
    assert_eq!(ids(&list), of(&brands));
}

async fn a_brand_stream_is_its_tenants_alone(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::asking_for_tokens(&database.url, &stand_ins).await;
    let (one, other) = (client_of(&server, Uuid::new_v4()), client_of(&server, Uuid::new_v4()));
    let stream = async |client: &Client, brand_id: Uuid| {
        Reader::open(&client.http, client.at(&format!("/api/brands/{brand_id}/events")), None).await
    };
    let mut own = stream(&one, one.brand_id).await;
    assert_eq!(stream(&other, one.brand_id).await.status, 404);
    own.sync().await;
    other.start(&site.url).await;
    let id = one.start(&site.url).await;
    let events = own.until("completed").await;
    assert!(events.iter().all(|event| event.data["job_id"] == id.as_str()), "{events:?}");
}

async fn the_same_key_of_two_tenants_names_two_jobs(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::asking_for_tokens(&database.url, &stand_ins).await;
    let (one, other) = (client_of(&server, Uuid::new_v4()), client_of(&server, Uuid::new_v4()));
    let start = async |client: &Client, brand_id: Uuid| {
        let body = json!({"brand_id": brand_id, "job_type": "brand_extraction", "input_data": {"url": site.url}});
        let request = client.http.post(client.at("/api/jobs/start")).header("idempotency-key", "the same").json(&body);
        let response = request.send().await.unwrap();
        let replayed = response.headers().contains_key("idempotent-replayed");
        (response.status().as_u16(), response.json::<Value>().await.unwrap(), replayed)
    };
    let (_, first, _) = start(&one, one.brand_id).await;
    let (status, others, replayed) = start(&other, other.brand_id).await;
    assert_eq!((status, replayed), (202, false), "{others}");
    assert_ne!(first["job_id"], others["job_id"]);
    let (status, answer, replayed) = start(&other, one.brand_id).await;
    assert_eq!((status, &answer["code"], replayed), (422, &json!("unknown_brand"), false), "{answer}");

    let (status, again, replayed) = start(&one, one.brand_id).await;
    assert_eq!((status, replayed), (202, true), "{again}");
    for name in ["job_id", "status", "estimated_duration", "status_url"] {
        assert_eq!(again[name], first[name], "{name}");
    }
    let events = one.at(again["events_url"].as_str().unwrap());
    let bare = server.client();
    assert_eq!(bare.http.get(events).send().await.unwrap().status(), 200, "its token is good too");
}

async fn a_stranger_can_neither_cancel_nor_retry(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start_held().await);
    let server = Server::asking_for_tokens(&database.url, &stand_ins).await;
    let (one, other) = (client_of(&server, Uuid::new_v4()), client_of(&server, Uuid::new_v4()));
    let id = one.start(&site.url).await;
    let (cancel, retry) = (format!("/api/jobs/{id}/cancel"), format!("/api/jobs/{id}/retry"));
    assert_eq!(other.post(&cancel).await.0, 404);
    assert_ne!(one.job(&id).await["status"], "cancelled", "nothing was done to it");
    assert_eq!(one.post(&cancel).await.0, 200);
    let last_seq = one.job(&id).await["last_seq"].clone();
    assert_eq!(other.post(&retry).await.0, 404);
    assert_eq!(one.job(&id).await["last_seq"], last_seq, "nothing was done to it");
    assert_eq!(one.post(&retry).await.0, 202);
}
