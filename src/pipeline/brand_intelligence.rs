//! `brand_intelligence`: analyse a site (gtm), extract what the brand stands for (Claude), save it.
//! Must not talk to an upstream outside a step.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;
use url::Url;
use uuid::Uuid;

use super::{AttemptError, Context, Input, InputKind, Pipeline, Step, trim};
use crate::job::JobType;
use crate::upstream::claude::{ClaudeAnswer, ClaudeClient, ClaudeEvent, ClaudePrompt};
use crate::upstream::gtm::{AnalyzeBrand, GtmClient, GtmEvent};
use crate::write::{Failure, JobResult, ResultRow, ResultTable};

const INPUTS: &[Input] = &[
    Input { name: "url", kind: InputKind::RequiredUrl },
    Input { name: "max_pages", kind: InputKind::Integer { default: 15, minimum: 1, maximum: 50 } },
];

const STEPS: &[Step] = &[
    Step { name: "analyze_site", title: "Analyzing website", typical: Duration::from_secs(60) },
    Step {
        name: "extract_intelligence",
        title: "Extracting brand intelligence with AI",
        typical: Duration::from_secs(29),
    },
    Step { name: "save", title: "Saving brand intelligence", typical: Duration::from_secs(1) },
];

/// The most of the site's analysis that goes into the prompt, in bytes; some 30,000 tokens.
const PROMPT_DATA: usize = 120_000;

/// Room for the model's thinking and its answer, in tokens.
const MAX_TOKENS: u32 = 16_000;

/// Deltas are merged to at most ten a second.
const DELTA_INTERVAL: Duration = Duration::from_millis(100);

/// The answer's usual length in bytes, to tell how far the model has come.
const TYPICAL_ANSWER: usize = 2_500;

/// The pipeline with the two upstreams that it calls.
pub struct BrandIntelligence {
    /// The brand-analysis API.
    pub gtm: GtmClient,
    /// The model; absent without a key.
    pub claude: Option<ClaudeClient>,
}

#[derive(Deserialize)]
struct InputData {
    url: Url,
    max_pages: u32,
}

#[async_trait]
impl Pipeline for BrandIntelligence {
    fn job_type(&self) -> JobType {
        JobType::BrandIntelligence
    }

    fn inputs(&self) -> &'static [Input] {
        INPUTS
    }

    fn steps(&self) -> &'static [Step] {
        STEPS
    }

    fn time_limit(&self) -> Duration {
        // The two calls are bounded by 3 and 10 minutes.
        Duration::from_secs(15 * 60)
    }

    fn missing_key(&self) -> Option<&'static str> {
        self.claude.is_none().then_some("ANTHROPIC_API_KEY")
    }

    async fn run(&self, context: &Context, input_data: Value) -> Result<JobResult, AttemptError> {
        let input: InputData = read(input_data, "The stored input of the job cannot be read")?;
        let analysis = context.step("analyze_site", self.analyze_site(context, input)).await?;
        let extraction = context.step("extract_intelligence", self.extract_intelligence(context, &analysis)).await?;
        save(context, analysis, read(extraction, "The stored answer of the model cannot be read")?).await
    }
}

impl BrandIntelligence {
    /// Step 1, up to 90 percent: gtm crawls the site and says how far it is.
    async fn analyze_site(&self, context: &Context, input: InputData) -> Result<Value, AttemptError> {
        context.progress(1, 5, "Analyzing website").await?;
        let mut events = pin!(self.gtm.analyze_brand(AnalyzeBrand { url: input.url, max_pages: input.max_pages }));
        let mut percent = 5;
        while let Some(event) = StreamExt::next(&mut events).await {
            match event? {
                GtmEvent::Complete(analysis) => return Ok(analysis),
                GtmEvent::Progress(progress) => {
                    percent = progress.progress.map_or(percent, |said| said.round().clamp(0.0, 90.0) as u8);
                    let text = progress.text.unwrap_or_else(|| "Analyzing pages".to_owned());
                    context.progress_with(1, percent, text, progress.detail).await?;
                }
            }
        }
        Err(retryable("No brand analysis data received", "stream_ended_early"))
    }

    /// Step 2, from 92 percent: Claude writes what the brand stands for; its text is shown as it comes.
    async fn extract_intelligence(&self, context: &Context, analysis: &Value) -> Result<Value, AttemptError> {
        let claude = self.claude.as_ref().ok_or_else(|| fatal("ANTHROPIC_API_KEY is not set", "missing_key"))?;
        context.progress(2, 92, "Extracting brand intelligence with AI").await?;
        let (prompt, analysis_trimmed) = prompt(analysis);
        let answer = stream_answer(context, claude, prompt).await?;
        let intelligence: Intelligence = read_answer(&answer.json)?;
        let usage = json!({
            "input_tokens": answer.input_tokens,
            "output_tokens": answer.output_tokens,
            "cache_read_input_tokens": answer.cache_read_input_tokens,
            "cache_creation_input_tokens": answer.cache_creation_input_tokens,
        });
        Ok(json!(Extraction { intelligence, model: answer.model, usage, analysis_trimmed }))
    }
}

/// Emits the answer's text merged to a few deltas a second, and the progress that its length shows.
async fn stream_answer(
    context: &Context,
    claude: &ClaudeClient,
    prompt: ClaudePrompt,
) -> Result<ClaudeAnswer, AttemptError> {
    let mut batches = pin!(claude.stream(prompt).chunks_timeout(512, DELTA_INTERVAL));
    let mut written = 0;
    let mut percent = 92;
    while let Some(batch) = StreamExt::next(&mut batches).await {
        let mut text = String::new();
        let mut answer = None;
        for event in batch {
            match event? {
                ClaudeEvent::Text(piece) => text.push_str(&piece),
                ClaudeEvent::Complete(complete) => answer = Some(complete),
                ClaudeEvent::Started { .. } | ClaudeEvent::Thinking => {}
            }
        }
        written += text.len();
        context.delta(text).await?;
        if let Some(answer) = answer {
            return Ok(answer);
        }
        let reached = 92 + (5 * written / TYPICAL_ANSWER).min(5) as u8;
        if reached > percent {
            percent = reached;
            context
                .progress_with(2, percent, "Extracting brand intelligence with AI", json!({"characters": written}))
                .await?;
        }
    }
    Err(retryable("Claude's answer ended early", "stream_ended_early"))
}

/// Step 3: the row, the result and the terminal event become durable together.
async fn save(context: &Context, analysis: Value, extraction: Extraction) -> Result<JobResult, AttemptError> {
    context.progress(3, 98, "Saving brand intelligence").await?;
    let Extraction { intelligence, model, usage, analysis_trimmed } = extraction;
    let pages_analyzed = pages_analyzed(&analysis);
    let result_id = Uuid::now_v7();
    let mut result_data = json!(intelligence);
    let confidence = result_data.as_object_mut().and_then(|members| members.remove("confidence"));
    merge(
        &mut result_data,
        json!({
            "id": result_id,
            "brand_id": context.brand_id,
            "pages_analyzed": pages_analyzed,
            "analysis_confidence": confidence,
            "analysis_trimmed": analysis_trimmed,
            "model": model,
            "usage": usage.clone(),
            "raw_analysis": analysis,
        }),
    );
    let rows = vec![ResultRow::new(ResultTable::BrandIntelligence, result_id, &result_data)];
    Ok(JobResult { result_id, usage: Some(usage), result_data, rows })
}

/// What Claude is asked for: the columns of `brand_intelligence`, and how sure it is.
#[derive(Debug, Serialize, Deserialize)]
struct Intelligence {
    brand_name: String,
    tagline: String,
    mission: String,
    vision: String,
    values: Vec<String>,
    brand_tone: String,
    brand_voice: BrandVoice,
    messaging_themes: Vec<String>,
    industry: String,
    target_market: String,
    unique_value_proposition: String,
    key_messages: Vec<String>,
    content_themes: Vec<String>,
    confidence: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct BrandVoice {
    personality: String,
    style: String,
    vocabulary: Vec<String>,
}

/// The stored output of step 2.
#[derive(Serialize, Deserialize)]
struct Extraction {
    intelligence: Intelligence,
    model: String,
    usage: Value,
    analysis_trimmed: bool,
}

fn prompt(analysis: &Value) -> (ClaudePrompt, bool) {
    let (data, trimmed) = trim::for_prompt(analysis, PROMPT_DATA);
    // The data must not be able to close its own tag.
    let data = data.replace("</site_analysis", "<\\/site_analysis");
    let prompt = ClaudePrompt {
        system: include_str!("prompts/brand_intelligence.md").to_owned(),
        user: format!("<site_analysis>\n{data}\n</site_analysis>\n\nExtract the brand intelligence of this site."),
        schema: schema(),
        max_tokens: MAX_TOKENS,
    };
    (prompt, trimmed)
}

fn schema() -> Value {
    let text = json!({"type": "string"});
    let list = json!({"type": "array", "items": {"type": "string"}});
    let voice = object(&[("personality", &text), ("style", &text), ("vocabulary", &list)]);
    object(&[
        ("brand_name", &text),
        ("tagline", &text),
        ("mission", &text),
        ("vision", &text),
        ("values", &list),
        ("brand_tone", &text),
        ("brand_voice", &voice),
        ("messaging_themes", &list),
        ("industry", &text),
        ("target_market", &text),
        ("unique_value_proposition", &text),
        ("key_messages", &list),
        ("content_themes", &list),
        ("confidence", &json!({"type": "number"})),
    ])
}

/// An object schema with exactly these members, as structured output wants it (every key required, none beside them).
fn object(members: &[(&str, &Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), (*schema).clone())).collect();
    json!({"type": "object", "additionalProperties": false, "required": names, "properties": properties})
}

fn read_answer(answer: &Value) -> Result<Intelligence, AttemptError> {
    let intelligence = Intelligence::deserialize(answer).map_err(|error| {
        retryable(&format!("Claude's answer does not have the form asked for: {error}"), "invalid_answer")
    })?;
    // A bound that a schema for structured output cannot state.
    if !(0.0..=1.0).contains(&intelligence.confidence) {
        let problem = format!("Claude's confidence is {}, not between 0 and 1", intelligence.confidence);
        return Err(retryable(&problem, "invalid_answer"));
    }
    Ok(intelligence)
}

fn pages_analyzed(analysis: &Value) -> i32 {
    let said =
        analysis["pages_analyzed"].as_i64().or_else(|| analysis["pages"].as_array().map(|pages| pages.len() as i64));
    said.and_then(|pages| i32::try_from(pages).ok()).unwrap_or(0)
}

fn merge(target: &mut Value, more: Value) {
    if let (Value::Object(target), Value::Object(more)) = (target, more) {
        target.extend(more);
    }
}

fn read<T: for<'de> Deserialize<'de>>(stored: Value, problem: &str) -> Result<T, AttemptError> {
    serde_json::from_value(stored).map_err(|error| fatal(&format!("{problem}: {error}"), "unreadable"))
}

fn fatal(message: &str, code: &str) -> AttemptError {
    AttemptError::Fatal(Failure { message: message.to_owned(), code: code.to_owned() })
}

fn retryable(message: &str, code: &str) -> AttemptError {
    AttemptError::Retryable(Failure { message: message.to_owned(), code: code.to_owned() }, None)
}
