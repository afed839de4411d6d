//! `competitor_analysis`: search a competitor's ads (Foreplay), analyse them (Claude), save the analysis.
//! Must not talk to an upstream outside a step.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::question::{Answer, Question};
use super::{
    AttemptError, Context, Definition, Input, InputKind, InvalidInput, Pipeline, Step, answer, merged, prompt, read,
    read_input, schema,
};
use crate::event::instant;
use crate::job::{BrandId, JobType};
use crate::upstream::claude::ClaudeClient;
use crate::upstream::foreplay::ForeplayClient;
use crate::write::{JobResult, ResultRow, ResultTable};

mod ad;
mod search;

use search::{FoundAds, Wanted};

const INPUTS: &[Input] = &[
    Input { name: "competitor_name", kind: InputKind::Text { required: true, longest: 200 } },
    Input { name: "facebook_page", kind: InputKind::Text { required: false, longest: 200 } },
    Input { name: "start_date", kind: InputKind::Date },
    Input { name: "end_date", kind: InputKind::Date },
    Input { name: "limit", kind: InputKind::Integer { default: 20, minimum: 1, maximum: 100 } },
];

const STEPS: &[Step] = &[
    Step { name: "search_ads", title: "Searching for competitor ads", typical: Duration::from_secs(5) },
    Step { name: "analyze_ads", title: "Analyzing competitor ads with AI", typical: Duration::from_secs(40) },
    Step { name: "save", title: "Saving analysis", typical: Duration::from_secs(1) },
];

pub(super) const DEFINITION: Definition = Definition {
    job_type: JobType::CompetitorAnalysis,
    inputs: INPUTS,
    steps: STEPS,
    // Some pages of ads with 30 s each, and 10 minutes for the model.
    time_limit: Duration::from_secs(15 * 60),
};

/// The most of the ads that goes into the prompt, in bytes; some 25,000 tokens.
const PROMPT_DATA: usize = 100_000;

/// The pipeline with the two upstreams that it calls.
pub struct CompetitorAnalysis {
    /// The ad library; absent without a key.
    pub foreplay: Option<ForeplayClient>,
    /// The model; absent without a key.
    pub claude: Option<ClaudeClient>,
}

#[derive(Deserialize)]
struct InputData {
    competitor_name: String,
    facebook_page: Option<String>,
    start_date: Option<NaiveDate>,
    end_date: Option<NaiveDate>,
    limit: u32,
}

#[async_trait]
impl Pipeline for CompetitorAnalysis {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, input_data: &Value) -> Result<(), InvalidInput> {
        match (input_data["start_date"].as_str(), input_data["end_date"].as_str()) {
            // Days in this form are in the order of their texts.
            (Some(start), Some(end)) if start > end => {
                Err(InvalidInput::new("input_data.end_date", format!("must not be before start_date ({start})")))
            }
            _ => Ok(()),
        }
    }

    fn missing_key(&self) -> Option<&'static str> {
        match (&self.foreplay, &self.claude) {
            (None, _) => Some("FOREPLAY_API_KEY"),
            (_, None) => Some("ANTHROPIC_API_KEY"),
            _ => None,
        }
    }

    async fn run(&self, context: &Context, input_data: Value) -> Result<JobResult, AttemptError> {
        let input: InputData = read_input(input_data)?;
        let found = self.search_ads(context, &input).await?;
        let analysis = context.step("analyze_ads", self.analyze_ads(context, &input, &found)).await?;
        context.progress(3, 85, "Saving analysis").await?;
        result(context.brand_id, &input, &found, read(analysis, "The stored answer of the model cannot be read")?)
    }
}

impl CompetitorAnalysis {
    /// Step 1, up to 40 percent. Each page of ads costs credits, so each is a stored output of its own.
    async fn search_ads(&self, context: &Context, input: &InputData) -> Result<FoundAds, AttemptError> {
        let foreplay =
            self.foreplay.as_ref().ok_or_else(|| AttemptError::fatal("missing_key", "FOREPLAY_API_KEY is not set"))?;
        context.progress(1, 10, "Searching for competitor ads").await?;
        let wanted = Wanted {
            query: input.facebook_page.clone().unwrap_or_else(|| input.competitor_name.clone()),
            limit: input.limit as usize,
            range: (input.start_date, input.end_date),
        };
        let found = search::run(context, foreplay, &wanted).await?;
        context.progress_with(1, 40, found_words(found.ads.len()), json!({"ads": found.ads.len()})).await?;
        Ok(found)
    }

    /// Step 2, from 50 to 80 percent.
    async fn analyze_ads(&self, context: &Context, input: &InputData, found: &FoundAds) -> Result<Value, AttemptError> {
        let ads: Vec<Value> = found.ads.iter().map(ad::for_prompt).collect();
        let data = prompt::data("ads", &json!({"competitor": input.competitor_name, "ads": ads}), PROMPT_DATA);
        let question = Question {
            number: 2,
            step: &STEPS[1],
            percent: 50..=80,
            typical_answer: 4_000,
            system: include_str!("prompts/competitor_analysis.md"),
            user: format!("{}\n\nAnalyze this competitor's advertising.", data.text),
            schema: asked_for(),
        };
        let answer = question.ask(context, self.claude.as_ref(), check).await?;
        Ok(json!(Analysis { answer, trimmed: data.trimmed }))
    }
}

fn found_words(ads: usize) -> String {
    if ads == 1 { "Found 1 ad".to_owned() } else { format!("Found {ads} ads") }
}

/// The stored output of step 2.
#[derive(Serialize, Deserialize)]
struct Analysis {
    #[serde(flatten)]
    answer: Answer,
    trimmed: bool,
}

fn asked_for() -> Value {
    use schema::{number, object, text, texts};
    object(&[
        ("overview", text()),
        ("positioning", text()),
        (
            "creative_strategy",
            object(&[
                ("ad_formats", texts()),
                ("common_themes", texts()),
                ("creative_patterns", texts()),
                ("frequency", text()),
            ]),
        ),
        (
            "messaging_analysis",
            object(&[("tone", text()), ("key_messages", texts()), ("ctas", texts()), ("value_propositions", texts())]),
        ),
        (
            "visual_design_elements",
            object(&[
                ("colors", texts()),
                ("imagery_style", text()),
                ("typography", text()),
                ("branding_consistency", text()),
            ]),
        ),
        (
            "target_audience_insights",
            object(&[("demographics", text()), ("psychographics", text()), ("pain_points", texts())]),
        ),
        (
            "performance_indicators",
            object(&[("engagement_patterns", text()), ("ad_frequency", text()), ("timing", text())]),
        ),
        ("key_findings", texts()),
        ("recommendations", texts()),
        ("confidence", number()),
    ])
}

/// What Claude is asked for. What it may say beside it is neither checked nor saved.
#[derive(Serialize, Deserialize)]
struct AdAnalysis {
    overview: String,
    positioning: String,
    creative_strategy: CreativeStrategy,
    messaging_analysis: MessagingAnalysis,
    visual_design_elements: VisualDesignElements,
    target_audience_insights: TargetAudienceInsights,
    performance_indicators: PerformanceIndicators,
    key_findings: Vec<String>,
    recommendations: Vec<String>,
    /// Saved under another name.
    #[serde(skip_serializing)]
    confidence: f64,
}

#[derive(Serialize, Deserialize)]
struct CreativeStrategy {
    ad_formats: Vec<String>,
    common_themes: Vec<String>,
    creative_patterns: Vec<String>,
    frequency: String,
}

#[derive(Serialize, Deserialize)]
struct MessagingAnalysis {
    tone: String,
    key_messages: Vec<String>,
    ctas: Vec<String>,
    value_propositions: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct VisualDesignElements {
    colors: Vec<String>,
    imagery_style: String,
    typography: String,
    branding_consistency: String,
}

#[derive(Serialize, Deserialize)]
struct TargetAudienceInsights {
    demographics: String,
    psychographics: String,
    pain_points: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct PerformanceIndicators {
    engagement_patterns: String,
    ad_frequency: String,
    timing: String,
}

fn check(content: &Value) -> Result<(), String> {
    let analysis: AdAnalysis = answer::read(content)?;
    answer::filled("overview", &analysis.overview)?;
    answer::filled("positioning", &analysis.positioning)?;
    answer::count("key_findings", &analysis.key_findings, 1..=20)?;
    answer::count("recommendations", &analysis.recommendations, 1..=20)?;
    answer::confidence(analysis.confidence)
}

/// Step 3: the row and the result.
fn result(
    brand_id: BrandId,
    input: &InputData,
    found: &FoundAds,
    analysis: Analysis,
) -> Result<JobResult, AttemptError> {
    let Analysis { answer: Answer { content, model, usage }, trimmed } = analysis;
    let said: AdAnalysis = read(content, "The stored answer of the model cannot be read")?;
    let result_id = Uuid::now_v7();
    let credits = json!({
        "foreplay_credits": found.credits,
        "foreplay_credits_remaining": found.credits_remaining,
    });
    let usage = merged(json!(usage), credits);
    let ad_ids: Vec<&Value> = found.ads.iter().map(|ad| &ad["id"]).collect();
    let head = json!({
        "id": result_id,
        "brand_id": brand_id,
        "competitor_name": input.competitor_name,
        "competitor_website": ad::most_linked_site(&found.ads),
        "facebook_page": input.facebook_page,
        "total_ads_analyzed": found.ads.len(),
        "ad_ids": ad_ids,
        "ads_data": found.ads,
    });
    let tail = json!({
        "analysis_model": model,
        "model": model,
        "analysis_confidence": said.confidence,
        "analysis_date": instant(Utc::now()),
        "analysis_start_date": input.start_date,
        "analysis_end_date": input.end_date,
        "trimmed": trimmed || found.cut,
        "usage": usage,
    });
    let result_data = merged(merged(head, json!(said)), tail);
    let rows = vec![ResultRow::new(ResultTable::CompetitorAnalyses, result_id, &result_data)];
    Ok(JobResult { result_id, result_data, usage: Some(usage), rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Value {
        json!({
            "overview": "o", "positioning": "p",
            "creative_strategy": {"ad_formats": [], "common_themes": [], "creative_patterns": [], "frequency": "f"},
            "messaging_analysis": {"tone": "t", "key_messages": [], "ctas": [], "value_propositions": []},
            "visual_design_elements": {"colors": [], "imagery_style": "i", "typography": "t", "branding_consistency": "b"},
            "target_audience_insights": {"demographics": "d", "psychographics": "p", "pain_points": []},
            "performance_indicators": {"engagement_patterns": "e", "ad_frequency": "a", "timing": "t"},
            "key_findings": ["k"], "recommendations": ["r"], "confidence": 0.5,
        })
    }

    #[test]
    fn the_check_names_what_is_wrong() {
        assert_eq!(check(&answer()), Ok(()));
        for (member, value, problem) in [
            ("overview", json!(" "), "overview"),
            ("key_findings", json!([]), "key_findings"),
            ("recommendations", json!("none"), "form"),
            ("messaging_analysis", json!({"tone": "t"}), "key_messages"),
            ("confidence", json!(7), "confidence"),
        ] {
            let mut wrong = answer();
            wrong[member] = value;
            assert!(check(&wrong).unwrap_err().contains(problem), "{member}");
        }
    }

    #[test]
    fn the_schema_asks_for_what_the_check_reads() {
        let schema = asked_for();
        let asked: Vec<&str> = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let given = answer();
        assert_eq!(asked, given.as_object().unwrap().keys().collect::<Vec<_>>());
        for (name, member) in given.as_object().unwrap().iter().filter(|(_, member)| member.is_object()) {
            let inner = &schema["properties"][name]["required"];
            assert_eq!(inner.as_array().unwrap().len(), member.as_object().unwrap().len(), "{name}");
        }
    }

    #[test]
    fn what_the_model_adds_is_not_saved() {
        let mut content = answer();
        for (member, value) in [("id", json!("x")), ("total_ads_analyzed", json!(99)), ("advice", json!("Buy"))] {
            content[member] = value;
        }
        content["messaging_analysis"]["extra"] = json!(1);
        let input =
            json!({"competitor_name": "Acme", "facebook_page": null, "start_date": null, "end_date": null, "limit": 1});
        let analysis = json!({
            "content": content, "model": "a-model", "trimmed": false,
            "usage": {"calls": 1, "input_tokens": 1, "output_tokens": 1, "cost_usd": null},
        });
        let (input, analysis) = (read_input(input).unwrap(), read(analysis, "").unwrap());
        let result = result(BrandId(Uuid::nil()), &input, &FoundAds::default(), analysis).unwrap();
        let data = &result.result_data;
        assert_eq!((&data["id"], &data["total_ads_analyzed"]), (&json!(result.result_id), &json!(0)));
        assert_eq!((&data["advice"], &data["confidence"]), (&json!(null), &json!(null)));
        assert_eq!(data["messaging_analysis"], answer()["messaging_analysis"]);
        assert_eq!((&data["analysis_confidence"], &result.rows[0].values["overview"]), (&json!(0.5), &json!("o")));
    }

    #[test]
    fn days_must_be_in_order() {
        let pipeline = CompetitorAnalysis { foreplay: None, claude: None };
        let input = |start: &str, end: &str| json!({"start_date": start, "end_date": end});
        assert_eq!(pipeline.check(&input("2026-01-31", "2026-01-31")), Ok(()));
        assert_eq!(pipeline.check(&json!({"start_date": null, "end_date": "2026-01-31"})), Ok(()));
        let refused = pipeline.check(&input("2026-02-01", "2026-01-31")).unwrap_err();
        assert_eq!(refused.field, "input_data.end_date");
        assert!(refused.message.contains("2026-02-01"));
    }

    #[test]
    fn a_missing_key_is_named() {
        assert_eq!(CompetitorAnalysis { foreplay: None, claude: None }.missing_key(), Some("FOREPLAY_API_KEY"));
    }
}
