//! `campaigns`: gather what is known of a brand, let Claude plan three to five campaigns, save each as a draft.
//! Must not talk to an upstream outside a step.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{Months, NaiveDate};
use serde::Deserialize;
use serde_json::{Value, json};

use super::brand_context::{self, BrandContext, Gathered, KnownAudience};
use super::generation::{Generation, Item};
use super::question::Question;
use super::{AttemptError, Context, Definition, Input, Pipeline, Step, answer, read, schema};
use crate::job::{BrandId, JobType};
use crate::upstream::ClaudeClient;
use crate::write::{JobResult, ResultTable};

const INPUTS: &[Input] = &[];

const STEPS: &[Step] = &[
    Step { name: "gather_context", title: "Gathering brand context", typical: Duration::from_secs(1) },
    Step { name: "generate_campaigns", title: "Generating campaigns with AI", typical: Duration::from_secs(25) },
    Step { name: "save", title: "Saving campaigns", typical: Duration::from_secs(1) },
];

pub(super) const DEFINITION: Definition = Definition {
    job_type: JobType::Campaigns,
    inputs: INPUTS,
    steps: STEPS,
    // The call is bounded by 10 minutes.
    time_limit: Duration::from_secs(12 * 60),
};

/// How far ahead a campaign may start.
const HORIZON: Months = Months::new(24);

/// The pipeline with the upstream that it calls.
pub struct Campaigns {
    /// The model; absent without a key.
    pub claude: Option<ClaudeClient>,
}

#[async_trait]
impl Pipeline for Campaigns {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn missing_key(&self) -> Option<&'static str> {
        self.claude.is_none().then_some("ANTHROPIC_API_KEY")
    }

    async fn run(&self, context: &Context, _input_data: Value) -> Result<JobResult, AttemptError> {
        let gather = brand_context::gather(context, None, BrandContext::require_brand_intelligence);
        let gathered = context.step("gather_context", gather).await?;
        let gathered: Gathered = read(gathered, "The stored context of the brand cannot be read")?;
        let generate = self.generate_campaigns(context, &gathered.brand_context);
        let generation = context.step("generate_campaigns", generate).await?;
        context.progress(3, 95, "Saving campaigns").await?;
        let generation = read(generation, "The stored answer of the model cannot be read")?;
        result(context.brand_id, generation, &gathered.audiences)
    }
}

impl Campaigns {
    /// Step 2, from 15 percent: Claude plans the campaigns; its text is shown as it comes.
    async fn generate_campaigns(&self, context: &Context, known: &BrandContext) -> Result<Value, AttemptError> {
        let data = known.prompt_data();
        let today = known.today;
        let question = Question {
            number: 2,
            step: &STEPS[1],
            percent: 15..=90,
            typical_answer: 2_000,
            system: include_str!("prompts/campaigns.md"),
            user: format!("{}\n\nToday is {today}. Plan three to five campaigns for this brand.", data.text),
            schema: asked_for(),
        };
        let answer = question.ask(context, self.claude.as_ref(), |content| check(content, today)).await?;
        Ok(json!(Generation { answer, trimmed: data.trimmed }))
    }
}

/// What Claude is asked for.
#[derive(Debug, Deserialize)]
struct Plan {
    campaigns: Vec<Campaign>,
    confidence: f64,
}

/// A campaign: the columns of `campaigns`, with names where the row has ids.
#[derive(Debug, Deserialize)]
struct Campaign {
    name: String,
    objective: String,
    target_audiences: Vec<String>,
    start_date: String,
    end_date: String,
    budget: String,
    channels: Vec<String>,
}

fn asked_for() -> Value {
    use schema::{list, number, object, text, texts};
    let campaign = object(&[
        ("name", text()),
        ("objective", text()),
        ("target_audiences", texts()),
        ("start_date", text()),
        ("end_date", text()),
        ("budget", text()),
        ("channels", texts()),
    ]);
    object(&[("campaigns", list(&campaign)), ("confidence", number())])
}

fn check(content: &Value, today: NaiveDate) -> Result<(), String> {
    let Plan { campaigns, confidence } = answer::read(content)?;
    answer::count("campaigns", &campaigns, 3..=5)?;
    let horizon = today.checked_add_months(HORIZON).unwrap_or(NaiveDate::MAX);
    for (number, campaign) in (1..).zip(&campaigns) {
        let name = format!("campaign {number}");
        answer::filled(&format!("the name of {name}"), &campaign.name)?;
        answer::filled(&format!("the objective of {name}"), &campaign.objective)?;
        answer::days_in_order(&name, &campaign.start_date, &campaign.end_date)?;
        answer::day_within(&name, "start_date", &campaign.start_date, today..=horizon)?;
        answer::any_filled(&format!("the list of channels of {name}"), &campaign.channels)?;
    }
    answer::distinct("the list of campaigns", campaigns.iter().map(|campaign| campaign.name.as_str()))?;
    answer::confidence(confidence)
}

/// Step 3: the rows, the result and the terminal event become durable together.
fn result(brand_id: BrandId, generation: Generation, known: &[KnownAudience]) -> Result<JobResult, AttemptError> {
    let plan: Plan = generation.answer_as()?;
    let items = plan.campaigns.iter().map(|campaign| item(campaign, known)).collect();
    generation.result(brand_id, ResultTable::Campaigns, items)
}

fn item(campaign: &Campaign, known: &[KnownAudience]) -> Item {
    let shown = json!({
        "name": campaign.name,
        "objective": campaign.objective,
        "target_audience_ids": ids_of(&campaign.target_audiences, known),
        "start_date": campaign.start_date,
        "end_date": campaign.end_date,
        "budget": campaign.budget,
        "channels": campaign.channels,
        "status": "draft",
    });
    Item { shown, row_only: json!({}) }
}

/// The ids of the audiences with these names, each once; a name that no audience has is dropped. Of two audiences with
/// one name the first is meant, the newer one.
fn ids_of<'a>(names: &[String], known: &'a [KnownAudience]) -> Vec<&'a str> {
    let folded = |name: &str| name.trim().to_lowercase();
    let mut taken = HashSet::new();
    let found = names.iter().filter_map(|name| known.iter().find(|known| folded(&known.name) == folded(name)));
    found.map(|audience| audience.id.as_str()).filter(|id| taken.insert(*id)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::generation::tests::{BRAND, columns, generation};
    use super::*;

    fn campaign(name: &str) -> Value {
        json!({
            "name": name, "objective": "Win 500 new subscribers", "target_audiences": ["runners ", "Nobody", "Runners"],
            "start_date": "2026-11-23", "end_date": "2026-12-23", "budget": "5,000-8,000 €", "channels": ["Email"],
        })
    }

    fn answer() -> Value {
        json!({"campaigns": [campaign("One"), campaign("Two"), campaign("Three")], "confidence": 0.5})
    }

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 23).unwrap()
    }

    fn known(id: &str, name: &str) -> KnownAudience {
        KnownAudience { id: id.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn a_complete_answer_passes() {
        assert_eq!(check(&answer(), today()), Ok(()));
        let mut last_day = answer();
        last_day["campaigns"][0]["start_date"] = json!("2028-11-23");
        last_day["campaigns"][0]["end_date"] = json!("2028-11-24");
        assert_eq!(check(&last_day, today()), Ok(()));
    }

    #[test]
    fn each_problem_is_named() {
        let six: Vec<Value> = (0..6).map(|number| campaign(&number.to_string())).collect();
        let outside = "not from 2026-11-23 to 2028-11-23";
        for (pointer, value, problem) in [
            ("/campaigns", json!([campaign("One")]), "campaigns has 1 items instead of 3 to 5".to_owned()),
            ("/campaigns", json!(six), "campaigns has 6 items instead of 3 to 5".to_owned()),
            ("/campaigns/1/name", json!(" "), "the name of campaign 2 is empty".to_owned()),
            ("/campaigns/2/objective", json!(""), "the objective of campaign 3 is empty".to_owned()),
            (
                "/campaigns/0/end_date",
                json!("2026-11-23"),
                "campaign 1 ends on 2026-11-23, which is not after its start on 2026-11-23".to_owned(),
            ),
            (
                "/campaigns/0/start_date",
                json!("2026-11-22"),
                format!("campaign 1 has start_date 2026-11-22, which is {outside}"),
            ),
            (
                "/campaigns/1",
                json!({
                    "name": "Late", "objective": "x", "target_audiences": [], "start_date": "2028-11-24",
                    "end_date": "2028-12-24", "budget": "", "channels": ["Email"],
                }),
                format!("campaign 2 has start_date 2028-11-24, which is {outside}"),
            ),
            ("/campaigns/2/channels", json!([]), "the list of channels of campaign 3 says nothing".to_owned()),
            ("/campaigns/2/channels", json!([" "]), "the list of channels of campaign 3 says nothing".to_owned()),
            ("/campaigns/2/name", json!("one"), "the list of campaigns has \"one\" twice".to_owned()),
            ("/confidence", json!(2), "confidence is 2, not between 0 and 1".to_owned()),
        ] {
            let mut answer = answer();
            *answer.pointer_mut(pointer).unwrap() = value;
            assert_eq!(check(&answer, today()), Err(problem), "{pointer}");
        }
    }

    #[test]
    fn names_of_audiences_become_ids() {
        let audiences = [known("new", " Runners"), known("old", "runners"), known("hiker", "Hikers")];
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(ids_of(&names(&["HIKERS ", "Runners", "runners"]), &audiences), ["hiker", "new"]);
        assert!(ids_of(&names(&["Nobody", ""]), &audiences).is_empty());
        assert!(ids_of(&names(&["Runners"]), &[]).is_empty());
    }

    #[test]
    fn each_campaign_becomes_a_draft() {
        let audiences = [known("0198a000-0000-7000-8000-000000000001", "Runners")];
        let result = result(BRAND, generation(&answer()), &audiences).unwrap();
        let columns_of_table: Vec<&str> = ResultTable::Campaigns.columns().iter().map(|column| column.name).collect();
        let shown = result.result_data["campaigns"].as_array().unwrap();
        assert_eq!((result.rows.len(), shown.len()), (3, 3));
        for (row, shown) in result.rows.iter().zip(shown) {
            assert_eq!(row.table, ResultTable::Campaigns);
            assert_eq!(columns(row), columns_of_table);
            assert_eq!(*shown, super::super::merged(json!({"id": row.id}), json!(row.values)));
        }
        let expected = json!({
            "id": result.result_id, "name": "One", "objective": "Win 500 new subscribers",
            "target_audience_ids": ["0198a000-0000-7000-8000-000000000001"], "start_date": "2026-11-23",
            "end_date": "2026-12-23", "budget": "5,000-8,000 €", "channels": ["Email"], "status": "draft",
        });
        assert_eq!(shown[0], expected);
    }
}
