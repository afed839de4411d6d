//! Items that the model generated from a brand's context, and how they become the rows and the result of a job.
//! Must not know what an item of any job type says.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::question::Answer;
use super::{AttemptError, merged, read};
use crate::job::BrandId;
use crate::write::{JobResult, ResultRow, ResultTable};

/// The stored output of the step that asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Generation {
    #[serde(flatten)]
    pub answer: Answer,
    /// Whether the model was shown less than there was.
    pub trimmed: bool,
}

/// An item that gets a row.
#[derive(Debug)]
pub(super) struct Item {
    /// What the result shows of it, besides its id; an object.
    pub shown: Value,
    /// What its row says beyond that; an object.
    pub row_only: Value,
}

impl Generation {
    /// The answer as the type that it was checked as.
    pub(super) fn answer_as<T: DeserializeOwned>(&self) -> Result<T, AttemptError> {
        read(self.answer.content.clone(), "The stored answer of the model cannot be read")
    }

    /// The job's result: a row of the table for each item. The items stand under the table's name.
    ///
    /// # Errors
    /// Fatal without any item: there is no row that the job could name.
    pub(super) fn result(
        self,
        brand_id: BrandId,
        table: ResultTable,
        items: Vec<Item>,
    ) -> Result<JobResult, AttemptError> {
        let Generation { answer: Answer { content, model, usage }, trimmed } = self;
        let mut shown = Vec::with_capacity(items.len());
        let mut rows = Vec::with_capacity(items.len());
        for item in items {
            let id = Uuid::now_v7();
            rows.push(ResultRow::new(table, id, &merged(item.shown.clone(), item.row_only)));
            shown.push(merged(json!({"id": id}), item.shown));
        }
        let result_id = rows.first().map(|row| row.id);
        let result_id = result_id.ok_or_else(|| AttemptError::fatal("unreadable", "The stored answer has no items"))?;
        let result_data = json!({
            "id": result_id,
            "brand_id": brand_id,
            table.as_str(): shown,
            "confidence": content["confidence"],
            "trimmed": trimmed,
            "model": model,
            "usage": usage,
        });
        Ok(JobResult { result_id, result_data, usage: Some(json!(usage)), rows })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::pipeline) const BRAND: BrandId = BrandId(Uuid::nil());

    /// A stored answer with this content.
    pub(in crate::pipeline) fn generation(content: &Value) -> Generation {
        let usage = json!({
            "calls": 1, "input_tokens": 900, "output_tokens": 700, "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 0, "cost_usd": 0.01,
        });
        let stored = json!({"content": content, "model": "a-model", "usage": usage, "trimmed": true});
        serde_json::from_value(stored).unwrap()
    }

    /// The names of a row's columns.
    pub(in crate::pipeline) fn columns(row: &ResultRow) -> Vec<&str> {
        row.values.keys().map(String::as_str).collect()
    }

    #[test]
    fn each_item_gets_a_row_and_the_first_names_the_result() {
        let item = |name: &str| Item { shown: json!({"name": name}), row_only: json!({"status": "draft", "other": 1}) };
        let generation = generation(&json!({"confidence": 0.7}));
        let usage = json!(generation.answer.usage);
        let result = generation.result(BRAND, ResultTable::Campaigns, vec![item("One"), item("Two")]).unwrap();
        assert_eq!(result.result_id, result.rows[0].id);
        assert_ne!(result.rows[0].id, result.rows[1].id);
        assert_eq!(json!(result.rows[1].values), json!({"name": "Two", "status": "draft"}));
        let expected = json!({
            "id": result.result_id, "brand_id": Uuid::nil(),
            "campaigns": [{"id": result.rows[0].id, "name": "One"}, {"id": result.rows[1].id, "name": "Two"}],
            "confidence": 0.7, "trimmed": true, "model": "a-model", "usage": usage,
        });
        assert_eq!(result.result_data, expected);
        assert_eq!(result.usage, Some(usage));
    }

    #[test]
    fn an_answer_without_items_is_no_result() {
        let result = generation(&json!({"confidence": 0.7})).result(BRAND, ResultTable::Campaigns, vec![]);
        assert!(matches!(result, Err(AttemptError::Fatal(failure)) if failure.code == "unreadable"));
    }
}
