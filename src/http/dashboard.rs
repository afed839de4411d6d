//! The dashboard's files, embedded in the binary.
//! Must not send anything that the page would have to load from elsewhere.

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::ApiError;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// The page may load and call its own origin alone. A picture may also come inside a result, as a `data:` address: what
/// is shown in an `img` runs no script and loads nothing, an SVG included.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; \
     img-src 'self' data:";

pub(super) async fn page(headers: HeaderMap) -> Result<Response, ApiError> {
    serve("index.html", &headers)
}

/// The page that shows the OpenAPI document.
pub(super) async fn docs(headers: HeaderMap) -> Result<Response, ApiError> {
    serve("docs.html", &headers)
}

pub(super) async fn asset(uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    // As it was sent: no file has a name that needs decoding.
    serve(uri.path().trim_start_matches("/static/"), &headers)
}

fn serve(path: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let unknown = || ApiError::UnknownRoute { path: format!("/static/{}", path.chars().take(200).collect::<String>()) };
    let file = Files::get(path).ok_or_else(unknown)?;
    let etag = etag(&file);
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == etag.as_bytes());
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { file.data.clone().into_owned().into_response() };
    let answer = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(file.metadata.mimetype()) {
        answer.insert(header::CONTENT_TYPE, kind);
    }
    answer.extend(HeaderValue::from_str(&etag).ok().map(|etag| (header::ETAG, etag)));
    // Asked for every time, so that a page is never mixed from two versions.
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}

fn etag(file: &EmbeddedFile) -> String {
    let digest: String = file.metadata.sha256_hash()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digest}\"")
}
