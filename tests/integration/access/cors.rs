//! Pages of other origins: let in where they are named, and only so far.

use jobcast::app::AppOptions;
use jobcast::demo::StandIns;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{Client, SECRET, Server, TokenClaims, on_both_databases};

on_both_databases!(origins_are_let_in_by_name, a_star_lets_every_origin_in, no_other_origin_is_let_in_by_default);

const APP: &str = "https://app.example.com";

async fn server(database: &TestDatabase, origins: &str) -> Server {
    let more = ["--auth-secret", SECRET, "--cors-origins", origins];
    Server::with(&database.url, &StandIns::start().await.unwrap(), &more, AppOptions::default()).await
}

fn preflight(client: &Client, path: &str, origin: &str, headers: &str) -> RequestBuilder {
    let request = client.http.request(Method::OPTIONS, client.at(path)).header("origin", origin);
    request.header("access-control-request-method", "POST").header("access-control-request-headers", headers)
}

async fn answered(request: RequestBuilder) -> (u16, HeaderMap) {
    let response = request.send().await.expect("the server answers");
    (response.status().as_u16(), response.headers().clone())
}

/// The words of a header that lists them, in lower case and in order.
fn words(headers: &HeaderMap, name: &str) -> Vec<String> {
    let text = headers.get(name).map_or("", |value| value.to_str().unwrap()).to_lowercase();
    let mut words: Vec<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
    words.sort();
    words
}

async fn origins_are_let_in_by_name(database: TestDatabase) {
    let server = server(&database, &format!("{APP}, http://localhost:3000")).await;
    let client = server.client();
    for origin in [APP, "http://localhost:3000"] {
        let wanted = "authorization, content-type, idempotency-key, last-event-id, if-none-match";
        let (status, headers) = answered(preflight(&client, "/api/jobs/start", origin, wanted)).await;
        assert_eq!((status, &headers["access-control-allow-origin"]), (200, &origin.parse().unwrap()));
        assert_eq!(words(&headers, "access-control-allow-methods"), ["get", "post"]);
        let allowed =
            ["authorization", "content-type", "idempotency-key", "if-none-match", "last-event-id", "x-request-id"];
        assert_eq!(words(&headers, "access-control-allow-headers"), allowed);
        assert_eq!(headers["access-control-max-age"], "7200");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
    let token = TokenClaims::of(Uuid::new_v4()).token();
    let list = || client.http.get(client.at("/api/jobs"));
    for (request, status) in [(list().bearer_auth(&token), 200), (list(), 401)] {
        let (answered, headers) = answered(request.header("origin", APP)).await;
        assert_eq!((answered, &headers["access-control-allow-origin"]), (status, &APP.parse().unwrap()));
        let exposed = ["etag", "idempotent-replayed", "location", "retry-after", "x-request-id"];
        assert_eq!(words(&headers, "access-control-expose-headers"), exposed);
        assert!(words(&headers, "vary").contains(&"origin".to_owned()), "caches keep origins apart");
    }
    for stranger in ["https://evil.example", "http://app.example.com", "https://app.example.com:8443", "null"] {
        let (_, headers) = answered(preflight(&client, "/api/jobs/start", stranger, "authorization")).await;
        assert!(!headers.contains_key("access-control-allow-origin"), "{stranger}");
        let (_, headers) = answered(list().bearer_auth(&token).header("origin", stranger)).await;
        assert!(!headers.contains_key("access-control-allow-origin"), "{stranger}");
    }
}

async fn a_star_lets_every_origin_in(database: TestDatabase) {
    let server = server(&database, "*").await;
    let client = server.client();
    let (status, headers) = answered(preflight(&client, "/api/jobs/start", APP, "authorization")).await;
    assert_eq!((status, &headers["access-control-allow-origin"]), (200, &"*".parse().unwrap()));
    assert!(!headers.contains_key("access-control-allow-credentials"), "a browser sends nothing by itself");
}

async fn no_other_origin_is_let_in_by_default(database: TestDatabase) {
    let server = Server::start(&database.url, &StandIns::start().await.unwrap()).await;
    let client = server.client();
    let (status, headers) = answered(preflight(&client, "/api/jobs/start", APP, "content-type")).await;
    assert_eq!(status, 405);
    assert!(headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{headers:?}");
    let (_, headers) = answered(client.http.get(client.at("/api/jobs")).header("origin", APP)).await;
    assert!(headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{headers:?}");
}
