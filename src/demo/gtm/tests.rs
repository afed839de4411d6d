//! The site analysis on a real small site, served on a port of its own.
//! It must not look inside the analysis: it reads the stream as a client does.

use super::Gtm;
use crate::demo::stand_in::StandIn;
use crate::upstream::Reach;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

mod faults;
mod json;
mod reach;

const HOME: &str = r##"<!doctype html><title>Acme Shoes | Run further</title>
<meta name="description" content="Shoes for long runs."><meta property="og:site_name" content="Acme">
<link rel="stylesheet" href="/style.css"><link rel="icon" href="/icon.svg">
<header><img src="/img/logo.png" alt="Acme"></header><nav><a href="/about">About</a></nav>
<h1>Run further</h1><p style="color:#ABCDEF">Made for runners.</p>
<a href="/about#team">again</a> <a href="/missing">broken</a> <a href="/data">data</a> <a href="/paper.pdf">paper</a>
<a href="/copy">copy</a> <a href="/leave">leave</a> <a href="http://other.invalid/">off</a><footer>Acme of Bergen</footer>"##;
const ABOUT: &str = r#"<title>About | Acme Shoes</title><h1>Who we are</h1><p>Twelve people.</p><a href="/deep">deep</a>
<a href="/">home</a><footer>Acme of Bergen</footer>"#;
const DEEP: &str = "<title>Deep</title><h2>Deep page</h2>";
const STYLE: &str =
    ":root{--main:#1e40af} h1{color:var(--main);font-family:'Playfair',serif} body{font:16px/1.5 Inter}";

/// A web server of the test, with a count of what was asked for.
struct Site {
    url: Url,
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Site {
    async fn start() -> Site {
        let asked: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let counting = Arc::clone(&asked);
        let count = move |request: axum::extract::Request, next: axum::middleware::Next| {
            *counting.lock().unwrap().entry(request.uri().path().to_owned()).or_default() += 1;
            next.run(request)
        };
        let router = Router::new()
            .route("/", get(|| async { Html(HOME) }))
            .route("/about", get(|| async { Html(ABOUT) }))
            .route("/deep", get(|| async { Html(DEEP) }))
            .route("/copy", get(|| async { Html(HOME) }))
            .route("/style.css", get(|| async { ([(CONTENT_TYPE, "text/css")], STYLE) }))
            .route("/data", get(|| async { ([(CONTENT_TYPE, "application/json")], "{}") }))
            .route("/leave", get(|| async { Redirect::temporary("http://other.invalid/") }))
            .route("/moved", get(|| async { Redirect::permanent("/") }))
            .route("/loop", get(|| async { Redirect::temporary("/loop") }))
            .route("/private", get(|| async { StatusCode::FORBIDDEN }))
            .route("/large", get(large))
            .layer(axum::middleware::from_fn(count));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Site { url, asked, _serving: AbortOnDropHandle::new(serving) }
    }

    fn at(&self, path: &str) -> String {
        self.url.join(path).unwrap().to_string()
    }

    fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().get(path).copied().unwrap_or(0)
    }
}

/// More than is read of a page.
async fn large() -> Response {
    Html(format!("<title>Large</title><p>{}", "word ".repeat(3 * 1024 * 1024 / 5))).into_response()
}

async fn post(body: Value) -> (u16, String) {
    post_to("api/analyze-brand-enhanced", body).await
}

async fn post_to(path: &str, body: Value) -> (u16, String) {
    let stand_in = StandIn::<Gtm>::start().await.unwrap();
    stand_in.set_reach(Reach::Everywhere);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let endpoint = stand_in.base_url().join(path).unwrap();
    let response = client.post(endpoint).json(&body).send().await.unwrap();
    assert_eq!((stand_in.calls(), stand_in.calls_to(&format!("/{path}"))), (1, 1));
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn analyse(body: Value) -> Vec<(String, Value)> {
    let (status, text) = post(body).await;
    assert_eq!(status, 200);
    let text = text.strip_prefix(": ok\n\n").unwrap();
    let events = text.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').unwrap();
        let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        (name.strip_prefix("event: ").unwrap().to_owned(), data)
    });
    events.collect()
}

fn named<'a>(events: &'a [(String, Value)], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|(own, _)| own == name).map(|(_, data)| data).collect()
}

#[tokio::test]
async fn a_site_is_read_and_described() {
    let site = Site::start().await;
    let events = analyse(json!({"url": site.at("/"), "maxPages": 15})).await;

    let pages: Vec<&str> = named(&events, "page").iter().map(|page| page["url"].as_str().unwrap()).collect();
    assert_eq!(pages, [site.at("/"), site.at("/about"), site.at("/deep")]);
    let skipped: Vec<&str> = named(&events, "skipped").iter().map(|page| page["url"].as_str().unwrap()).collect();
    assert_eq!(skipped, [site.at("/missing"), site.at("/data"), site.at("/leave")]);
    assert_eq!(site.asked("/paper.pdf"), 0, "not even asked for");
    assert_eq!((site.asked("/"), site.asked("/about")), (1, 1));

    let (last, complete) = events.last().unwrap();
    assert_eq!(last, "complete");
    let result = &complete["result"];
    assert_eq!((&result["success"], &result["simulated"]), (&json!(true), &json!(true)));
    assert_eq!(result["pages_analyzed"], 3);
    assert_eq!(result["brand"]["colors"]["primary"], json!(["#1E40AF", "#ABCDEF"]));
    assert_eq!(result["brand"]["fonts"]["headings"], json!(["Playfair"]));
    assert_eq!(result["brand"]["fonts"]["body"], json!(["Inter"]));
    assert_eq!(result["brand"]["logos"]["primary"]["src"], site.at("/img/logo.png"));
    let home = &result["pages"][0];
    assert_eq!(home["title"], "Acme Shoes | Run further");
    assert_eq!(home["siteName"], "Acme");
    assert_eq!(home["description"], "Shoes for long runs.");
    assert_eq!(home["headings"], json!(["Run further"]));
    assert!(home["text"].as_str().unwrap().contains("Acme of Bergen"));
    assert!(!result["pages"][1]["text"].as_str().unwrap().contains("Acme of Bergen"), "repeated on every page");
}

#[tokio::test]
async fn progress_rises_and_every_message_says_that_it_is_simulated() {
    let site = Site::start().await;
    let events = analyse(json!({"url": site.at("/")})).await;
    let progress: Vec<f64> = events.iter().map(|(_, data)| data["progress"].as_f64().unwrap()).collect();
    assert!(progress.is_sorted(), "{progress:?}");
    assert!(events.iter().all(|(_, data)| data["message"].as_str().unwrap().starts_with("Simulated analysis: ")));
    assert_eq!(events[0].0, "started");
    assert_eq!(events[1].0, "pages");
    let assets = named(&events, "assets")[0];
    assert!(["colors", "fonts", "logos"].iter().all(|member| assets[member].as_u64().unwrap() > 0));
}

#[tokio::test]
async fn no_more_pages_are_read_than_asked_for() {
    let site = Site::start().await;
    let events = analyse(json!({"url": site.at("/"), "maxPages": 1})).await;
    assert_eq!(named(&events, "page").len(), 1);
    assert_eq!(named(&events, "pages")[0]["count"], 1);
    assert_eq!(site.asked("/about"), 0);
}

#[tokio::test]
async fn the_first_page_may_be_elsewhere() {
    let (old, new) = (Site::start().await, Site::start().await);
    let to_new = new.at("/about");
    let router = Router::new().route("/", get(move || async move { Redirect::permanent(&to_new) }));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let _serving = AbortOnDropHandle::new(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
    let events = analyse(json!({"url": format!("http://{address}/"), "maxPages": 2})).await;
    let pages: Vec<&str> = named(&events, "page").iter().map(|page| page["url"].as_str().unwrap()).collect();
    assert_eq!(pages, [new.at("/about"), new.at("/deep")], "the walk goes on where it was sent");
    let moved = analyse(json!({"url": old.at("/moved"), "maxPages": 1})).await;
    assert_eq!(named(&moved, "page")[0]["url"], old.at("/"));
}

#[tokio::test]
async fn a_large_page_is_read_in_part() {
    let site = Site::start().await;
    let events = analyse(json!({"url": site.at("/large"), "maxPages": 1})).await;
    let page = &events.last().unwrap().1["result"]["pages"][0];
    assert_eq!(page["title"], "Large");
    assert!((400_000..430_000).contains(&page["wordCount"].as_u64().unwrap()), "{}", page["wordCount"]);
}

#[tokio::test]
async fn a_site_that_cannot_be_read_is_an_error_event() {
    let site = Site::start().await;
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    for (url, code) in [
        (format!("http://{closed}/"), "INACCESSIBLE_URL"),
        ("http://no-such-host.invalid/".to_owned(), "INACCESSIBLE_URL"),
        (site.at("/nothing-here"), "INACCESSIBLE_URL"),
        (site.at("/loop"), "INACCESSIBLE_URL"),
        (site.at("/private"), "PROTECTED_CONTENT"),
        (site.at("/data"), "INSUFFICIENT_DATA"),
    ] {
        let events = analyse(json!({"url": url})).await;
        let (name, data) = events.last().unwrap();
        assert_eq!((name.as_str(), &data["code"], &data["retry"]), ("error", &json!(code), &json!(false)), "{url}");
        assert!(data["error"].as_str().unwrap().starts_with("Simulated analysis: "), "{data}");
    }
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused() {
    for body in [
        json!({}),
        json!({"url": 5}),
        json!({"url": "example.com"}),
        json!({"url": "ftp://example.com/"}),
        json!({"url": "http://127.0.0.1/", "maxPages": 0}),
        json!("text"),
    ] {
        let (status, text) = post(body.clone()).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &answer["success"]), (400, &json!(false)), "{body}: {text}");
    }
}
