//! The search for a competitor's ads, page by page, each page a stored output, until there are enough.
//! Must not pay for a page twice, or follow a cursor that leads in a circle.

use std::collections::HashSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ad;
use crate::pipeline::{AttemptError, Context, read};
use crate::upstream::foreplay::{AdSearch, ForeplayClient};

/// How many ads are looked at for a date range, as the origin application does, where fewer are wanted.
const ADS_FOR_RANGE: usize = 50;

/// The most pages that one job pays for.
const MOST_PAGES: usize = 4;

/// The most ads on a page that the clients of this API ask for (UPSTREAMS §2.1).
const PAGE: usize = 100;

/// What is searched for.
pub(super) struct Wanted {
    /// The page where one is given, else the name.
    pub query: String,
    /// How many ads at the most.
    pub limit: usize,
    /// The first and the last day on which an ad may have begun to run.
    pub range: (Option<NaiveDate>, Option<NaiveDate>),
}

/// What was found.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FoundAds {
    /// The ads, as they are kept.
    pub ads: Vec<Value>,
    /// Whether a text of an ad was cut.
    pub cut: bool,
    /// What the pages cost; nothing where the library does not say.
    pub credits: Option<u64>,
    /// What the account has left.
    pub credits_remaining: Option<u64>,
}

/// One page as it is stored: the ads already cut to what is kept, with whether each is in the range.
#[derive(Debug, Serialize, Deserialize)]
struct StoredPage {
    ads: Vec<StoredAd>,
    cursor: Option<String>,
    credits: Option<u64>,
    credits_remaining: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredAd {
    ad: Value,
    cut: bool,
    in_range: bool,
}

/// Pages until there are as many ads as wanted, no more pages, or as many pages as one job pays for.
///
/// # Errors
/// Fatal, in plain words, when there are no ads at all or none in the range (UPSTREAMS §12); what the library says.
pub(super) async fn run(
    context: &Context,
    foreplay: &ForeplayClient,
    wanted: &Wanted,
) -> Result<FoundAds, AttemptError> {
    let mut search = Search::default();
    while let Some(cursor) = search.next(wanted) {
        let number = search.pages + 1;
        let ad_search = AdSearch { query: wanted.query.clone(), limit: wanted.page_size(), cursor };
        let name = if number == 1 { "search_ads".to_owned() } else { format!("search_ads_{number}") };
        let page = context.step(&name, fetch(foreplay, ad_search, wanted)).await?;
        search.add(read(page, "The stored ads cannot be read")?);
        let seen = search.seen_ads;
        context.progress_with(1, 10 + 7 * number as u8, "Searching for competitor ads", json!({"ads": seen})).await?;
    }
    search.found(wanted)
}

async fn fetch(foreplay: &ForeplayClient, ad_search: AdSearch, wanted: &Wanted) -> Result<Value, AttemptError> {
    let page = foreplay.search_ads(&ad_search).await?;
    let ads = page.ads.iter().map(|ad| {
        let (kept, cut) = ad::kept(ad);
        StoredAd { ad: kept, cut, in_range: ad::is_in_range(ad, wanted.range) }
    });
    Ok(json!(StoredPage {
        ads: ads.collect(),
        cursor: page.cursor,
        credits: page.credit_cost,
        credits_remaining: page.credits_remaining,
    }))
}

impl Wanted {
    fn has_range(&self) -> bool {
        self.range.0.is_some() || self.range.1.is_some()
    }

    fn page_size(&self) -> u32 {
        let ads = if self.has_range() { self.limit.max(ADS_FOR_RANGE) } else { self.limit };
        ads.min(PAGE) as u32
    }
}

/// A search under way.
#[derive(Default)]
struct Search {
    found: FoundAds,
    pages: usize,
    /// All ads that were seen, in the range or not.
    seen_ads: usize,
    ids: HashSet<String>,
    cursors: HashSet<String>,
    /// The cursor of the next page; nothing before the first page and after the last.
    cursor: Option<String>,
}

impl Search {
    /// The cursor to go on with (none for the first page), as long as it is worth it.
    fn next(&self, wanted: &Wanted) -> Option<Option<String>> {
        if self.pages == 0 {
            return Some(None);
        }
        let enough = self.found.ads.len() >= wanted.limit || self.pages >= MOST_PAGES;
        let cursor = self.cursor.as_ref().filter(|_| !enough)?;
        Some(Some(cursor.clone()))
    }

    fn add(&mut self, page: StoredPage) {
        self.pages += 1;
        self.seen_ads += page.ads.len();
        self.found.credits = match (self.found.credits, page.credits) {
            (None, None) => None,
            (before, now) => Some(before.unwrap_or(0) + now.unwrap_or(0)),
        };
        self.found.credits_remaining = page.credits_remaining.or(self.found.credits_remaining);
        let came_empty = page.ads.is_empty();
        for StoredAd { ad, cut, .. } in page.ads.into_iter().filter(|ad| ad.in_range) {
            // The library may repeat an ad on the next page when new ones came in between.
            if self.ids.insert(ad["id"].to_string()) {
                self.found.cut |= cut;
                self.found.ads.push(ad);
            }
        }
        // A cursor that came before leads in a circle, and an empty page leads nowhere.
        self.cursor = page.cursor.filter(|cursor| !came_empty && self.cursors.insert(cursor.clone()));
    }

    fn found(mut self, wanted: &Wanted) -> Result<FoundAds, AttemptError> {
        self.found.ads.truncate(wanted.limit);
        if !self.found.ads.is_empty() {
            return Ok(self.found);
        }
        let query = &wanted.query;
        Err(match (self.seen_ads, wanted.range) {
            (0, _) => AttemptError::fatal(
                "no_ads",
                format!("No ads found for \"{query}\". Check the spelling, or give the competitor's Facebook page"),
            ),
            (seen, (first, last)) => AttemptError::fatal(
                "no_ads_in_range",
                format!(
                    "None of the {seen} ads found for \"{query}\" started running {}. Choose a wider date range",
                    in_words(first, last)
                ),
            ),
        })
    }
}

fn in_words(first: Option<NaiveDate>, last: Option<NaiveDate>) -> String {
    match (first, last) {
        (Some(first), Some(last)) => format!("between {first} and {last}"),
        (Some(first), None) => format!("on or after {first}"),
        (None, Some(last)) => format!("on or before {last}"),
        (None, None) => "at a known time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(limit: usize, first_day: Option<&str>) -> Wanted {
        let first = first_day.map(|day| day.parse().unwrap());
        Wanted { query: "Acme".to_owned(), limit, range: (first, None) }
    }

    fn page(ids: &[&str], in_range: bool, cursor: Option<&str>) -> StoredPage {
        let ads = ids.iter().map(|id| StoredAd { ad: json!({"id": id}), cut: false, in_range });
        StoredPage {
            ads: ads.collect(),
            cursor: cursor.map(str::to_owned),
            credits: Some(ids.len() as u64),
            credits_remaining: Some(90),
        }
    }

    #[test]
    fn pages_are_fetched_until_there_are_enough() {
        let wanted = wanted(3, None);
        let mut search = Search::default();
        assert_eq!(search.next(&wanted), Some(None));
        search.add(page(&["a", "b"], true, Some("1")));
        assert_eq!(search.next(&wanted), Some(Some("1".to_owned())));
        search.add(page(&["b", "c", "d"], true, Some("2")));
        assert_eq!(search.next(&wanted), None);
        let found = search.found(&wanted).unwrap();
        assert_eq!(found.ads, [json!({"id": "a"}), json!({"id": "b"}), json!({"id": "c"})]);
        assert_eq!((found.credits, found.credits_remaining), (Some(5), Some(90)));
    }

    #[test]
    fn a_repeated_cursor_and_an_empty_page_end_the_search() {
        let wanted = wanted(10, None);
        let mut search = Search::default();
        search.add(page(&["a"], true, Some("1")));
        search.add(page(&["b"], true, Some("1")));
        assert_eq!(search.next(&wanted), None, "the cursor came before");
        let mut search = Search::default();
        search.add(page(&[], true, Some("1")));
        assert_eq!(search.next(&wanted), None, "the page was empty");
    }

    #[test]
    fn a_job_pays_for_a_few_pages_at_the_most() {
        let wanted = wanted(100, None);
        let mut search = Search::default();
        let mut pages = 0;
        while search.next(&wanted).is_some() {
            pages += 1;
            search.add(page(&[&pages.to_string()], true, Some(&pages.to_string())));
        }
        assert_eq!(pages, MOST_PAGES);
    }

    #[test]
    fn no_ads_and_none_in_the_range_are_told_in_plain_words() {
        let message = |search: Search, wanted: &Wanted| match search.found(wanted) {
            Err(AttemptError::Fatal(failure)) => (failure.code, failure.message),
            other => panic!("{other:?}"),
        };
        let (code, words) = message(Search::default(), &wanted(3, None));
        assert_eq!(code, "no_ads");
        assert!(words.starts_with("No ads found for \"Acme\""), "{words}");
        let mut search = Search::default();
        search.add(page(&["a", "b"], false, None));
        let (code, words) = message(search, &wanted(3, Some("2026-01-01")));
        assert_eq!(code, "no_ads_in_range");
        assert!(words.contains("None of the 2 ads") && words.contains("on or after 2026-01-01"), "{words}");
    }
}
