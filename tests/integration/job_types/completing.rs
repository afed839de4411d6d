//! Each job type from its start to its result, as a front end sees it and as the tables hold it.

use jobcast::demo::StandIns;
use jobcast::job::JobId;
use serde_json::json;

use super::*;
use crate::harness::{Received, Server, assert_complete, on_both_databases, open, stored};

on_both_databases!(
    brand_intelligence,
    competitor_analysis,
    target_audiences,
    products_services,
    campaigns,
    brand_extraction,
    page_discovery,
    personas_become_the_audiences_of_campaigns,
);

/// What a completed job left.
struct Done {
    history: Vec<Received>,
    result_data: Value,
}

/// Runs the job to its end and checks what holds for every type.
async fn run(database: &TestDatabase, case: &Case) -> Done {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = case.client(server.client(), &site).await;
    run_for(database, case, &stand_ins, &site, &client).await
}

async fn run_for(database: &TestDatabase, case: &Case, stand_ins: &StandIns, site: &Site, client: &Client) -> Done {
    let before = calls(stand_ins);
    let id = case.start(client, site).await;
    let mut reader = client.events(&id, None).await;
    let total_steps = reader.sync().await.data["job"]["total_steps"].as_u64().unwrap();
    let history = reader.rest().await;
    assert_complete(&history, &stored(open(database).await.as_ref(), JobId(id.parse().unwrap())).await);
    let last = history.last().unwrap();
    assert_eq!(last.event, "completed", "{last:?}");
    for step in 1..=total_steps {
        let begun = |received: &&Received| received.data["step"] == step && received.event == "progress";
        let first = history.iter().find(begun).unwrap_or_else(|| panic!("step {step} was shown"));
        let shown = first.data["current_step"].as_str().unwrap();
        assert!(shown.starts_with(&format!("Step {step}/{total_steps}: ")), "{shown}");
    }
    let progress: Vec<i64> = history.iter().filter_map(|received| received.data["progress"].as_i64()).collect();
    assert!(progress.is_sorted(), "{progress:?}");
    assert_eq!(calls_since(stand_ins, before), tally(case.calls), "{}", case.job_type);

    let (status, result) = client.get(last.data["result_url"].as_str().unwrap()).await;
    assert_eq!(status, 200, "{result}");
    let result_data = result["result_data"].clone();
    assert_eq!((&result_data["id"], &result["result_id"]), (&last.data["result_id"], &last.data["result_id"]));
    assert_eq!(result_data["brand_id"], client.brand_id.to_string());
    assert_eq!(case.rows_of(database, client.brand_id).await, case.rows_in(&result_data));
    let result_id = database.id_literal(last.data["result_id"].as_str().unwrap().parse().unwrap());
    let its_row = format!("SELECT count(*) FROM {} WHERE id = {result_id}", case.table);
    assert_eq!(database.number(&its_row).await, 1, "the row has the result's id");
    assert_usage(case, last, &result_data);
    Done { history, result_data }
}

/// Tokens and their cost where a model was asked, in the result as in the terminal event; nothing elsewhere.
fn assert_usage(case: &Case, last: &Received, result_data: &Value) {
    if !case.calls.contains(&Upstream::Claude) {
        assert!(last.data.get("usage").is_none() && result_data.get("usage").is_none());
        return;
    }
    let usage = &last.data["usage"];
    assert_eq!(usage, &result_data["usage"]);
    assert_eq!(usage["calls"], 1);
    assert!(usage["input_tokens"].as_u64().unwrap() > 100 && usage["output_tokens"].as_u64().unwrap() > 50, "{usage}");
    let cost = usage["cost_usd"].as_f64().expect("the price of the default model is known");
    let expected = usage["input_tokens"].as_f64().unwrap() * 2e-6 + usage["output_tokens"].as_f64().unwrap() * 10e-6;
    assert!((cost - expected).abs() < 1e-5, "{cost} is not {expected}");
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|item| item.as_str().expect("of texts")).collect()
}

async fn brand_intelligence(database: TestDatabase) {
    let done = run(&database, &BRAND_INTELLIGENCE).await;
    assert!(done.result_data["brand_name"].as_str().unwrap().contains("Northwind"));
}

async fn competitor_analysis(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();
    let done = run_for(&database, &COMPETITOR_ANALYSIS, &stand_ins, &site, &client).await;
    let result = &done.result_data;
    let ads = texts(&result["ad_ids"]).len();
    assert!(ads > 50, "{ads}");
    assert_eq!((&result["competitor_name"], &result["total_ads_analyzed"]), (&json!("Acme Shoes"), &json!(ads)));
    assert_eq!(result["ads_data"][0]["name"], "Acme Shoes");
    assert!(result["ads_data"][0]["started_running"].as_str().unwrap().ends_with('Z'));
    assert_eq!((&result["analysis_start_date"], &result["analysis_end_date"]), (&json!("2000-01-01"), &json!(null)));
    assert!(!result["overview"].as_str().unwrap().is_empty());
    assert!(!texts(&result["recommendations"]).is_empty());
    let credits = (&result["usage"]["foreplay_credits"], &result["usage"]["foreplay_credits_remaining"]);
    assert_eq!(credits, (&json!(ads), &json!(10_000 - ads)));
    let found = format!("Step 1/3: Found {ads} ads");
    assert!(done.history.iter().any(|received| received.data["current_step"] == found));
    let asked = stand_ins.foreplay.requests()[0].clone();
    assert_eq!(asked.headers["authorization"], "another-key-for-tests", "the raw key");
    let query = asked.query.unwrap();
    for part in ["query=Acme+Shoes", "order=most_relevant", "languages=english", "limit=60"] {
        assert!(query.split('&').any(|one| one == part), "{part} in {query}");
    }
    let (_, metrics) = (200, client.send(reqwest::Method::GET, "/metrics").await.text().await.unwrap());
    assert!(metrics.lines().any(|line| line.starts_with("jobcast_foreplay_credits_total ")), "{metrics}");
}

async fn target_audiences(database: TestDatabase) {
    let done = run(&database, &TARGET_AUDIENCES).await;
    let audiences = done.result_data["target_audiences"].as_array().unwrap();
    assert_eq!(audiences.len(), 3);
    assert_eq!(audiences[0]["id"], done.result_data["id"]);
    for audience in audiences {
        for member in ["age_range", "gender", "location", "income_level", "education", "occupation"] {
            assert!(audience["demographics"][member].is_string(), "{member} in {audience}");
        }
        for member in ["interests", "values", "pain_points", "goals"] {
            texts(&audience["psychographics"][member]);
        }
    }
}

async fn products_services(database: TestDatabase) {
    let done = run(&database, &PRODUCTS_SERVICES).await;
    let products = done.result_data["products_services"].as_array().unwrap();
    assert!(products.iter().all(|product| product["category"].is_string() && product["features"].is_array()));
}

async fn campaigns(database: TestDatabase) {
    let done = run(&database, &CAMPAIGNS).await;
    for campaign in done.result_data["campaigns"].as_array().unwrap() {
        assert!(campaign["start_date"].as_str().unwrap() < campaign["end_date"].as_str().unwrap(), "{campaign}");
        assert_eq!((&campaign["status"], &campaign["target_audience_ids"]), (&json!("draft"), &json!([])));
        assert!(!texts(&campaign["channels"]).is_empty());
    }
}

/// The brand's stored personas are in the prompt, and the campaigns refer to their rows.
async fn personas_become_the_audiences_of_campaigns(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = CAMPAIGNS.client(server.client(), &site).await;
    let personas = run_for(&database, &TARGET_AUDIENCES, &stand_ins, &site, &client).await;
    run_for(&database, &CAMPAIGNS, &stand_ins, &site, &client).await;
    let request = stand_ins.claude.requests().pop().unwrap().body;
    let prompt = request["messages"][0]["content"].to_string();
    for persona in personas.result_data["target_audiences"].as_array().unwrap() {
        assert!(prompt.contains(persona["name"].as_str().unwrap()), "{persona} is in the prompt");
    }
}

async fn brand_extraction(database: TestDatabase) {
    let done = run(&database, &BRAND_EXTRACTION).await;
    let result = &done.result_data;
    assert!(result["colors"].to_string().to_lowercase().contains("#1e40af"), "{}", result["colors"]);
    assert!(result["typography"].to_string().contains("Inter"), "{}", result["typography"]);
    assert!(result["timestamp"].as_str().unwrap().ends_with('Z'));
}

async fn page_discovery(database: TestDatabase) {
    let done = run(&database, &PAGE_DISCOVERY).await;
    let pages = done.result_data["pages"].as_array().unwrap();
    assert_eq!(done.result_data["total_pages_found"], 3);
    assert!(pages.iter().any(|page| page["url"].as_str().unwrap().ends_with("/about")), "{pages:?}");
}
