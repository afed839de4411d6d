//! What can go wrong with a whole answer: its status, its kind, its members.
//! It must not know the stream.

use super::raw;
use crate::demo::behaviour::{Behaviour, Ending};
use crate::demo::gtm::say;
use serde_json::{Map, Value, json};

/// Characters of a big screenshot.
const BIG: usize = 8 * 1024 * 1024;
/// Members of a page that every answer has.
const PAGE: [&str; 4] = ["url", "relevanceScore", "category", "reason"];

pub(super) fn status(status: u16) -> Behaviour {
    let error = say(format!("it was made to answer with status {status}"));
    Behaviour::status(status, &json!({"success": false, "error": error}))
}

pub(super) fn success_false() -> Behaviour {
    Behaviour::status(200, &json!({"success": false, "error": say("it was made to find nothing")}))
}

pub(super) fn html() -> Behaviour {
    let page = "<!doctype html><title>Simulated</title><h1>Simulated: a page in place of an answer</h1>";
    let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    Behaviour::Status { status: 200, headers, body: page.into() }
}

pub(super) fn silence() -> Behaviour {
    raw("application/json", &[], Ending::Hang)
}

pub(super) fn reset() -> Behaviour {
    raw("application/json", &["{\"success\":true,\"simu"], Ending::Reset)
}

/// Leaves everything out that is optional; the extraction gets the form of the older test guide (UPSTREAMS.md §1.4).
pub(super) fn thin(body: &mut Value) {
    if body["brand"].is_object() {
        thin_extraction(body);
    } else {
        thin_discovery(body);
    }
}

pub(super) fn big_screenshot(body: &mut Value) {
    let data = "QUFB".repeat(BIG / 4);
    body["brand"]["screenshot"] = json!({
        "url": null, "data": data, "type": "image/png", "size": BIG / 4 * 3, "strategy": "simulated", "simulated": true,
    });
}

fn thin_extraction(body: &mut Value) {
    let brand = body["brand"].take();
    let family = |face: &str| brand["typography"][face]["family"].as_str().map(str::to_owned);
    let font = |family: String| json!({"family": family, "category": "sans-serif", "weights": [400, 700]});
    let colours = brand["colors"]["palette"].as_array().into_iter().flatten();
    let palette: Vec<Value> = colours.map(|colour| json!({"hex": colour["hex"], "role": colour["role"]})).collect();
    body["brand"] = json!({
        "url": brand["url"],
        "colors": {"palette": palette},
        "fonts": {"primary": family("display").or_else(|| family("body")).map(font)},
        "logos": {"primary": brand["logos"]["primary"].as_object().map(|logo| json!({"src": logo["src"]}))},
        "screenshot": {"url": null, "width": 640, "height": 400},
    });
    if let Some(members) = body.as_object_mut() {
        members.remove("summary");
    }
}

fn thin_discovery(body: &mut Value) {
    for page in body["pages"].as_array_mut().into_iter().flatten() {
        let kept: Map<String, Value> = PAGE.iter().map(|name| ((*name).to_owned(), page[*name].take())).collect();
        *page = Value::Object(kept);
    }
    if let Some(members) = body.as_object_mut() {
        for optional in ["insights", "timestamp"] {
            members.remove(optional);
        }
        members.insert(
            "discoveryMetadata".to_owned(),
            json!({"totalPagesFound": members["discoveryMetadata"]["totalPagesFound"]}),
        );
    }
}
