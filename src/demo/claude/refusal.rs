//! What the Messages API refuses, with the status and the shape it refuses with (UPSTREAMS.md §3.2, §3.3, §3.6).
//! It must not answer anything that is acceptable.

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// Beginnings of model ids whose requests fail, as of autumn 2026.
const RETIRED: &[&str] =
    &["claude-1", "claude-2", "claude-3", "claude-instant", "claude-sonnet-4-2025", "claude-opus-4-2025"];
/// Keywords of JSON Schema that structured outputs do not take.
const UNSUPPORTED_KEYWORDS: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];
/// The deepest schema that is looked at.
const MAX_DEPTH: usize = 64;

/// An answer that is an error.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    kind: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn not_found(message: String) -> Refusal {
        Refusal { status: StatusCode::NOT_FOUND, kind: "not_found_error", message }
    }

    fn invalid(message: impl Into<String>) -> Refusal {
        Refusal { status: StatusCode::BAD_REQUEST, kind: "invalid_request_error", message: message.into() }
    }

    fn unauthenticated(message: &str) -> Refusal {
        Refusal { status: StatusCode::UNAUTHORIZED, kind: "authentication_error", message: message.to_owned() }
    }

    pub(super) fn to_json(&self, request_id: &str) -> Value {
        json!({"type": "error", "error": {"type": self.kind, "message": self.message}, "request_id": request_id})
    }
}

/// Checks a request in the order in which the API would, and returns its body.
///
/// # Errors
/// With the refusal that the caller gets.
pub(super) fn check(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    check_headers(headers)?;
    let request: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid(format!("the body is not valid JSON: {error}")))?;
    check_model(&request)?;
    check_required(&request)?;
    check_messages(&request)?;
    check_removed_parameters(&request)?;
    check_format(&request)?;
    Ok(request)
}

/// Checks a question about a model, as [`check`] does a request.
pub(super) fn check_model_question(headers: &HeaderMap, model: &str) -> Result<(), Refusal> {
    check_headers(headers)?;
    check_model(&json!({"model": model}))
}

fn check_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = |name: &str| headers.get(name).is_some_and(|value| !value.is_empty());
    if !given("x-api-key") && !given("authorization") {
        return Err(Refusal::unauthenticated("x-api-key header is required"));
    }
    if !given("anthropic-version") {
        return Err(Refusal::invalid("anthropic-version: header is required"));
    }
    Ok(())
}

fn check_model(request: &Value) -> Result<(), Refusal> {
    let model = request["model"].as_str().ok_or_else(|| Refusal::invalid("model: Field required"))?;
    if !model.starts_with("claude-") || RETIRED.iter().any(|retired| model.starts_with(retired)) {
        return Err(Refusal::not_found(format!("model: {model}")));
    }
    Ok(())
}

fn check_required(request: &Value) -> Result<(), Refusal> {
    if request["max_tokens"].as_u64().unwrap_or(0) == 0 {
        return Err(Refusal::invalid("max_tokens: Field required, a positive integer"));
    }
    if !matches!(request["stream"], Value::Null | Value::Bool(_)) {
        return Err(Refusal::invalid("stream: Input should be a valid boolean"));
    }
    Ok(())
}

fn check_messages(request: &Value) -> Result<(), Refusal> {
    let messages = request["messages"].as_array().ok_or_else(|| Refusal::invalid("messages: Field required"))?;
    for (index, message) in messages.iter().enumerate() {
        if !matches!(message["role"].as_str(), Some("user" | "assistant")) {
            return Err(Refusal::invalid(format!("messages.{index}.role: Input should be 'user' or 'assistant'")));
        }
        let empty = match &message["content"] {
            Value::String(text) => text.is_empty(),
            Value::Array(blocks) => blocks.is_empty(),
            _ => true,
        };
        if empty {
            return Err(Refusal::invalid(format!("messages.{index}.content: Field required")));
        }
    }
    match messages.last() {
        None => Err(Refusal::invalid("messages: at least one message is required")),
        Some(last) if last["role"] == "assistant" => {
            Err(Refusal::invalid("prefilling the assistant's message is not supported by this model"))
        }
        Some(_) => Ok(()),
    }
}

fn check_removed_parameters(request: &Value) -> Result<(), Refusal> {
    for name in ["temperature", "top_p", "top_k"] {
        if !request[name].is_null() {
            return Err(Refusal::invalid(format!("{name}: not supported by this model")));
        }
    }
    if matches!(request["tool_choice"]["type"].as_str(), Some("any" | "tool")) {
        return Err(Refusal::invalid("tool_choice: forced tool use is not supported by this model"));
    }
    if !request["thinking"]["budget_tokens"].is_null() {
        return Err(Refusal::invalid("thinking.budget_tokens: not supported by this model"));
    }
    if request["thinking"]["type"] == "disabled" {
        return Err(Refusal::invalid("thinking.type: 'disabled' is not supported by this model"));
    }
    Ok(())
}

fn check_format(request: &Value) -> Result<(), Refusal> {
    let format = &request["output_config"]["format"];
    if format.is_null() {
        return Ok(());
    }
    if format["type"] != "json_schema" || !format["schema"].is_object() {
        return Err(Refusal::invalid("output_config.format: needs type 'json_schema' and a schema"));
    }
    check_schema(&format["schema"], "output_config.format.schema", 0)
}

/// `path` says where in the request the schema stands.
fn check_schema(schema: &Value, path: &str, depth: usize) -> Result<(), Refusal> {
    let Some(members) = schema.as_object() else { return Ok(()) };
    if depth > MAX_DEPTH {
        return Err(Refusal::invalid(format!("{path}: nested too deep")));
    }
    if let Some(keyword) = UNSUPPORTED_KEYWORDS.iter().find(|keyword| members.contains_key(**keyword)) {
        return Err(Refusal::invalid(format!("{path}: '{keyword}' is not supported")));
    }
    if schema["type"] == "object" && schema["additionalProperties"] != Value::Bool(false) {
        return Err(Refusal::invalid(format!("{path}: 'additionalProperties' must be false for objects")));
    }
    for group in ["properties", "$defs", "definitions"] {
        for (name, inner) in members.get(group).and_then(Value::as_object).into_iter().flatten() {
            check_schema(inner, &format!("{path}.{group}.{name}"), depth + 1)?;
        }
    }
    for group in ["anyOf", "allOf", "oneOf"] {
        for (index, inner) in members.get(group).and_then(Value::as_array).into_iter().flatten().enumerate() {
            check_schema(inner, &format!("{path}.{group}.{index}"), depth + 1)?;
        }
    }
    members.get("items").map_or(Ok(()), |items| check_schema(items, &format!("{path}.items"), depth + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", "key".parse().unwrap());
        headers.insert("anthropic-version", "2023-06-01".parse().unwrap());
        headers
    }

    fn request() -> Value {
        json!({"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]})
    }

    fn refused(change: impl FnOnce(&mut Value)) -> (u16, String) {
        let mut request = request();
        change(&mut request);
        let refusal = check(&headers(), request.to_string().as_bytes()).unwrap_err();
        (refusal.status.as_u16(), refusal.kind.to_owned())
    }

    #[test]
    fn a_proper_request_passes() {
        assert_eq!(check(&headers(), request().to_string().as_bytes()).unwrap(), request());
    }

    #[test]
    fn keys_and_versions_are_required() {
        for (missing, status, kind) in
            [("x-api-key", 401, "authentication_error"), ("anthropic-version", 400, "invalid_request_error")]
        {
            let mut headers = headers();
            headers.remove(missing);
            let refusal = check(&headers, request().to_string().as_bytes()).unwrap_err();
            let body = refusal.to_json("req_1");
            assert_eq!((refusal.status.as_u16(), &body["error"]["type"]), (status, &json!(kind)));
            assert_eq!((&body["type"], &body["request_id"]), (&json!("error"), &json!("req_1")));
        }
    }

    #[test]
    fn what_the_model_no_longer_takes_is_refused() {
        let invalid = (400, "invalid_request_error".to_owned());
        for (name, value) in [
            ("temperature", json!(0.7)),
            ("top_p", json!(0.9)),
            ("top_k", json!(5)),
            ("tool_choice", json!({"type": "tool", "name": "x"})),
            ("tool_choice", json!({"type": "any"})),
            ("thinking", json!({"type": "enabled", "budget_tokens": 1024})),
            ("thinking", json!({"type": "disabled"})),
            ("max_tokens", json!(0)),
            ("max_tokens", Value::Null),
            ("model", Value::Null),
            ("messages", json!([])),
            ("messages", json!([{"role": "system", "content": "x"}])),
            ("messages", json!([{"role": "user", "content": ""}])),
            ("messages", json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "{"}])),
            ("stream", json!("yes")),
        ] {
            assert_eq!(refused(|request| request[name] = value.clone()), invalid, "{name}: {value}");
        }
        let auto = json!({"type": "auto"});
        let mut accepted = request();
        accepted["tool_choice"] = auto;
        assert!(check(&headers(), accepted.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn retired_and_unknown_models_are_not_found() {
        for model in ["claude-3-5-sonnet-20241022", "claude-3-7-sonnet-latest", "claude-opus-4-20250514", "gpt-4"] {
            assert_eq!(refused(|request| request["model"] = json!(model)), (404, "not_found_error".to_owned()));
        }
    }

    #[test]
    fn schemas_outside_the_subset_are_refused() {
        let open = json!({"type": "object", "properties": {}});
        let bounded = json!({"type": "array", "items": {"type": "number", "minimum": 0}});
        for schema in [open, bounded] {
            let outer = json!({"type": "object", "additionalProperties": false, "properties": {"inner": schema}});
            let format = json!({"format": {"type": "json_schema", "schema": outer}});
            assert_eq!(refused(|request| request["output_config"] = format).0, 400);
        }
    }
}
