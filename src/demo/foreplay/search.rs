//! What a search asks for, and the page of ads it gets.
//! It must not know keys or credits.

use super::ads;
use crate::demo::fault::without_faults;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::{Value, json};
use std::fmt;

/// Ads on a page when the search does not say.
const DEFAULT_LIMIT: usize = 10;
/// The most ads on a page.
const MAX_LIMIT: usize = 250;

/// A search, read from a query string. Parameters it does not know are ignored, bracketed lists (`languages[0]=`) among them.
#[derive(Debug, Default)]
pub(super) struct Search {
    query: String,
    limit: usize,
    /// How many ads earlier pages have had.
    offset: usize,
    order: Order,
    live: Option<bool>,
    /// Lower-case values; any of a list will do.
    formats: Vec<String>,
    platforms: Vec<String>,
    niches: Vec<String>,
    markets: Vec<String>,
    languages: Vec<String>,
    /// Inclusive, in epoch milliseconds.
    started: (Option<i64>, Option<i64>),
    running_days: (Option<f64>, Option<f64>),
    video_seconds: (Option<f64>, Option<f64>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Newest,
    Oldest,
    LongestRunning,
    MostRelevant,
}

/// One page of the answer.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) ads: Vec<Value>,
    /// `None` on the last page.
    pub(super) cursor: Option<String>,
    pub(super) order: &'static str,
}

/// A parameter that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Parameter { name: String, value: String },
    Cursor,
}

impl Problem {
    pub(super) fn status(&self) -> u16 {
        match self {
            Problem::Parameter { .. } => 422,
            Problem::Cursor => 400,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Parameter { name, value } => write!(formatter, "The value '{value}' of '{name}' cannot be used."),
            Problem::Cursor => write!(formatter, "The cursor is not one of this API's."),
        }
    }
}

impl Search {
    /// Reads a query string.
    ///
    /// # Errors
    /// When a known parameter has a value that cannot be used.
    pub(super) fn parse(query: &str) -> Result<Search, Problem> {
        let mut search = Search { limit: DEFAULT_LIMIT, ..Search::default() };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            search.take(&name, &value)?;
        }
        Ok(search)
    }

    /// The page of `ads` that is asked for.
    ///
    /// # Errors
    /// When the cursor points past the end.
    pub(super) fn page(&self, ads: &[Value]) -> Result<Page, Problem> {
        let mut found: Vec<Value> = self.named(ads).into_iter().filter(|ad| self.admits(ad)).collect();
        self.sort(&mut found);
        if self.offset > found.len() {
            return Err(Problem::Cursor);
        }
        let end = found.len().min(self.offset + self.limit);
        let cursor = (end < found.len()).then(|| encode(end));
        Ok(Page { ads: found.drain(self.offset..end).collect(), cursor, order: self.order.name() })
    }

    /// The cursor that leads to this very page, or from the first page to the second.
    pub(super) fn own_cursor(&self) -> String {
        encode(if self.offset > 0 { self.offset } else { self.limit })
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let unusable = || Problem::Parameter { name: name.to_owned(), value: value.to_owned() };
        let number = || value.parse::<f64>().map(Some).map_err(|_| unusable());
        let lower = || value.trim().to_lowercase();
        match name {
            // Another API's fault stays, so that it reaches that API by the names of the ads.
            "query" => self.query = without_faults(value, |api| api == "foreplay").trim().to_owned(),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                self.limit = limit.ok_or_else(unusable)?;
            }
            "cursor" if value.is_empty() => {}
            "cursor" => self.offset = decode(value).ok_or(Problem::Cursor)?,
            "order" => self.order = Order::parse(value).ok_or_else(unusable)?,
            "live" => self.live = Some(value.parse().map_err(|_| unusable())?),
            "display_format" => self.formats.push(lower()),
            "publisher_platform" => self.platforms.push(lower()),
            "niches" => self.niches.push(lower()),
            "market_target" => self.markets.push(lower()),
            "languages" => self.languages.push(lower()),
            "start_date" => self.started.0 = Some(instant(value, "00:00:00").ok_or_else(unusable)?),
            "end_date" => self.started.1 = Some(instant(value, "23:59:59").ok_or_else(unusable)?),
            "running_duration_min_days" => self.running_days.0 = number()?,
            "running_duration_max_days" => self.running_days.1 = number()?,
            "video_duration_min" => self.video_seconds.0 = number()?,
            "video_duration_max" => self.video_seconds.1 = number()?,
            _ => {}
        }
        Ok(())
    }

    /// The ads that match the text; when there are none, all of them under that name, so that every demo has ads.
    fn named(&self, ads: &[Value]) -> Vec<Value> {
        let words: Vec<String> = self.query.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let matching: Vec<Value> = ads.iter().filter(|ad| speaks_of(ad, &words)).cloned().collect();
        if matching.is_empty() { ads.iter().map(|ad| ads::renamed(ad, &self.query)).collect() } else { matching }
    }

    fn admits(&self, ad: &Value) -> bool {
        let started = ad["started_running"].as_i64();
        self.live.is_none_or(|live| ad["live"] == live)
            && any_of(&self.formats, &ad["display_format"])
            && any_of(&self.platforms, &ad["publisher_platform"])
            && any_of(&self.niches, &ad["niches"])
            && any_of(&self.markets, &ad["market_target"])
            && any_of(&self.languages, &ad["languages"])
            && within(self.started, started)
            && within(self.running_days, ad["running_duration"]["days"].as_f64())
            && within(self.video_seconds, ad["video_duration"].as_f64())
    }

    fn sort(&self, ads: &mut [Value]) {
        let started = |ad: &Value| ad["started_running"].as_i64();
        match self.order {
            Order::Newest => ads.sort_by_key(|ad| std::cmp::Reverse(started(ad))),
            Order::Oldest => ads.sort_by_key(started),
            Order::LongestRunning => ads.sort_by_key(|ad| std::cmp::Reverse(ad["running_duration"]["days"].as_u64())),
            Order::MostRelevant => {}
        }
    }
}

impl Order {
    const ALL: [Order; 4] = [Order::Newest, Order::Oldest, Order::LongestRunning, Order::MostRelevant];

    fn name(self) -> &'static str {
        match self {
            Order::Newest => "newest",
            Order::Oldest => "oldest",
            Order::LongestRunning => "longest_running",
            Order::MostRelevant => "most_relevant",
        }
    }

    fn parse(name: &str) -> Option<Order> {
        Order::ALL.into_iter().find(|order| order.name() == name)
    }
}

/// Whether every word stands somewhere in the ad's text.
fn speaks_of(ad: &Value, words: &[String]) -> bool {
    let text =
        ["name", "headline", "description", "product_category"].map(|member| ad[member].as_str().unwrap_or_default());
    let text = text.join(" ").to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// Whether a text, or one of a list of texts, is among the wanted ones; no wish admits everything.
fn any_of(wanted: &[String], value: &Value) -> bool {
    let is_wanted = |value: &Value| value.as_str().is_some_and(|text| wanted.contains(&text.to_lowercase()));
    wanted.is_empty() || value.as_array().map_or_else(|| is_wanted(value), |values| values.iter().any(is_wanted))
}

/// Whether a value lies within inclusive bounds; a missing value lies within none but open ones.
fn within<T: PartialOrd>((least, most): (Option<T>, Option<T>), value: Option<T>) -> bool {
    match value {
        None => least.is_none() && most.is_none(),
        Some(value) => least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most),
    }
}

/// `YYYY-MM-DD`, at the given time of day, or `YYYY-MM-DD HH:MM:SS`, in UTC, as epoch milliseconds.
fn instant(text: &str, time_of_day: &str) -> Option<i64> {
    let text = text.trim();
    let full = if NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok() {
        format!("{text} {time_of_day}")
    } else {
        text.to_owned()
    };
    let parsed = NaiveDateTime::parse_from_str(&full, "%Y-%m-%d %H:%M:%S").ok()?;
    Some(DateTime::<Utc>::from_naive_utc_and_offset(parsed, Utc).timestamp_millis())
}

/// Cursors are opaque: hexadecimal digits of a small JSON object.
fn encode(offset: usize) -> String {
    json!({"offset": offset}).to_string().bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(cursor: &str) -> Option<usize> {
    if !cursor.is_ascii() {
        return None;
    }
    let bytes = (0..cursor.len()).step_by(2).map(|at| u8::from_str_radix(cursor.get(at..at + 2)?, 16).ok());
    let value: Value = serde_json::from_slice(&bytes.collect::<Option<Vec<u8>>>()?).ok()?;
    usize::try_from(value["offset"].as_u64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Page {
        Search::parse(query).unwrap().page(&ads::all(Utc::now())).unwrap()
    }

    fn ids(page: &Page) -> Vec<String> {
        page.ads.iter().map(|ad| ad["id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn paging_covers_every_ad_once() {
        for limit in [1, 7, 30, 59, 60, 250] {
            for order in ["newest", "oldest", "longest_running", "most_relevant"] {
                let mut seen = Vec::new();
                let mut cursor = String::new();
                loop {
                    let page = page(&format!("limit={limit}&order={order}&cursor={cursor}"));
                    assert!(page.ads.len() <= limit && !page.ads.is_empty());
                    seen.extend(ids(&page));
                    let Some(next) = page.cursor else { break };
                    assert_ne!(next, cursor);
                    cursor = next;
                }
                assert_eq!(seen.len(), 60);
                seen.sort();
                seen.dedup();
                assert_eq!(seen.len(), 60, "limit {limit}, order {order}");
            }
        }
    }

    #[test]
    fn text_filters_and_an_unknown_name_gets_all_ads_as_its_own() {
        let known = page("query=lumora&limit=250");
        assert_eq!(known.ads.len(), 10);
        assert!(known.ads.iter().all(|ad| ad["name"] == "Lumora Trail"));
        let unknown = page("query=Acme+Shoes&limit=250");
        assert_eq!(unknown.ads.len(), 60);
        assert!(unknown.ads.iter().all(|ad| ad["name"] == "Acme Shoes"));
        assert_eq!(page("").ads.len(), DEFAULT_LIMIT);
    }

    #[test]
    fn filters_are_honoured_and_unknown_ones_ignored() {
        let all = |query: &str| page(&format!("limit=250&{query}")).ads;
        assert!(all("live=true").iter().all(|ad| ad["live"] == true) && all("live=true").len() == 45);
        assert!(
            all("display_format=video&display_format=dco")
                .iter()
                .all(|ad| ["VIDEO", "DCO"].contains(&ad["display_format"].as_str().unwrap()))
        );
        assert_eq!(all("languages=french&languages=english").len(), 60);
        assert!(all("languages=french").len() < 10);
        assert_eq!(all("languages[0]=french&geo_location=US&search=x").len(), 60);
        let wanted = |ad: &Value| ad["video_duration"].as_f64().is_some_and(|seconds| (20.0..=40.0).contains(&seconds));
        let expected = all("").iter().filter(|ad| wanted(ad)).count();
        assert!(expected > 0);
        assert_eq!(all("video_duration_min=20&video_duration_max=40").len(), expected);
    }

    #[test]
    fn dates_are_inclusive() {
        let all = page("limit=250&order=newest").ads;
        let started = |ad: &Value| DateTime::from_timestamp_millis(ad["started_running"].as_i64().unwrap()).unwrap();
        let day = started(&all[5]).date_naive();
        let expected = all.iter().filter(|ad| started(ad).date_naive() == day).count();
        assert_eq!(page(&format!("limit=250&start_date={day}&end_date={day}")).ads.len(), expected);
        let after = page(&format!("limit=250&start_date={day}%2010:00:01")).ads;
        assert!(after.iter().all(|ad| started(ad).date_naive() > day));
    }

    #[test]
    fn unusable_values_are_refused() {
        for query in ["limit=0", "limit=251", "limit=x", "order=best", "live=maybe", "start_date=yesterday"] {
            assert_eq!(Search::parse(query).unwrap_err().status(), 422, "{query}");
        }
        for cursor in ["zz", "7b7d", "é", "abc"] {
            assert_eq!(Search::parse(&format!("cursor={cursor}")).unwrap_err(), Problem::Cursor, "{cursor}");
        }
    }
}
