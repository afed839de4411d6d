//! The two event streams, in the document.
//! Must not describe what a job is; the schemas do.

use serde_json::Value;
use utoipa::openapi::HttpMethod::Get;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{Components, ContentBuilder, ObjectBuilder, OneOfBuilder, Ref, Type};

use super::operation::{Access, Route, header, text};
use super::schemas::event_schema;
use super::{errors, example, parameters};
use crate::event::EventName;
use crate::http::error::ApiError;

pub(super) const TAG: &str = "streams";

/// The names of the schemas of their frames.
pub(super) const JOB_FRAME: &str = "JobFrame";
const BRAND_FRAME: &str = "BrandFrame";

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
        .answer(200, stream(JOB_FRAME, Some(example::stream_of_a_job())))
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
        .answer(200, stream(BRAND_FRAME, None))
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

/// The content's schema is that of one frame, as OpenAPI 3.2 has it for streams in `itemSchema`: 3.1 leaves open what a schema
/// of something that is no JSON describes.
fn stream(frame: &str, example: Option<String>) -> ResponseBuilder {
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name(frame))).example(example.map(Value::String)).build();
    let one_of = |value: &str| text().enum_values(Some([value]));
    ResponseBuilder::new()
        .description("The stream; the schema is that of each of its frames.")
        .content("text/event-stream", content)
        .header("Cache-Control", header("Never kept.", one_of("no-cache, no-transform")))
        .header("X-Accel-Buffering", header("Proxies must not hold it back.", one_of("no")))
}

/// The frames of the streams, with the schema of each event's data.
pub(super) fn add_to(components: &mut Components) {
    for (name, sync) in [(JOB_FRAME, "SyncEvent"), (BRAND_FRAME, "BrandSyncEvent")] {
        let about =
            "One frame of a stream (WHATWG HTML, \"Server-sent events\"): its fields, and in `data` one line of JSON.";
        let frames = OneOfBuilder::new().description(Some(about)).item(frame("sync", sync.to_owned()));
        let frames = EventName::ALL
            .into_iter()
            .fold(frames, |frames, event| frames.item(frame(event.as_str(), event_schema(event))));
        components.schemas.insert(name.to_owned(), frames.into());
    }
}

fn frame(event: &str, schema: String) -> ObjectBuilder {
    let data = text().content_media_type("application/json").content_schema(Some(Ref::from_schema_name(schema)));
    let frame = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("id", text().pattern(Some("^[0-9]+$")).description(Some("The cursor of a reader that has it.")))
        .required("id")
        .property("event", text().enum_values(Some([event])))
        .required("event")
        .property("data", data)
        .required("data");
    if event != "sync" {
        return frame;
    }
    let about = "How long to wait before coming back, in milliseconds.";
    let retry = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).description(Some(about));
    frame.property("retry", retry).required("retry")
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
