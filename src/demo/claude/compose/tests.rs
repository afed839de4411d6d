//! Answers are valid for any schema, and about the site.
//! It must not know the drafts of single questions, which have tests of their own.

use super::*;

fn site() -> Value {
    json!({
        "success": true, "url": "https://northwind.example/",
        "brand": {"colors": {"all": [{"hex": "#1E40AF", "frequency": 41}], "primary": ["#1E40AF"], "confidence": 92}},
        "pages": [
            {"url": "https://northwind.example/", "title": "Northwind Coffee | Slow roasted in Bergen", "siteName": "",
             "description": "Small-batch coffee, roasted slowly and delivered weekly.",
             "headings": ["Coffee worth waiting for", "Our roast is slow"],
             "text": "Our mission is to make honest coffee for everyone. We value quality and sustainability.\nCoffee is made for people who wait. Quality first!"},
            {"url": "https://northwind.example/about", "title": "About us | Northwind Coffee", "siteName": "",
             "description": "", "headings": ["A family of roasters"],
             "text": "We roast coffee and bake bread in our bakery. Our vision is a town that wakes up slowly."},
        ],
    })
}

pub(in crate::demo::claude) fn object(properties: Value) -> Value {
    let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

pub(in crate::demo::claude) fn texts() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

fn brand_intelligence() -> Value {
    let text = || json!({"type": "string"});
    object(json!({
        "brand_name": text(), "tagline": text(), "mission": text(), "vision": text(), "values": texts(),
        "brand_tone": text(), "brand_voice": object(json!({"style": text(), "tone": texts()})),
        "messaging_themes": texts(), "industry": text(), "target_market": text(),
        "unique_value_proposition": text(), "key_messages": texts(), "content_themes": texts(),
        "confidence": {"type": "number"},
    }))
}

fn request(schema: &Value, data: &str) -> Value {
    json!({"model": "claude-sonnet-5-5", "max_tokens": 8000, "output_config": {"format": {"type": "json_schema", "schema": schema}},
           "messages": [{"role": "user", "content": [{"type": "text", "text": format!("Analyse.\n<site_analysis>\n{data}\n</site_analysis>")}]}]})
}

fn answer(schema: &Value, data: &str) -> Value {
    let message = message("msg_1".to_owned(), &request(schema, data));
    assert_eq!(message.stop_reason, "end_turn");
    let value = serde_json::from_str(&message.text).unwrap();
    assert_valid(&value, schema, schema, "answer");
    value
}

/// A validator of its own for the subset that the API takes.
pub(in crate::demo::claude) fn assert_valid(value: &Value, schema: &Value, root: &Value, path: &str) {
    if let Some(target) = schema["$ref"].as_str() {
        return assert_valid(value, root.pointer(&target[1..]).unwrap(), root, path);
    }
    if let Some(branches) = schema["anyOf"].as_array() {
        let nullable = branches.iter().any(|branch| branch["type"] == "null");
        if !(nullable && value.is_null()) {
            assert_valid(value, branches.iter().find(|branch| branch["type"] != "null").unwrap(), root, path);
        }
        return;
    }
    if let Some(choices) = schema["enum"].as_array() {
        return assert!(choices.contains(value), "{path}: {value} is not a choice");
    }
    match schema["type"].as_str().unwrap() {
        "object" => {
            let properties = schema["properties"].as_object().unwrap();
            let members = value.as_object().unwrap_or_else(|| panic!("{path}: {value} is no object"));
            assert_eq!(members.keys().collect::<Vec<_>>(), properties.keys().collect::<Vec<_>>(), "{path}");
            members
                .iter()
                .for_each(|(name, inner)| assert_valid(inner, &properties[name], root, &format!("{path}.{name}")));
        }
        "array" => value.as_array().unwrap().iter().for_each(|item| assert_valid(item, &schema["items"], root, path)),
        "string" => assert!(value.as_str().is_some_and(|text| !text.is_empty()), "{path}: {value}"),
        "number" => assert!(value.is_number(), "{path}: {value}"),
        "integer" => assert!(value.is_i64() || value.is_u64(), "{path}: {value}"),
        "boolean" => assert!(value.is_boolean(), "{path}: {value}"),
        other => panic!("{path}: the test knows no {other}"),
    }
}

#[test]
fn brand_intelligence_is_about_the_site() {
    let answer = answer(&brand_intelligence(), &site().to_string());
    assert_eq!(answer["brand_name"], "Northwind Coffee");
    assert_eq!(answer["tagline"], "Coffee worth waiting for");
    assert_eq!(answer["mission"], "Our mission is to make honest coffee for everyone.");
    assert_eq!(answer["vision"], "Our vision is a town that wakes up slowly.");
    assert_eq!(answer["values"], json!(["Quality", "Sustainability"]));
    assert_eq!(answer["industry"], "Food and drink");
    assert_eq!(answer["target_market"], "Coffee is made for people who wait.");
    assert_eq!(answer["unique_value_proposition"], "Small-batch coffee, roasted slowly and delivered weekly.");
    assert_eq!(answer["key_messages"][0], "Coffee worth waiting for");
    assert!(answer["messaging_themes"].to_string().contains("coffee"));
    let confidence = answer["confidence"].as_f64().unwrap();
    assert!((0.3..=1.0).contains(&confidence), "{confidence} is not the 92 of the colours");
}

#[test]
fn what_is_not_stated_is_said_to_be_so() {
    let data = json!({"pages": [{"url": "http://127.0.0.1/", "title": "", "headings": [], "text": "Hi"}]}).to_string();
    let answer = answer(&brand_intelligence(), &data);
    assert_eq!(answer["mission"], NOT_STATED);
    assert_eq!(answer["brand_name"], NOT_STATED);
    assert_eq!(answer["key_messages"], json!([]));
}

#[test]
fn any_schema_is_filled_to_its_types() {
    let mut schema = object(json!({
        "personas": {"type": "array", "minItems": 4, "items": {"$ref": "#/$defs/persona"}},
        "performance_indicators": object(json!({"ad_frequency": {"type": "integer"}, "live": {"type": "boolean"}})),
        "status": {"type": "string", "enum": ["draft", "coffee"]},
        "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "mystery": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "colors": texts(),
    }));
    schema["$defs"] = json!({"persona": object(json!({"name": {"type": "string"}, "start_date": {"type": "string"},
        "pain_points": texts(), "levels": {"type": "array", "items": {"type": "integer"}}}))});
    let answer = answer(&schema, &site().to_string());
    assert_eq!(answer["personas"].as_array().unwrap().len(), 4);
    assert_ne!(answer["personas"][0]["name"], answer["personas"][1]["name"]);
    assert_eq!(answer["status"], "coffee", "the choice that the data mentions");
    assert_eq!(answer["mystery"], Value::Null);
    assert_eq!(answer["colors"], json!(["#1E40AF"]));
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let mut schema = object(json!({"child": {"$ref": "#/$defs/node"}}));
    schema["$defs"] = json!({"node": object(json!({"child": {"$ref": "#/$defs/node"}}))});
    message("msg_1".to_owned(), &request(&schema, "{}"));
}

#[test]
fn an_answer_longer_than_max_tokens_is_cut() {
    let mut request = request(&brand_intelligence(), &site().to_string());
    request["max_tokens"] = json!(80);
    let message = message("msg_1".to_owned(), &request);
    assert_eq!(message.stop_reason, "max_tokens");
    assert!(message.output_tokens <= 82, "{}", message.output_tokens);
    assert!(serde_json::from_str::<Value>(&message.text).is_err());
}

#[test]
fn without_a_schema_the_answer_is_text_that_says_it_is_simulated() {
    let mut request = request(&json!({}), &site().to_string());
    request["output_config"] = Value::Null;
    assert!(message("msg_1".to_owned(), &request).text.starts_with("Simulated answer. Northwind Coffee: "));
}
