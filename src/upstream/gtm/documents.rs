//! The two calls of gtm that are answered at once with one JSON document: a quick look at a brand, and its pages.
//! They leave the document as it is, apart from a picture that is too large to be kept.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use super::super::call;
use super::super::deadline::Deadline;
use super::super::error::UpstreamError;
use super::answer;
use super::complaint::{Complaint, Untold};
use super::dialect::says_no;
use super::{GtmClient, SPEAKER, UPSTREAM, connection_failed};

/// The bounds on a call that is answered at once.
#[derive(Clone, Copy, Debug)]
pub struct DocumentLimits {
    /// Bytes of the answer.
    pub bytes: usize,
    /// The longest call, from the request to the end of the answer.
    pub total: Duration,
}

/// Which brand to look at; the body of the request, member for member as the origin application sends it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExtractBrand {
    /// The site's address.
    pub url: Url,
    /// Whether gtm is to make a picture of the page, too.
    pub include_screenshot: bool,
}

/// Which pages to look for; the body of the request, member for member as the origin application sends it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscoverPages {
    /// The site's address.
    pub url: Url,
    /// How many pages gtm may name.
    pub max_pages: u32,
    /// Whether gtm is to read the pages, too.
    pub include_scraping: bool,
}

/// The longest picture inside an answer that is kept, in bytes of its base64 text.
const PICTURE_BYTES: usize = 1024 * 1024;

const EXTRACTION_FAILED: Untold = Untold { code: "extraction_failed", words: "The brand extraction failed" };
const DISCOVERY_FAILED: Untold = Untold { code: "discovery_failed", words: "The page discovery failed" };

impl GtmClient {
    /// Extracts colors, fonts and logos from a brand's site (UPSTREAMS §1.4): the whole answer, whose `brand` is an
    /// object with something in it. Every other member may be missing.
    ///
    /// A picture in `brand.screenshot.data` of more than 1 MiB becomes null, and `brand.screenshot.data_omitted_bytes`
    /// tells how long it was. The request is sent once; dropping the future closes the connection.
    pub async fn extract_brand(&self, request: &ExtractBrand) -> Result<Value, UpstreamError> {
        call::counted(UPSTREAM, async {
            let mut answer = self.document(&self.extract_brand, self.limits.extract_brand, request).await?;
            let says_yes = answer.get("success") == Some(&Value::Bool(true));
            if says_no(&answer) {
                return Err(Complaint::read(&answer).into_error(EXTRACTION_FAILED));
            }
            match answer.get_mut("brand") {
                Some(Value::Object(brand)) if says_yes && !brand.is_empty() => omit_large_picture(brand),
                _ => return Err(answer::invalid("an extraction without a brand")),
            }
            Ok(Value::Object(answer))
        })
        .await
    }

    /// Finds the pages of a brand's site that say most about it (UPSTREAMS §1.5): the whole answer, whose `pages` is an
    /// array. Every other member may be missing.
    ///
    /// The request is sent once; dropping the future closes the connection.
    pub async fn discover_pages(&self, request: &DiscoverPages) -> Result<Value, UpstreamError> {
        call::counted(UPSTREAM, async {
            let answer = self.document(&self.discover_pages, self.limits.discover_pages, request).await?;
            if says_no(&answer) {
                return Err(Complaint::read(&answer).into_error(DISCOVERY_FAILED));
            }
            if !answer.get("pages").is_some_and(Value::is_array) {
                return Err(answer::invalid("a discovery without a list of pages"));
            }
            Ok(Value::Object(answer))
        })
        .await
    }

    async fn document(
        &self,
        endpoint: &Url,
        limits: DocumentLimits,
        request: &impl Serialize,
    ) -> Result<Map<String, Value>, UpstreamError> {
        let deadline = Deadline::start(UPSTREAM, SPEAKER, limits.total, limits.total);
        let post = self.http.post(endpoint.clone()).header(reqwest::header::ACCEPT, "application/json").json(request);
        let response = deadline.wait(post.send()).await?.map_err(connection_failed)?;
        let response = answer::accept(response).await?;
        // Whatever the type is that is not a page's: what counts is whether the body is JSON.
        answer::kind(&response)?;
        answer::object(response, &deadline, limits.bytes).await
    }
}

fn omit_large_picture(brand: &mut Map<String, Value>) {
    let Some(Value::Object(screenshot)) = brand.get_mut("screenshot") else { return };
    let Some(Value::String(data)) = screenshot.get_mut("data") else { return };
    let bytes = data.len();
    if bytes > PICTURE_BYTES {
        screenshot.insert("data".into(), Value::Null);
        screenshot.insert("data_omitted_bytes".into(), bytes.into());
    }
}
