//! The client of Foreplay's ad search, `GET /api/discovery/ads`: one page a call.
//! It sends each request once, follows no cursor by itself, and does not judge which ads are wanted.
//!
//! Foreplay's own documentation was not at hand; the rules are those of UPSTREAMS §2, gathered from its clients.

mod answer;
mod failure;

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use url::Url;

use self::answer::Credits;
use super::deadline::Deadline;
use super::error::UpstreamError;
use super::key::ApiKey;
use super::{call, http};

const UPSTREAM: &str = "foreplay";
const SPEAKER: &str = "Foreplay";

/// The characters of a query that are sent at most; Foreplay's clients keep to it (UPSTREAMS §2.1).
const QUERY_CHARACTERS: usize = 200;

/// The most ads that one page may have (UPSTREAMS §2.1).
const LARGEST_PAGE: u32 = 250;

/// A client of Foreplay; cheap to clone, all clones share one connection pool.
#[derive(Clone, Debug)]
pub struct ForeplayClient {
    http: reqwest::Client,
    ads: Url,
    key: ApiKey,
    limits: ForeplayLimits,
}

/// The bounds on one call.
#[derive(Clone, Copy, Debug)]
pub struct ForeplayLimits {
    /// Bytes of an answer.
    pub answer_bytes: usize,
    /// The longest call, from the request to the end of the answer.
    pub total: Duration,
}

impl Default for ForeplayLimits {
    /// 16 MiB, 30 s (the deadline of Foreplay's clients).
    fn default() -> Self {
        Self { answer_bytes: 16 * 1024 * 1024, total: Duration::from_secs(30) }
    }
}

/// Which ads to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdSearch {
    /// A competitor's name or page; what is beyond 200 characters is not sent.
    pub query: String,
    /// How many ads the page may have, 1 to 250; a number beyond is sent as the nearest of them. Each costs one credit.
    pub limit: u32,
    /// Where the page begins: the cursor of the page before.
    pub cursor: Option<String>,
}

/// One page of ads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdPage {
    /// The ads as Foreplay wrote them, all of them JSON objects, NUL replaced; any of their members may be null or
    /// missing.
    pub ads: Vec<Value>,
    /// Where the next page begins; none on the last page. It may be one that came before, which is not followed.
    pub cursor: Option<String>,
    /// The credits that this call cost, where Foreplay says it.
    pub credit_cost: Option<u64>,
    /// The account's credits after this call, where Foreplay says it.
    pub credits_remaining: Option<u64>,
}

impl ForeplayClient {
    /// A client of the API at `base_url`, whose path may be that of a gateway.
    ///
    /// Fails when the address is not http(s), the key cannot be sent in a header, or the TLS set-up fails.
    pub fn new(base_url: Url, key: ApiKey) -> Result<Self, UpstreamError> {
        Self::with_limits(base_url, key, ForeplayLimits::default())
    }

    /// As [`ForeplayClient::new`], with other limits.
    pub fn with_limits(base_url: Url, key: ApiKey, limits: ForeplayLimits) -> Result<Self, UpstreamError> {
        key_header(&key)?;
        let ads = http::endpoint(UPSTREAM, "FOREPLAY_BASE_URL", &base_url, &["api", "discovery", "ads"])?;
        Ok(Self { http: http::client(UPSTREAM, &base_url, limits.total)?, ads, key, limits })
    }

    /// One page of ads that fit the search, the most relevant first; an empty page where there are none.
    ///
    /// The request is sent once. Dropping the future closes the connection; the page may have been paid for then. It
    /// asks for ads in English and in the US as the origin application does; Foreplay is not known to filter by country.
    pub async fn search_ads(&self, search: &AdSearch) -> Result<AdPage, UpstreamError> {
        let page = async {
            let page = self.page(search).await;
            page.map_err(|error| UpstreamError { message: self.key.strike_from(&error.message), ..error })
        };
        call::counted(UPSTREAM, page).await
    }

    async fn page(&self, search: &AdSearch) -> Result<AdPage, UpstreamError> {
        let deadline = Deadline::start(UPSTREAM, SPEAKER, self.limits.total, self.limits.total);
        let response = deadline.wait(self.request(search)?.send()).await?.map_err(connection_failed)?;
        let credits = Credits::read(response.headers());
        credits.count();
        match response.status() {
            // There is nothing there (UPSTREAMS §2.3).
            StatusCode::NOT_FOUND => Ok(credits.page(Vec::new(), None)),
            status if status.is_success() => {
                let content_type = http::content_type(&response);
                let body = http::body(response, &deadline, self.limits.answer_bytes).await?;
                answer::page(&body, &content_type, credits, &self.key)
            }
            status => {
                let wait = http::retry_after(response.headers());
                let said = failure::said_in(&http::error_body(response).await);
                Err(failure::of_status(status, wait, &said, &self.key))
            }
        }
    }

    /// Lists are sent by repeating their key: in brackets they would be ignored (UPSTREAMS §2.1).
    fn request(&self, search: &AdSearch) -> Result<RequestBuilder, UpstreamError> {
        let query: String = search.query.chars().take(QUERY_CHARACTERS).collect();
        let limit = search.limit.clamp(1, LARGEST_PAGE).to_string();
        let mut parameters = vec![
            ("query", query.as_str()),
            ("limit", &limit),
            ("order", "most_relevant"),
            ("languages", "english"),
            ("geo_location", "US"),
        ];
        parameters.extend(search.cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, key_header(&self.key)?),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        // At once, so that a user in the base URL's address adds no second `Authorization`.
        Ok(self.http.get(self.ads.clone()).query(&parameters).headers(headers))
    }
}

/// The documented form: the key alone, no `Bearer` before it (UPSTREAMS §2.1).
fn key_header(key: &ApiKey) -> Result<HeaderValue, UpstreamError> {
    key.header(UPSTREAM, SPEAKER, "FOREPLAY_API_KEY")
}

fn connection_failed(error: reqwest::Error) -> UpstreamError {
    http::transport_error(UPSTREAM, SPEAKER, error)
}

#[cfg(test)]
mod tests;
