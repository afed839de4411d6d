//! One analysis told as a stream of named events, from `started` to `complete` or `error`.
//! It must not fetch or parse; `crawl` and `brand` do.

use super::brand;
use super::crawl::{Crawl, Step};
use super::fetch::{Failure, Web};
use super::page::Page;
use super::say;
use super::told::{Events, Told};
use async_stream::stream;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::time::Instant;
use url::Url;

/// The progress at which the pages begin, and the share of the whole that they take, in percent.
const PAGES_FROM: f64 = 10.0;
const PAGES_SHARE: f64 = 70.0;

/// What the caller asked for.
pub(super) struct Wanted {
    pub(super) url: Url,
    /// At least 1.
    pub(super) max_pages: usize,
}

/// One analysis of one site.
pub(super) struct Analysis {
    web: Web,
    wanted: Wanted,
}

impl Analysis {
    pub(super) fn new(web: Web, wanted: Wanted) -> Analysis {
        Analysis { web, wanted }
    }

    /// Does the work as the stream is read: nothing is fetched that nobody waits for.
    pub(super) fn events(self) -> Events {
        let Analysis { web, wanted: Wanted { url, max_pages } } = self;
        stream! {
            let began = Instant::now();
            yield Told::new("started", json!({"message": say(format!("opening {url}")), "progress": 0, "url": url.as_str()}));
            let mut crawl = match Crawl::start(web, url.clone(), max_pages).await {
                Ok(crawl) => crawl,
                Err(failure) => {
                    yield Told::new("error", failed(&url, &failure));
                    return;
                }
            };
            yield Told::new("pages", found(crawl.expected()));
            let mut progress = PAGES_FROM;
            while let Some(step) = crawl.next().await {
                progress = pages_progress(&crawl).max(progress);
                yield Told::new(name(&step), told(&step, &crawl, progress));
            }
            let site = crawl.finish().await;
            // Reading megabytes of style rules takes long enough to hold up the other tasks of this thread.
            let describing = tokio::task::spawn_blocking(move || (brand::describe(&site), site.pages));
            let Ok((brand, pages)) = describing.await else {
                yield Told::new("error", failed(&url, &Failure::Unreadable));
                return;
            };
            yield Told::new("assets", assets(&brand));
            let result = result(&pages, brand, began.elapsed().as_secs_f64());
            let read = plural(pages.len(), "page");
            yield Told::new("complete", json!({"progress": 100, "message": say(format!("complete, {read} read")), "result": result}));
        }
        .boxed()
    }
}

fn name(step: &Step) -> &'static str {
    match step {
        Step::Read { .. } => "page",
        Step::Skipped { .. } => "skipped",
    }
}

fn told(step: &Step, crawl: &Crawl, progress: f64) -> Value {
    let (page, total) = (crawl.read(), crawl.expected());
    match step {
        Step::Read { url } => {
            let message = say(format!("read page {page} of {total}, {url}"));
            json!({"message": message, "progress": progress.round() as u64, "page": page, "total": total, "url": url.as_str()})
        }
        Step::Skipped { url, why } => {
            let message = say(format!("skipped {url}: {why}"));
            json!({"message": message, "progress": progress.round() as u64, "url": url.as_str()})
        }
    }
}

fn pages_progress(crawl: &Crawl) -> f64 {
    PAGES_FROM + PAGES_SHARE * crawl.read() as f64 / crawl.expected().max(1) as f64
}

fn found(count: usize) -> Value {
    let message = say(format!("found {} to read", plural(count, "page")));
    json!({"message": message, "progress": PAGES_FROM as u64, "count": count})
}

fn assets(brand: &Value) -> Value {
    let count = |list: &Value| list.as_array().map_or(0, Vec::len);
    let colors = count(&brand["colors"]["all"]);
    let fonts = count(&brand["fonts"]["headings"]).max(count(&brand["fonts"]["body"]));
    let logos = count(&brand["logos"]["variations"]) + usize::from(!brand["logos"]["primary"].is_null());
    let (colours_text, fonts_text) = (plural(colors, "colour"), plural(fonts, "font"));
    let message = say(format!("extracted {colours_text}, {fonts_text} and {}", plural(logos, "logo candidate")));
    json!({"message": message, "progress": 85, "colors": colors, "fonts": fonts, "logos": logos})
}

fn result(pages: &[Page], brand: Value, seconds: f64) -> Value {
    json!({
        "success": true,
        "simulated": true,
        "url": pages.first().map(|page| page.url.as_str()),
        "analysisTimeSeconds": (seconds * 10.0).round() / 10.0,
        "brand": brand,
        "pages_analyzed": pages.len(),
        "pages": pages.iter().map(Page::to_json).collect::<Vec<_>>(),
    })
}

/// The error codes are those of the service's wish list.
fn failed(url: &Url, failure: &Failure) -> Value {
    let (code, retry) = match failure {
        Failure::Timeout(_) => ("TIMEOUT", true),
        Failure::Status(401 | 403) => ("PROTECTED_CONTENT", false),
        Failure::NotWanted(_) => ("INSUFFICIENT_DATA", false),
        _ => ("INACCESSIBLE_URL", false),
    };
    json!({"error": say(format!("{url} could not be read: {failure}")), "code": code, "retry": retry})
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
