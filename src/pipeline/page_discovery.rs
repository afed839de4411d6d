//! `page_discovery`: find the pages of a site that speak about its brand (gtm), save them.
//! Must not read meaning into what was found: it is kept as it came.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::brand_extraction::timestamp;
use super::{AttemptError, Context, Definition, Input, InputKind, Pipeline, Step, read_input};
use crate::job::JobType;
use crate::upstream::gtm::{DiscoverPages, GtmClient};
use crate::write::{JobResult, ResultRow, ResultTable};

const INPUTS: &[Input] = &[
    Input { name: "url", kind: InputKind::RequiredUrl },
    Input { name: "max_pages", kind: InputKind::Integer { default: 20, minimum: 1, maximum: 50 } },
    Input { name: "include_scraping", kind: InputKind::Boolean { default: true } },
];

const STEPS: &[Step] = &[
    Step { name: "discover_pages", title: "Discovering brand pages", typical: Duration::from_secs(30) },
    Step { name: "save", title: "Saving brand pages", typical: Duration::from_secs(1) },
];

pub(super) const DEFINITION: Definition = Definition {
    job_type: JobType::PageDiscovery,
    inputs: INPUTS,
    steps: STEPS,
    // The call is bounded by 120 s.
    time_limit: Duration::from_secs(4 * 60),
};

/// The pipeline with the upstream that it calls.
pub struct PageDiscovery {
    /// The brand-analysis API.
    pub gtm: GtmClient,
}

#[derive(Deserialize)]
struct InputData {
    url: Url,
    max_pages: u32,
    include_scraping: bool,
}

#[async_trait]
impl Pipeline for PageDiscovery {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn missing_key(&self) -> Option<&'static str> {
        None
    }

    async fn run(&self, context: &Context, input_data: Value) -> Result<JobResult, AttemptError> {
        let input: InputData = read_input(input_data)?;
        let url = input.url.to_string();
        let discovery = context.step("discover_pages", self.discover_pages(context, input)).await?;
        context.progress(2, 95, "Saving brand pages").await?;
        Ok(result(context.brand_id.0, &url, &discovery))
    }
}

impl PageDiscovery {
    /// Step 1: one call, which says nothing until it is done.
    async fn discover_pages(&self, context: &Context, input: InputData) -> Result<Value, AttemptError> {
        context.progress(1, 10, "Discovering brand pages").await?;
        let InputData { url, max_pages, include_scraping } = input;
        Ok(self.gtm.discover_pages(&DiscoverPages { url, max_pages, include_scraping }).await?)
    }
}

/// Step 2: the row and the result.
fn result(brand_id: Uuid, url: &str, discovery: &Value) -> JobResult {
    let result_id = Uuid::now_v7();
    let metadata = &discovery["discoveryMetadata"];
    let found = metadata["totalPagesFound"].as_u64();
    let listed = discovery["pages"].as_array().map_or(0, Vec::len) as u64;
    let result_data = json!({
        "id": result_id,
        "brand_id": brand_id,
        "url": discovery["url"].as_str().unwrap_or(url),
        "timestamp": timestamp(&discovery["timestamp"]),
        "total_pages_found": found.unwrap_or(listed),
        "pages": discovery["pages"],
        "insights": discovery["insights"],
        "metadata": metadata,
    });
    let rows = vec![ResultRow::new(ResultTable::BrandPages, result_id, &result_data)];
    JobResult { result_id, result_data, usage: None, rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_answer_lacks_is_filled_from_what_it_has() {
        let thin = json!({"pages": [{"url": "https://example.com/about"}, {"url": "https://example.com/team"}]});
        let result = result(Uuid::nil(), "https://example.com/", &thin);
        assert_eq!(result.result_data["total_pages_found"], 2);
        assert_eq!(result.result_data["url"], "https://example.com/");
        assert_eq!(result.rows[0].values["pages"], thin["pages"]);
        assert_eq!(result.rows[0].values["insights"], Value::Null);

        let full = json!({"url": "https://example.org/", "pages": [], "discoveryMetadata": {"totalPagesFound": 34}});
        let result = super::result(Uuid::nil(), "https://example.com/", &full);
        assert_eq!(
            (&result.result_data["total_pages_found"], &result.result_data["url"]),
            (&json!(34), &json!("https://example.org/"))
        );
    }
}
