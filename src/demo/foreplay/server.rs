//! The routes of the ad library: who may ask, what it costs, and how errors look (UPSTREAMS.md §2.3).
//! It must not choose the ads; `search` does.

use super::ads;
use super::fault::{self, Effect};
use super::search::{Page, Problem, Search};
use crate::demo::answer::{Answer, respond};
use crate::demo::control::Control;
use crate::demo::fault::FaultNote;
use crate::demo::socket::ResetSwitch;
use crate::demo::stand_in::Api;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use chrono::{Months, Utc};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the made-up account starts with; an ad costs one.
const TOTAL_CREDITS: u64 = 10_000;
/// How many times the pace passes before an answer, so that a person sees the step.
const LEAD_IN: u32 = 6;

/// The ad library (`GET /api/discovery/ads`, `GET /api/usage`).
#[derive(Debug)]
pub struct Foreplay;

#[derive(Clone)]
struct Server {
    control: Arc<Control>,
    credits: Arc<AtomicU64>,
}

impl Api for Foreplay {
    const PACE_FOR_PEOPLE: Duration = Duration::from_millis(250);
    const NAME: &'static str = "foreplay";

    fn faults() -> &'static [FaultNote] {
        fault::notes()
    }

    fn router(control: Arc<Control>) -> Router {
        Router::new()
            .route("/api/discovery/ads", get(discover))
            .route("/api/usage", get(usage))
            .fallback(unknown_route)
            .with_state(Server { control, credits: Arc::new(AtomicU64::new(TOTAL_CREDITS)) })
    }
}

async fn unknown_route(uri: Uri) -> Response {
    let (status, body) = refused(404, &format!("There is no route {}.", uri.path()));
    (status, Json(body)).into_response()
}

async fn discover(
    State(server): State<Server>,
    Extension(reset): Extension<ResetSwitch>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let mut admitted = server.control.admit(&method, &uri, &headers, &[]);
    let effect = admitted.fault.and_then(fault::effect);
    if let Some(Effect::Instead(behaviour)) = effect {
        admitted.behaviour = behaviour();
    }
    let answer = || server.answer(effect, &headers, uri.query().unwrap_or_default());
    respond(admitted, reset, || std::future::ready(answer())).await
}

async fn usage(State(server): State<Server>, headers: HeaderMap) -> Response {
    if !has_key(&headers) {
        let (status, body) = refused(401, "Invalid API key.");
        return (status, Json(body)).into_response();
    }
    let today = Utc::now().date_naive();
    let data = json!({
        "start_date": today.to_string(),
        "end_date": today.checked_add_months(Months::new(1)).unwrap_or(today).to_string(),
        "total_credits": TOTAL_CREDITS,
        "remaining_credits": server.credits.load(Ordering::Relaxed),
        "user": "simulated@foreplay.example",
    });
    Json(json!({"metadata": metadata(true, 200, "Simulated account."), "data": data, "error": null})).into_response()
}

impl Server {
    fn answer(&self, effect: Option<Effect>, headers: &HeaderMap, query: &str) -> Answer {
        match self.page(effect, headers, query) {
            Ok((page, remaining)) => Answer::json(StatusCode::OK, &found(&page))
                .with_header("x-credits-remaining", remaining)
                .with_header("x-credit-cost", page.ads.len())
                .after_paces(LEAD_IN),
            Err((status, message)) => {
                let (status, body) = refused(status, &message);
                Answer::json(status, &body)
            }
        }
    }

    /// The page asked for and the credits that remain, or the status and the reason of the refusal.
    fn page(&self, effect: Option<Effect>, headers: &HeaderMap, query: &str) -> Result<(Page, u64), (u16, String)> {
        if !has_key(headers) {
            return Err((401, "Invalid API key.".to_owned()));
        }
        let refused = |problem: Problem| (problem.status(), problem.to_string());
        let search = Search::parse(query).map_err(refused)?;
        let mut ads = ads::all(Utc::now());
        if let Some(Effect::Ads(change)) = effect {
            change(&mut ads);
        }
        let mut page = search.page(&ads).map_err(refused)?;
        if let Some(Effect::Page(change)) = effect {
            change(&mut page, &search);
        }
        let cost = page.ads.len() as u64;
        let paid = self.credits.try_update(Ordering::Relaxed, Ordering::Relaxed, |credits| credits.checked_sub(cost));
        match paid {
            Ok(before) => Ok((page, before - cost)),
            Err(_) => Err((402, "The simulated account is out of credits.".to_owned())),
        }
    }
}

/// The raw key is documented, `Bearer` is said to work.
fn has_key(headers: &HeaderMap) -> bool {
    let key = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    !key.is_empty() && !key.eq_ignore_ascii_case("bearer")
}

fn found(page: &Page) -> Value {
    let mut metadata = metadata(true, 200, "Simulated: your request has been processed successfully.");
    metadata["cursor"] = json!(page.cursor);
    metadata["filters"] = json!({});
    metadata["order"] = json!(page.order);
    metadata["count"] = json!(page.ads.len());
    json!({"metadata": metadata, "data": page.ads, "error": null})
}

/// An error in the shape of an answer; the words in `error` are not documented (UPSTREAMS.md §2.3).
pub(super) fn refused(status: u16, message: &str) -> (StatusCode, Value) {
    let word = match status {
        401 => "unauthorized",
        402 => "payment_required",
        404 => "not_found",
        429 => "rate_limited",
        500.. => "server_error",
        _ => "bad_request",
    };
    let body = json!({"metadata": metadata(false, status, message), "data": null, "error": word});
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), body)
}

fn metadata(success: bool, status: u16, message: &str) -> Value {
    json!({"success": success, "message": message, "status_code": status, "processed_at": Utc::now().timestamp_millis()})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::fault::Catalogue;
    use crate::demo::stand_in::StandIn;

    async fn get(stand_in: &StandIn<Foreplay>, path: &str, key: Option<&str>) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.get(stand_in.base_url().join(path).unwrap());
        let request = key.into_iter().fold(request, |request, key| request.header("authorization", key));
        request.send().await.unwrap()
    }

    /// The cost, and what remains.
    fn credits(response: &reqwest::Response) -> (&str, &str) {
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        (header("x-credit-cost"), header("x-credits-remaining"))
    }

    async fn body(response: reqwest::Response) -> Value {
        response.json().await.unwrap()
    }

    #[tokio::test]
    async fn ads_cost_credits() {
        let stand_in = StandIn::<Foreplay>::start().await.unwrap();
        let first = get(&stand_in, "api/discovery/ads?query=acme&limit=25", Some("key")).await;
        assert_eq!(credits(&first), ("25", "9975"));
        let first = body(first).await;
        assert_eq!((&first["metadata"]["count"], &first["metadata"]["order"]), (&json!(25), &json!("newest")));
        let cursor = first["metadata"]["cursor"].as_str().unwrap();
        let path = format!("api/discovery/ads?query=acme&limit=250&cursor={cursor}");
        let second = get(&stand_in, &path, Some("Bearer key")).await;
        assert_eq!(credits(&second), ("35", "9940"));
        assert_eq!(body(second).await["metadata"]["cursor"], Value::Null);
        assert_eq!(body(get(&stand_in, "api/usage", Some("key")).await).await["data"]["remaining_credits"], 9940);
        assert_eq!(stand_in.calls(), 2, "the account's totals are not a search");
        assert_eq!(stand_in.requests()[0].query.as_deref(), Some("query=acme&limit=25"));
    }

    #[tokio::test]
    async fn refusals_have_the_shape_of_an_answer() {
        let stand_in = StandIn::<Foreplay>::start().await.unwrap();
        for (path, key, status) in [
            ("api/discovery/ads", None, 401),
            ("api/discovery/ads", Some("Bearer "), 401),
            ("api/usage", None, 401),
            ("api/discovery/ads?limit=1000", Some("key"), 422),
            ("api/discovery/ads?cursor=nonsense", Some("key"), 400),
            ("api/elsewhere", Some("key"), 404),
        ] {
            let response = get(&stand_in, path, key).await;
            assert_eq!(response.status(), status, "{path}");
            let body = body(response).await;
            assert_eq!(body["metadata"]["status_code"], status);
            assert_eq!((&body["metadata"]["success"], &body["data"]), (&json!(false), &Value::Null));
        }
    }

    #[tokio::test]
    async fn an_account_runs_out_of_credits() {
        let control = Arc::new(Control::new(Catalogue { api: "foreplay", notes: &[] }));
        let server = Server { control, credits: Arc::new(AtomicU64::new(15)) };
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "key".parse().unwrap());
        assert_eq!(server.page(None, &headers, "").unwrap().1, 5);
        assert_eq!(server.page(None, &headers, "").unwrap_err().0, 402);
        assert_eq!(server.page(None, &headers, "limit=5").unwrap().1, 0);
    }
}
