//! The answer of the page discovery: which pages of a site are worth reading (UPSTREAMS.md §1.5).
//! It must not fetch or classify; `crawl` and `category` do.

use super::category::Category;
use super::crawl::Site;
use super::page::{Page, Picture};
use super::say;
use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// Pages from this relevance on are recommended.
const RECOMMENDED_FROM: f64 = 0.8;

/// What to tell of each page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Detail {
    /// The text of each page.
    pub(super) scraping: bool,
    /// The pictures of each page, at most this many; none at all with 0.
    pub(super) images: usize,
}

/// The whole answer for a site that has been walked.
pub(super) fn discover(site: &Site, detail: Detail, seconds: f64) -> Value {
    let mut found: Vec<Found<'_>> =
        site.pages.iter().enumerate().map(|(place, page)| Found::new(page, place)).collect();
    // Of equals the one that was met first.
    found.sort_by(|one, other| other.relevance().total_cmp(&one.relevance()));
    let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    json!({
        "success": true,
        "simulated": true,
        "url": site.pages.first().map(|page| page.url.as_str()),
        "timestamp": now,
        "discoveryMetadata": {
            "totalPagesFound": site.known,
            "sitemapsAnalyzed": [],
            "aiModel": "simulated",
            "analysisTime": format!("{seconds:.1}s"),
            "scrapingEnabled": detail.scraping,
        },
        "pages": found.iter().map(|found| found.to_json(detail, &now)).collect::<Vec<_>>(),
        "insights": insights(&found, detail),
    })
}

/// A page with its category.
struct Found<'a> {
    page: &'a Page,
    category: Category,
}

impl<'a> Found<'a> {
    fn new(page: &'a Page, place: usize) -> Found<'a> {
        Found { page, category: Category::of(page, place == 0) }
    }

    fn relevance(&self) -> f64 {
        self.category.relevance()
    }

    fn to_json(&self, detail: Detail, now: &str) -> Value {
        let page = self.page;
        let mut told = json!({
            "url": page.url.as_str(),
            "relevanceScore": self.relevance(),
            "category": self.category.name(),
            "reason": say(self.category.reason(page)),
            "title": page.title,
            "headings": page.headings,
            "wordCount": page.word_count,
            "imageCount": page.pictures.len(),
        });
        if detail.scraping {
            told["textContent"] = json!(page.text());
            told["scrapedAt"] = json!(now);
            told["fetchMethod"] = json!("http");
        }
        if detail.images > 0 {
            told["images"] = page.pictures.iter().take(detail.images).map(image).collect();
        }
        told
    }
}

fn insights(found: &[Found<'_>], detail: Detail) -> Value {
    let recommended = found.iter().filter(|found| found.relevance() >= RECOMMENDED_FROM);
    let has = |wanted: Category| found.iter().any(|found| found.category == wanted);
    let coverage: Map<String, Value> = [
        ("hasCompanyOverview", has(Category::About)),
        ("hasMission", has(Category::Mission) || speaks_of(found, &["our mission", "our values", "our vision"])),
        ("hasServices", has(Category::Services) || has(Category::Products)),
        ("hasTeam", has(Category::Team) || speaks_of(found, &["our team", "meet the team"])),
        ("hasAwards", has(Category::Awards)),
        ("hasServiceArea", has(Category::ServiceArea)),
        ("hasPortfolio", has(Category::Portfolio)),
    ]
    .map(|(name, covered)| (name.to_owned(), json!(covered)))
    .into_iter()
    .collect();
    json!({
        "recommendedForAnalysis": recommended.map(|found| found.page.url.as_str()).collect::<Vec<_>>(),
        "totalWordCount": found.iter().map(|found| found.page.word_count).sum::<usize>(),
        "successfulScrapes": if detail.scraping { found.len() } else { 0 },
        "coverage": coverage,
    })
}

fn speaks_of(found: &[Found<'_>], phrases: &[&str]) -> bool {
    let mut headings = found.iter().flat_map(|found| &found.page.headings).map(|heading| heading.to_lowercase());
    headings.any(|heading| phrases.iter().any(|phrase| heading.contains(phrase)))
}

/// Pictures are not fetched: what the page does not state is null, and nothing is validated.
fn image(picture: &Picture) -> Value {
    let (width, height) = picture.size.unzip();
    let score = 40 + 20 * u8::from(!picture.alt.is_empty()) + 15 * u8::from(picture.size.is_some());
    json!({
        "url": picture.src.as_str(), "source": "img", "finalScore": score, "width": width, "height": height,
        "alt": picture.alt, "validated": false, "contentType": content_type(picture.src.path()), "size": null,
        "context": if picture.in_header { "header" } else { "content" },
    })
}

fn content_type(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        "svg" => Some("image/svg+xml"),
        "webp" => Some("image/webp"),
        "gif" => Some("image/gif"),
        "avif" => Some("image/avif"),
        _ => None,
    }
}
