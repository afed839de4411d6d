//! Every route against every kind of token, as a table.

use jobcast::demo::StandIns;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{Client, SECRET, Server, Site, TokenClaims, in_seconds, on_both_databases, signed, signed_as};

on_both_databases!(
    each_route_asks_for_a_token_and_for_the_right_one,
    a_token_in_the_query_opens_event_streams_alone,
    what_needs_no_token_needs_none,
    without_a_secret_no_token_is_asked_for_or_read,
);

/// What a route is about, which decides what a token that is not for it finds there.
#[derive(Clone, Copy, PartialEq)]
enum About {
    Job,
    Brand,
    List,
    Start,
    Types,
}

struct Route {
    method: Method,
    path: String,
    about: About,
    /// The scope that it needs, if it needs any.
    scope: Option<&'static str>,
    /// How it answers the right token.
    right: u16,
}

/// A server with two completed jobs of one brand.
struct Tenant {
    server: Server,
    brand_id: Uuid,
    job_id: String,
    sibling_id: String,
}

impl Tenant {
    async fn start(database: &TestDatabase) -> Tenant {
        let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
        let server = Server::asking_for_tokens(&database.url, &stand_ins).await;
        let brand_id = Uuid::new_v4();
        let client = Client::with_token(server.url.clone(), brand_id, &TokenClaims::of(brand_id).token());
        let (job_id, sibling_id) = (client.start(&site.url).await, client.start(&site.url).await);
        client.until(&job_id, "completed").await;
        client.until(&sibling_id, "completed").await;
        Tenant { server, brand_id, job_id, sibling_id }
    }

    fn routes(&self) -> Vec<Route> {
        let id = &self.job_id;
        let route = |method, path: String, about, scope, right| Route { method, path, about, scope, right };
        let (read, write) = (Some("jobs:read"), Some("jobs:write"));
        vec![
            route(Method::POST, "/api/jobs/start".to_owned(), About::Start, write, 202),
            route(Method::GET, format!("/api/jobs/{id}/status"), About::Job, read, 200),
            route(Method::GET, format!("/api/jobs/{id}/result"), About::Job, read, 200),
            route(Method::GET, format!("/api/jobs/{id}/events"), About::Job, read, 200),
            route(Method::POST, format!("/api/jobs/{id}/cancel"), About::Job, write, 409),
            route(Method::POST, format!("/api/jobs/{id}/retry"), About::Job, write, 409),
            route(Method::GET, "/api/jobs".to_owned(), About::List, read, 200),
            route(Method::GET, format!("/api/brands/{}/events", self.brand_id), About::Brand, read, 200),
            route(Method::GET, "/api/job-types".to_owned(), About::Types, None, 200),
        ]
    }

    async fn ask(&self, route: &Route, token: Option<&str>) -> (u16, Value, Option<String>) {
        let client = self.server.client();
        let mut request = client.http.request(route.method.clone(), client.at(&route.path));
        if route.about == About::Start {
            let input = json!({"url": "http://127.0.0.1:1/"});
            let body = json!({"brand_id": self.brand_id, "job_type": "brand_extraction", "input_data": input});
            request = request.json(&body);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        answer(request).await
    }
}

/// The status, the body where it is JSON, and the challenge.
async fn answer(request: reqwest::RequestBuilder) -> (u16, Value, Option<String>) {
    let response = request.send().await.expect("the server answers");
    let status = response.status().as_u16();
    let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    let is_json = response.headers().get("content-type").is_some_and(|kind| kind == "application/json");
    let body = if is_json { response.json().await.expect("it is JSON") } else { Value::Null };
    (status, body, challenge)
}

async fn each_route_asks_for_a_token_and_for_the_right_one(database: TestDatabase) {
    let tenant = Tenant::start(&database).await;
    let right = TokenClaims::of(tenant.brand_id);
    for route in tenant.routes() {
        let name = format!("{} {}", route.method, route.path);
        refuses_what_is_no_good_token(&tenant, &route, &right).await;
        refuses_another_scope(&tenant, &route, &right).await;
        shows_nothing_to_a_token_for_others(&tenant, &route, &right).await;

        let (status, body, _) = tenant.ask(&route, Some(&right.token())).await;
        assert_eq!(status, route.right, "{name}: {body}");
        let array = right.clone().with("brands", json!([Uuid::new_v4(), tenant.brand_id]));
        for also_right in [array.with("scope", json!(["jobs:read", "jobs:write"])), right.clone().with("brands", "*")] {
            let (status, body, _) = tenant.ask(&route, Some(&also_right.token())).await;
            assert_eq!(status, route.right, "{name}: {body}");
        }
    }
}

async fn refuses_what_is_no_good_token(tenant: &Tenant, route: &Route, right: &TokenClaims) {
    let with = |name, value: i64| right.clone().with(name, value).token();
    let unsigned = format!("{}.", right.token().rsplit_once('.').unwrap().0);
    let none = signed_as("none", &right.0, SECRET);
    let none_unsigned = format!("{}.", none.rsplit_once('.').unwrap().0);
    for (token, word) in [
        (None, "Authorization: Bearer"),
        (Some("garbage".to_owned()), "HS256"),
        (Some("a.b.c".to_owned()), "HS256"),
        (Some(signed(&right.0, "another secret, which no server has")), "signature"),
        (Some(unsigned), "signature"),
        (Some(none), "HS256"),
        (Some(none_unsigned), "HS256"),
        (Some(signed_as("RS256", &right.0, SECRET)), "HS256"),
        (Some(signed_as("HS512", &right.0, SECRET)), "HS256"),
        (Some(with("exp", in_seconds(-60))), "expired"),
        (Some(with("nbf", in_seconds(60))), "not valid yet"),
        (Some(right.clone().without("exp").token()), "exp"),
        (Some(right.clone().without("brands").token()), "brands"),
        (Some(right.clone().with("job", Value::Null).token()), "job"),
    ] {
        let (status, body, challenge) = tenant.ask(route, token.as_deref()).await;
        let name = format!("{} {} with {token:?}: {body}", route.method, route.path);
        assert_eq!((status, &body["code"]), (401, &json!("unauthorized")), "{name}");
        assert!(challenge.is_some_and(|challenge| challenge.starts_with("Bearer")), "{name}");
        let words = body["error"].as_str().unwrap();
        assert!(words.contains(word), "{word:?} is missing: {name}");
        assert!(token.is_none_or(|token| !body.to_string().contains(&token)), "the token is never repeated: {name}");
    }
}

async fn refuses_another_scope(tenant: &Tenant, route: &Route, right: &TokenClaims) {
    let other = match route.scope {
        Some("jobs:read") => "jobs:write",
        _ => "jobs:read",
    };
    for claims in [right.clone().with("scope", other), right.clone().with("scope", ""), right.clone().without("scope")]
    {
        let (status, body, challenge) = tenant.ask(route, Some(&claims.token())).await;
        let name = format!("{} {} with {}: {body}", route.method, route.path, claims.0);
        let Some(scope) = route.scope else {
            assert_eq!(status, route.right, "{name}");
            continue;
        };
        assert_eq!((status, &body["code"]), (403, &json!("forbidden")), "{name}");
        assert!(body["error"].as_str().unwrap().contains(scope), "{name}");
        assert!(challenge.unwrap().contains("insufficient_scope"), "{name}");
    }
}

async fn shows_nothing_to_a_token_for_others(tenant: &Tenant, route: &Route, right: &TokenClaims) {
    let stranger = TokenClaims::of(Uuid::new_v4());
    let nobody = right.clone().with("brands", json!([]));
    let sibling = right.clone().with("job", tenant.sibling_id.as_str());
    let stranger_with_the_job = stranger.clone().with("job", tenant.job_id.as_str());
    let own = right.clone().with("job", tenant.job_id.as_str());
    for (claims, who) in [
        (&stranger, "stranger"),
        (&nobody, "nobody"),
        (&sibling, "sibling"),
        (&stranger_with_the_job, "stranger with the job"),
        (&own, "own"),
    ] {
        let (status, body, _) = tenant.ask(route, Some(&claims.token())).await;
        let name = format!("{} {} for {who}: {body}", route.method, route.path);
        let is_bound = claims.0.get("job").is_some();
        match route.about {
            About::Job if who == "own" => assert_eq!(status, route.right, "{name}"),
            // As for a job that does not exist, to the letter.
            About::Job => {
                let error = format!("there is no job with id {}", tenant.job_id);
                assert_eq!((status, body), (404, json!({"success": false, "error": error, "code": "not_found"})));
            }
            About::Brand => {
                let error = format!("there is no brand with id {}", tenant.brand_id);
                assert_eq!((status, body), (404, json!({"success": false, "error": error, "code": "not_found"})));
            }
            About::List => {
                let listed: Vec<&str> =
                    body["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect();
                let expected: &[&str] = match who {
                    "sibling" => &[&tenant.sibling_id],
                    "own" => &[&tenant.job_id],
                    _ => &[],
                };
                assert_eq!((status, listed.as_slice(), &body["next_cursor"]), (200, expected, &Value::Null), "{name}");
            }
            About::Start if is_bound => assert_eq!((status, &body["code"]), (403, &json!("forbidden")), "{name}"),
            About::Start => {
                let found = (status, &body["code"], &body["field"]);
                assert_eq!(found, (422, &json!("unknown_brand"), &json!("brand_id")), "{name}");
            }
            About::Types => assert_eq!(status, 200, "{name}"),
        }
    }
}

async fn a_token_in_the_query_opens_event_streams_alone(database: TestDatabase) {
    let tenant = Tenant::start(&database).await;
    let client = tenant.server.client();
    let right = TokenClaims::of(tenant.brand_id);
    let expired = right.clone().with("exp", in_seconds(-60)).token();
    for route in tenant.routes() {
        let is_stream = route.path.ends_with("/events");
        let name = format!("{} {}", route.method, route.path);
        let at = |token: &str| client.at(&format!("{}?access_token={token}", route.path));
        let ask = async |token: &str| answer(client.http.request(route.method.clone(), at(token))).await;
        let (status, body, _) = ask(&right.token()).await;
        match is_stream {
            true => assert_eq!(status, 200, "{name}: {body}"),
            false => {
                assert_eq!((status, &body["code"]), (401, &json!("unauthorized")), "{name}: {body}");
                assert!(body["error"].as_str().unwrap().contains("event streams alone"), "{name}: {body}");
            }
        }
        if is_stream {
            let (status, body, _) = ask(&expired).await;
            assert_eq!(status, 401, "{name}: {body}");
            assert!(body["error"].as_str().unwrap().contains("expired"), "{name}: {body}");
            let (status, _, _) = ask(&TokenClaims::of(Uuid::new_v4()).token()).await;
            assert_eq!(status, 404, "{name}");
            // The header wins over the query; credentials of another kind are a proxy's.
            let both = client.http.get(at(&right.token()));
            assert_eq!(answer(both.try_clone().unwrap().bearer_auth(&expired)).await.0, 401, "{name}");
            assert_eq!(answer(both.basic_auth("proxy", Some("x"))).await.0, 200, "{name}");
        }
    }
    for header in ["Bearer", "Basic eDp5", "Token x", "Bearer  "] {
        let request = client.http.get(client.at("/api/jobs")).header("authorization", header);
        assert_eq!(answer(request).await.0, 401, "{header}");
    }
    let lower_case = format!("bearer {}", right.token());
    let request = client.http.get(client.at("/api/jobs")).header("authorization", lower_case);
    assert_eq!(answer(request).await.0, 200, "a scheme may be written in any case");
}

async fn what_needs_no_token_needs_none(database: TestDatabase) {
    let server = Server::asking_for_tokens(&database.url, &StandIns::start().await.unwrap()).await;
    let client = server.client();
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/", 200),
        ("/static/app.js", 200),
        ("/openapi.json", 200),
        ("/docs", 200),
        ("/static/docs.js", 200),
        ("/static/nothing.js", 404),
        ("/api/nothing", 404),
        ("/api/jobs/start", 405),
        ("/api/jobs", 401),
    ] {
        let response = client.send(Method::GET, path).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["referrer-policy"], "no-referrer", "{path}");
    }
}

async fn without_a_secret_no_token_is_asked_for_or_read(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = Client::with_token(server.url.clone(), Uuid::new_v4(), "not.a.token");
    let body = json!({"brand_id": client.brand_id, "job_type": "brand_extraction", "input_data": {"url": site.url}});
    let (status, answer) = client.start_with(&body).await;
    assert_eq!(status, 202, "{answer}");
    let id = answer["job_id"].as_str().unwrap();
    assert_eq!(answer["events_url"], format!("/api/jobs/{id}/events"), "no token where none is asked for");
    let events = client.at(&format!("/api/jobs/{id}/events?access_token=not.a.token"));
    assert_eq!(client.http.get(events).send().await.unwrap().status(), 200);
}
