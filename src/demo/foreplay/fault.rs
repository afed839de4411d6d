//! The faults of the ad library by name (UPSTREAMS.md §10), and what each does to an answer.
//! It must not know how faults are asked for.

use super::search::{Page, Search};
use super::server::refused;
use crate::demo::behaviour::{Behaviour, Ending};
use crate::demo::fault::FaultNote;
use axum::body::Bytes;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// How much older every ad is made: three years, in milliseconds.
const OLDER: i64 = 3 * 365 * 86_400_000;
/// Members that an ad has in any case.
const RELIABLE: [&str; 3] = ["id", "ad_id", "name"];

/// What a fault does.
#[derive(Clone, Copy)]
pub(super) enum Effect {
    /// Answers with this; nothing is searched for.
    Instead(fn() -> Behaviour),
    /// Changes the ads that are searched.
    Ads(fn(&mut Vec<Value>)),
    /// Changes the page that was found.
    Page(fn(&mut Page, &Search)),
}

/// Every fault's name and description.
pub(super) fn notes() -> &'static [FaultNote] {
    static NOTES: LazyLock<Vec<FaultNote>> = LazyLock::new(|| FAULTS.iter().map(|(note, _)| *note).collect());
    &NOTES
}

/// What the fault of this name does.
pub(super) fn effect(name: &str) -> Option<Effect> {
    FAULTS.iter().find(|(note, _)| note.name == name).map(|(_, effect)| *effect)
}

const fn fault(name: &'static str, description: &'static str, effect: Effect) -> (FaultNote, Effect) {
    (FaultNote { name, description }, effect)
}

static FAULTS: [(FaultNote, Effect); 14] = [
    fault("unauthorized", "status 401: the key is not known", Effect::Instead(|| status(401, "Invalid API key."))),
    fault(
        "no-credits",
        "status 402: the account is out of credits",
        Effect::Instead(|| status(402, "Out of credits.")),
    ),
    fault("not-found", "status 404", Effect::Instead(|| status(404, "Nothing was found."))),
    fault("rate-limited", "status 429 with Retry-After: 1", Effect::Instead(rate_limited)),
    fault(
        "rate-limited-silent",
        "status 429 without Retry-After",
        Effect::Instead(|| status(429, "Too many requests.")),
    ),
    fault("server-error", "status 500", Effect::Instead(|| status(500, "Something went wrong."))),
    fault("null-fields", "every member of an ad that may be null is null or missing", Effect::Page(null_fields)),
    fault("no-ads", "there are no ads at all", Effect::Ads(Vec::clear)),
    fault("all-old", "every ad started more than two years ago and has ended", Effect::Ads(make_old)),
    fault("repeated-cursor", "the cursor leads to the same page for ever", Effect::Page(repeat_cursor)),
    fault("not-json", "status 200, JSON by its type, but cut in the middle", Effect::Instead(not_json)),
    fault("html", "a web page with status 200", Effect::Instead(html)),
    fault("silence", "no answer for good", Effect::Instead(|| raw(Vec::new(), Ending::Hang))),
    fault(
        "reset",
        "the connection is reset in the middle of the body",
        Effect::Instead(|| raw(cut_body(), Ending::Reset)),
    ),
];

fn status(status: u16, message: &str) -> Behaviour {
    Behaviour::status(status, &refused(status, &format!("Simulated: {message}")).1)
}

fn rate_limited() -> Behaviour {
    let body = refused(429, "Simulated: Too many requests.").1.to_string();
    Behaviour::Status { status: 429, headers: vec![("retry-after".to_owned(), "1".to_owned())], body: body.into() }
}

fn not_json() -> Behaviour {
    Behaviour::Status { status: 200, headers: Vec::new(), body: cut_body().concat().into() }
}

fn html() -> Behaviour {
    let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    let page = "<!doctype html><title>Simulated</title><h1>Simulated: a page in place of an answer</h1>";
    Behaviour::Status { status: 200, headers, body: page.into() }
}

fn raw(chunks: Vec<Bytes>, ending: Ending) -> Behaviour {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Behaviour::Raw { status: 200, headers, chunks, ending }
}

fn cut_body() -> Vec<Bytes> {
    vec![Bytes::from_static(b"{\"metadata\": {\"success\": true}, \"data\": [{\"id\": \"simu")]
}

/// Null on every second ad, missing on the others.
fn null_fields(page: &mut Page, _: &Search) {
    for (number, ad) in page.ads.iter_mut().enumerate() {
        let members = ad.as_object().cloned().unwrap_or_default();
        let poor: Map<String, Value> = members
            .into_iter()
            .filter(|(name, _)| number.is_multiple_of(2) || RELIABLE.contains(&name.as_str()))
            .map(|(name, value)| if RELIABLE.contains(&name.as_str()) { (name, value) } else { (name, Value::Null) })
            .collect();
        *ad = Value::Object(poor);
    }
}

fn make_old(ads: &mut Vec<Value>) {
    for ad in ads {
        ad["started_running"] = json!(ad["started_running"].as_i64().map(|started| started - OLDER));
        ad["live"] = json!(false);
    }
}

fn repeat_cursor(page: &mut Page, search: &Search) {
    page.cursor = Some(search.own_cursor());
}
