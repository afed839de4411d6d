//! Who may do what: what a token says, the secrets that sign it, and the origins that browsers may call from.
//! Must not know about HTTP; `http/auth.rs` reads requests and asks here.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

use crate::job::{BrandId, Job, JobId};

mod keys;
mod origins;
mod secret;
#[cfg(test)]
mod tests;

pub use keys::{BadToken, Keys};
pub use origins::Origins;
pub use secret::{AuthSecret, SecretError, Token};

/// How far the clocks of signer and server may be apart. A token is taken, and keeps a stream, for so long after its `exp`.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The brands whose jobs it is for.
    pub brands: Brands,
    /// The one job that it is for, if it is not for all of those brands.
    pub job: Option<JobId>,
    /// What may be done with them.
    pub scopes: Vec<Scope>,
    /// `exp`.
    pub expires_at: DateTime<Utc>,
}

/// The brands of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brands {
    /// `"*"`.
    All,
    /// Those named; none where the list is empty.
    These(Vec<BrandId>),
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `jobs:read`: status, result, lists, event streams.
    Read,
    /// `jobs:write`: start, cancel, retry.
    Write,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Anybody: the server checks no tokens.
    Anyone,
    /// The holder of a token that was checked.
    Holder(Claims),
}

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 2] = [Scope::Read, Scope::Write];

    /// The scope as a token names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "jobs:read",
            Scope::Write => "jobs:write",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Scope, String> {
        let known = || Scope::ALL.map(Scope::as_str).join(", ");
        let found = Scope::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| format!("there is no scope {text}; known are: {}", known()))
    }
}

impl FromStr for Brands {
    type Err = String;

    /// Ids with commas between them, or `*`.
    fn from_str(text: &str) -> Result<Brands, String> {
        if text.trim() == "*" {
            return Ok(Brands::All);
        }
        let id = |text: &str| text.trim().parse().map(BrandId).map_err(|_| format!("{text:?} is not a UUID"));
        text.split(',').map(id).collect::<Result<_, _>>().map(Brands::These)
    }
}

impl Brands {
    fn contain(&self, brand_id: BrandId) -> bool {
        match self {
            Brands::All => true,
            Brands::These(brands) => brands.contains(&brand_id),
        }
    }
}

impl Caller {
    /// Whether the caller has this scope.
    pub fn may(&self, scope: Scope) -> bool {
        match self {
            Caller::Anyone => true,
            Caller::Holder(claims) => claims.scopes.contains(&scope),
        }
    }

    /// Whether this job is there for the caller.
    pub fn sees_job(&self, job: &Job) -> bool {
        match self {
            Caller::Anyone => true,
            Caller::Holder(claims) => {
                claims.job.is_none_or(|only| only == job.id) && claims.brands.contain(job.brand_id)
            }
        }
    }

    /// Whether this brand is there for the caller; all of it is only for one who is not bound to a job.
    pub fn sees_brand(&self, brand_id: BrandId) -> bool {
        match self {
            Caller::Anyone => true,
            Caller::Holder(claims) => claims.job.is_none() && claims.brands.contain(brand_id),
        }
    }

    /// The only job that is there for the caller, if there is but one.
    pub fn only_job(&self) -> Option<JobId> {
        match self {
            Caller::Anyone => None,
            Caller::Holder(claims) => claims.job,
        }
    }

    /// The only brands that are there for the caller, unless all are.
    pub fn only_brands(&self) -> Option<&[BrandId]> {
        match self {
            Caller::Anyone | Caller::Holder(Claims { brands: Brands::All, .. }) => None,
            Caller::Holder(Claims { brands: Brands::These(brands), .. }) => Some(brands),
        }
    }

    /// From when on the caller's token is refused.
    pub fn until(&self) -> Option<DateTime<Utc>> {
        match self {
            Caller::Anyone => None,
            Caller::Holder(claims) => Some(claims.refused_from()),
        }
    }
}

impl Claims {
    fn refused_from(&self) -> DateTime<Utc> {
        self.expires_at.checked_add_signed(LEEWAY).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}
