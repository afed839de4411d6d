//! Drafts an answer as a marketer would expect it, for the questions that jobs ask; `compose` fits it to the schema.
//! It must not fetch or know anything beyond the prompt; where it goes beyond what is stated it says that it is simulated.

mod archetypes;
mod audiences;
mod campaigns;
mod competitor;
mod products;
#[cfg(test)]
mod tests;

use super::ads::Ads;
use super::context::BrandContext;
use super::prompt::Prompt;
use serde_json::Value;

/// Ends every text that goes beyond what the prompt states.
const NOTE: &str = "(Simulated by the demo.)";

/// The draft for a schema; null where nothing is known of the question or the data.
pub(super) fn draft(schema: &Value, prompt: &Prompt) -> Value {
    let asks_for = |property: &str| schema["properties"][property].is_object();
    let drafted = if asks_for("creative_strategy") || asks_for("messaging_analysis") {
        Ads::read(&prompt.data("ads")).map(|ads| competitor::analysis(&ads))
    } else {
        let context = BrandContext::read(prompt.data("brand_context"));
        context.and_then(|context| {
            if asks_for("audiences") {
                Some(audiences::personas(&context))
            } else if asks_for("products") {
                Some(products::offers(&context))
            } else if asks_for("campaigns") {
                Some(campaigns::plan(&context))
            } else {
                None
            }
        })
    };
    drafted.unwrap_or_default()
}

/// `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `Maya` of `Maya, the curious newcomer`.
fn short(name: &str) -> String {
    name.split(',').next().unwrap_or(name).trim().to_owned()
}

/// The text with the note behind it.
fn noted(text: &str) -> String {
    format!("{} {NOTE}", text.trim_end())
}
