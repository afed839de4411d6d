//! Secrets, tokens and origins by themselves; what they open is tested over HTTP.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

const SECRET: &str = "a secret of thirty-two bytes: 4f9c";
const OTHER: &str = "another secret of thirty-two bytes";

fn keys(secret: &str, previous: Option<&str>) -> Keys {
    let previous = previous.map(AuthSecret::new);
    Keys::new(&AuthSecret::new(secret), previous.as_ref())
}

/// A token under the first secret with whatever claims.
fn signed(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn in_seconds(seconds: i64) -> i64 {
    Utc::now().timestamp() + seconds
}

/// How the claims are read, in place of those of a good token.
fn read_with(changes: &[(&str, Option<Value>)]) -> Result<Claims, BadToken> {
    let mut claims = json!({"exp": in_seconds(60), "brands": "*", "scope": "jobs:read"});
    for (name, value) in changes {
        match value {
            Some(value) => claims[*name] = value.clone(),
            None => drop(claims.as_object_mut().unwrap().remove(*name)),
        }
    }
    keys(SECRET, None).check(&signed(&claims))
}

fn claims() -> Claims {
    Claims {
        brands: Brands::These(vec![BrandId(Uuid::from_u128(1)), BrandId(Uuid::from_u128(2))]),
        job: Some(JobId(Uuid::from_u128(3))),
        scopes: vec![Scope::Read, Scope::Write],
        expires_at: DateTime::from_timestamp(in_seconds(60), 0).unwrap(),
    }
}

#[test]
fn what_is_minted_is_read_back() {
    let all = Claims { brands: Brands::All, job: None, scopes: Vec::new(), ..claims() };
    for claims in [claims(), all] {
        let token = keys(SECRET, None).mint(&claims);
        assert_eq!(keys(SECRET, None).check(token.expose()), Ok(claims));
    }
}

#[test]
fn two_secrets_are_taken_and_the_first_signs() {
    let (old, both, new) = (keys(OTHER, None), keys(SECRET, Some(OTHER)), keys(SECRET, None));
    let (by_old, by_both) = (old.mint(&claims()), both.mint(&claims()));
    assert_eq!(both.check(by_old.expose()), Ok(claims()));
    assert_eq!(both.check(by_both.expose()), Ok(claims()));
    assert_eq!(new.check(by_both.expose()), Ok(claims()));
    assert_eq!(new.check(by_old.expose()), Err(BadToken::Signature));
    assert_eq!(old.check(by_both.expose()), Err(BadToken::Signature));
}

#[test]
fn times_are_judged_with_a_small_leeway() {
    let at = |name, seconds: f64| read_with(&[(name, Some(json!(Utc::now().timestamp() as f64 + seconds)))]).err();
    assert_eq!(at("exp", -2.0), None, "clocks may differ");
    assert_eq!(at("exp", -6.0), Some(BadToken::Expired));
    assert!(matches!(at("exp", 0.25e300), Some(BadToken::Claim(_))), "no time at all");
    assert_eq!(at("exp", 1e18), None, "for ever");
    assert_eq!(at("nbf", 2.0), None, "clocks may differ");
    assert_eq!(at("nbf", 60.0), Some(BadToken::NotYetValid));
}

#[test]
fn claims_that_are_missing_or_wrong_are_named() {
    for (name, value) in [
        ("exp", None),
        ("exp", Some(json!("2030-01-01"))),
        ("exp", Some(json!(-1))),
        ("exp", Some(json!(null))),
        ("nbf", Some(json!("soon"))),
        ("brands", None),
        ("brands", Some(json!(null))),
        ("brands", Some(json!("7b0d7c1e-2f5a-4c7e-9d52-3c0f4a1b2c3d"))),
        ("brands", Some(json!(["*"]))),
        ("brands", Some(json!([7]))),
        ("job", Some(json!(null))),
        ("job", Some(json!("7"))),
        ("scope", Some(json!(null))),
        ("scope", Some(json!(["jobs:read", 1]))),
    ] {
        match read_with(&[(name, value.clone())]) {
            Err(BadToken::Claim(words)) => assert!(words.starts_with(name), "{name} {value:?}: {words}"),
            other => panic!("{name} {value:?}: {other:?}"),
        }
    }
}

#[test]
fn scopes_are_a_list_or_text_and_others_are_passed_over() {
    let scopes = |value| read_with(&[("scope", value)]).unwrap().scopes;
    assert_eq!(scopes(None), []);
    assert_eq!(scopes(Some(json!(""))), []);
    assert_eq!(scopes(Some(json!("openid jobs:write  jobs:read"))), [Scope::Write, Scope::Read]);
    assert_eq!(scopes(Some(json!(["jobs:read", "jobs:read:all"]))), [Scope::Read]);
    let unknown = read_with(&[("aud", Some(json!("another service"))), ("sub", Some(json!(7)))]);
    assert!(unknown.is_ok(), "claims that mean nothing here are not judged: {unknown:?}");
}

#[test]
fn only_hs256_is_taken() {
    let claims = json!({"exp": in_seconds(60), "brands": "*"});
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap();
        assert_eq!(keys(SECRET, None).check(&token), Err(BadToken::Malformed), "{algorithm:?}");
    }
    let critical = Header { crit: Some(vec!["b64".to_owned()]), ..Header::new(Algorithm::HS256) };
    let token = jsonwebtoken::encode(&critical, &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    assert_eq!(keys(SECRET, None).check(&token), Err(BadToken::Malformed));
}

#[test]
fn what_is_no_token_is_said_to_be_none() {
    let good = signed(&json!({"exp": in_seconds(60), "brands": "*"}));
    let body = good.rsplit_once('.').unwrap().0;
    let long = "x".repeat(100_000);
    for text in ["", ".", "..", "...", "a.b.c", "é.é.é", "eyJhbGciOiJub25lIn0.e30.", body, &long, &format!("{good}.x")]
    {
        assert_eq!(keys(SECRET, None).check(text), Err(BadToken::Malformed), "{text:.60}");
    }
    assert_eq!(keys(SECRET, None).check(&format!("{body}.")), Err(BadToken::Signature), "no signature");
}

#[test]
fn a_secret_must_be_long_and_is_never_printed() {
    assert_eq!(AuthSecret::new(SECRET).check(), Ok(()));
    assert_eq!(AuthSecret::new("short").check(), Err(SecretError::TooShort(5)));
    assert_eq!(AuthSecret::new(&"x".repeat(31)).check(), Err(SecretError::TooShort(31)));
    assert_eq!(AuthSecret::new(&format!("{SECRET}\n")).check(), Err(SecretError::WhiteSpace));
    let printed = format!("{:?} {:?} {:?}", AuthSecret::new(SECRET), Token::new("a.b.c"), keys(SECRET, None));
    assert_eq!(printed, "AuthSecret(••••) Token(••••) Keys(••••)");
}

#[test]
fn a_caller_sees_its_brands_and_its_job_alone() {
    let holder = |brands: &[u128], job: Option<u128>| {
        let brands = Brands::These(brands.iter().map(|id| BrandId(Uuid::from_u128(*id))).collect());
        Caller::Holder(Claims { brands, job: job.map(|id| JobId(Uuid::from_u128(id))), ..claims() })
    };
    let brand = |id| BrandId(Uuid::from_u128(id));
    assert!(Caller::Anyone.sees_brand(brand(1)) && Caller::Anyone.may(Scope::Write));
    assert!(holder(&[1], None).sees_brand(brand(1)));
    assert!(!holder(&[1], None).sees_brand(brand(2)));
    assert!(!holder(&[], None).sees_brand(brand(1)));
    assert!(!holder(&[1], Some(3)).sees_brand(brand(1)), "all of a brand is more than a job");
    assert_eq!(holder(&[1], Some(3)).only_job(), Some(JobId(Uuid::from_u128(3))));
}

#[test]
fn origins_are_those_that_a_browser_sends() {
    let these = |origins: &[&str]| Ok(Origins::These(origins.iter().map(|origin| (*origin).to_owned()).collect()));
    assert_eq!("".parse(), these(&[]));
    assert_eq!("*".parse(), Ok(Origins::Any));
    let written = " https://App.Example.com , http://localhost:3000/,https://a.example:443,http://[::1]:5173";
    let sent = ["https://app.example.com", "http://localhost:3000", "https://a.example", "http://[::1]:5173"];
    assert_eq!(written.parse(), these(&sent));
    for wrong in ["app.example.com", "localhost:3000", "null", "https://", "https://a.example/app", "file:///x"] {
        let refused = wrong.parse::<Origins>();
        assert!(refused.as_ref().is_err_and(|words| words.contains(wrong)), "{wrong}: {refused:?}");
    }
    assert!("https://me@a.example".parse::<Origins>().is_err());
    assert!("https://*.example.com".parse::<Origins>().is_err(), "patterns are not read");
    assert!("https://a.example,*".parse::<Origins>().is_err());
}

/// Bent tokens, then bent claims under a good signature.
#[test]
fn any_token_is_read_or_refused() {
    let (keys, key) = (keys(SECRET, Some(OTHER)), EncodingKey::from_secret(SECRET.as_bytes()));
    let sign = |message: &str| jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    let check = |token: &str| {
        let Ok(claims) = keys.check(token) else { return };
        assert!(claims.refused_from() > Utc::now(), "{claims:?}");
        let (message, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(sign(message), signature, "nobody but the signer has this: {token}");
    };
    crate::corpus::withstands("token", 3000, |bytes| check(&String::from_utf8_lossy(bytes)));
    let encode = |bytes: &[u8]| base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, bytes);
    crate::corpus::withstands("claims", 3000, |bytes| {
        let message = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(bytes));
        check(&format!("{message}.{}", sign(&message)));
    });
}
