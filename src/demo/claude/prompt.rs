//! Takes a request's messages apart: the texts, the data in its tags, and whether an answer is to be revised.
//! It must not interpret the data; `facts`, `ads` and `context` do.

use crate::demo::fault::without_faults;
use serde_json::Value;

/// A request's messages.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    /// Everything the user's messages say, without the faults that are asked for in them.
    pub(super) text: String,
    /// What was wrong with an earlier answer, if this is a conversation about one.
    pub(super) problem: Option<String>,
}

impl Prompt {
    pub(super) fn read(request: &Value) -> Prompt {
        let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let answered = messages.iter().any(|message| message["role"] == "assistant");
        let said: Vec<String> = messages.iter().filter(|message| message["role"] == "user").map(text).collect();
        Prompt {
            problem: said.last().filter(|_| answered && said.len() > 1).cloned(),
            text: without_faults(&said.join("\n"), |_| true),
        }
    }

    /// The JSON between `<tag>` and `</tag>`; null when there is none, or it was cut.
    pub(super) fn data(&self, tag: &str) -> Value {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let inner = self.text.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map(|(inner, _)| inner);
        inner.and_then(|inner| serde_json::from_str(inner.trim()).ok()).unwrap_or_default()
    }
}

fn text(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn data_stands_in_its_tag() {
        let content = "Look. <ads>\n[{\"headline\": \"a <b> c\"}]\n</ads> <brand_context>{\"today\": </brand_context>";
        let prompt =
            Prompt::read(&json!({"messages": [{"role": "user", "content": [{"type": "text", "text": content}]}]}));
        assert_eq!(prompt.data("ads"), json!([{"headline": "a <b> c"}]));
        assert_eq!(prompt.data("brand_context"), Value::Null, "cut off");
        assert_eq!(prompt.data("site_analysis"), Value::Null);
        assert_eq!(prompt.problem, None);
    }

    #[test]
    fn the_last_word_of_a_conversation_is_the_problem() {
        let messages = json!([{"role": "user", "content": "Do it. fault=claude:no-json*1"}, {"role": "assistant", "content": "{}"},
                              {"role": "user", "content": "`name` is missing."}]);
        let prompt = Prompt::read(&json!({"messages": messages}));
        assert_eq!(prompt.text, "Do it.\n`name` is missing.", "the earlier answer is no data");
        assert_eq!(prompt.problem.as_deref(), Some("`name` is missing."));
    }
}
