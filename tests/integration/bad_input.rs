//! Bad input gets the contract's error, which names what is wrong.

use jobcast::demo::StandIns;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{Server, on_both_databases};

on_both_databases!(
    a_start_request_that_cannot_be_accepted_names_the_field,
    a_body_that_cannot_be_read_is_refused,
    a_list_request_that_cannot_be_answered_names_the_parameter,
    what_is_not_there_is_answered_in_json,
    a_missing_key_refuses_the_start_and_is_listed,
);

async fn a_start_request_that_cannot_be_accepted_names_the_field(database: TestDatabase) {
    let stand_ins = StandIns::start().await.unwrap();
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let with = |member: &str, value: Value| {
        let mut body = json!({
            "brand_id": Uuid::new_v4(), "job_type": "brand_intelligence", "input_data": {"url": "https://example.com"},
        });
        body[member] = value;
        body
    };
    for (body, field) in [
        (json!([]), "body"),
        (json!("text"), "body"),
        (json!({}), "brand_id"),
        (with("brand_id", json!("7")), "brand_id"),
        (with("brand_id", json!(7)), "brand_id"),
        (with("brand_id", json!(null)), "brand_id"),
        (with("job_type", json!("brand_inteligence")), "job_type"),
        (with("job_type", json!({})), "job_type"),
        (with("job_type", json!(null)), "job_type"),
        (with("priority", json!(1)), "priority"),
        (with("input_data", json!([])), "input_data"),
        (with("input_data", json!("x")), "input_data"),
        (with("input_data", json!(null)), "input_data.url"),
        (with("input_data", json!({})), "input_data.url"),
        (with("input_data", json!({"url": "example.com"})), "input_data.url"),
        (with("input_data", json!({"url": "javascript:alert(1)"})), "input_data.url"),
        (with("input_data", json!({"url": "http://"})), "input_data.url"),
        (with("input_data", json!({"url": ["https://example.com"]})), "input_data.url"),
        (with("input_data", json!({"url": "https://example.com", "max_pages": 0})), "input_data.max_pages"),
        (with("input_data", json!({"url": "https://example.com", "depth": 3})), "input_data.depth"),
    ] {
        let (status, answer) = client.start_with(&body).await;
        assert_eq!((status.as_u16(), &answer["code"]), (422, &json!("invalid_input")), "{body}: {answer}");
        assert_eq!(answer["field"], field, "{body}: {answer}");
        assert!(answer["error"].as_str().unwrap().starts_with(field), "{answer}");
    }
    let (_, list) = client.get("/api/jobs").await;
    assert_eq!(list["jobs"], json!([]), "nothing was started");
    assert_eq!(stand_ins.gtm.calls(), 0);
}

async fn a_body_that_cannot_be_read_is_refused(database: TestDatabase) {
    let server = Server::start(&database.url, &StandIns::start().await.unwrap()).await;
    let client = server.client();
    let json_type = Some("application/json");
    for (content_type, body, status, code) in [
        (json_type, "{\"brand_id\": ".to_owned(), 400, "malformed"),
        (json_type, String::new(), 400, "malformed"),
        (json_type, "brand_id=7".to_owned(), 400, "malformed"),
        (json_type, "\u{0}".to_owned(), 400, "malformed"),
        (json_type, "[".repeat(60_000), 400, "malformed"),
        (json_type, format!("\"{}\"", "x".repeat(64 * 1024)), 413, "too_large"),
        (None, "{}".to_owned(), 415, "unsupported_media_type"),
        (Some("text/plain"), "{}".to_owned(), 415, "unsupported_media_type"),
        (Some("application/x-www-form-urlencoded"), "a=b".to_owned(), 415, "unsupported_media_type"),
    ] {
        let mut request = client.http.post(client.at("/api/jobs/start")).body(body.clone());
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let response = request.send().await.unwrap();
        let seen = response.status().as_u16();
        let answer: Value = response.json().await.unwrap();
        assert_eq!((seen, &answer["code"]), (status, &json!(code)), "{:.40}: {answer}", body);
    }
    // A body that is too large is refused also where its length is not declared.
    let chunks = futures_util::stream::iter((0..80).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024])));
    let request = client.http.post(client.at("/api/jobs/start")).header("content-type", "application/json");
    let response = request.body(reqwest::Body::wrap_stream(chunks)).send().await.unwrap();
    assert_eq!(response.status(), 413);
    // Parameters of the content type do not matter.
    let request =
        client.http.post(client.at("/api/jobs/start")).header("content-type", "application/json; charset=utf-8");
    assert_eq!(request.body("{}").send().await.unwrap().status(), 422);
}

async fn a_list_request_that_cannot_be_answered_names_the_parameter(database: TestDatabase) {
    let server = Server::start(&database.url, &StandIns::start().await.unwrap()).await;
    let client = server.client();
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=-1", "limit"),
        ("status=done", "status"),
        ("job_type=x", "job_type"),
        ("brand_id=7", "brand_id"),
        ("cursor=x", "cursor"),
        ("cursor=1_2", "cursor"),
        ("cursor=99999999999999999999_6b0e0000-0000-0000-0000-000000000000", "cursor"),
    ] {
        let (status, answer) = client.get(&format!("/api/jobs?{query}")).await;
        assert_eq!((status.as_u16(), &answer["field"]), (422, &json!(field)), "{query}: {answer}");
    }
    let (status, answer) = client.get("/api/jobs?brand_id=&status=&job_type=&limit=&cursor=").await;
    assert_eq!((status.as_u16(), &answer["next_cursor"]), (200, &Value::Null), "empty means absent: {answer}");
}

async fn what_is_not_there_is_answered_in_json(database: TestDatabase) {
    let server = Server::start(&database.url, &StandIns::start().await.unwrap()).await;
    let client = server.client();
    for (method, path, status, code) in [
        (Method::GET, "/api/nothing", 404, "not_found"),
        (Method::GET, "/nothing", 404, "not_found"),
        (Method::GET, "/static/nothing.js", 404, "not_found"),
        (Method::GET, "/static/../Cargo.toml", 404, "not_found"),
        (Method::GET, "/static/..%2f..%2fCargo.toml", 404, "not_found"),
        (Method::GET, "/api/jobs/start", 405, "method_not_allowed"),
        (Method::DELETE, "/api/jobs", 405, "method_not_allowed"),
        (Method::POST, "/healthz", 405, "method_not_allowed"),
        (Method::POST, "/metrics", 405, "method_not_allowed"),
    ] {
        let response = client.send(method.clone(), path).await;
        let (seen, answer) = (response.status().as_u16(), response.json::<Value>().await.unwrap());
        assert_eq!((seen, &answer["code"]), (status, &json!(code)), "{method} {path}: {answer}");
    }
}

async fn a_missing_key_refuses_the_start_and_is_listed(database: TestDatabase) {
    let stand_ins = StandIns::start().await.unwrap();
    // The last flag wins, and an empty key is none.
    let more = ["--anthropic-api-key", ""];
    let server = Server::with(&database.url, &stand_ins, &more, Default::default()).await;
    let client = server.client();
    let body = json!({
        "brand_id": Uuid::new_v4(), "job_type": "brand_intelligence", "input_data": {"url": "https://example.com"},
    });
    let (status, answer) = client.start_with(&body).await;
    assert_eq!((status.as_u16(), &answer["code"]), (503, &json!("missing_key")), "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("ANTHROPIC_API_KEY"), "{answer}");
    let (_, types) = client.get("/api/job-types").await;
    assert_eq!(types["job_types"][0]["available"], false, "{types}");
    assert_eq!(types["job_types"][0]["missing"], "ANTHROPIC_API_KEY");
}
