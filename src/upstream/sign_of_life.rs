//! Asks an upstream for a sign of life, with one bounded request that costs nothing, for somebody who looks for a fault.
//! It does none of the upstream's work, and counts as no call.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use url::Url;

use super::error::UpstreamError;
use super::key::ApiKey;
use super::{http, json, text};

/// The longest request in all.
const BOUND: Duration = Duration::from_secs(8);

/// What became of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignOfLife {
    /// It was answered as it should be; what the answer says.
    Well(String),
    /// It was answered by something that cannot say whether all is well, such as a gateway without that route.
    Unclear(String),
    /// It was answered that the key is not good.
    KeyRefused(String),
    /// It was answered, and a job would not get on at the moment.
    Troubled(String),
    /// It was not answered, and why.
    Unreachable(String),
}

/// `GET /api/health` (UPSTREAMS §1.2).
pub async fn sign_of_gtm(base_url: &Url) -> SignOfLife {
    let answer = ask("gtm", "GTM_BASE_URL", base_url, &["api", "health"], Ok).await;
    of_answer(answer, |health| {
        let status = health["status"].as_str().unwrap_or_default();
        let version = text::clean(health["version"].as_str().unwrap_or("not told"), 40);
        match status {
            "" => SignOfLife::Unclear("its answer does not look like that of the brand analysis service".to_owned()),
            "OK" => SignOfLife::Well(format!("answers, version {version}")),
            other => SignOfLife::Troubled(format!("says of itself that it is {}", text::clean(other, 40))),
        }
    })
}

/// `GET /api/usage`, which costs no credits (UPSTREAMS §2.3).
pub async fn sign_of_foreplay(base_url: &Url, key: &ApiKey) -> SignOfLife {
    let with_key = |request: RequestBuilder| {
        Ok(request.header(AUTHORIZATION, key.header("foreplay", "Foreplay", "FOREPLAY_API_KEY")?))
    };
    let answer = ask("foreplay", "FOREPLAY_BASE_URL", base_url, &["api", "usage"], with_key).await;
    of_answer(answer, |usage| match usage["data"]["remaining_credits"].as_f64() {
        Some(remaining) if remaining < 1.0 => SignOfLife::Troubled("the account has no credits left".to_owned()),
        Some(remaining) => SignOfLife::Well(format!("answers, {remaining} credits left")),
        None => SignOfLife::Unclear("answers, without saying how many credits are left".to_owned()),
    })
}

/// `GET /v1/models/MODEL`, which costs nothing (Anthropic's API reference, Get a Model).
pub async fn sign_of_claude(base_url: &Url, key: &ApiKey, model: &str) -> SignOfLife {
    let with_key = |request: RequestBuilder| {
        let key = key.header("claude", "Claude", "ANTHROPIC_API_KEY")?;
        Ok(request.header("x-api-key", key).header("anthropic-version", "2023-06-01"))
    };
    let answer = ask("claude", "ANTHROPIC_BASE_URL", base_url, &["v1", "models", model], with_key).await;
    match answer {
        // The API says so itself; a gateway that has not this route says something else.
        Ok((StatusCode::NOT_FOUND, answer)) if answer["error"]["type"] == "not_found_error" => {
            let said = text::clean(answer["error"]["message"].as_str().unwrap_or_default(), 200);
            SignOfLife::Troubled(format!("does not know the model {model}: {said}"))
        }
        Ok((StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED, _)) => {
            SignOfLife::Unclear("answers, and has no list of models that would tell whether the key is good".to_owned())
        }
        answer => of_answer(answer, |found| match found["id"].as_str() {
            Some(_) => SignOfLife::Well(format!("answers, and has the model {model}")),
            None => SignOfLife::Unclear("its answer does not look like that of Claude's API".to_owned()),
        }),
    }
}

/// The status, and the body as JSON, null where it is none.
type Answer = Result<(StatusCode, Value), SignOfLife>;

async fn ask(
    upstream: &'static str,
    setting: &str,
    base_url: &Url,
    path: &[&str],
    with_key: impl Fn(RequestBuilder) -> Result<RequestBuilder, UpstreamError>,
) -> Answer {
    let unusable = |error: UpstreamError| match error.code.as_str() {
        "invalid_key" => SignOfLife::KeyRefused(error.message),
        _ => SignOfLife::Unreachable(error.message),
    };
    let url = http::endpoint(upstream, setting, base_url, path).map_err(unusable)?;
    let client = http::client(upstream, base_url, BOUND).map_err(unusable)?;
    let request = with_key(client.get(url).header(ACCEPT, "application/json").timeout(BOUND)).map_err(unusable)?;
    let response = request.send().await.map_err(|error| {
        let why = if error.is_timeout() { format!("no answer within {} s: ", BOUND.as_secs()) } else { String::new() };
        SignOfLife::Unreachable(format!("{why}{}", http::causes(&error.without_url())))
    })?;
    let status = response.status();
    Ok((status, json::parse_body(&http::error_body(response).await).unwrap_or_default()))
}

fn of_answer(answer: Answer, good: impl Fn(&Value) -> SignOfLife) -> SignOfLife {
    match answer {
        Err(reach) => reach,
        Ok((status, body)) => match status.as_u16() {
            200..=299 => good(&body),
            300..=399 => SignOfLife::Unclear(format!("answers {status}, as an address does that has moved")),
            401 | 403 => SignOfLife::KeyRefused(format!("refuses the key ({status})")),
            402 => SignOfLife::Troubled("the account has no credits left".to_owned()),
            404 | 405 => SignOfLife::Unclear(format!("answers {status}: something else may be at this address")),
            _ => SignOfLife::Troubled(format!("answers {status}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::raw_server::{RawServer, Script};
    use super::*;

    async fn server(status: &'static str, body: &str) -> RawServer {
        RawServer::start(Script::new(status, &[("content-type", "application/json")]).chunk(body.to_owned())).await
    }

    async fn claude(status: &'static str, body: &str) -> SignOfLife {
        let server = server(status, body).await;
        sign_of_claude(&server.url(), &ApiKey::new("sk-secret"), "claude-x").await
    }

    #[tokio::test]
    async fn gtm_says_how_it_is() {
        for (status, body, expected) in [
            ("200 OK", r#"{"status":"OK","version":"1.4.0"}"#, SignOfLife::Well("answers, version 1.4.0".into())),
            ("200 OK", r#"{"status":"DOWN"}"#, SignOfLife::Troubled("says of itself that it is DOWN".into())),
            ("503 Service Unavailable", "x", SignOfLife::Troubled("answers 503 Service Unavailable".into())),
        ] {
            assert_eq!(sign_of_gtm(&server(status, body).await.url()).await, expected);
        }
        assert!(matches!(sign_of_gtm(&server("200 OK", "<html>").await.url()).await, SignOfLife::Unclear(_)));
    }

    #[tokio::test]
    async fn an_account_without_credits_is_no_good() {
        let key = ApiKey::new("secret");
        let usage = |remaining: u32| format!(r#"{{"data":{{"remaining_credits":{remaining}}}}}"#);
        let rich = server("200 OK", &usage(7)).await;
        assert_eq!(sign_of_foreplay(&rich.url(), &key).await, SignOfLife::Well("answers, 7 credits left".into()));
        let poor = server("200 OK", &usage(0)).await;
        assert!(matches!(sign_of_foreplay(&poor.url(), &key).await, SignOfLife::Troubled(_)));
        let refusing = server("403 Forbidden", "{}").await;
        assert!(matches!(sign_of_foreplay(&refusing.url(), &key).await, SignOfLife::KeyRefused(_)));
    }

    #[tokio::test]
    async fn claude_tells_a_bad_key_from_a_bad_model_from_a_gateway() {
        assert!(matches!(claude("200 OK", r#"{"type":"model","id":"claude-x"}"#).await, SignOfLife::Well(_)));
        assert!(matches!(claude("401 Unauthorized", "{}").await, SignOfLife::KeyRefused(_)));
        let unknown = r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}"#;
        assert!(matches!(claude("404 Not Found", unknown).await, SignOfLife::Troubled(_)));
        assert!(matches!(claude("404 Not Found", "no such page").await, SignOfLife::Unclear(_)));
        assert!(matches!(claude("529 Overloaded", "{}").await, SignOfLife::Troubled(_)));
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_said_without_the_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Url = format!("http://me:secret@{}", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        let SignOfLife::Unreachable(why) = sign_of_gtm(&url).await else { panic!("nobody listens there") };
        assert!(why.contains("refused") && !why.contains("secret"), "{why}");
        let bad_key = sign_of_claude(&url, &ApiKey::new("a\nb"), "m").await;
        assert!(matches!(&bad_key, SignOfLife::KeyRefused(why) if why.contains("ANTHROPIC_API_KEY")), "{bad_key:?}");
        let odd = sign_of_gtm(&"ftp://example.com".parse().unwrap()).await;
        assert!(matches!(&odd, SignOfLife::Unreachable(why) if why.contains("GTM_BASE_URL")), "{odd:?}");
    }
}
