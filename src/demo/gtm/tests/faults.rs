//! Every fault of the site analysis as it stands on the wire.
//! It must not know how a fault is made.

use super::Site;
use crate::demo::gtm::Gtm;
use crate::demo::heard::{End, Heard};
use crate::demo::stand_in::{Api, StandIn};
use crate::upstream::Reach;
use reqwest::Client;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ANALYSIS: &str = "api/analyze-brand-enhanced";
const EXTRACTION: &str = "api/extract-brand";
const DISCOVERY: &str = "api/discover-brand-pages";

struct Bench {
    stand_in: StandIn<Gtm>,
    site: Site,
    client: Client,
}

impl Bench {
    async fn start() -> Bench {
        let client = Client::builder().no_proxy().build().unwrap();
        let stand_in = StandIn::start().await.unwrap();
        stand_in.set_reach(Reach::Everywhere);
        Bench { stand_in, site: Site::start().await, client }
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        let url = self.stand_in.base_url().join(path).unwrap();
        let body = json!({"url": self.site.at("/"), "maxPages": 2, "includeScraping": true});
        self.client.post(url).json(&body)
    }

    async fn heard(&self, path: &str, fault: &str) -> Heard {
        // In a stream a comment and three events come before.
        let silent_after = (fault == "silence").then_some(if path == ANALYSIS { 4 } else { 0 });
        Heard::of(self.request(path).header("x-stand-in-fault", fault), silent_after).await
    }
}

/// The events that an analysis of the site tells.
const TOLD: [&str; 6] = ["started", "pages", "page", "page", "assets", "complete"];

fn names(heard: &Heard) -> Vec<String> {
    heard.events().into_iter().map(|(name, _)| name).collect()
}

fn is_complete(data: &Value) -> bool {
    data["result"]["success"] == true && data["result"]["pages_analyzed"] == 2
}

/// The events are there, all of them, and the last one has the result.
fn is_whole(heard: &Heard) -> bool {
    heard.end == End::Orderly && names(heard) == TOLD && is_complete(&heard.told()[5].1)
}

fn progress(heard: &Heard) -> Vec<f64> {
    heard.told().iter().filter_map(|(_, data)| data["progress"].as_f64()).collect()
}

fn ends_in_error(heard: &Heard, retry: bool) -> bool {
    let (name, data) = heard.told().pop().unwrap();
    heard.events().len() == 4 && name == "error" && data["retry"] == retry && data["error"].is_string()
}

fn is_status(heard: &Heard, status: u16) -> bool {
    heard.status == status && heard.json()["success"] == false && heard.json()["error"].is_string()
}

/// Whether the answer of the analysis is what the fault's name says.
fn is_as_told(name: &str, heard: &Heard) -> bool {
    let text = heard.text();
    let cuts: Vec<u8> = heard.chunks.iter().map(|chunk| chunk[chunk.len() - 1]).collect();
    match name {
        "dialect-a" => is_whole(heard),
        "dialect-b" => {
            let told = heard.told();
            let last = &told[5].1;
            let inline: Vec<&Value> = told.iter().map(|(_, data)| &data["event"]).collect();
            inline == TOLD && !text.contains("event: ") && last["pages_analyzed"] == 2 && last["result"].is_null()
        }
        "dialect-c" => {
            let told = heard.told();
            let steps = told.iter().all(|(_, data)| data["step"].is_string() && data["message"].is_null());
            let named: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
            steps && named == ["progress", "", "progress", "", "progress", "complete"] && is_complete(&told[5].1)
        }
        "dialect-d" => heard.events().len() == 6 && heard.told().len() == 1 && is_complete(&heard.told()[0].1),
        "plain-text" => heard.events().len() == 11 && heard.told().len() == 6 && is_complete(&heard.told()[5].1),
        "byte-chunks" => is_whole(heard) && heard.chunks.iter().all(|chunk| chunk.len() == 1),
        "split-utf8" => is_whole(heard) && text.contains('😀') && cuts.iter().filter(|byte| **byte >= 0xC0).count() > 6,
        "split-crlf" => {
            let plain = text.replace("\r\n", "");
            text.contains("\r\n\r\n")
                && !plain.contains(['\r', '\n'])
                && cuts.iter().filter(|b| **b == b'\r').count() > 12
        }
        "cr-only" => text.contains("\r\r") && !text.contains('\n') && text.contains("event: complete\rdata: {"),
        "bom" => text.starts_with("\u{FEFF}: ok\n\n") && names(heard)[1..] == TOLD,
        "huge-complete" => is_whole(heard) && heard.events()[5].1.len() > 2 * 1024 * 1024,
        "no-final-blank-line" => is_whole(heard) && text.ends_with("}\n") && !text.ends_with("\n\n"),
        "no-complete" => heard.end == End::Orderly && names(heard) == TOLD[..5],
        "error-event" => ends_in_error(heard, false),
        "error-retryable" => ends_in_error(heard, true),
        "events-after-complete" => names(heard)[..6] == TOLD && names(heard)[6..] == ["page", "error"],
        "progress-backwards" => {
            is_whole(heard) && progress(heard).iter().rev().is_sorted() && progress(heard)[0] > 99.0
        }
        "progress-over-100" => is_whole(heard) && progress(heard).iter().all(|progress| *progress > 100.0),
        "progress-as-string" => {
            is_whole(heard)
                && heard
                    .told()
                    .iter()
                    .all(|(_, data)| data["progress"].as_str().is_some_and(|p| p.parse::<f64>().is_ok()))
        }
        "json-instead" => heard.header("content-type") == "application/json" && heard.json()["pages_analyzed"] == 2,
        "silence" => heard.end == End::Silent && names(heard) == TOLD[..3],
        "silence-3s" | "slow" => is_whole(heard),
        "reset" => {
            heard.end == End::Reset
                && names(heard)[..3] == TOLD[..3]
                && text.contains("event: page")
                && !text.ends_with("\n\n")
        }
        "status-400" => is_status(heard, 400),
        "status-500" => is_status(heard, 500),
        "status-503" => is_status(heard, 503),
        "not-found" => is_status(heard, 404),
        "success-false" => is_status(heard, 200),
        "html" => {
            heard.status == 200
                && heard.header("content-type").starts_with("text/html")
                && text.starts_with("<!doctype")
        }
        "thin" | "big-screenshot" => is_refused(heard, name),
        _ => panic!("{name} is not tested"),
    }
}

fn is_refused(heard: &Heard, name: &str) -> bool {
    let body = heard.json();
    heard.status == 400
        && body["known_faults"].as_array().is_some_and(|known| known.len() > 1 && !known.contains(&json!(name)))
}

#[tokio::test]
async fn each_fault_of_the_stream_is_what_its_name_says() {
    let bench = Bench::start().await;
    let normal = bench.heard(ANALYSIS, "no-complete*0").await;
    for note in Gtm::faults() {
        let like_normal = ["dialect-a", "silence-3s", "slow"].contains(&note.name);
        assert_eq!(is_as_told(note.name, &normal), like_normal, "{} would pass as it is not", note.name);
        let began = Instant::now();
        let heard = bench.heard(ANALYSIS, note.name).await;
        assert!(is_as_told(note.name, &heard), "{}: {:.3000}", note.name, format!("{heard:?}"));
        let least = match note.name {
            "slow" => 5,
            "silence-3s" => 3,
            _ => 0,
        };
        assert!(began.elapsed() >= Duration::from_secs(least), "{}", note.name);
    }
}

/// Whether the answer of a JSON endpoint is what the fault's name says.
fn is_body_as_told(path: &str, name: &str, heard: &Heard) -> bool {
    match name {
        "status-400" => is_status(heard, 400),
        "status-500" => is_status(heard, 500),
        "status-503" => is_status(heard, 503),
        "not-found" => is_status(heard, 404),
        "success-false" => is_status(heard, 200),
        "html" => heard.status == 200 && heard.header("content-type").starts_with("text/html"),
        "silence" => heard.end == End::Silent && heard.text().is_empty(),
        "reset" => heard.end == End::Reset,
        "slow" => heard.json()["success"] == true,
        "thin" if path == EXTRACTION => {
            let brand = &heard.json()["brand"];
            brand["fonts"]["primary"]["family"] == "Playfair"
                && brand["typography"].is_null()
                && brand["metadata"].is_null()
        }
        "thin" => {
            let body = heard.json();
            let page = body["pages"][0].as_object().unwrap();
            body["insights"].is_null()
                && page.keys().collect::<Vec<_>>() == ["url", "relevanceScore", "category", "reason"]
        }
        "big-screenshot" if path == EXTRACTION => {
            heard.json()["brand"]["screenshot"]["data"].as_str().unwrap().len() == 8 * 1024 * 1024
        }
        _ => is_refused(heard, name),
    }
}

#[tokio::test]
async fn each_fault_of_the_json_endpoints_is_what_its_name_says() {
    let bench = Bench::start().await;
    let mut refused = 0;
    for path in [EXTRACTION, DISCOVERY] {
        let normal = bench.heard(path, "thin*0").await;
        for note in Gtm::faults() {
            assert_eq!(
                is_body_as_told(path, note.name, &normal),
                note.name == "slow",
                "{} would pass as it is not",
                note.name
            );
            let heard = bench.heard(path, note.name).await;
            assert!(is_body_as_told(path, note.name, &heard), "{path} {}: {:.3000}", note.name, format!("{heard:?}"));
            refused += usize::from(heard.json_error_lists_faults());
        }
    }
    assert_eq!(refused, 2 * 21 + 1, "those that are for streams only, and the screenshot of a discovery");
}

impl Heard {
    fn json_error_lists_faults(&self) -> bool {
        self.status == 400 && self.text().contains("known_faults")
    }
}

#[tokio::test]
async fn a_fault_is_asked_for_in_the_address_and_goes_away() {
    let bench = Bench::start().await;
    let url = bench.stand_in.base_url().join(ANALYSIS).unwrap();
    let body = json!({"url": bench.site.at("/?fault=gtm:status-503*2"), "maxPages": 1});
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(Heard::of(bench.client.post(url.clone()).json(&body), None).await.status);
    }
    assert_eq!(statuses, [503, 503, 200, 503]);
    assert_eq!(bench.stand_in.calls(), 4, "faults are calls");
}

#[tokio::test]
async fn a_fault_is_armed_ahead_and_listed() {
    let bench = Bench::start().await;
    let faults = bench.stand_in.base_url().join("_faults").unwrap();
    let arm = |body: Value| Heard::of(bench.client.post(faults.clone()).json(&body), None);
    assert_eq!(
        arm(json!({"fault": "html", "times": 2})).await.json(),
        json!({"armed": [{"fault": "html", "times": 2}]})
    );
    let answer = |path| Heard::of(bench.request(path), None);
    for path in [EXTRACTION, ANALYSIS] {
        assert!(answer(path).await.header("content-type").starts_with("text/html"), "{path}");
    }
    assert!(is_whole(&answer(ANALYSIS).await));

    assert_eq!(arm(json!({"fault": "reset"})).await.status, 200);
    assert_eq!(arm(json!({"fault": "html", "times": 0})).await.json(), json!({"armed": []}), "taken back");
    for wrong in [json!({"fault": "nonsense"}), json!({"times": 1}), json!({"fault": "html", "times": -1}), json!(5)] {
        let refused = arm(wrong.clone()).await;
        assert!(refused.status == 400 && refused.json()["error"].is_string(), "{wrong}: {refused:?}");
    }
    assert!(arm(json!({"fault": "nonsense"})).await.text().contains("dialect-a, "));

    let listed = Heard::of(bench.client.get(faults.clone()), None).await.text();
    let names: Vec<&str> = listed.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, Gtm::faults().iter().map(|note| note.name).collect::<Vec<_>>());
    assert_eq!(bench.stand_in.calls(), 3, "the route of the faults is none of the main ones");
}
