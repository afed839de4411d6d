//! Walks the requested schema and fills it from the prompt, so that every required property is there with its type.
//! It must not know what a property means; `draft` knows it for the questions of jobs, `fields` for all others.

#[cfg(test)]
pub(super) mod tests;

use super::draft::draft;
use super::facts::Facts;
use super::fields::Fields;
use super::name;
use super::prompt::Prompt;
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
/// Characters quoted of a problem with an earlier answer.
const MAX_QUOTED: usize = 200;
/// Characters a token stands for, roughly.
const CHARACTERS_PER_TOKEN: usize = 4;

/// Composes the answer to a checked request, under this id.
pub(super) fn message(id: String, request: &Value) -> Message {
    let prompt = Prompt::read(request);
    let facts = Facts::read(&prompt.text);
    let fields = Fields::new(&facts);
    let schema = &request["output_config"]["format"]["schema"];
    let thinking = thinking(&facts, &prompt, schema);
    let text = match schema {
        Value::Object(_) => written(&fill(&fields, schema, &draft(schema, &prompt)), schema),
        _ => plain(&fields, &facts),
    };
    let room = request["max_tokens"].as_u64().unwrap_or(u64::MAX).saturating_mul(CHARACTERS_PER_TOKEN as u64);
    let room = usize::try_from(room).unwrap_or(usize::MAX).saturating_sub(length(&thinking.concat()));
    let (text, stop_reason) =
        if length(&text) > room { (text.chars().take(room).collect(), "max_tokens") } else { (text, "end_turn") };
    Message {
        id,
        model: format!("{} (simulated)", request["model"].as_str().unwrap_or_default()),
        input_tokens: tokens(&prompt.text) + tokens(&request["system"].to_string()),
        output_tokens: tokens(&text) + tokens(&thinking.concat()),
        thinking,
        text,
        stop_reason,
        stop_details: Value::Null,
    }
}

fn thinking(facts: &Facts, prompt: &Prompt, schema: &Value) -> [String; 2] {
    let brand = name::brand(facts).unwrap_or_else(|| "a brand without a stated name".to_owned());
    let (pages, words) = (facts.pages.len(), facts.word_count);
    let properties = schema["properties"].as_object().map_or(0, Map::len);
    let begin = match &prompt.problem {
        Some(problem) => {
            let problem: String = problem.chars().take(MAX_QUOTED).collect();
            format!("Simulated reasoning: an earlier answer is to be corrected ({problem}). ")
        }
        None => format!("Simulated reasoning: the data has {pages} parts with {words} words, about {brand}. "),
    };
    [begin, format!("Filling {properties} properties from titles, descriptions, headings and frequent words.")]
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

/// `draft` is null where there is none.
fn fill(fields: &Fields<'_>, schema: &Value, draft: &Value) -> Value {
    let place = Place { name: "", item: 0, depth: 0, draft: Some(draft).filter(|draft| !draft.is_null()) };
    Composer { fields, root: schema }.value(schema, place)
}

struct Composer<'a> {
    fields: &'a Fields<'a>,
    /// Where `$ref` looks.
    root: &'a Value,
}

/// Where in the schema a value is wanted.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The nearest property's name.
    name: &'a str,
    /// The index in the nearest list.
    item: usize,
    depth: usize,
    /// What the draft has for this place, null included.
    draft: Option<&'a Value>,
}

impl<'a> Place<'a> {
    fn deeper(self) -> Place<'a> {
        Place { depth: self.depth + 1, ..self }
    }

    fn drafted_text(&self) -> Option<&'a str> {
        self.draft?.as_str().filter(|text| !text.is_empty())
    }
}

impl Composer<'_> {
    fn value(&self, schema: &Value, place: Place<'_>) -> Value {
        if place.depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(target) = schema["$ref"].as_str() {
            let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return found.map_or(Value::Null, |target| self.value(target, place.deeper()));
        }
        if !schema["const"].is_null() {
            return schema["const"].clone();
        }
        if let Some(choices) = schema["enum"].as_array() {
            let drafted = place.draft.filter(|draft| choices.contains(draft));
            return drafted.or_else(|| self.fields.choice(choices)).cloned().unwrap_or(Value::Null);
        }
        for group in ["anyOf", "oneOf", "allOf"] {
            if let Some(branches) = schema[group].as_array() {
                return self.branch(branches, place);
            }
        }
        self.typed(schema, place)
    }

    /// The first branch that is not null; where null is allowed, a text that is not stated is null.
    fn branch(&self, branches: &[Value], place: Place<'_>) -> Value {
        let is_null = |branch: &&Value| branch["type"] == "null";
        let allows_null = branches.iter().any(|branch| is_null(&branch));
        if allows_null && place.draft.is_some_and(Value::is_null) {
            return Value::Null;
        }
        let Some(branch) = branches.iter().find(|branch| !is_null(branch)) else { return Value::Null };
        let value = self.value(branch, place.deeper());
        if value == NOT_STATED && allows_null { Value::Null } else { value }
    }

    fn typed(&self, schema: &Value, place: Place<'_>) -> Value {
        let Place { name, item, draft, .. } = place;
        match type_of(schema) {
            "object" => self.object(schema, place),
            "array" => self.array(schema, place),
            "number" => json!(draft.and_then(Value::as_f64).unwrap_or_else(|| self.fields.number(name))),
            "integer" => {
                json!(draft.and_then(Value::as_i64).unwrap_or_else(|| self.fields.number(name).round() as i64))
            }
            "boolean" => json!(draft.and_then(Value::as_bool).unwrap_or_else(|| self.fields.flag(name))),
            "null" => Value::Null,
            _ if place.drafted_text().is_some() => json!(place.drafted_text()),
            _ => match self.text(name, item) {
                None if allows_null(schema) => Value::Null,
                text => json!(text.unwrap_or_else(|| NOT_STATED.to_owned())),
            },
        }
    }

    fn object(&self, schema: &Value, place: Place<'_>) -> Value {
        let properties = schema["properties"].as_object().into_iter().flatten();
        let filled = properties.map(|(name, inner)| {
            let draft = place.draft.and_then(|draft| draft.get(name));
            let place = Place { name: &normal(name), draft, ..place.deeper() };
            (name.clone(), self.value(inner, place))
        });
        Value::Object(filled.collect())
    }

    fn array(&self, schema: &Value, place: Place<'_>) -> Value {
        let items = &schema["items"];
        let least = schema["minItems"].as_u64().unwrap_or(0).min(MOST_ITEMS as u64) as usize;
        if let Some(drafts) = place.draft.and_then(Value::as_array).filter(|drafts| drafts.len() >= least) {
            let item = |(item, draft)| self.value(items, Place { item, draft: Some(draft), ..place.deeper() });
            return drafts.iter().enumerate().map(item).collect();
        }
        let target =
            items["$ref"].as_str().and_then(|target| self.root.pointer(target.strip_prefix('#')?)).unwrap_or(items);
        let is_plain_text = type_of(target) == "string" && target["enum"].is_null() && target["const"].is_null();
        if !is_plain_text {
            let wanted = if type_of(target) == "object" { OBJECTS } else { 1 };
            let item = |item| self.value(items, Place { item, draft: None, ..place.deeper() });
            return (0..wanted.max(least)).map(item).collect();
        }
        let mut texts = self.fields.list(place.name);
        if texts.is_empty() {
            texts.extend(self.fields.text(place.name, 0));
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
