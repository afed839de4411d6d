//! What operators and their tools ask the server, in the document.
//! Must not describe the pages for people.

use utoipa::openapi::HttpMethod::Get;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Type};

use super::operation::{Access, ENTITY_TAG, Route, header_ref, json_answer, text};
use super::{errors, jobs, parameters};
use crate::http::health::Health;

pub(super) const TAG: &str = "service";

pub(super) fn operations(shows_metrics: bool) -> Vec<Route> {
    let metrics = shows_metrics.then(metrics);
    [alive(), ready()].into_iter().chain(metrics).chain([document()]).collect()
}

fn alive() -> Route {
    Route::new(Get, "/healthz", "get_liveness", TAG, Access::Open)
        .about("Whether the process runs", "")
        .answer(200, json_answer::<Health>("It runs."))
}

fn ready() -> Route {
    Route::new(Get, "/readyz", "get_readiness", TAG, Access::Open)
        .about("Whether it takes jobs", "Not while it drains or its database does not answer.")
        .answer(200, json_answer::<Health>("It takes jobs."))
        .errors([errors::draining()])
        .errors(errors::database())
}

fn metrics() -> Route {
    let content = ContentBuilder::new().schema(Some(text())).build();
    Route::new(Get, "/metrics", "get_metrics", TAG, Access::Open)
        .about("What the process has counted", "In the text format of Prometheus, version 0.0.4.")
        .answer(200, ResponseBuilder::new().description("The metrics.").content("text/plain", content))
}

fn document() -> Route {
    let content = ContentBuilder::new()
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::Object)
                .additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::FreeForm(true))),
        ))
        .build();
    let tagged = |answer: ResponseBuilder| {
        answer.header_ref("ETag", header_ref(ENTITY_TAG)).header("Cache-Control", jobs::no_cache())
    };
    Route::new(Get, "/openapi.json", "get_openapi", TAG, Access::Open)
        .about("This document", "")
        .parameter(parameters::if_none_match())
        .answer(200, tagged(ResponseBuilder::new().description("OpenAPI 3.1.").content("application/json", content)))
        .answer(304, tagged(ResponseBuilder::new().description("It is as `If-None-Match` says.")))
}
