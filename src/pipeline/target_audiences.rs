//! `target_audiences`: gather what is known of a brand, let Claude draw three personas from it, save each as a row.
//! Must not talk to an upstream outside a step.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::brand_context::{self, BrandContext, Gathered};
use super::generation::{Generation, Item};
use super::question::Question;
use super::{AttemptError, Context, Definition, Input, InputKind, Pipeline, Step, answer, read, read_input, schema};
use crate::job::{BrandId, JobType};
use crate::upstream::ClaudeClient;
use crate::write::{JobResult, ResultTable};

const INPUTS: &[Input] =
    &[Input { name: "audience_description", kind: InputKind::Text { required: false, longest: 2_000 } }];

const STEPS: &[Step] = &[
    Step { name: "gather_context", title: "Gathering brand context", typical: Duration::from_secs(1) },
    Step { name: "generate_personas", title: "Generating personas with AI", typical: Duration::from_secs(35) },
    Step { name: "save", title: "Saving target audiences", typical: Duration::from_secs(1) },
];

pub(super) const DEFINITION: Definition = Definition {
    job_type: JobType::TargetAudiences,
    inputs: INPUTS,
    steps: STEPS,
    // The call is bounded by 10 minutes.
    time_limit: Duration::from_secs(12 * 60),
};

/// How many personas a job generates.
const PERSONAS: usize = 3;

/// The pipeline with the upstream that it calls.
pub struct TargetAudiences {
    /// The model; absent without a key.
    pub claude: Option<ClaudeClient>,
}

#[derive(Deserialize)]
struct InputData {
    audience_description: Option<String>,
}

#[async_trait]
impl Pipeline for TargetAudiences {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn missing_key(&self) -> Option<&'static str> {
        self.claude.is_none().then_some("ANTHROPIC_API_KEY")
    }

    async fn run(&self, context: &Context, input_data: Value) -> Result<JobResult, AttemptError> {
        let input: InputData = read_input(input_data)?;
        let gather = brand_context::gather(context, input.audience_description, BrandContext::require_anything);
        let gathered = context.step("gather_context", gather).await?;
        let gathered: Gathered = read(gathered, "The stored context of the brand cannot be read")?;
        let generate = self.generate_personas(context, &gathered.brand_context);
        let generation = context.step("generate_personas", generate).await?;
        context.progress(3, 95, "Saving target audiences").await?;
        result(context.brand_id, read(generation, "The stored answer of the model cannot be read")?)
    }
}

impl TargetAudiences {
    /// Step 2, from 15 percent: Claude draws the personas; its text is shown as it comes.
    async fn generate_personas(&self, context: &Context, known: &BrandContext) -> Result<Value, AttemptError> {
        let data = known.prompt_data();
        let question = Question {
            number: 2,
            step: &STEPS[1],
            percent: 15..=90,
            typical_answer: 4_500,
            system: include_str!("prompts/target_audiences.md"),
            user: format!("{}\n\nDraw three target audiences of this brand.", data.text),
            schema: asked_for(),
        };
        let answer = question.ask(context, self.claude.as_ref(), check).await?;
        Ok(json!(Generation { answer, trimmed: data.trimmed }))
    }
}

/// What Claude is asked for.
#[derive(Debug, Deserialize)]
struct Personas {
    audiences: Vec<Persona>,
    confidence: f64,
}

/// A persona: the columns of `target_audiences`.
#[derive(Debug, Serialize, Deserialize)]
struct Persona {
    name: String,
    description: String,
    demographics: Demographics,
    psychographics: Psychographics,
}

#[derive(Debug, Serialize, Deserialize)]
struct Demographics {
    age_range: String,
    gender: String,
    location: String,
    income_level: String,
    education: String,
    occupation: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Psychographics {
    interests: Vec<String>,
    values: Vec<String>,
    lifestyle: String,
    pain_points: Vec<String>,
    goals: Vec<String>,
    buying_behavior: String,
}

fn asked_for() -> Value {
    use schema::{list, number, object, text, texts};
    let demographics = object(&[
        ("age_range", text()),
        ("gender", text()),
        ("location", text()),
        ("income_level", text()),
        ("education", text()),
        ("occupation", text()),
    ]);
    let psychographics = object(&[
        ("interests", texts()),
        ("values", texts()),
        ("lifestyle", text()),
        ("pain_points", texts()),
        ("goals", texts()),
        ("buying_behavior", text()),
    ]);
    let audience = object(&[
        ("name", text()),
        ("description", text()),
        ("demographics", demographics),
        ("psychographics", psychographics),
    ]);
    object(&[("audiences", list(&audience)), ("confidence", number())])
}

fn check(content: &Value) -> Result<(), String> {
    let Personas { audiences, confidence } = answer::read(content)?;
    answer::count("audiences", &audiences, PERSONAS..=PERSONAS)?;
    for (number, audience) in (1..).zip(&audiences) {
        answer::filled(&format!("the name of audience {number}"), &audience.name)?;
        answer::filled(&format!("the description of audience {number}"), &audience.description)?;
    }
    answer::distinct("the list of audiences", audiences.iter().map(|audience| audience.name.as_str()))?;
    answer::confidence(confidence)
}

/// Step 3: the rows, the result and the terminal event become durable together.
fn result(brand_id: BrandId, generation: Generation) -> Result<JobResult, AttemptError> {
    let personas: Personas = generation.answer_as()?;
    let items = personas.audiences.iter().map(item).collect();
    generation.result(brand_id, ResultTable::TargetAudiences, items)
}

/// The oldest vintage of the table has no psychographics but columns of their own for three of its members.
fn item(persona: &Persona) -> Item {
    let Psychographics { interests, pain_points, goals, .. } = &persona.psychographics;
    let row_only = json!({"interests": interests, "pain_points": pain_points, "goals": goals});
    Item { shown: json!(persona), row_only }
}

#[cfg(test)]
mod tests {
    use super::super::generation::tests::{BRAND, columns, generation};
    use super::*;

    fn persona(name: &str) -> Value {
        json!({
            "name": name,
            "description": "Runs before work on wet forest trails and wants shoes that last for more than one season.",
            "demographics": {
                "age_range": "28-40", "gender": "All genders", "location": "Norwegian cities near forests",
                "income_level": "Middle to upper-middle", "education": "Vocational or university degree",
                "occupation": "Office and health workers",
            },
            "psychographics": {
                "interests": ["Trail running", "Hiking"], "values": ["Durability"], "lifestyle": "Early riser",
                "pain_points": ["Soles wear out"], "goals": ["A first marathon"], "buying_behavior": "Compares reviews",
            },
        })
    }

    fn answer() -> Value {
        json!({"audiences": [persona("One"), persona("Two"), persona("Three")], "confidence": 0.7})
    }

    #[test]
    fn a_complete_answer_passes() {
        assert_eq!(check(&answer()), Ok(()));
    }

    #[test]
    fn each_problem_is_named() {
        for (pointer, value, problem) in [
            ("/audiences", json!([persona("One"), persona("Two")]), "audiences has 2 items instead of 3"),
            ("/audiences/1/name", json!(" "), "the name of audience 2 is empty"),
            ("/audiences/2/description", json!(""), "the description of audience 3 is empty"),
            ("/audiences/2/name", json!("one "), "the list of audiences has \"one \" twice"),
            ("/confidence", json!(70), "confidence is 70, not between 0 and 1"),
            ("/audiences/0/demographics", json!({}), "it does not have the form asked for: missing field `age_range`"),
        ] {
            let mut answer = answer();
            *answer.pointer_mut(pointer).unwrap() = value;
            assert_eq!(check(&answer), Err(problem.to_owned()), "{pointer}");
        }
    }

    #[test]
    fn each_persona_becomes_a_row_of_every_vintage() {
        let result = result(BRAND, generation(&answer())).unwrap();
        assert_eq!(result.rows.len(), 3);
        let known: Vec<&str> = ResultTable::TargetAudiences.columns().iter().map(|column| column.name).collect();
        for (row, shown) in result.rows.iter().zip(result.result_data["target_audiences"].as_array().unwrap()) {
            assert_eq!(row.table, ResultTable::TargetAudiences);
            assert_eq!(columns(row), known);
            assert_eq!(row.values["psychographics"], shown["psychographics"]);
            for member in ["interests", "pain_points", "goals"] {
                assert_eq!(row.values[member], shown["psychographics"][member], "{member}");
            }
            let persona = persona(shown["name"].as_str().unwrap());
            assert_eq!(*shown, super::super::merged(json!({"id": row.id}), persona));
        }
    }
}
