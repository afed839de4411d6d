//! What the database knows of a brand, gathered for a prompt: the first step of the types that build on earlier results.
//! Must not show the model columns that it does not know, or ids: the rows belong to another application as well.

use chrono::{NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::prompt::{self, PromptData};
use super::{AttemptError, Context};
use crate::write::{ColumnKind, ResultTable};

/// The most of the context that goes into a prompt, in bytes; some 15,000 tokens.
const PROMPT_DATA: usize = 60_000;

/// How many of the brand's rows are read, the newest.
const TARGET_AUDIENCES: u32 = 10;
const PRODUCTS_SERVICES: u32 = 20;

/// The columns of `brands` that say something about the brand. Another application's table may hold anything beside
/// them, which is none of the model's business.
const BRAND_COLUMNS: &[&str] = &["name", "website", "industry", "description"];

/// The columns of results that say nothing to the model.
const UNTOLD_COLUMNS: &[&str] = &["pages_analyzed", "image_url"];

/// The stored output of the step.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Gathered {
    /// What the model is shown.
    pub brand_context: BrandContext,
    /// The audiences that it is shown, to turn names back into ids; newest first.
    pub audiences: Vec<KnownAudience>,
}

/// What is known of a brand. What is empty is left out of the prompt.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BrandContext {
    /// The day on which it was gathered, in UTC. An attempt on another day goes on with this one.
    pub today: NaiveDate,
    /// From the origin application's own row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<Value>,
    /// The newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand_intelligence: Option<Value>,
    /// In the words of who started the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience_description: Option<String>,
    /// The newest ones, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_audiences: Vec<Value>,
    /// The newest ones, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products_services: Vec<Value>,
}

/// An audience that has a row.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownAudience {
    /// The row's id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Step 1, from 5 to 10 percent: reads what there is. `require` says whether it is enough; if it is not, nothing is
/// stored, and a retry looks again.
pub(super) async fn gather(
    context: &Context,
    audience_description: Option<String>,
    require: fn(&BrandContext) -> Result<(), AttemptError>,
) -> Result<Value, AttemptError> {
    context.progress(1, 5, "Gathering what is known of the brand").await?;
    let rows = Rows {
        brand: context.brand().await?,
        brand_intelligence: context.latest_rows(ResultTable::BrandIntelligence, 1).await?,
        target_audiences: context.latest_rows(ResultTable::TargetAudiences, TARGET_AUDIENCES).await?,
        products_services: context.latest_rows(ResultTable::ProductsServices, PRODUCTS_SERVICES).await?,
    };
    let gathered = Gathered::from_rows(&rows, audience_description, Utc::now().date_naive());
    require(&gathered.brand_context)?;
    context.progress_with(1, 10, "Gathered what is known of the brand", gathered.brand_context.counts()).await?;
    Ok(json!(gathered))
}

/// What was read, as it was stored.
struct Rows {
    brand: Option<Value>,
    brand_intelligence: Vec<Value>,
    target_audiences: Vec<Value>,
    products_services: Vec<Value>,
}

impl Gathered {
    fn from_rows(rows: &Rows, audience_description: Option<String>, today: NaiveDate) -> Gathered {
        let brand_context = BrandContext {
            today,
            brand: rows.brand.as_ref().and_then(|row| told(row, BRAND_COLUMNS.iter().copied())),
            brand_intelligence: told_rows(ResultTable::BrandIntelligence, &rows.brand_intelligence).into_iter().next(),
            audience_description: audience_description.filter(|text| !text.trim().is_empty()),
            target_audiences: told_rows(ResultTable::TargetAudiences, &rows.target_audiences),
            products_services: told_rows(ResultTable::ProductsServices, &rows.products_services),
        };
        let audiences = rows.target_audiences.iter().filter_map(KnownAudience::from_row).collect();
        Gathered { brand_context, audiences }
    }
}

impl KnownAudience {
    fn from_row(row: &Value) -> Option<KnownAudience> {
        Some(KnownAudience { id: row["id"].as_str()?.to_owned(), name: row["name"].as_str()?.to_owned() })
    }
}

impl BrandContext {
    /// For a type that cannot do without brand intelligence.
    pub(super) fn require_brand_intelligence(&self) -> Result<(), AttemptError> {
        if self.brand_intelligence.is_some() {
            return Ok(());
        }
        let message = "This brand has no brand intelligence yet: run a brand_intelligence job for it first";
        Err(AttemptError::fatal("needs_brand_intelligence", message))
    }

    /// For a type that makes do with whatever there is.
    pub(super) fn require_anything(&self) -> Result<(), AttemptError> {
        if self.brand_intelligence.is_some() || self.brand.is_some() || self.audience_description.is_some() {
            return Ok(());
        }
        let message = "Nothing is known of this brand yet: run a brand_intelligence job for it first, or start this job \
                       with an audience_description";
        Err(AttemptError::fatal("nothing_known", message))
    }

    /// The context as it stands in a prompt.
    pub(super) fn prompt_data(&self) -> PromptData {
        prompt::data("brand_context", &json!(self), PROMPT_DATA)
    }

    /// What there is, for who watches.
    fn counts(&self) -> Value {
        json!({
            "brand": self.brand.is_some(),
            "brand_intelligence": self.brand_intelligence.is_some(),
            "target_audiences": self.target_audiences.len(),
            "products_services": self.products_services.len(),
        })
    }
}

fn told_rows(table: ResultTable, rows: &[Value]) -> Vec<Value> {
    let columns = || {
        let told = table.columns().iter().filter(|column| column.kind != ColumnKind::Document);
        told.map(|column| column.name).filter(|name| !UNTOLD_COLUMNS.contains(name))
    };
    rows.iter().filter_map(|row| told(row, columns())).collect()
}

/// These columns of the row, as far as they say something; nothing if none does.
fn told(row: &Value, columns: impl Iterator<Item = &'static str>) -> Option<Value> {
    let told: Map<String, Value> =
        columns.filter_map(|column| Some((column.to_owned(), said(row.get(column)?)?))).collect();
    (!told.is_empty()).then_some(Value::Object(told))
}

/// The value without what is null or empty in it; nothing if it says nothing.
fn said(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) => (!text.trim().is_empty()).then(|| value.clone()),
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(said).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(members) => {
            let members: Map<String, Value> =
                members.iter().filter_map(|(name, member)| Some((name.clone(), said(member)?))).collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        Value::Bool(_) | Value::Number(_) => Some(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0198a000-0000-7000-8000-000000000001";

    fn row(values: Value) -> Value {
        let about = json!({"id": ID, "brand_id": ID, "created_at": "2026-11-01T00:00:00Z", "updated_at": null});
        super::super::merged(about, values)
    }

    fn rows() -> Rows {
        Rows {
            brand: Some(row(json!({
                "name": "Acme", "website": "https://acme.example/", "slug": "acme", "short_id": "a1b2c3",
                "logo_url": "https://acme.example/logo.png", "industry": null, "description": " ", "api_token": "x",
            }))),
            brand_intelligence: vec![row(json!({
                "brand_name": "Acme", "tagline": null, "values": ["Speed", "", null], "key_messages": [],
                "brand_voice": {"personality": "bold", "style": null}, "pages_analyzed": 12, "analysis_confidence": 0.8,
            }))],
            target_audiences: vec![row(json!({"name": "Runners", "demographics": "18-30", "budget_range": null}))],
            products_services: vec![row(json!({"name": "Shoe", "category": "Shoes", "price": null, "image_url": "x"}))],
        }
    }

    fn nothing() -> Rows {
        Rows { brand: None, brand_intelligence: vec![], target_audiences: vec![], products_services: vec![] }
    }

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 23).unwrap()
    }

    fn code(checked: Result<(), AttemptError>) -> Option<String> {
        match checked {
            Ok(()) => None,
            Err(AttemptError::Fatal(failure)) => Some(failure.code),
            Err(error) => panic!("{error:?} is not fatal"),
        }
    }

    #[test]
    fn the_model_is_shown_what_is_said_and_no_more() {
        let gathered = Gathered::from_rows(&rows(), Some("Trail runners".to_owned()), day());
        let expected = json!({
            "today": "2026-11-23",
            "brand": {"name": "Acme", "website": "https://acme.example/"},
            "brand_intelligence": {
                "brand_name": "Acme", "values": ["Speed"], "brand_voice": {"personality": "bold"},
                "analysis_confidence": 0.8,
            },
            "audience_description": "Trail runners",
            "target_audiences": [{"name": "Runners", "demographics": "18-30"}],
            "products_services": [{"name": "Shoe", "category": "Shoes"}],
        });
        assert_eq!(json!(gathered.brand_context), expected);
        assert_eq!(gathered.audiences, [KnownAudience { id: ID.to_owned(), name: "Runners".to_owned() }]);
        let counts = json!({"brand": true, "brand_intelligence": true, "target_audiences": 1, "products_services": 1});
        assert_eq!(gathered.brand_context.counts(), counts);
    }

    #[test]
    fn a_column_that_says_nothing_to_the_model_is_one_of_a_table() {
        for name in UNTOLD_COLUMNS {
            let is_column = |table: &ResultTable| table.columns().iter().any(|column| column.name == *name);
            assert!(ResultTable::ALL.iter().any(is_column), "{name}");
        }
    }

    #[test]
    fn what_is_missing_is_left_out_and_comes_back_from_the_store() {
        let gathered = Gathered::from_rows(&nothing(), Some("  ".to_owned()), day());
        assert_eq!(json!(gathered), json!({"brand_context": {"today": "2026-11-23"}, "audiences": []}));
        for rows in [nothing(), rows()] {
            let stored = json!(Gathered::from_rows(&rows, None, day()));
            let read: Gathered = super::super::read(stored.clone(), "unreadable").unwrap();
            assert_eq!(json!(read), stored);
        }
        let without_the_day = json!({"brand_context": {}, "audiences": []});
        assert!(serde_json::from_value::<Gathered>(without_the_day).is_err());
    }

    #[test]
    fn a_type_says_what_it_cannot_do_without() {
        let context =
            |rows: &Rows, words: Option<&str>| Gathered::from_rows(rows, words.map(str::to_owned), day()).brand_context;
        let nothing_at_all = context(&nothing(), None);
        assert_eq!(code(nothing_at_all.require_anything()).as_deref(), Some("nothing_known"));
        assert_eq!(code(nothing_at_all.require_brand_intelligence()).as_deref(), Some("needs_brand_intelligence"));

        let intelligence_alone = context(&Rows { brand: None, ..rows() }, None);
        assert_eq!(code(intelligence_alone.require_anything()), None);
        assert_eq!(code(intelligence_alone.require_brand_intelligence()), None);

        let brand_alone = context(&Rows { brand: rows().brand, ..nothing() }, None);
        assert_eq!(code(brand_alone.require_anything()), None);
        assert_eq!(code(brand_alone.require_brand_intelligence()).as_deref(), Some("needs_brand_intelligence"));

        let words_alone = context(&nothing(), Some("Trail runners"));
        assert_eq!(code(words_alone.require_anything()), None);

        let empty_row = context(&Rows { brand_intelligence: vec![row(json!({"tagline": null}))], ..nothing() }, None);
        assert_eq!(code(empty_row.require_brand_intelligence()).as_deref(), Some("needs_brand_intelligence"));
    }

    #[test]
    fn the_prompt_is_bounded_and_says_the_day() {
        let whole = Gathered::from_rows(&rows(), None, day()).brand_context.prompt_data();
        assert!(!whole.trimmed);
        let product = row(json!({"name": "Shoe", "category": "Shoes", "description": "é".repeat(5_000)}));
        let many = Rows { products_services: vec![product; 20], ..rows() };
        let shortened = Gathered::from_rows(&many, None, day()).brand_context.prompt_data();
        assert!(shortened.trimmed && shortened.text.len() < PROMPT_DATA + 100, "{} bytes", shortened.text.len());
        for data in [whole, shortened] {
            assert!(data.text.starts_with("<brand_context>\n{\"today\":\"2026-11-23\""), "{:.60}", data.text);
        }
    }
}
