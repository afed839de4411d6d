//! Reads from a request which fault it asks for.
//! It must not decide whether the fault is due; `memory` does.

use super::HEADER;
use axum::http::{HeaderMap, Uri};

/// A fault that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::demo) struct Asked {
    /// As it was written, which need not be a name that exists.
    pub(super) name: String,
    /// The first so many requests get it, then one does not; without a number every one does.
    pub(super) times: Option<u32>,
}

impl Asked {
    /// What a request asks for: by its header, else by the first `fault=<api>:…` of its address or its body.
    pub(in crate::demo) fn read(api: &str, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<Asked> {
        if let Some(value) = headers.get(HEADER) {
            return Some(Asked::parse(value.to_str().unwrap_or_default().trim()));
        }
        let mark = format!("fault={api}:");
        let marked = |text: &str| Some(Asked::parse(text.split_once(&mark)?.1));
        marked(&decoded(uri)).or_else(|| marked(&String::from_utf8_lossy(body)))
    }

    /// The name as it was written.
    pub(in crate::demo) fn name(&self) -> &str {
        &self.name
    }

    /// Reads `name` or `name*N` from the beginning of a text.
    fn parse(text: &str) -> Asked {
        let is_name =
            |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
        let end = text.find(|character| !is_name(character)).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let digits = rest.strip_prefix('*').map(|rest| {
            let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
            &rest[..end]
        });
        let times = digits.filter(|digits| !digits.is_empty()).map(|digits| digits.parse().unwrap_or(u32::MAX));
        Asked { name: name.to_owned(), times }
    }
}

/// Path and query without percent signs, `+` being a space.
fn decoded(uri: &Uri) -> String {
    let text = format!("{}&{}", uri.path(), uri.query().unwrap_or_default());
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str, header: Option<&str>, body: &str) -> Option<Asked> {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(HEADER, value.parse().unwrap());
        }
        Asked::read("gtm", &uri.parse().unwrap(), &headers, body.as_bytes())
    }

    fn is(name: &str, times: Option<u32>) -> Option<Asked> {
        Some(Asked { name: name.to_owned(), times })
    }

    #[test]
    fn texts_are_found_in_address_and_body() {
        let body = r#"{"url":"https://example.com/?fault=gtm:silence*2","note":"fault=gtm:reset"}"#;
        assert_eq!(asked("/a", None, body), is("silence", Some(2)), "the first one");
        assert_eq!(asked("/a?query=Acme+fault%3Dgtm%3Astatus-500*1+x", None, body), is("status-500", Some(1)));
        assert_eq!(asked("/fault=gtm:html/x", None, ""), is("html", None));
        assert_eq!(asked("/?fault=gtm:html", None, ""), is("html", None));
        assert_eq!(asked("/a", None, "fault=claude:reset fault=gtm"), None, "another API's");
        assert_eq!(asked("/a", None, "fault=gtm:reset*"), is("reset", None));
        assert_eq!(asked("/a", None, "fault=gtm:"), is("", None), "which no API knows");
        assert_eq!(asked("/a", None, "fault=gtm:reset*99999999999"), is("reset", Some(u32::MAX)));
        assert_eq!(asked("/a", None, "\u{e4} fault=gtm:reset\u{e4}"), is("reset", None));
    }

    #[test]
    fn the_header_comes_before_any_text() {
        assert_eq!(asked("/?fault=gtm:html", Some("reset*3"), ""), is("reset", Some(3)));
        assert_eq!(asked("/", Some(" No Such "), ""), is("", None));
    }
}
