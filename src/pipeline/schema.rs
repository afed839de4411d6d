//! The pieces of a schema for structured output: every key required, none beside them (UPSTREAMS §3.3).
//! Must not state bounds on numbers or lengths: the API refuses a schema that does. The check of an answer states them.

use serde_json::{Map, Value, json};

/// A text.
pub(super) fn text() -> Value {
    json!({"type": "string"})
}

/// A text or null.
pub(super) fn text_or_null() -> Value {
    json!({"anyOf": [{"type": "string"}, {"type": "null"}]})
}

/// A number.
pub(super) fn number() -> Value {
    json!({"type": "number"})
}

/// A list of texts.
pub(super) fn texts() -> Value {
    list(&text())
}

/// A list of such items.
pub(super) fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

/// An object with exactly these members.
pub(super) fn object(members: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "additionalProperties": false, "required": names, "properties": properties})
}
