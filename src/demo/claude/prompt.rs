//! Takes a request's messages apart: the texts, the data in its tags, and whether an answer is to be revised.
//! It must not interpret the data; `facts`, `ads` and `context` do.

use serde_json::Value;

/// What stands before a fault that a person asked for by text.
const FAULT_MARK: &str = "fault=";

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
            text: without_faults(&said.join("\n")),
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

/// A fault asked for in a name would otherwise be taken for a part of that name.
fn without_faults(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(FAULT_MARK) {
        let length = fault_length(after);
        kept.push_str(if length == 0 { before } else { before.trim_end_matches([' ', '?', '&']) });
        if length == 0 {
            kept.push_str(FAULT_MARK);
        }
        rest = &after[length..];
    }
    kept + rest
}

/// How much of the text behind the mark is `api:name*N`; 0 when it is nothing of the kind.
fn fault_length(text: &str) -> usize {
    let run = |text: &str, fits: fn(char) -> bool| text.find(|character| !fits(character)).unwrap_or(text.len());
    let api = run(text, |character| character.is_ascii_lowercase());
    let Some(rest) = text[api..].strip_prefix(':').filter(|_| api > 0) else { return 0 };
    let name = run(rest, |character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-');
    let times = rest[name..].strip_prefix('*').map_or(0, |rest| 1 + run(rest, |character| character.is_ascii_digit()));
    if name == 0 { 0 } else { api + 1 + name + times }
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
        let messages = json!([{"role": "user", "content": "Do it."}, {"role": "assistant", "content": "{}"},
                              {"role": "user", "content": "`name` is missing."}]);
        let prompt = Prompt::read(&json!({"messages": messages}));
        assert_eq!(prompt.text, "Do it.\n`name` is missing.", "the earlier answer is no data");
        assert_eq!(prompt.problem.as_deref(), Some("`name` is missing."));
    }

    #[test]
    fn faults_are_no_part_of_the_data() {
        for (text, kept) in [
            ("Acme fault=foreplay:rate-limited*1 shoes", "Acme shoes"),
            (r#"{"url":"https://a.example/?fault=gtm:silence"}"#, r#"{"url":"https://a.example/"}"#),
            ("default=1 fault=none fault=: x", "default=1 fault=none fault=: x"),
            ("fault=claude:html", ""),
        ] {
            assert_eq!(without_faults(text), kept);
        }
    }
}
