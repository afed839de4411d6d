//! Signs and checks tokens: JWTs under HS256 (RFC 7519), with a secret that can be replaced while the old one is honoured.
//! Must not choose the algorithm by what a token says, nor compare signatures itself: the library does it in constant time.

use std::fmt;

use chrono::{DateTime, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Map, Value, json};

use super::{AuthSecret, Brands, Claims, LEEWAY, Scope, Token};
use crate::job::{BrandId, JobId};

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// What signs tokens, and what they may be signed with.
pub struct Keys {
    signing: EncodingKey,
    accepted: Vec<DecodingKey>,
    validation: Validation,
}

/// Why a token is not taken, in words that follow "the token".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It is no JWT under HS256.
    #[error("cannot be read: it must be a JWT signed with HS256")]
    Malformed,
    /// Another secret signed it, or it was changed on its way.
    #[error("has a wrong signature: it was signed with another secret than the server's, or changed on its way")]
    Signature,
    /// Its time is over.
    #[error("has expired; get a new one")]
    Expired,
    /// Its time has not come.
    #[error("is not valid yet (nbf); compare the clocks of its signer and of the server")]
    NotYetValid,
    /// A claim is missing or wrong.
    #[error("has a wrong claim: {0}")]
    Claim(&'static str),
}

impl Keys {
    /// Keys from a secret that signs and checks, and perhaps its predecessor, which checks only.
    pub fn new(secret: &AuthSecret, previous: Option<&AuthSecret>) -> Keys {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY.num_seconds().unsigned_abs();
        validation.validate_nbf = true;
        // Claims that mean nothing here are not judged.
        validation.validate_aud = false;
        Keys {
            signing: EncodingKey::from_secret(secret.expose()),
            accepted: [secret].into_iter().chain(previous).map(|one| DecodingKey::from_secret(one.expose())).collect(),
            validation,
        }
    }

    /// A token that says this.
    pub fn mint(&self, claims: &Claims) -> Token {
        let brands = match &claims.brands {
            Brands::All => json!("*"),
            Brands::These(brands) => json!(brands),
        };
        let scope: Vec<&str> = claims.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut body = json!({
            "iat": Utc::now().timestamp(),
            "exp": claims.expires_at.timestamp(),
            "brands": brands,
            "scope": scope.join(" "),
        });
        if let Some(job) = claims.job {
            body["job"] = json!(job);
        }
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &body, &self.signing);
        Token::new(&token.expect("HMAC takes keys and messages of any length"))
    }

    /// What a token says.
    ///
    /// # Errors
    /// [`BadToken`] when it must not be believed.
    pub fn check(&self, token: &str) -> Result<Claims, BadToken> {
        if token.len() > LONGEST {
            return Err(BadToken::Malformed);
        }
        let mut outcome = Err(BadToken::Signature);
        for key in &self.accepted {
            outcome = self.check_with(token, key);
            if outcome != Err(BadToken::Signature) {
                break;
            }
        }
        outcome
    }

    fn check_with(&self, token: &str, key: &DecodingKey) -> Result<Claims, BadToken> {
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, key, &self.validation).map_err(reason)?;
        // What a header marks as critical must be understood, and nothing is (RFC 7515, section 4.1.11).
        if decoded.header.crit.is_some() {
            return Err(BadToken::Malformed);
        }
        let claims = read(&decoded.claims)?;
        // To the instant: the library counts whole seconds, and streams end by this.
        if claims.refused_from() <= Utc::now() { Err(BadToken::Expired) } else { Ok(claims) }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys(••••)")
    }
}

fn reason(error: jsonwebtoken::errors::Error) -> BadToken {
    match error.kind() {
        ErrorKind::InvalidSignature => BadToken::Signature,
        ErrorKind::ExpiredSignature => BadToken::Expired,
        ErrorKind::ImmatureSignature => BadToken::NotYetValid,
        ErrorKind::MissingRequiredClaim(_) => BadToken::Claim(EXP),
        ErrorKind::InvalidClaimFormat(name) if name == "nbf" => BadToken::Claim("nbf must be a time in seconds"),
        ErrorKind::InvalidClaimFormat(_) => BadToken::Claim(EXP),
        _ => BadToken::Malformed,
    }
}

const EXP: &str = "exp is required, as a time in seconds since 1970";
const BRANDS: &str = "brands is required, as an array of brand ids or \"*\"";
const JOB: &str = "job must be a job id";
const SCOPE: &str = "scope must be text with spaces between the scopes, or an array";

fn read(claims: &Map<String, Value>) -> Result<Claims, BadToken> {
    Ok(Claims {
        brands: brands(claims.get("brands"))?,
        job: claims.get("job").map(job).transpose()?,
        scopes: claims.get("scope").map_or(Ok(Vec::new()), scopes)?,
        expires_at: claims.get("exp").and_then(instant).ok_or(BadToken::Claim(EXP))?,
    })
}

/// A time that no calendar holds is the end of all time: the library has judged the number itself.
fn instant(value: &Value) -> Option<DateTime<Utc>> {
    let seconds = value.as_f64()?;
    // Rounded as the library rounds; a float beyond the range of integers becomes the nearest of them.
    Some(DateTime::from_timestamp(seconds.round() as i64, 0).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

fn brands(value: Option<&Value>) -> Result<Brands, BadToken> {
    match value {
        Some(Value::String(text)) if text == "*" => Ok(Brands::All),
        Some(Value::Array(ids)) => {
            let ids: Option<Vec<BrandId>> = ids.iter().map(|id| id.as_str()?.parse().ok().map(BrandId)).collect();
            ids.map(Brands::These).ok_or(BadToken::Claim(BRANDS))
        }
        _ => Err(BadToken::Claim(BRANDS)),
    }
}

/// Not `null` either: what is meant to be bound to a job must not become free by an accident of its signer.
fn job(value: &Value) -> Result<JobId, BadToken> {
    value.as_str().and_then(|id| id.parse().ok()).map(JobId).ok_or(BadToken::Claim(JOB))
}

/// Scopes of other services are passed over.
fn scopes(value: &Value) -> Result<Vec<Scope>, BadToken> {
    let words: Option<Vec<&str>> = match value {
        Value::String(text) => Some(text.split_ascii_whitespace().collect()),
        Value::Array(words) => words.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let words = words.ok_or(BadToken::Claim(SCOPE))?;
    Ok(words.into_iter().filter_map(|word| word.parse().ok()).collect())
}
