//! `brand_intelligence`: analyse a site (gtm), extract what the brand stands for (Claude), save it.
//! Must not talk to an upstream outside a step.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::question::{Answer, Question};
use super::{
    AttemptError, Context, Definition, Input, InputKind, Pipeline, Step, answer, merged, prompt, read, read_input,
    schema,
};
use crate::job::{BrandId, JobType};
use crate::upstream::claude::ClaudeClient;
use crate::upstream::gtm::{AnalyzeBrand, GtmClient, GtmEvent};
use crate::write::{JobResult, Progress, Report, ResultRow, ResultTable};

/// How many events that gtm has sent are taken together at the most.
const AT_ONCE: usize = 64;

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

pub(super) const DEFINITION: Definition = Definition {
    job_type: JobType::BrandIntelligence,
    inputs: INPUTS,
    steps: STEPS,
    // The two calls are bounded by 3 and 10 minutes.
    time_limit: Duration::from_secs(15 * 60),
};

/// The most of the site's analysis that goes into the prompt, in bytes; some 30,000 tokens.
const PROMPT_DATA: usize = 120_000;

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
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn missing_key(&self) -> Option<&'static str> {
        self.claude.is_none().then_some("ANTHROPIC_API_KEY")
    }

    async fn run(&self, context: &Context, input_data: Value) -> Result<JobResult, AttemptError> {
        let input: InputData = read_input(input_data)?;
        let analysis = context.step("analyze_site", self.analyze_site(context, input)).await?;
        let extraction = context.step("extract_intelligence", self.extract_intelligence(context, &analysis)).await?;
        context.progress(3, 98, "Saving brand intelligence").await?;
        result(context.brand_id, analysis, read(extraction, "The stored answer of the model cannot be read")?)
    }
}

impl BrandIntelligence {
    /// Step 1, up to 90 percent: gtm crawls the site and says how far it is.
    async fn analyze_site(&self, context: &Context, input: InputData) -> Result<Value, AttemptError> {
        context.progress(1, 5, "Analyzing website").await?;
        let events = self.gtm.analyze_brand(AnalyzeBrand { url: input.url, max_pages: input.max_pages });
        let mut events = pin!(events.ready_chunks(AT_ONCE));
        let mut percent = 5;
        while let Some(events) = events.next().await {
            let (mut reports, mut end) = (Vec::new(), None);
            for event in events {
                match event {
                    Ok(GtmEvent::Progress(progress)) => {
                        percent = progress.progress.map_or(percent, |said| said.round().clamp(0.0, 90.0) as u8);
                        let text = progress.text.unwrap_or_else(|| "Analyzing pages".to_owned());
                        reports.push(Report::Progress(Progress { step: 1, percent, text, detail: progress.detail }));
                    }
                    Ok(GtmEvent::Complete(analysis)) => end = Some(Ok(analysis)),
                    Err(error) => end = Some(Err(error)),
                }
            }
            context.report_all(reports).await?;
            if let Some(end) = end {
                return Ok(end?);
            }
        }
        Err(AttemptError::retryable("stream_ended_early", "No brand analysis data received"))
    }

    /// Step 2, from 92 percent: Claude writes what the brand stands for; its text is shown as it comes.
    async fn extract_intelligence(&self, context: &Context, analysis: &Value) -> Result<Value, AttemptError> {
        let data = prompt::data("site_analysis", analysis, PROMPT_DATA);
        let question = Question {
            number: 2,
            step: &STEPS[1],
            percent: 92..=97,
            typical_answer: 2_500,
            system: include_str!("prompts/brand_intelligence.md"),
            user: format!("{}\n\nExtract the brand intelligence of this site.", data.text),
            schema: asked_for(),
        };
        let answer = question.ask(context, self.claude.as_ref(), check).await?;
        Ok(json!(Extraction { answer, analysis_trimmed: data.trimmed }))
    }
}

/// The stored output of step 2.
#[derive(Serialize, Deserialize)]
struct Extraction {
    #[serde(flatten)]
    answer: Answer,
    analysis_trimmed: bool,
}

/// What Claude is asked for: the columns of `brand_intelligence`, and how sure it is. What it may say beside that is
/// neither checked nor saved.
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
    /// Saved under another name.
    #[serde(skip_serializing)]
    confidence: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct BrandVoice {
    personality: String,
    style: String,
    vocabulary: Vec<String>,
}

fn asked_for() -> Value {
    use schema::{number, object, text, texts};
    let voice = object(&[("personality", text()), ("style", text()), ("vocabulary", texts())]);
    object(&[
        ("brand_name", text()),
        ("tagline", text()),
        ("mission", text()),
        ("vision", text()),
        ("values", texts()),
        ("brand_tone", text()),
        ("brand_voice", voice),
        ("messaging_themes", texts()),
        ("industry", text()),
        ("target_market", text()),
        ("unique_value_proposition", text()),
        ("key_messages", texts()),
        ("content_themes", texts()),
        ("confidence", number()),
    ])
}

fn check(content: &Value) -> Result<(), String> {
    let intelligence: Intelligence = answer::read(content)?;
    answer::filled("brand_name", &intelligence.brand_name)?;
    answer::confidence(intelligence.confidence)
}

/// Step 3: the row, the result and the terminal event become durable together.
fn result(brand_id: BrandId, analysis: Value, extraction: Extraction) -> Result<JobResult, AttemptError> {
    let Extraction { answer: Answer { content, model, usage }, analysis_trimmed } = extraction;
    let result_id = Uuid::now_v7();
    let said: Intelligence = read(content, "The stored answer of the model cannot be read")?;
    let about = json!({
        "id": result_id,
        "brand_id": brand_id,
        "pages_analyzed": pages_analyzed(&analysis),
        "analysis_confidence": said.confidence,
        "analysis_trimmed": analysis_trimmed,
        "model": model,
        "usage": usage,
        "raw_analysis": analysis,
    });
    let result_data = merged(json!(said), about);
    let rows = vec![ResultRow::new(ResultTable::BrandIntelligence, result_id, &result_data)];
    Ok(JobResult { result_id, result_data, usage: Some(json!(usage)), rows })
}

fn pages_analyzed(analysis: &Value) -> i32 {
    let said =
        analysis["pages_analyzed"].as_i64().or_else(|| analysis["pages"].as_array().map(|pages| pages.len() as i64));
    said.and_then(|pages| i32::try_from(pages).ok()).unwrap_or(0)
}
