//! Walks the requested schema and fills it from the prompt, so that every required property is there with its type.
//! It must not know what a property means; `fields` does.

use super::facts::Facts;
use super::fields::Fields;
use super::name;
use super::wire::Message;
use serde_json::{Map, Value, json};

/// What a text says when the prompt does not state it.
pub(super) const NOT_STATED: &str = "Not stated on the site";

/// The deepest schema that is filled; deeper parts become null.
const MAX_DEPTH: usize = 32;
/// Items in a list of objects, unless the schema asks for more.
const OBJECTS: usize = 3;
/// The most items that a schema's `minItems` can ask for.
const MOST_ITEMS: usize = 20;
/// Characters a token stands for, roughly.
const CHARACTERS_PER_TOKEN: usize = 4;

/// Composes the answer to a checked request.
pub(super) fn message(number: u64, request: &Value) -> Message {
    let prompt = prompt(request);
    let facts = Facts::read(&prompt);
    let fields = Fields::new(&facts);
    let schema = &request["output_config"]["format"]["schema"];
    let thinking = thinking(&facts, schema);
    let text = match schema {
        Value::Object(_) => written(&fill(&fields, schema), schema),
        _ => plain(&fields, &facts),
    };
    let room = request["max_tokens"].as_u64().unwrap_or(u64::MAX).saturating_mul(CHARACTERS_PER_TOKEN as u64);
    let room = usize::try_from(room).unwrap_or(usize::MAX).saturating_sub(length(&thinking.concat()));
    let (text, stop_reason) =
        if length(&text) > room { (text.chars().take(room).collect(), "max_tokens") } else { (text, "end_turn") };
    Message {
        id: format!("msg_standin_{number}"),
        model: format!("{} (simulated)", request["model"].as_str().unwrap_or_default()),
        input_tokens: tokens(&prompt) + tokens(&request["system"].to_string()),
        output_tokens: tokens(&text) + tokens(&thinking.concat()),
        thinking,
        text,
        stop_reason,
    }
}

/// Everything the user's messages say.
fn prompt(request: &Value) -> String {
    let messages = request["messages"].as_array().into_iter().flatten().filter(|message| message["role"] == "user");
    let texts = messages.flat_map(|message| match &message["content"] {
        Value::String(text) => vec![text.as_str()],
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        _ => Vec::new(),
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn thinking(facts: &Facts, schema: &Value) -> [String; 2] {
    let brand = name::brand(facts).unwrap_or_else(|| "a brand without a stated name".to_owned());
    let (pages, words) = (facts.pages.len(), facts.word_count);
    let properties = schema["properties"].as_object().map_or(0, Map::len);
    [
        format!("Simulated reasoning: the data has {pages} parts with {words} words, about {brand}. "),
        format!("Filling {properties} properties from titles, descriptions, headings and frequent words."),
    ]
}

/// The answer when no schema is given.
fn plain(fields: &Fields<'_>, facts: &Facts) -> String {
    let brand = name::brand(facts).unwrap_or_else(|| "No name is stated".to_owned());
    let summary = fields.text("summary", 0).unwrap_or_else(|| NOT_STATED.to_owned());
    format!(
        "Simulated answer. {brand}: {summary} Frequent words: {}.",
        facts.themes[..facts.themes.len().min(8)].join(", ")
    )
}

/// JSON with a line for each top-level property, in the order in which the schema requires them.
fn written(value: &Value, schema: &Value) -> String {
    let Some(members) = value.as_object().filter(|members| !members.is_empty()) else { return value.to_string() };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut names: Vec<&str> = required.filter(|name| members.contains_key(*name)).collect();
    names.extend(members.keys().map(String::as_str).filter(|name| !names.contains(name)).collect::<Vec<_>>());
    let lines: Vec<String> = names.iter().map(|name| format!("  {}: {}", json!(name), members[*name])).collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

fn fill(fields: &Fields<'_>, schema: &Value) -> Value {
    Composer { fields, root: schema }.value(schema, "", 0, 0)
}

struct Composer<'a> {
    fields: &'a Fields<'a>,
    /// Where `$ref` looks.
    root: &'a Value,
}

impl Composer<'_> {
    /// The value for one place of the schema: `name` is the nearest property's, `item` the index in the nearest list.
    fn value(&self, schema: &Value, name: &str, item: usize, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(target) = schema["$ref"].as_str() {
            let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return found.map_or(Value::Null, |target| self.value(target, name, item, depth + 1));
        }
        if !schema["const"].is_null() {
            return schema["const"].clone();
        }
        if let Some(choices) = schema["enum"].as_array() {
            return self.fields.choice(choices).cloned().unwrap_or(Value::Null);
        }
        for group in ["anyOf", "oneOf", "allOf"] {
            if let Some(branches) = schema[group].as_array() {
                return self.branch(branches, name, item, depth);
            }
        }
        self.typed(schema, name, item, depth)
    }

    /// The first branch that is not null; where null is allowed, a text that is not stated is null.
    fn branch(&self, branches: &[Value], name: &str, item: usize, depth: usize) -> Value {
        let is_null = |branch: &&Value| branch["type"] == "null";
        let Some(branch) = branches.iter().find(|branch| !is_null(branch)) else { return Value::Null };
        let value = self.value(branch, name, item, depth + 1);
        if value == NOT_STATED && branches.iter().any(|branch| is_null(&branch)) { Value::Null } else { value }
    }

    fn typed(&self, schema: &Value, name: &str, item: usize, depth: usize) -> Value {
        match type_of(schema) {
            "object" => self.object(schema, item, depth),
            "array" => self.array(schema, name, depth),
            "number" => json!(self.fields.number(name)),
            "integer" => json!(self.fields.number(name).round() as i64),
            "boolean" => json!(self.fields.flag(name)),
            "null" => Value::Null,
            _ => match self.text(name, item) {
                None if allows_null(schema) => Value::Null,
                text => json!(text.unwrap_or_else(|| NOT_STATED.to_owned())),
            },
        }
    }

    fn object(&self, schema: &Value, item: usize, depth: usize) -> Value {
        let properties = schema["properties"].as_object().into_iter().flatten();
        let filled = properties.map(|(name, inner)| (name.clone(), self.value(inner, &normal(name), item, depth + 1)));
        Value::Object(filled.collect())
    }

    fn array(&self, schema: &Value, name: &str, depth: usize) -> Value {
        let items = &schema["items"];
        let least = schema["minItems"].as_u64().unwrap_or(0).min(MOST_ITEMS as u64) as usize;
        let target =
            items["$ref"].as_str().and_then(|target| self.root.pointer(target.strip_prefix('#')?)).unwrap_or(items);
        let is_plain_text = type_of(target) == "string" && target["enum"].is_null() && target["const"].is_null();
        if !is_plain_text {
            let wanted = if type_of(target) == "object" { OBJECTS } else { 1 };
            return (0..wanted.max(least)).map(|item| self.value(items, name, item, depth + 1)).collect();
        }
        let mut texts = self.fields.list(name);
        if texts.is_empty() {
            texts.extend(self.fields.text(name, 0));
        }
        while texts.len() < least {
            texts.push(NOT_STATED.to_owned());
        }
        json!(texts)
    }

    /// A text; where the prompt has only a list for it, the list in one line.
    fn text(&self, name: &str, item: usize) -> Option<String> {
        self.fields.text(name, item).or_else(|| {
            let list = self.fields.list(name);
            (!list.is_empty()).then(|| list.join(", "))
        })
    }
}

/// The type of a place; of several the first that is not null.
fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("null"),
        _ if schema["properties"].is_object() => "object",
        _ if schema["items"].is_object() => "array",
        _ => "string",
    }
}

fn allows_null(schema: &Value) -> bool {
    schema["type"].as_array().is_some_and(|names| names.iter().any(|name| name == "null"))
}

/// `keyMessages` and `key-messages` ask for the same as `key_messages`.
fn normal(name: &str) -> String {
    let mut normal = String::new();
    for (index, character) in name.chars().enumerate() {
        if character.is_uppercase() && index > 0 && !normal.ends_with('_') {
            normal.push('_');
        }
        normal.extend(if character == '-' || character == ' ' { '_' } else { character }.to_lowercase());
    }
    normal
}

fn tokens(text: &str) -> usize {
    length(text).div_ceil(CHARACTERS_PER_TOKEN).max(1)
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
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

    fn object(properties: Value) -> Value {
        let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
        json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
    }

    fn texts() -> Value {
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
        let message = message(1, &request(schema, data));
        assert_eq!(message.stop_reason, "end_turn");
        let value = serde_json::from_str(&message.text).unwrap();
        assert_valid(&value, schema, schema, "answer");
        value
    }

    /// A validator of its own for the subset that the API takes.
    fn assert_valid(value: &Value, schema: &Value, root: &Value, path: &str) {
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
            "array" => {
                value.as_array().unwrap().iter().for_each(|item| assert_valid(item, &schema["items"], root, path))
            }
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
        let data =
            json!({"pages": [{"url": "http://127.0.0.1/", "title": "", "headings": [], "text": "Hi"}]}).to_string();
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
        message(1, &request(&schema, "{}"));
    }

    #[test]
    fn an_answer_longer_than_max_tokens_is_cut() {
        let mut request = request(&brand_intelligence(), &site().to_string());
        request["max_tokens"] = json!(80);
        let message = message(1, &request);
        assert_eq!(message.stop_reason, "max_tokens");
        assert!(message.output_tokens <= 82, "{}", message.output_tokens);
        assert!(serde_json::from_str::<Value>(&message.text).is_err());
    }

    #[test]
    fn without_a_schema_the_answer_is_text_that_says_it_is_simulated() {
        let mut request = request(&json!({}), &site().to_string());
        request["output_config"] = Value::Null;
        assert!(message(1, &request).text.starts_with("Simulated answer. Northwind Coffee: "));
    }
}
