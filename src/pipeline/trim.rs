//! Shortens data for a prompt to a stated size and says whether anything was left out.
//! Must not change the kind of any member: objects stay objects, lists stay lists.

use serde_json::Value;

/// How long a string and a list may be, from generous to strict; the first pair that fits is used.
const SIZES: [(usize, usize); 5] = [(2000, 60), (1000, 40), (500, 25), (250, 15), (120, 8)];

/// The data as JSON text of at most `limit` bytes, and whether anything was left out.
pub(super) fn for_prompt(data: &Value, limit: usize) -> (String, bool) {
    let whole = data.to_string();
    if whole.len() <= limit {
        return (whole, false);
    }
    let shortened = SIZES.iter().map(|(text, list)| shorten(data, *text, *list).to_string());
    let fitting = shortened.into_iter().find(|text| text.len() <= limit);
    (fitting.unwrap_or_else(|| cut(&whole, limit).to_owned()), true)
}

fn shorten(data: &Value, text: usize, list: usize) -> Value {
    match data {
        Value::String(string) => Value::String(cut(string, text).to_owned()),
        Value::Array(items) => items.iter().take(list).map(|item| shorten(item, text, list)).collect(),
        Value::Object(members) => members
            .iter()
            .take(list.max(24))
            .map(|(name, member)| (name.clone(), shorten(member, text, list)))
            .collect(),
        other => other.clone(),
    }
}

/// At most `limit` bytes of the text, ending at a character.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_is_left_alone() {
        let data = json!({"title": "Example", "pages": [1, 2]});
        assert_eq!(for_prompt(&data, 1000), (data.to_string(), false));
    }

    #[test]
    fn what_does_not_fit_is_shortened_and_stays_json() {
        let page = json!({"text": "é".repeat(5000), "url": "https://example.com/"});
        let data = json!({"pages": vec![page; 100]});
        let (text, left_out) = for_prompt(&data, 20_000);
        assert!(left_out && text.len() <= 20_000, "{} bytes", text.len());
        let read: Value = serde_json::from_str(&text).unwrap();
        assert!(read["pages"].as_array().unwrap().len() >= 8);
    }
}
