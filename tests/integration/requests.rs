//! Every request has an id that its client can give, and a span in the log that tells its job and never its query.

use jobcast::demo::StandIns;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{Client, Process, Server, Site};

const REQUEST_ID: &str = "x-request-id";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_returns_the_id_of_its_request() {
    let database = TestDatabase::sqlite().await;
    let stand_ins = StandIns::start().await.unwrap();
    let server = Server::start(&database.url, &stand_ins).await;
    let (client, site) = (server.client(), Site::start().await);
    let id = client.start(&site.url).await;
    client.until(&id, "completed").await;
    for (method, path, status) in [
        (Method::GET, format!("/api/jobs/{id}/status"), 200),
        (Method::GET, format!("/api/jobs/{id}/events"), 200),
        (Method::GET, format!("/api/jobs/{id}/events?last_event_id=tail"), 204),
        (Method::GET, "/api/jobs?limit=x".to_owned(), 422),
        (Method::GET, "/api/jobs/start".to_owned(), 405),
        (Method::GET, "/nowhere".to_owned(), 404),
        (Method::POST, "/api/jobs/start".to_owned(), 415),
        (Method::GET, "/static/app.js".to_owned(), 200),
        (Method::HEAD, "/healthz".to_owned(), 200),
    ] {
        let given = returned(&client, &method, &path, Some("Trace-1_a.b"), status).await;
        assert_eq!(given, "Trace-1_a.b", "{method} {path}");
        let made = returned(&client, &method, &path, Some("a b"), status).await;
        assert_ne!(made, returned(&client, &method, &path, None, status).await, "{method} {path}");
        assert!(Uuid::parse_str(&made).is_ok(), "{made}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_have_a_port_of_their_own_where_one_is_named() {
    let (database, stand_ins) = (TestDatabase::sqlite().await, StandIns::start().await.unwrap());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let process = Process::start(&database.url, &stand_ins, &["--metrics-port", &port.to_string()]);
    let client = process.client();
    let apart = Client::new(format!("http://127.0.0.1:{port}/").parse().unwrap());
    assert_eq!(client.send(Method::GET, "/metrics").await.status(), 404);
    let shown = apart.send(Method::GET, "/metrics").await.text().await.unwrap();
    assert!(shown.contains("jobcast_build_info"), "{shown}");
    for path in ["/", "/healthz", "/api/job-types"] {
        assert_eq!(apart.send(Method::GET, path).await.status(), 404, "{path}");
    }
}

async fn returned(client: &Client, method: &Method, path: &str, given: Option<&str>, status: u16) -> String {
    let mut request = client.http.request(method.clone(), client.at(path));
    if let Some(given) = given {
        request = request.header(REQUEST_ID, given);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::from_u16(status).unwrap(), "{method} {path}");
    answer.headers()[REQUEST_ID].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_a_requests_span_and_never_its_query() {
    let database = TestDatabase::sqlite().await;
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let process = Process::logging("info,jobcast=debug", &database.url, &stand_ins, &[]);
    let client = process.client();
    let id = client.start(&site.url).await;
    let path = format!("/api/jobs/{id}/status?access_token=planted-secret");
    assert_eq!(returned(&client, &Method::GET, &path, Some("find-me"), 200).await, "find-me");
    process.logged("find-me").await;
    client.until(&id, "completed").await;
    process.logged("attempt ends").await;

    let log = process.log();
    assert!(!log.contains("planted-secret") && !log.contains("access_token"), "{log}");
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let answered = lines.iter().find(|line| line["span"]["request_id"] == "find-me").expect("the request is logged");
    let span = &answered["span"];
    assert_eq!(
        (&span["name"], &span["method"], &span["route"], &span["job_id"], &span["status"]),
        (&json!("request"), &json!("GET"), &json!("/api/jobs/{id}/status"), &json!(id), &json!(200))
    );
    let ended = lines.iter().find(|line| line["fields"]["message"] == "attempt ends").expect("the attempt is logged");
    let span = &ended["span"];
    assert_eq!(
        (&span["name"], &span["job_id"], &span["attempt"], &span["job_type"]),
        (&json!("attempt"), &json!(id), &json!(1), &json!("brand_intelligence"))
    );
}
