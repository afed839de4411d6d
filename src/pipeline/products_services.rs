//! `products_services`: gather what is known of a brand, let Claude list what it offers, save each offer as a row.
//! Must not talk to an upstream outside a step.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::brand_context::{self, BrandContext, Gathered};
use super::generation::{Generation, Item};
use super::question::Question;
use super::{AttemptError, Context, Definition, Input, Pipeline, Step, answer, merged, read, schema};
use crate::job::{BrandId, JobType};
use crate::upstream::ClaudeClient;
use crate::write::{JobResult, ResultTable};

const INPUTS: &[Input] = &[];

const STEPS: &[Step] = &[
    Step { name: "gather_context", title: "Gathering brand context", typical: Duration::from_secs(1) },
    Step {
        name: "generate_products",
        title: "Generating products and services with AI",
        typical: Duration::from_secs(25),
    },
    Step { name: "save", title: "Saving products and services", typical: Duration::from_secs(1) },
];

pub(super) const DEFINITION: Definition = Definition {
    job_type: JobType::ProductsServices,
    inputs: INPUTS,
    steps: STEPS,
    // The call is bounded by 10 minutes.
    time_limit: Duration::from_secs(12 * 60),
};

/// The most products and services that a job generates.
const PRODUCTS: usize = 12;

/// The most features that one of them has.
const FEATURES: usize = 12;

/// The pipeline with the upstream that it calls.
pub struct ProductsServices {
    /// The model; absent without a key.
    pub claude: Option<ClaudeClient>,
}

#[async_trait]
impl Pipeline for ProductsServices {
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
        let generate = self.generate_products(context, &gathered.brand_context);
        let generation = context.step("generate_products", generate).await?;
        context.progress(3, 95, "Saving products and services").await?;
        result(context.brand_id, read(generation, "The stored answer of the model cannot be read")?)
    }
}

impl ProductsServices {
    /// Step 2, from 15 percent: Claude lists what the brand offers; its text is shown as it comes.
    async fn generate_products(&self, context: &Context, known: &BrandContext) -> Result<Value, AttemptError> {
        let data = known.prompt_data();
        let question = Question {
            number: 2,
            step: &STEPS[1],
            percent: 15..=90,
            typical_answer: 2_200,
            system: include_str!("prompts/products_services.md"),
            user: format!("{}\n\nList the products and services of this brand.", data.text),
            schema: asked_for(),
        };
        let answer = question.ask(context, self.claude.as_ref(), check).await?;
        Ok(json!(Generation { answer, trimmed: data.trimmed }))
    }
}

/// What Claude is asked for.
#[derive(Debug, Deserialize)]
struct Offers {
    products: Vec<Product>,
    confidence: f64,
}

/// A product or a service: the columns of `products_services`, but for the image.
#[derive(Debug, Serialize, Deserialize)]
struct Product {
    name: String,
    category: String,
    description: String,
    price: Option<String>,
    features: Vec<String>,
}

fn asked_for() -> Value {
    use schema::{list, number, object, text, text_or_null, texts};
    let product = object(&[
        ("name", text()),
        ("category", text()),
        ("description", text()),
        ("price", text_or_null()),
        ("features", texts()),
    ]);
    object(&[("products", list(&product)), ("confidence", number())])
}

fn check(content: &Value) -> Result<(), String> {
    let Offers { products, confidence } = answer::read(content)?;
    answer::count("products", &products, 1..=PRODUCTS)?;
    for (number, product) in (1..).zip(&products) {
        answer::filled(&format!("the name of product {number}"), &product.name)?;
        answer::filled(&format!("the category of product {number}"), &product.category)?;
        answer::filled_or_null(&format!("the price of product {number}"), product.price.as_deref())?;
        answer::count(&format!("the list of features of product {number}"), &product.features, 0..=FEATURES)?;
    }
    answer::distinct("the list of products", products.iter().map(|product| product.name.as_str()))?;
    answer::confidence(confidence)
}

/// Step 3: the rows, the result and the terminal event become durable together.
fn result(brand_id: BrandId, generation: Generation) -> Result<JobResult, AttemptError> {
    let offers: Offers = generation.answer_as()?;
    let items = offers.products.iter().map(item).collect();
    generation.result(brand_id, ResultTable::ProductsServices, items)
}

/// The model has seen no images; the column is for people.
fn item(product: &Product) -> Item {
    Item { shown: merged(json!(product), json!({"image_url": null})), row_only: json!({}) }
}

#[cfg(test)]
mod tests {
    use super::super::generation::tests::{BRAND, columns, generation};
    use super::*;

    fn product(name: &str) -> Value {
        json!({
            "name": name, "category": "Running shoes", "price": null,
            "description": "A shoe for wet forest trails.", "features": ["Grip on wet rock", "Sole can be renewed"],
        })
    }

    fn answer() -> Value {
        let mut priced = product("Fjord");
        priced["price"] = json!("from 149 €");
        json!({"products": [product("Skog"), priced], "confidence": 0.6})
    }

    #[test]
    fn a_complete_answer_passes() {
        assert_eq!(check(&answer()), Ok(()));
        let many: Vec<Value> = (0..12).map(|number| product(&format!("Shoe {number}"))).collect();
        assert_eq!(check(&json!({"products": many, "confidence": 0})), Ok(()));
    }

    #[test]
    fn each_problem_is_named() {
        let features = |count: usize| json!(vec!["Grip"; count]);
        let too_many: Vec<Value> = (0..13).map(|number| product(&format!("Shoe {number}"))).collect();
        for (pointer, value, problem) in [
            ("/products", json!([]), "products has 0 items instead of 1 to 12"),
            ("/products", json!(too_many), "products has 13 items instead of 1 to 12"),
            ("/products/1/name", json!(""), "the name of product 2 is empty"),
            ("/products/0/category", json!("\n"), "the category of product 1 is empty"),
            ("/products/1/price", json!(" "), "the price of product 2 is empty instead of null"),
            ("/products/0/features", features(13), "the list of features of product 1 has 13 items instead of 0 to 12"),
            ("/products/1/name", json!("SKOG"), "the list of products has \"SKOG\" twice"),
            ("/confidence", json!(-1), "confidence is -1, not between 0 and 1"),
        ] {
            let mut answer = answer();
            *answer.pointer_mut(pointer).unwrap() = value;
            assert_eq!(check(&answer), Err(problem.to_owned()), "{pointer}");
        }
    }

    #[test]
    fn each_product_becomes_a_row() {
        let result = result(BRAND, generation(&answer())).unwrap();
        let known: Vec<&str> = ResultTable::ProductsServices.columns().iter().map(|column| column.name).collect();
        let shown = result.result_data["products_services"].as_array().unwrap();
        assert_eq!((result.rows.len(), shown.len()), (2, 2));
        for (row, shown) in result.rows.iter().zip(shown) {
            assert_eq!(row.table, ResultTable::ProductsServices);
            assert_eq!(columns(row), known);
            assert_eq!(*shown, merged(json!({"id": row.id}), json!(row.values)));
        }
        assert_eq!(shown[0]["price"], Value::Null);
        assert_eq!(shown[1]["price"], "from 149 €");
        assert!(shown.iter().all(|shown| shown.as_object().unwrap()["image_url"].is_null()));
    }
}
