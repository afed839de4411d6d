//! `brand_extraction`: extract a site's colours, fonts and logos (gtm), save them.
//! Must not read meaning into what was extracted: it is kept as it came.

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::{AttemptError, Context, Definition, Input, InputKind, Pipeline, Step, read_input};
use crate::event::instant;
use crate::job::JobType;
use crate::upstream::gtm::{ExtractBrand, GtmClient};
use crate::write::{ColumnKind, JobResult, ResultRow, ResultTable};

const INPUTS: &[Input] = &[
    Input { name: "url", kind: InputKind::RequiredUrl },
    Input { name: "include_screenshot", kind: InputKind::Boolean { default: true } },
];

const STEPS: &[Step] = &[
    Step { name: "extract_brand", title: "Extracting colors, fonts and logos", typical: Duration::from_secs(20) },
    Step { name: "save", title: "Saving brand data", typical: Duration::from_secs(1) },
];

pub(super) const DEFINITION: Definition = Definition {
    job_type: JobType::BrandExtraction,
    inputs: INPUTS,
    steps: STEPS,
    // The call is bounded by 60 s.
    time_limit: Duration::from_secs(3 * 60),
};

/// The pipeline with the upstream that it calls.
pub struct BrandExtraction {
    /// The brand-analysis API.
    pub gtm: GtmClient,
}

#[derive(Deserialize)]
struct InputData {
    url: Url,
    include_screenshot: bool,
}

#[async_trait]
impl Pipeline for BrandExtraction {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn missing_key(&self) -> Option<&'static str> {
        None
    }

    async fn run(&self, context: &Context, input_data: Value) -> Result<JobResult, AttemptError> {
        let input: InputData = read_input(input_data)?;
        let url = input.url.to_string();
        let extraction = context.step("extract_brand", self.extract_brand(context, input)).await?;
        context.progress(2, 95, "Saving brand data").await?;
        Ok(result(context.brand_id.0, &url, &extraction))
    }
}

impl BrandExtraction {
    /// Step 1: one call, which says nothing until it is done.
    async fn extract_brand(&self, context: &Context, input: InputData) -> Result<Value, AttemptError> {
        context.progress(1, 10, "Extracting colors, fonts and logos").await?;
        let request = ExtractBrand { url: input.url, include_screenshot: input.include_screenshot };
        Ok(self.gtm.extract_brand(&request).await?)
    }
}

/// Step 2: the row and the result. The thin form of the answer has `fonts` in place of `typography` (UPSTREAMS §1.4).
fn result(brand_id: Uuid, url: &str, extraction: &Value) -> JobResult {
    let brand = &extraction["brand"];
    let result_id = Uuid::now_v7();
    let typography = if brand["typography"].is_null() { &brand["fonts"] } else { &brand["typography"] };
    let result_data = json!({
        "id": result_id,
        "brand_id": brand_id,
        "url": brand["url"].as_str().unwrap_or(url),
        "timestamp": timestamp(&brand["timestamp"]),
        "colors": brand["colors"],
        "typography": typography,
        "logos": brand["logos"],
        "metadata": brand["metadata"],
        "screenshot": brand["screenshot"],
        "summary": extraction["summary"],
    });
    let rows = vec![ResultRow::new(ResultTable::BrandData, result_id, &result_data)];
    JobResult { result_id, result_data, usage: None, rows }
}

/// When the upstream looked at the site; now, where it does not say so in a form that can be read.
pub(super) fn timestamp(said: &Value) -> Value {
    match ColumnKind::Instant.fit(said) {
        Value::Null => instant(Utc::now()).into(),
        at => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_and_the_thin_form_are_saved() {
        let full = json!({"success": true, "brand": {
            "url": "https://example.com/", "timestamp": "2026-11-23T10:00:00.000Z", "colors": {"palette": []},
            "typography": {"display": {"family": "Inter"}}, "logos": {}, "metadata": {"success": true},
            "screenshot": {"url": "https://example.com/shot.png"},
        }, "summary": {"confidence": 93}});
        let result = result(Uuid::nil(), "https://example.com/about", &full);
        assert_eq!(result.result_data["url"], "https://example.com/");
        assert_eq!(result.result_data["summary"], json!({"confidence": 93}));
        assert_eq!(result.rows[0].values["timestamp"], "2026-11-23T10:00:00.000000Z");
        assert_eq!(result.rows[0].values["typography"], full["brand"]["typography"]);
        assert_eq!(result.rows[0].id, result.result_id);

        let thin = json!({"success": true, "brand": {"fonts": {"primary": {"family": "Inter"}}}});
        let result = super::result(Uuid::nil(), "https://example.com/about", &thin);
        assert_eq!(result.result_data["url"], "https://example.com/about");
        assert_eq!(result.rows[0].values["typography"], thin["brand"]["fonts"]);
        assert_eq!(result.rows[0].values["colors"], Value::Null);
        assert!(result.rows[0].values["timestamp"].is_string());
    }
}
