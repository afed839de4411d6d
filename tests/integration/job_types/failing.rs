//! What a user sees when a job of each kind fails: a sentence to act on, once, and a retry that goes on from there.

use std::time::Duration;

use axum::body::Bytes;
use jobcast::app::AppOptions;
use jobcast::demo::{Ending, StandIns};
use serde_json::json;

use super::*;
use crate::harness::{Server, on_both_databases};

on_both_databases!(
    an_answer_that_fails_its_check_is_corrected_once,
    an_answer_that_fails_its_check_twice_fails_the_job,
    an_answer_that_is_cut_off_gets_twice_the_room_once,
    a_users_retry_goes_on_from_the_last_stored_step,
    what_the_database_refuses_to_read_fails_the_job_at_once,
    no_ads_and_none_in_the_range_fail_at_once_in_plain_words,
    a_brand_without_intelligence_is_told_what_to_run_first,
    a_type_whose_key_is_missing_is_refused_at_the_start,
);

/// A whole answer of the model, as a stream.
pub(super) fn answer(text: &str, stop_reason: &str) -> Behaviour {
    let events = [
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5",
               "content": [], "usage": {"input_tokens": 10, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": {"output_tokens": 20}}),
        json!({"type": "message_stop"}),
    ];
    let chunks =
        events.iter().map(|data| Bytes::from(format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())));
    Behaviour::event_stream(chunks.collect(), Ending::Close)
}

async fn server(database: &TestDatabase) -> (StandIns, Site, Server) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let options = AppOptions { first_retry_delay: Duration::from_millis(2), ..AppOptions::default() };
    let server = Server::with(&database.url, &stand_ins, &[], options).await;
    (stand_ins, site, server)
}

/// The cases that ask a model, with an answer that their schema lets pass and their check does not.
fn asking() -> [(&'static Case, Value, &'static str); 3] {
    let persona = |name: &str| {
        json!({
            "name": name, "description": "d",
            "demographics": {"age_range": "a", "gender": "g", "location": "l", "income_level": "i", "education": "e", "occupation": "o"},
            "psychographics": {"interests": [], "values": [], "lifestyle": "l", "pain_points": [], "goals": [], "buying_behavior": "b"},
        })
    };
    let campaign = |name: &str| {
        json!({
            "name": name, "objective": "o", "target_audiences": [], "start_date": "2031-05-02", "end_date": "2031-05-01",
            "budget": "b", "channels": ["Meta"],
        })
    };
    let campaigns = ["a", "b", "c"].map(campaign);
    [
        (&TARGET_AUDIENCES, json!({"audiences": [persona("Ann"), persona("Ben")], "confidence": 0.5}), "audiences"),
        (
            &PRODUCTS_SERVICES,
            json!({"products": [{"name": "Kettle", "category": "Kitchen", "description": "d", "price": null, "features": []}], "confidence": 7}),
            "confidence",
        ),
        (&CAMPAIGNS, json!({"campaigns": campaigns, "confidence": 0.5}), "2031-05-01"),
    ]
}

async fn an_answer_that_fails_its_check_is_corrected_once(database: TestDatabase) {
    let (stand_ins, site, server) = server(&database).await;
    for (case, wrong, named) in asking() {
        let client = case.client(server.client(), &site).await;
        let before = calls(&stand_ins);
        stand_ins.claude.script(answer(&wrong.to_string(), "end_turn"));
        let id = case.start(&client, &site).await;
        let job = client.until(&id, "completed").await;
        assert_eq!(job["retry_count"], 1, "{}", case.job_type);
        assert_eq!(calls_since(&stand_ins, before), [0, 0, 2], "{}", case.job_type);
        let request = stand_ins.claude.requests().pop().unwrap().body;
        let roles: Vec<&Value> = request["messages"].as_array().unwrap().iter().map(|turn| &turn["role"]).collect();
        assert_eq!(roles, ["user", "assistant", "user"]);
        assert_eq!(request["messages"][1]["content"], wrong.to_string());
        assert!(request["messages"][2]["content"].as_str().unwrap().contains(named), "{}", request["messages"][2]);
        let (_, result) = client.get(&format!("/api/jobs/{id}/result")).await;
        assert_eq!(result["result_data"]["usage"]["calls"], 2, "both answers are in the usage");
        // The stream says that the text of the first answer is void.
        let mut reader = client.events(&id, Some(1)).await;
        reader.sync().await;
        let history = reader.rest().await;
        let names: Vec<&str> = history.iter().map(|received| received.event.as_str()).collect();
        let at = |name: &str| names.iter().position(|each| *each == name).unwrap();
        assert!(at("delta") < at("retrying"), "{names:?}");
        assert!(history[at("retrying")].data["error"].as_str().unwrap().contains(named));
    }
}

async fn an_answer_that_fails_its_check_twice_fails_the_job(database: TestDatabase) {
    let (stand_ins, site, server) = server(&database).await;
    for (case, wrong, named) in asking() {
        let client = case.client(server.client(), &site).await;
        let before = calls(&stand_ins);
        stand_ins.claude.script(answer(&wrong.to_string(), "end_turn"));
        stand_ins.claude.script(answer(&wrong.to_string(), "end_turn"));
        let id = case.start(&client, &site).await;
        let job = client.until(&id, "failed").await;
        let message = job["error_message"].as_str().unwrap();
        assert!(
            message.contains("could not be used, also after it was asked to correct it") && message.contains(named),
            "{message}"
        );
        assert_eq!(calls_since(&stand_ins, before), [0, 0, 2], "{}", case.job_type);
        assert_eq!(case.rows_of(&database, client.brand_id).await, 0);

        // A user's retry asks the question anew, with a further chance of its own.
        stand_ins.claude.script(answer(&wrong.to_string(), "end_turn"));
        assert_eq!(client.post(&format!("/api/jobs/{id}/retry")).await.0, 202);
        client.until(&id, "completed").await;
        let requests = stand_ins.claude.requests();
        let turns =
            requests[requests.len() - 4..].iter().map(|request| request.body["messages"].as_array().unwrap().len());
        assert_eq!(turns.collect::<Vec<_>>(), [1, 3, 1, 3], "{}", case.job_type);
        let (_, result) = client.get(&format!("/api/jobs/{id}/result")).await;
        assert_eq!(result["result_data"]["usage"]["calls"], 4, "all answers are in the usage");
    }
}

async fn an_answer_that_is_cut_off_gets_twice_the_room_once(database: TestDatabase) {
    let (stand_ins, site, server) = server(&database).await;
    let client = server.client();
    let room = || stand_ins.claude.requests().pop().unwrap().body["max_tokens"].as_u64().unwrap();
    stand_ins.claude.script(answer("{\"audiences\": [", "max_tokens"));
    let id = TARGET_AUDIENCES.start(&client, &site).await;
    client.until(&id, "completed").await;
    assert_eq!((stand_ins.claude.calls(), room()), (2, 32_000));

    for stop_reason in ["max_tokens", "model_context_window_exceeded"] {
        stand_ins.claude.script(answer("{\"audiences\": [", stop_reason));
    }
    let id = TARGET_AUDIENCES.start(&client, &site).await;
    let job = client.until(&id, "failed").await;
    assert!(job["error_message"].as_str().unwrap().contains("cut off twice"), "{job}");
    assert_eq!(stand_ins.claude.calls(), 4);

    stand_ins.claude.script(answer("{\"audiences\": [", "max_tokens"));
    stand_ins.claude.script(answer("{}", "end_turn"));
    let id = TARGET_AUDIENCES.start(&client, &site).await;
    let job = client.until(&id, "failed").await;
    assert!(job["error_message"].as_str().unwrap().contains("the one before was cut off"), "{job}");
}

async fn what_the_database_refuses_to_read_fails_the_job_at_once(database: TestDatabase) {
    let (stand_ins, site, server) = server(&database).await;
    let client = server.client();
    database.execute("ALTER TABLE products_services RENAME TO elsewhere").await;
    let id = TARGET_AUDIENCES.start(&client, &site).await;
    let job = client.until(&id, "failed").await;
    assert_eq!(job["error_message"], "The database refused what the job had to read");
    assert_eq!((stand_ins.claude.calls(), &job["retry_count"]), (0, &json!(0)));
    // Once it can be read, a retry goes on.
    database.execute("ALTER TABLE elsewhere RENAME TO products_services").await;
    client.post(&format!("/api/jobs/{id}/retry")).await;
    client.until(&id, "completed").await;
}

async fn a_users_retry_goes_on_from_the_last_stored_step(database: TestDatabase) {
    let (stand_ins, site, server) = server(&database).await;
    let refused = || {
        Behaviour::status(400, &json!({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}))
    };
    for case in [&BRAND_INTELLIGENCE, &COMPETITOR_ANALYSIS, &TARGET_AUDIENCES, &PRODUCTS_SERVICES, &CAMPAIGNS] {
        let client = case.client(server.client(), &site).await;
        let before = calls(&stand_ins);
        stand_ins.claude.script(refused());
        let id = case.start(&client, &site).await;
        client.until(&id, "failed").await;
        let (status, answer) = client.post(&format!("/api/jobs/{id}/retry")).await;
        assert_eq!(status, 202, "{answer}");
        client.until(&id, "completed").await;
        let mut expected = tally(case.calls);
        expected[2] += 1;
        assert_eq!(calls_since(&stand_ins, before), expected, "{}: only the refused call is repeated", case.job_type);
    }
}

async fn no_ads_and_none_in_the_range_fail_at_once_in_plain_words(database: TestDatabase) {
    let (stand_ins, _site, server) = server(&database).await;
    let client = server.client();
    let nothing = json!({"metadata": {"success": true, "cursor": null}, "data": null, "error": null});
    for empty in [Behaviour::status(200, &nothing), Behaviour::status(404, &json!({"message": "Not found"}))] {
        stand_ins.foreplay.script(empty);
        let id = client.start_job("competitor_analysis", &json!({"competitor_name": "Acme"})).await;
        let job = client.until(&id, "failed").await;
        assert!(job["error_message"].as_str().unwrap().starts_with("No ads found for \"Acme\""), "{job}");
        assert_eq!(job["retry_count"], 0);
    }
    let input_data = json!({"competitor_name": "Acme", "facebook_page": "acme.page", "end_date": "2001-01-01"});
    let id = client.start_job("competitor_analysis", &input_data).await;
    let job = client.until(&id, "failed").await;
    let message = job["error_message"].as_str().unwrap();
    let (ads, rest) = message.strip_prefix("None of the ").and_then(|words| words.split_once(' ')).expect(message);
    assert!(ads.parse::<u32>().unwrap() > 50, "{message}");
    assert!(rest.starts_with("ads found for \"acme.page\" started running on or before 2001-01-01"), "{message}");
    assert_eq!((stand_ins.claude.calls(), &job["retry_count"]), (0, &json!(0)));
}

async fn a_brand_without_intelligence_is_told_what_to_run_first(database: TestDatabase) {
    let (stand_ins, site, server) = server(&database).await;
    for case in [&PRODUCTS_SERVICES, &CAMPAIGNS] {
        let client = server.client();
        let id = case.start(&client, &site).await;
        let job = client.until(&id, "failed").await;
        assert!(job["error_message"].as_str().unwrap().contains("brand_intelligence"), "{job}");
        assert_eq!((stand_ins.claude.calls(), &job["retry_count"]), (0, &json!(0)));
    }
}

async fn a_type_whose_key_is_missing_is_refused_at_the_start(database: TestDatabase) {
    let stand_ins = StandIns::start().await.unwrap();
    let server = Server::with(&database.url, &stand_ins, &["--foreplay-api-key", ""], AppOptions::default()).await;
    let client = server.client();
    let body = json!({"brand_id": client.brand_id, "job_type": "competitor_analysis", "input_data": {"competitor_name": "Acme"}});
    let (status, answer) = client.start_with(&body).await;
    assert_eq!((status.as_u16(), &answer["code"]), (503, &json!("missing_key")), "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("FOREPLAY_API_KEY"), "{answer}");
    let (_, types) = client.get("/api/job-types").await;
    let types = types["job_types"].as_array().unwrap();
    assert_eq!(types.len(), 7);
    let missing: Vec<&Value> =
        types.iter().filter(|each| each["available"] == false).map(|each| &each["missing"]).collect();
    assert_eq!(missing, ["FOREPLAY_API_KEY"]);
}
