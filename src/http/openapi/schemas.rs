//! The schemas among the components: those of the types that are sent, and one for each event.
//! Must not describe by hand what can be derived.

use serde_json::Value;
use utoipa::openapi::{Components, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{example, start, streams};
use crate::event::{EventData, EventDetail, EventName};
use crate::http::error_body::ErrorBody;
use crate::http::health::Health;
use crate::http::wire::{BrandSyncEvent, JobAnswer, JobPage, JobResult, JobTypes, StartedJob, SyncEvent};
use crate::write::WebhookCall;

pub(super) fn add_to(components: &mut Components) {
    add::<StartedJob>(components);
    add::<JobAnswer>(components);
    add::<JobPage>(components);
    add::<JobResult>(components);
    add::<JobTypes>(components);
    add::<SyncEvent>(components);
    add::<BrandSyncEvent>(components);
    add::<Health>(components);
    add::<ErrorBody>(components);
    add::<WebhookCall>(components);
    start::add_to(components);
    for (name, schema) in EventName::ALL.into_iter().zip(events()) {
        components.schemas.insert(event_schema(name), schema.into());
    }
    streams::add_to(components);
    example::add_to(components);
}

/// A type and what it is made of.
fn add<T: ToSchema>(components: &mut Components) {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    components.schemas.extend(parts);
    components.schemas.insert(T::name().into_owned(), T::schema());
}

/// The name of the schema of an event's data: `progress` → `ProgressEvent`.
pub(super) fn event_schema(name: EventName) -> String {
    let (first, rest) = name.as_str().split_at(1);
    format!("{}{rest}Event", first.to_uppercase())
}

/// The data of each event, in the order of their names: what all have, and what each adds.
fn events() -> Vec<Schema> {
    let RefOr::T(Schema::OneOf(details)) = EventDetail::schema() else { return Vec::new() };
    let details = details.items.into_iter().filter_map(|detail| match detail {
        RefOr::T(Schema::Object(detail)) => Some(detail),
        _ => None,
    });
    details.filter_map(event).collect()
}

fn event(detail: utoipa::openapi::Object) -> Option<Schema> {
    let RefOr::T(Schema::Object(mut event)) = EventData::schema() else { return None };
    event.description = detail.description;
    event.properties.extend(detail.properties);
    event.required.extend(detail.required);
    Some(event.into())
}

/// Sets the example of a schema.
pub(super) fn give_example(components: &mut Components, name: &str, example: Value) {
    if let Some(RefOr::T(Schema::Object(schema))) = components.schemas.get_mut(name) {
        schema.examples = vec![example];
    }
}
