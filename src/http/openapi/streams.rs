//! The two event streams, in the document.
//! Must not describe what a job is; the schemas do.

use serde_json::{Map, Value, json};
use utoipa::openapi::HttpMethod::Get;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{ContentBuilder, ObjectBuilder};

use super::operation::{Access, Route, header, text};
use super::schemas::event_schema;
use super::{errors, example, parameters};
use crate::event::EventName;
use crate::http::error::ApiError;

pub(super) const TAG: &str = "streams";

/// Where a stream's content says which schema the data of each event has: OpenAPI 3.1 has no words for it.
pub(super) const EVENT_SCHEMAS: &str = "x-event-schemas";

pub(super) fn operations() -> Vec<Route> {
    vec![of_job(), of_brand()]
}

fn of_job() -> Route {
    let over =
        "The reader's cursor is that of the job's last event: nothing will follow. An EventSource stops coming back.";
    let about = format!("The first frame is `sync`, with the whole job. {COMMON} The stream ends with the job.");
    Route::new(Get, "/api/jobs/{id}/events", "watch_job", TAG, Access::Watches)
        .about("Follow a job", about)
        .parameter(parameters::job_id())
        .parameter(parameters::last_event_id_header())
        .parameter(parameters::last_event_id())
        .answer(200, stream("SyncEvent", Some(example::stream_of_a_job())))
        .answer(204, ResponseBuilder::new().description(over))
        .errors([errors::query(), unknown_cursor(), errors::unknown_job()])
        .errors(too_many())
        .errors(errors::database())
}

fn of_brand() -> Route {
    let about = format!(
        "One stream for all jobs of a brand. The first frame is `sync`, with the newest fifty. {COMMON} The ids count over the \
         whole brand, `seq` in the data counts the job's own events. The stream does not end by itself."
    );
    Route::new(Get, "/api/brands/{brand_id}/events", "watch_brand", TAG, Access::Watches)
        .about("Follow all jobs of a brand", about)
        .parameter(parameters::brand_id())
        .parameter(parameters::last_event_id_header())
        .parameter(parameters::last_event_id())
        .answer(200, stream("BrandSyncEvent", None))
        .errors([
            errors::query(),
            unknown_cursor(),
            ApiError::UnknownBrand { id: crate::job::BrandId(example::BRAND_ID) },
            ApiError::invalid("brand_id", "in the path must be a UUID"),
        ])
        .errors(too_many())
        .errors(errors::database())
}

const COMMON: &str = "Then comes every event after the reader's cursor, in order, and live ones from there on; neighbouring \
                      `delta`s of the past may be merged into the last of them. A comment line comes after some seconds of \
                      silence. A stream may end at any time, when the server stops or the token expires: come back with the \
                      last id.";

fn stream(sync: &str, example: Option<String>) -> ResponseBuilder {
    let named = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let mut schemas = Map::from_iter([("sync".to_owned(), named(sync))]);
    schemas.extend(EventName::ALL.map(|name| (name.as_str().to_owned(), named(&event_schema(name)))));
    let frames = text().description(Some(
        "Frames of `id`, `event` and `data` (WHATWG HTML, \"Server-sent events\"); `data` is one line of JSON, in the schema that \
         `x-event-schemas` names for the event.",
    ));
    let content = ContentBuilder::new()
        .schema(Some(frames))
        .example(example.map(Value::String))
        .extensions(Some([(EVENT_SCHEMAS, Value::Object(schemas))].into_iter().collect()));
    let one_of = |value: &str| -> ObjectBuilder { text().enum_values(Some([value])) };
    ResponseBuilder::new()
        .description("The stream.")
        .content("text/event-stream", content.build())
        .header("Cache-Control", header("Never kept.", one_of("no-cache, no-transform")))
        .header("X-Accel-Buffering", header("Proxies must not hold it back.", one_of("no")))
}

fn unknown_cursor() -> ApiError {
    ApiError::Malformed {
        field: Some("Last-Event-ID".to_owned()),
        message: "Last-Event-ID must be the id of an event, a whole number".to_owned(),
    }
}

fn too_many() -> [ApiError; 2] {
    [ApiError::TooManyOfClient { limit: 200 }, ApiError::TooManyStreams { limit: 100_000 }]
}
