//! The call to a job's webhook, in the document.
//! Must not say what is tried again when; the README does.

use utoipa::ToSchema;
use utoipa::openapi::HttpMethod::Post;
use utoipa::openapi::path::OperationBuilder;
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{ContentBuilder, PathItem, Paths, PathsBuilder, Ref, Required};

use super::operation::text;
use super::{example, parameters};
use crate::write::WebhookCall;

pub(super) const TAG: &str = "webhook";

pub(super) fn paths() -> Paths {
    PathsBuilder::new().path("job_over", PathItem::new(Post, job_over())).build()
}

fn job_over() -> OperationBuilder {
    let body = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(WebhookCall::name())))
        .example(Some(example::webhook_call()))
        .build();
    let answered = |about: &str| ResponseBuilder::new().description(about);
    OperationBuilder::new()
        .operation_id(Some("job_over"))
        .tag(TAG)
        .summary(Some("A job is over"))
        .description(Some(
            "Goes to the `webhook_url` of a start, in the form of Standard Webhooks, at least once: drop what comes under an id \
             that you had. Fetch the result at `data.result_url`.",
        ))
        .parameter(parameters::sent_header(
            "webhook-id",
            "Names the event, the same at every try: the job's id, a dot, the seq of its terminal event.",
            text(),
        ))
        .parameter(parameters::sent_header(
            "webhook-timestamp",
            "When the call was made, in seconds since 1970.",
            text().pattern(Some("^[0-9]+$")),
        ))
        .parameter(parameters::sent_header(
            "webhook-signature",
            "`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body` with the server's `WEBHOOK_SECRET`.",
            text().pattern(Some("^v1,[A-Za-z0-9+/]{43}=$")),
        ))
        .request_body(Some(
            RequestBodyBuilder::new().content("application/json", body).required(Some(Required::True)).build(),
        ))
        .response("2XX", answered("Confirms the call."))
        .response("410", answered("No more such calls are wanted: this one is given up."))
        .response("default", answered("Anything else, also silence, is tried again some times within seven hours."))
}
