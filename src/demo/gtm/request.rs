//! Reads what is asked of the site analysis, with the service's defaults (UPSTREAMS.md §1.3 to §1.5).
//! It must not fetch anything; the errors are for the caller to read.

use super::analysis::Wanted;
use super::discovery::Detail;
use serde_json::Value;
use url::Url;

/// The service's default.
const DEFAULT_MAX_PAGES: u64 = 10;
/// The most pages the stand-in reads, whatever is asked for.
const MOST_PAGES: u64 = 50;
/// The service's default.
const DEFAULT_IMAGES: u64 = 8;

/// A request's body as far as every endpoint reads it.
pub(super) struct Request {
    body: Value,
    pub(super) url: Url,
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is no JSON, or has no usable `url`.
    pub(super) fn read(body: &[u8]) -> Result<Request, String> {
        let body: Value = serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
        let text = body["url"].as_str().ok_or("`url` is required and must be a string")?;
        let url = Url::parse(text).map_err(|error| format!("`url` is not an absolute URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("`url` must be an http or https address with a host".to_owned());
        }
        Ok(Request { body, url })
    }

    /// What the analysis and the discovery walk over.
    ///
    /// # Errors
    /// When `maxPages` is no positive number.
    pub(super) fn wanted(&self) -> Result<Wanted, String> {
        let max_pages = self.number("maxPages", DEFAULT_MAX_PAGES)?;
        if max_pages == 0 {
            return Err("`maxPages` must be a positive whole number".to_owned());
        }
        Ok(Wanted { url: self.url.clone(), max_pages: max_pages.min(MOST_PAGES) as usize })
    }

    /// What the discovery tells of each page.
    ///
    /// # Errors
    /// When a member has another type than its own.
    pub(super) fn detail(&self) -> Result<Detail, String> {
        let images =
            if self.flag("includeImages", true)? { self.number("maxImagesPerPage", DEFAULT_IMAGES)? } else { 0 };
        Ok(Detail { scraping: self.flag("includeScraping", false)?, images: images.min(MOST_PAGES) as usize })
    }

    /// Whether the extraction shows a picture of the page.
    ///
    /// # Errors
    /// When `includeScreenshot` is neither true nor false.
    pub(super) fn screenshot(&self) -> Result<bool, String> {
        self.flag("includeScreenshot", true)
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        match &self.body[name] {
            Value::Null => Ok(default),
            value => value.as_bool().ok_or(format!("`{name}` must be true or false")),
        }
    }

    fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        match &self.body[name] {
            Value::Null => Ok(default),
            value => value.as_u64().ok_or(format!("`{name}` must be a positive whole number")),
        }
    }
}
