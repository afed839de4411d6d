//! The rows that a completed job leaves in the origin application's tables, and the shape of those tables.
//! Must not know how a database stores a value.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A row for one of the tables.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRow {
    /// The table.
    pub table: ResultTable,
    /// The row's id.
    pub id: Uuid,
    /// The values by column; a column that is missing here gets the table's default.
    pub values: Map<String, Value>,
}

impl ResultRow {
    /// A row with these values, an object by column; what is no column of the table is left out.
    pub fn new(table: ResultTable, id: Uuid, values: &Value) -> ResultRow {
        let given = |column: &Column| Some((column.name.to_owned(), column.kind.fit(values.get(column.name)?)));
        ResultRow { table, id, values: table.columns().iter().filter_map(given).collect() }
    }
}

/// A table that results are saved to, with the origin application's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the tables are the origin application's and carry its names
pub enum ResultTable {
    BrandIntelligence,
    CompetitorAnalyses,
    TargetAudiences,
    ProductsServices,
    Campaigns,
    BrandData,
    BrandPages,
}

/// A column besides `id`, `brand_id`, `created_at` and `updated_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// A text.
    Text,
    /// A whole number of 32 bits.
    Integer,
    /// A number with a fraction.
    Number,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// An instant, as RFC 3339 text.
    Instant,
    /// A list or an object.
    Json,
    /// A list or an object that may be large; it is not read when the row is looked up for another job.
    Document,
}

impl ResultTable {
    /// All of them.
    pub const ALL: [ResultTable; 7] = [
        ResultTable::BrandIntelligence,
        ResultTable::CompetitorAnalyses,
        ResultTable::TargetAudiences,
        ResultTable::ProductsServices,
        ResultTable::Campaigns,
        ResultTable::BrandData,
        ResultTable::BrandPages,
    ];

    /// Its name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            ResultTable::BrandIntelligence => "brand_intelligence",
            ResultTable::CompetitorAnalyses => "competitor_analyses",
            ResultTable::TargetAudiences => "target_audiences",
            ResultTable::ProductsServices => "products_services",
            ResultTable::Campaigns => "campaigns",
            ResultTable::BrandData => "brand_data",
            ResultTable::BrandPages => "brand_pages",
        }
    }

    /// Its columns (UPSTREAMS §12). Those of `target_audiences` after `psychographics` exist in the oldest vintage of
    /// the origin application alone; a store leaves out what its table does not have.
    pub fn columns(self) -> &'static [Column] {
        match self {
            ResultTable::BrandIntelligence => BRAND_INTELLIGENCE,
            ResultTable::CompetitorAnalyses => COMPETITOR_ANALYSES,
            ResultTable::TargetAudiences => TARGET_AUDIENCES,
            ResultTable::ProductsServices => PRODUCTS_SERVICES,
            ResultTable::Campaigns => CAMPAIGNS,
            ResultTable::BrandData => BRAND_DATA,
            ResultTable::BrandPages => BRAND_PAGES,
        }
    }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Text }
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Integer }
}

const fn number(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Number }
}

const fn date(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Date }
}

const fn instant(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Instant }
}

const fn json(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Json }
}

const fn document(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Document }
}

const BRAND_INTELLIGENCE: &[Column] = &[
    text("brand_name"),
    text("tagline"),
    text("mission"),
    text("vision"),
    json("values"),
    text("brand_tone"),
    json("brand_voice"),
    json("messaging_themes"),
    text("industry"),
    text("target_market"),
    text("unique_value_proposition"),
    json("key_messages"),
    json("content_themes"),
    integer("pages_analyzed"),
    number("analysis_confidence"),
    document("raw_analysis"),
];

const COMPETITOR_ANALYSES: &[Column] = &[
    text("competitor_name"),
    text("competitor_website"),
    text("facebook_page"),
    integer("total_ads_analyzed"),
    json("ad_ids"),
    document("ads_data"),
    text("overview"),
    text("positioning"),
    json("creative_strategy"),
    json("messaging_analysis"),
    json("visual_design_elements"),
    json("target_audience_insights"),
    json("performance_indicators"),
    json("recommendations"),
    json("key_findings"),
    text("analysis_model"),
    number("analysis_confidence"),
    instant("analysis_date"),
    date("analysis_start_date"),
    date("analysis_end_date"),
];

const TARGET_AUDIENCES: &[Column] = &[
    text("name"),
    text("description"),
    json("demographics"),
    json("psychographics"),
    json("interests"),
    json("pain_points"),
    json("goals"),
];

const PRODUCTS_SERVICES: &[Column] =
    &[text("name"), text("category"), text("description"), text("price"), json("features"), text("image_url")];

const CAMPAIGNS: &[Column] = &[
    text("name"),
    text("objective"),
    json("target_audience_ids"),
    date("start_date"),
    date("end_date"),
    text("budget"),
    json("channels"),
    text("status"),
];

const BRAND_DATA: &[Column] = &[
    text("url"),
    instant("timestamp"),
    json("colors"),
    json("typography"),
    json("logos"),
    json("metadata"),
    document("screenshot"),
];

const BRAND_PAGES: &[Column] = &[
    text("url"),
    instant("timestamp"),
    integer("total_pages_found"),
    document("pages"),
    json("insights"),
    json("metadata"),
];

impl ColumnKind {
    /// The value as a column of this kind can hold it; null where it cannot. A number out of an upstream, or a date of
    /// its own making, must not make a database refuse a result that was paid for.
    pub fn fit(self, value: &Value) -> Value {
        match self {
            ColumnKind::Text => match value {
                Value::String(_) | Value::Null => value.clone(),
                other => Value::String(other.to_string()),
            },
            ColumnKind::Integer => {
                value.as_i64().and_then(|whole| i32::try_from(whole).ok()).map_or(Value::Null, Value::from)
            }
            ColumnKind::Number => value.as_f64().filter(|number| number.is_finite()).map_or(Value::Null, Value::from),
            ColumnKind::Date => {
                let day = value.as_str().and_then(|text| NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok());
                day.map_or(Value::Null, |day| Value::String(day.to_string()))
            }
            ColumnKind::Instant => {
                let at = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text.trim()).ok());
                at.map_or(Value::Null, |at| {
                    Value::String(at.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::Micros, true))
                })
            }
            ColumnKind::Json | ColumnKind::Document => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_keeps_the_columns_of_its_table_and_what_they_can_hold() {
        let values = json!({
            "name": "Spring", "objective": ["reach"], "start_date": "2026-03-01", "end_date": "in spring",
            "budget": null, "channels": ["Meta"], "unknown": 1,
        });
        let row = ResultRow::new(ResultTable::Campaigns, Uuid::nil(), &values);
        let expected = json!({
            "name": "Spring", "objective": "[\"reach\"]", "start_date": "2026-03-01", "end_date": null,
            "budget": null, "channels": ["Meta"],
        });
        assert_eq!(Value::Object(row.values), expected);
    }

    #[test]
    fn numbers_and_instants_that_no_column_can_hold_are_null() {
        for (kind, value, fits) in [
            (ColumnKind::Integer, json!(7), json!(7)),
            (ColumnKind::Integer, json!(5_000_000_000_i64), json!(null)),
            (ColumnKind::Integer, json!("7"), json!(null)),
            (ColumnKind::Number, json!(1), json!(1.0)),
            (ColumnKind::Number, json!("many"), json!(null)),
            (ColumnKind::Instant, json!("2026-11-23T10:00:00+01:00"), json!("2026-11-23T09:00:00.000000Z")),
            (ColumnKind::Instant, json!("yesterday"), json!(null)),
            (ColumnKind::Date, json!("2026-02-30"), json!(null)),
            (ColumnKind::Text, json!(4.5), json!("4.5")),
        ] {
            assert_eq!(kind.fit(&value), fits, "{kind:?} {value}");
        }
    }
}
