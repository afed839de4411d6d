//! The parameters of the routes, with the bounds that the routes hold them to.
//! Must not say which route takes which.

use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{KnownFormat, ObjectBuilder, Ref, RefOr, Required, Schema, SchemaFormat, Type};

use super::operation::text;
use crate::http::jobs::{IDEMPOTENCY_KEY, LARGEST_PAGE, LONGEST_KEY, LONGEST_WAIT, PAGE};
use crate::http::request::LONGEST_ID;

/// The id of a job in the path.
pub(super) fn job_id() -> Parameter {
    path("id", "The id of the job. What is no UUID is the id of no job.")
}

/// The id of a brand in the path.
pub(super) fn brand_id() -> Parameter {
    path("brand_id", "The id of the brand.")
}

pub(super) fn request_id() -> Parameter {
    let about = format!(
        "An id for the request, taken into the server's log and into the answer if it is 1 to {LONGEST_ID} letters, digits, `.`, \
         `_` or `-`; else there is a new one."
    );
    header("X-Request-Id", &about, text())
}

pub(super) fn idempotency_key() -> Parameter {
    let about = format!(
        "Names this start, 1 to {LONGEST_KEY} printable ASCII characters. Sent again with the same body it is answered with the \
         same job, with another body it is refused. Keys are a brand's own."
    );
    // Spaces around it are not part of it.
    let inner = LONGEST_KEY - 2;
    header(IDEMPOTENCY_KEY, &about, text().pattern(Some(format!("^[!-~]([ -~]{{0,{inner}}}[!-~])?$"))))
}

pub(super) fn if_none_match() -> Parameter {
    header("If-None-Match", "The `ETag` of an earlier answer: 304 if nothing has changed since.", text())
}

pub(super) fn wait() -> Parameter {
    let about = format!(
        "Holds the answer until the `ETag` of `If-None-Match` is no longer that of the job, for so many seconds at the most (0 to \
         {LONGEST_WAIT})."
    );
    query("wait", &about, whole_number(0, LONGEST_WAIT).default(Some(json!(0))))
}

pub(super) fn last_event_id_header() -> Parameter {
    header(
        "Last-Event-ID",
        "The id of the last event that the reader has. Wins over the query.",
        text().pattern(Some("^[0-9]*$")),
    )
}

pub(super) fn last_event_id() -> Parameter {
    let about = "The same where no header can be sent; `tail` skips history.";
    query("last_event_id", about, text().pattern(Some("^([0-9]+|tail)$")))
}

pub(super) fn brand_filter() -> Parameter {
    query("brand_id", "Jobs of this brand alone.", uuid())
}

/// A filter by one of the values of an enum among the components.
pub(super) fn filter(name: &str, of: &str, about: &str) -> Parameter {
    query(name, about, RefOr::Ref(Ref::from_schema_name(of)))
}

pub(super) fn limit() -> Parameter {
    query("limit", "Jobs in a page at the most.", whole_number(1, LARGEST_PAGE).default(Some(json!(PAGE))))
}

pub(super) fn cursor() -> Parameter {
    query(
        "cursor",
        "The `next_cursor` of the page before.",
        text().pattern(Some("^[0-9]{1,17}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")),
    )
}

/// A header of a call that this server makes.
pub(super) fn sent_header(name: &str, about: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::from(header(name, about, schema)).required(Required::True).build()
}

fn path(name: &str, about: &str) -> Parameter {
    parameter(ParameterIn::Path, name, about, uuid()).required(Required::True).build()
}

fn header(name: &str, about: &str, schema: ObjectBuilder) -> Parameter {
    parameter(ParameterIn::Header, name, about, schema).required(Required::False).build()
}

/// An empty parameter counts as absent, so that a form can be sent as it is.
fn query(name: &str, about: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    // utoipa has no field for it.
    let empty = [("allowEmptyValue", Value::Bool(true))].into_iter().collect();
    parameter(ParameterIn::Query, name, about, schema).required(Required::False).extensions(Some(empty)).build()
}

fn parameter(place: ParameterIn, name: &str, about: &str, schema: impl Into<RefOr<Schema>>) -> ParameterBuilder {
    ParameterBuilder::new().parameter_in(place).name(name).description(Some(about)).schema(Some(schema))
}

fn whole_number(minimum: u32, maximum: u32) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(minimum)).maximum(Some(maximum))
}

/// An id.
pub(super) fn uuid() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}
