//! The web origins whose pages may call the API.
//! Must not take an origin in a form that no browser sends: it would never match.

use std::str::FromStr;

use url::Url;

/// The origins that are let in, besides the server's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// `*`; a request needs its token all the same, and cookies play no part.
    Any,
    /// Those named, as a browser sends them; none by default.
    These(Vec<String>),
}

impl Default for Origins {
    fn default() -> Origins {
        Origins::These(Vec::new())
    }
}

impl FromStr for Origins {
    type Err = String;

    /// Origins with commas between them, or `*` alone.
    fn from_str(text: &str) -> Result<Origins, String> {
        let named: Vec<&str> = text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).collect();
        match named[..] {
            ["*"] => Ok(Origins::Any),
            _ if named.contains(&"*") => Err("* lets every origin in, so it stands alone".to_owned()),
            _ => named.into_iter().map(origin).collect::<Result<_, _>>().map(Origins::These),
        }
    }
}

/// An origin in the form of a browser's `Origin` header (RFC 6454, section 6.2).
fn origin(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is not an origin, such as https://app.example.com or http://localhost:3000");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let has_more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
    let has_user = !url.username().is_empty() || url.password().is_some();
    // A pattern parses as a host's name, and would match nothing.
    let is_pattern = text.contains('*');
    if !matches!(url.scheme(), "http" | "https") || has_more || has_user || is_pattern {
        return Err(wrong());
    }
    Ok(url.origin().ascii_serialization())
}
