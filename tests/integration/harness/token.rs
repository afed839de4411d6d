//! Tokens made from the standards' text (RFC 7515, 7519), with another implementation of HMAC than the product's.

use ring::hmac;
use serde_json::{Value, json};
use uuid::Uuid;

/// The secret of the servers under test.
pub const SECRET: &str = "a secret that only tests have, 7b1e0c";

/// What a token says; made into one by [`TokenClaims::token`].
#[derive(Clone)]
pub struct TokenClaims(pub Value);

impl TokenClaims {
    /// A token for everything about a brand, good for an hour.
    pub fn of(brand_id: Uuid) -> TokenClaims {
        TokenClaims(json!({"exp": in_seconds(3600), "brands": [brand_id], "scope": "jobs:read jobs:write"}))
    }

    /// The same with another value of a claim.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> TokenClaims {
        self.0[name] = value.into();
        self
    }

    /// The same without a claim.
    pub fn without(mut self, name: &str) -> TokenClaims {
        self.0.as_object_mut().expect("claims are an object").remove(name);
        self
    }

    pub fn token(&self) -> String {
        signed(&self.0, SECRET)
    }
}

/// The time so many seconds from now, as claims give it.
pub fn in_seconds(seconds: i64) -> i64 {
    chrono::Utc::now().timestamp() + seconds
}

/// An HS256 token.
pub fn signed(claims: &Value, secret: &str) -> String {
    signed_as("HS256", claims, secret)
}

/// The same, whatever algorithm its header claims.
pub fn signed_as(algorithm: &str, claims: &Value, secret: &str) -> String {
    let header = json!({"alg": algorithm, "typ": "JWT"});
    let message = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
    with_signature(&message, secret)
}

/// The signature of a token's first two parts behind them.
pub fn with_signature(message: &str, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = base64url(hmac::sign(&key, message.as_bytes()).as_ref());
    format!("{message}.{signature}")
}

/// What a token says, whoever signed it.
pub fn claims_of(token: &str) -> Value {
    let body = token.split('.').nth(1).expect("a token has three parts");
    let value = |byte| ALPHABET.iter().position(|letter| *letter == byte).expect("it is base64url") as u32;
    let mut bytes = Vec::new();
    for chunk in body.as_bytes().chunks(4) {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 6 | value(*byte)) << (6 * (4 - chunk.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    serde_json::from_slice(&bytes).expect("claims are JSON")
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 with the alphabet of URLs and without padding (RFC 4648, section 5).
fn base64url(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0, |bits: u32, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

/// The example of RFC 7515, appendix A.1: its header and claims hold line ends, so the text is taken as it is.
#[test]
fn base64url_is_the_standards() {
    assert_eq!(base64url(b"{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"), "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9");
    assert_eq!(
        (base64url(b"\xff"), base64url(b"\xfb\xff"), base64url(b"")),
        ("_w".into(), "-_8".into(), String::new())
    );
}
