//! The questions that jobs ask, with data as jobs send it: answers are valid, about the data, and different from each other.
//! It must not test the walk through a schema; `compose` has tests of its own.

use crate::demo::claude::compose::message;
use crate::demo::claude::compose::tests::{assert_valid, object, texts};
use crate::demo::claude::wire::Message;
use chrono::NaiveDate;
use serde_json::{Value, json};

fn text() -> Value {
    json!({"type": "string"})
}

fn list_of(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn competitor_analysis() -> Value {
    object(json!({
        "overview": text(), "positioning": text(),
        "creative_strategy": object(json!({"ad_formats": texts(), "common_themes": texts(), "creative_patterns": texts(), "frequency": text()})),
        "messaging_analysis": object(json!({"tone": text(), "key_messages": texts(), "ctas": texts(), "value_propositions": texts()})),
        "visual_design_elements": object(json!({"colors": texts(), "imagery_style": text(), "typography": text(), "branding_consistency": text()})),
        "target_audience_insights": object(json!({"demographics": text(), "psychographics": text(), "pain_points": texts()})),
        "performance_indicators": object(json!({"engagement_patterns": text(), "ad_frequency": text(), "timing": text()})),
        "key_findings": texts(), "recommendations": texts(), "confidence": {"type": "number"},
    }))
}

fn target_audiences() -> Value {
    let demographics = object(
        json!({"age_range": text(), "gender": text(), "location": text(), "income_level": text(), "education": text(), "occupation": text()}),
    );
    let psychographics = object(
        json!({"interests": texts(), "values": texts(), "lifestyle": text(), "pain_points": texts(), "goals": texts(), "buying_behavior": text()}),
    );
    let persona = object(
        json!({"name": text(), "description": text(), "demographics": demographics, "psychographics": psychographics}),
    );
    object(json!({"audiences": list_of(persona), "confidence": {"type": "number"}}))
}

fn products_services() -> Value {
    let price = json!({"anyOf": [{"type": "string"}, {"type": "null"}]});
    let product =
        object(json!({"name": text(), "category": text(), "description": text(), "price": price, "features": texts()}));
    object(json!({"products": list_of(product), "confidence": {"type": "number"}}))
}

fn campaigns() -> Value {
    let campaign = object(
        json!({"name": text(), "objective": text(), "target_audiences": texts(), "start_date": text(), "end_date": text(), "budget": text(), "channels": texts()}),
    );
    object(json!({"campaigns": list_of(campaign), "confidence": {"type": "number"}}))
}

fn ads() -> Value {
    let ad = |number: usize, headline: &str, description: &str, cta: &str, format: &str, live: bool| {
        json!({"id": format!("id{number}"), "ad_id": number.to_string(), "name": "Acme Shoes", "headline": headline,
               "description": format!("{description} (Simulated ad of the demo.)"), "cta_title": null, "cta_type": cta,
               "link_url": "https://acme.example/", "display_format": format, "publisher_platform": ["facebook", "tiktok"],
               "live": live, "started_running": format!("2026-0{}-03T10:00:00Z", number + 1), "running_days": number * 10,
               "thumbnail": null, "image": null, "video": null, "transcription": null})
    };
    json!([
        ad(1, "20% off trail shoes", "This week only: trail shoes for less.", "SHOP_NOW", "IMAGE", true),
        ad(2, "The sale ends on Sunday", "Trail shoes for less.", "SHOP_NOW", "VIDEO", true),
        ad(3, "Why 4,000 customers chose us", "Real people on trail shoes.", "LEARN_MORE", "VIDEO", false),
        {"id": "bare", "ad_id": "4", "name": "Acme Shoes", "headline": null, "description": null, "running_days": null},
    ])
}

fn context(more: Value) -> Value {
    let mut context = json!({
        "brand": {"name": "Northwind", "website": "https://northwind.example/"},
        "brand_intelligence": {
            "brand_name": "Northwind Coffee", "tagline": "Coffee worth waiting for", "industry": "Food and drink",
            "target_market": "Coffee drinkers in Norway who take their time", "values": ["Quality", "Sustainability", "Craftsmanship"],
            "unique_value_proposition": "Small-batch coffee, roasted slowly and delivered weekly. From $14 a bag.",
            "key_messages": ["Coffee worth waiting for", "Our roast is slow", "Beans from three farms"],
            "content_themes": ["Slow roasting", "Single-origin beans", "Brewing at home"], "vision": "Not stated on the site",
        },
        "audience_description": "Women between 30 and 45 in New York, who run", "today": "2026-11-23",
    });
    context.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    context
}

fn asked(schema: &Value, tag: &str, data: &Value, more: &[(&str, &str)]) -> Message {
    let mut messages = vec![json!({"role": "user", "content": format!("<{tag}>\n{data}\n</{tag}>\n\nDo it.")})];
    messages.extend(more.iter().map(|(role, content)| json!({"role": role, "content": content})));
    let format = json!({"format": {"type": "json_schema", "schema": schema}});
    message(
        "msg_1".to_owned(),
        &json!({"model": "claude-sonnet-5-5", "max_tokens": 16000, "output_config": format, "messages": messages}),
    )
}

fn answer(schema: &Value, tag: &str, data: &Value) -> Value {
    let message = asked(schema, tag, data, &[]);
    assert_eq!(message.stop_reason, "end_turn");
    let answer = serde_json::from_str(&message.text).unwrap();
    assert_valid(&answer, schema, schema, "answer");
    let confidence = answer["confidence"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&confidence), "{confidence}");
    answer
}

fn texts_of(list: &Value, member: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

fn assert_different(mut texts: Vec<String>) {
    let all = texts.len();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), all, "{texts:?}");
}

#[test]
fn a_competitor_is_analysed_by_its_ads() {
    let answer = answer(&competitor_analysis(), "ads", &ads());
    let overview = answer["overview"].as_str().unwrap();
    assert!(overview.starts_with("Acme Shoes is seen here with 4 ads, 2 of them live."), "{overview}");
    assert!(overview.contains("Video (2 of 4)") && overview.contains("Facebook and TikTok"), "{overview}");
    assert!(overview.ends_with("(Simulated by the demo.)"), "{overview}");
    assert!(answer["positioning"].as_str().unwrap().contains("costs less"), "{}", answer["positioning"]);
    assert_eq!(answer["creative_strategy"]["ad_formats"], json!(["Video (2 of 4)", "Image (1 of 4)"]));
    assert!(answer["creative_strategy"]["common_themes"].to_string().contains("Trail shoes"), "{answer}");
    assert_eq!(answer["messaging_analysis"]["ctas"], json!(["Shop now (2 of 4)", "Learn more (1 of 4)"]));
    assert_eq!(
        answer["messaging_analysis"]["key_messages"][0], "Why 4,000 customers chose us",
        "the longest-running first"
    );
    assert_eq!(answer["messaging_analysis"]["value_propositions"][0], "Real people on trail shoes.");
    assert_eq!(answer["target_audience_insights"]["pain_points"][0], "The first purchase feels expensive");
    let timing = answer["performance_indicators"]["timing"].as_str().unwrap();
    assert!(timing.contains("2026-02-03 and 2026-04-03"), "{timing}");
    assert!(answer["key_findings"].as_array().unwrap().len() >= 4, "{answer}");
    assert!(answer["recommendations"].to_string().contains("Acme Shoes"), "{answer}");
}

#[test]
fn ads_with_nothing_but_names_are_analysed_too() {
    let bare = json!({"competitor": "Acme", "ads": [{"id": "1", "ad_id": "1", "name": "Acme"}]});
    let answer = answer(&competitor_analysis(), "ads", &bare);
    assert!(
        answer["overview"].as_str().unwrap().starts_with("Acme is seen here with 1 ad, 0 of them live."),
        "{answer}"
    );
    assert_eq!(answer["performance_indicators"]["timing"], "The data has no start dates");
}

#[test]
fn three_personas_follow_the_brand_and_the_description() {
    let answer = answer(&target_audiences(), "brand_context", &context(json!({})));
    let personas = &answer["audiences"];
    assert_eq!(personas.as_array().unwrap().len(), 3);
    assert_different(texts_of(personas, "name"));
    assert_different(texts_of(personas, "description"));
    let ages: Vec<&Value> = (0..3).map(|place| &personas[place]["demographics"]["age_range"]).collect();
    assert_eq!(ages, ["30–35", "35–40", "40–45"]);
    for persona in personas.as_array().unwrap() {
        assert_eq!(
            (&persona["demographics"]["gender"], &persona["demographics"]["location"]),
            (&json!("Female"), &json!("New York"))
        );
        assert!(persona["description"].as_str().unwrap().contains("Northwind Coffee"), "{persona}");
        assert!(persona["description"].as_str().unwrap().ends_with("(Simulated by the demo.)"), "{persona}");
    }
    assert_eq!(personas[0]["psychographics"]["interests"][0], "Slow roasting");
    assert!(personas[1]["psychographics"]["goals"].to_string().contains("Our roast is slow"), "{answer}");

    let other = context(
        json!({"audience_description": null, "brand_intelligence": {"brand_name": "Quillport", "industry": "Software and technology"}}),
    );
    let other = self::answer(&target_audiences(), "brand_context", &other);
    assert!(
        texts_of(&other["audiences"], "name").iter().all(|name| !texts_of(personas, "name").contains(name)),
        "{other}"
    );
}

#[test]
fn products_fit_the_brand_and_invent_no_price() {
    let known = context(
        json!({"products_services": [{"name": "Single-origin beans subscription"}], "target_audiences": [{"name": "Maya"}]}),
    );
    let answer = answer(&products_services(), "brand_context", &known);
    let products = answer["products"].as_array().unwrap();
    assert!((3..=12).contains(&products.len()), "{}", products.len());
    assert_different(texts_of(&answer["products"], "name"));
    assert!(
        !texts_of(&answer["products"], "name").contains(&"Single-origin beans subscription".to_owned()),
        "it is there already"
    );
    assert_eq!(
        (&products[0]["name"], &products[0]["price"]),
        (&json!("Slow roasting starter set"), &json!("From $14"))
    );
    assert_eq!(products[0]["category"], "Food and drink: sets");
    assert!(products.iter().any(|product| product["price"].is_null()));
    assert!(products.iter().all(|product| product["description"].as_str().unwrap().contains("Maya")), "{answer}");
}

#[test]
fn there_are_always_new_products() {
    let mut known: Vec<Value> = Vec::new();
    for round in 1..=4 {
        let data = context(json!({"products_services": known}));
        let answer = answer(&products_services(), "brand_context", &data);
        let drafted = answer["products"].as_array().unwrap();
        assert_eq!(drafted.len(), 5, "round {round}");
        known.extend(drafted.iter().map(|product| json!({"name": product["name"]})));
        assert_different(texts_of(&json!(known), "name"));
    }
}

#[test]
fn campaigns_run_in_order_from_today() {
    let known = context(json!({
        "target_audiences": [{"name": "Maya"}, {"name": "Jonas"}],
        "products_services": [{"name": "Starter set"}, {"name": "Gift box"}],
    }));
    for (data, count) in [(&known, 5), (&context(json!({})), 3)] {
        let answer = answer(&campaigns(), "brand_context", data);
        let plan = answer["campaigns"].as_array().unwrap();
        assert_eq!(plan.len(), count);
        assert_different(texts_of(&answer["campaigns"], "name"));
        let day = |campaign: &Value, member: &str| campaign[member].as_str().unwrap().parse::<NaiveDate>().unwrap();
        let begins: Vec<NaiveDate> = plan.iter().map(|campaign| day(campaign, "start_date")).collect();
        assert!(begins.is_sorted() && begins[0] > NaiveDate::from_ymd_opt(2026, 11, 23).unwrap(), "{begins:?}");
        assert!(plan.iter().all(|campaign| day(campaign, "end_date") > day(campaign, "start_date")), "{answer}");
        assert!(plan.iter().all(|campaign| campaign["budget"].as_str().unwrap().contains("simulated")), "{answer}");
        assert!(plan.iter().all(|campaign| !campaign["channels"].as_array().unwrap().is_empty()), "{answer}");
        let named: Vec<&str> = plan
            .iter()
            .flat_map(|campaign| campaign["target_audiences"].as_array().unwrap())
            .map(|name| name.as_str().unwrap())
            .collect();
        assert!(named.iter().all(|name| ["Maya", "Jonas"].contains(name)), "only names that are known: {named:?}");
        assert_eq!(named.is_empty(), count == 3);
    }
}

#[test]
fn a_revision_is_answered_like_the_question() {
    let schema = target_audiences();
    let first = asked(&schema, "brand_context", &context(json!({})), &[]);
    let problem = "Your answer has 1 audience; there must be exactly 3.";
    let revision = [("assistant", "{\"audiences\": [{\"name\": \"Nobody\"}]}"), ("user", problem)];
    let revised = asked(&schema, "brand_context", &context(json!({})), &revision);
    assert_eq!(revised.text, first.text, "what the assistant said is no data");
    assert!(revised.thinking[0].contains(problem), "{:?}", revised.thinking);
    assert!(revised.input_tokens > first.input_tokens);
}

#[test]
fn without_data_the_answers_are_valid_still() {
    for schema in [competitor_analysis(), target_audiences(), products_services(), campaigns()] {
        for (tag, data) in
            [("ads", json!([])), ("brand_context", json!({})), ("brand_context", json!({"today": "x", "brand": null}))]
        {
            answer(&schema, tag, &data);
        }
    }
    let nothing = answer(&target_audiences(), "brand_context", &json!({}));
    assert_eq!(nothing["audiences"].as_array().unwrap().len(), 3);
}
