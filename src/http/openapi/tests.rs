//! The document against what it is about: the router's routes, the codes of errors, the names that it refers to.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use utoipa::PartialSchema;

use super::*;
use crate::http::error_body::ErrorCode;

fn value(asks_for_tokens: bool) -> Value {
    json!(document(Server { asks_for_tokens, shows_metrics: true }))
}

/// Each operation with its method and path.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(|(method, operation)| (method.clone(), path.clone(), operation.clone()))
    });
    methods.collect()
}

/// Every value in the document, with where it is.
fn visit(value: &Value, at: &str, see: &mut impl FnMut(&str, &Value)) {
    see(at, value);
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| visit(member, &format!("{at}/{}", name.replace('/', "~1")), see));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| visit(item, &format!("{at}/{index}"), see));
        }
        _ => {}
    }
}

/// The routes as the router's source names them: axum does not tell.
fn routes() -> BTreeSet<(String, String)> {
    let source = include_str!("../mod.rs");
    let routes = source.split(".route(\"").skip(1).map(|rest| {
        let (path, rest) = rest.split_once("\", ").expect("a path and then a method");
        let (method, _) = rest.split_once('(').expect("a method and its handler");
        (method.to_owned(), path.to_owned())
    });
    routes.collect()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    /// What people see, which no client is made for.
    const PAGES: [&str; 3] = ["/", "/docs", "/static/{*path}"];
    let routes = routes();
    assert!(PAGES.iter().all(|page| routes.contains(&("get".to_owned(), (*page).to_owned()))), "{routes:?}");
    let expected: BTreeSet<_> = routes.into_iter().filter(|(_, path)| !PAGES.contains(&path.as_str())).collect();
    let described: BTreeSet<_> = operations(&value(true)).into_iter().map(|(method, path, _)| (method, path)).collect();
    assert_eq!(described, expected);
    let apart = json!(document(Server { asks_for_tokens: true, shows_metrics: false }));
    assert_eq!(operations(&apart).len(), expected.len() - 1, "metrics on a port of their own are not among the routes");
    assert!(apart["paths"]["/metrics"].is_null());
}

#[test]
fn every_code_of_an_error_is_described_where_it_can_come() {
    let document = value(true);
    let mut described = BTreeSet::new();
    visit(&document, "", &mut |at, value| {
        if at.ends_with("/properties/code/enum") && !at.starts_with("/components/schemas/") {
            described.extend(value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()));
        }
    });
    let schema = json!(ErrorCode::schema());
    let words: BTreeSet<String> =
        schema["enum"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect();
    assert!(words.len() > 20);
    assert_eq!(described, words);
}

#[test]
fn examples_of_errors_are_of_their_answers() {
    let mut seen = 0;
    let document = value(true);
    visit(&document, "", &mut |at, answer| {
        let (Some(codes), Some(examples)) =
            (answer.pointer("/schema/allOf/1/properties/code/enum"), answer["examples"].as_object())
        else {
            return;
        };
        for example in examples.values() {
            assert!(codes.as_array().unwrap().contains(&example["value"]["code"]), "{at}: {example}");
            assert_eq!(example["value"]["success"], false, "{at}");
            seen += 1;
        }
    });
    assert!(seen > 100, "{seen}");
}

#[test]
fn whatever_is_referred_to_is_there_and_used() {
    let document = value(true);
    let mut referred = BTreeSet::new();
    visit(&document, "", &mut |at, value| {
        if at.ends_with("/$ref") || at.contains("/discriminator/mapping/") {
            let target = value.as_str().unwrap().strip_prefix('#').expect("within the document");
            assert!(document.pointer(target).is_some(), "{at} refers to {target}");
            referred.insert(target.to_owned());
        }
    });
    for part in ["schemas", "headers", "parameters"] {
        for name in document["components"][part].as_object().unwrap().keys() {
            assert!(referred.contains(&format!("/components/{part}/{name}")), "nothing refers to {part}/{name}");
        }
    }
}

#[test]
fn operations_have_names_of_their_own_and_say_who_may_use_them() {
    let (asking, open) = (value(true), value(false));
    let mut names = BTreeSet::new();
    for ((method, path, operation), (.., without)) in operations(&asking).into_iter().zip(operations(&open)) {
        let name = format!("{method} {path}");
        assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{name}");
        let is_open = !path.starts_with("/api/");
        assert_eq!(operation["security"].is_null(), is_open, "{name}");
        assert_eq!(operation["responses"]["401"].is_null(), is_open, "{name}");
        let ways = operation["security"].as_array().map_or(0, Vec::len);
        assert_eq!(ways, if is_open { 0 } else { 1 + usize::from(path.ends_with("/events")) }, "{name}");
        let last = without["security"].as_array().and_then(|ways| ways.last()).cloned();
        assert_eq!(last, (!is_open).then(|| json!({})), "{name}: a token may be left out where none is asked for");
    }
}

#[test]
fn every_answer_has_the_id_of_its_request() {
    for (method, path, operation) in operations(&value(true)) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let header = &answer["headers"]["X-Request-Id"]["$ref"];
            assert_eq!(header, "#/components/headers/RequestId", "{method} {path} {status}");
            let says_when = !answer["headers"]["Retry-After"].is_null();
            assert_eq!(says_when, matches!(status.as_str(), "429" | "503"), "{method} {path} {status}");
        }
    }
}

#[test]
fn every_event_has_a_schema_and_an_example_of_it() {
    let document = value(true);
    let content = "/paths/~1api~1jobs~1{id}~1events/get/responses/200/content/text~1event-stream";
    let content = document.pointer(content).unwrap();
    assert_eq!(content["schema"]["$ref"], format!("#/components/schemas/{}", streams::JOB_FRAME));
    let frames = document["components"]["schemas"][streams::JOB_FRAME]["oneOf"].as_array().unwrap();
    assert_eq!(frames.len(), crate::event::EventName::ALL.len() + 1);
    for frame in frames {
        let name = frame["properties"]["event"]["enum"][0].as_str().unwrap();
        let target = frame["properties"]["data"]["contentSchema"]["$ref"].as_str().unwrap();
        let schema = document.pointer(target.strip_prefix('#').unwrap()).unwrap();
        assert_eq!(schema["type"], "object", "{name}");
        if name == "sync" {
            continue;
        }
        let (properties, example) = (schema["properties"].as_object().unwrap(), schema["examples"][0].as_object());
        let example = example.unwrap_or_else(|| panic!("{name} has no example"));
        assert!(example.keys().all(|member| properties.contains_key(member)), "{name}: {example:?}");
        let required: Vec<&str> =
            schema["required"].as_array().unwrap().iter().map(|member| member.as_str().unwrap()).collect();
        assert!(required.iter().all(|member| example.contains_key(*member)), "{name}: {example:?}");
        let may_lack: Vec<_> = properties.keys().filter(|member| !required.contains(&member.as_str())).collect();
        assert_eq!(may_lack, if name == "completed" { vec!["usage"] } else { vec![] }, "{name}");
    }
    let stream = content["example"].as_str().unwrap();
    assert!(stream.starts_with("retry: 3000\nid: 0\nevent: sync\n"), "{stream}");
    assert!(stream.contains("\nevent: completed\n") && stream.ends_with("\n\n"), "{stream}");
}

/// `null` is sent for what is not there, and only an error leaves members out.
#[test]
fn members_of_answers_are_always_there() {
    let document = value(true);
    for name in
        ["Job", "JobWebhook", "StartedJob", "JobPage", "JobResult", "JobTypes", "JobTypeInfo", "WebhookCallData"]
    {
        let schema = &document["components"]["schemas"][name];
        let (properties, required) =
            (schema["properties"].as_object().unwrap(), schema["required"].as_array().unwrap());
        assert_eq!(properties.len(), required.len(), "{name}: {schema}");
    }
}
