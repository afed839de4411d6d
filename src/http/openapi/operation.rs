//! One route as the document describes it: who may use it, what it takes, what it answers.
//! Must not know a particular route.

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{OperationBuilder, Parameter};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, Header, HttpMethod, ObjectBuilder, PathItem, Ref, SecurityRequirement, Type,
};

use super::errors;
use super::{BEARER, IN_THE_QUERY};
use crate::access::Scope;
use crate::http::error::ApiError;

/// Who may use a route.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody.
    Open,
    /// Who has any good token.
    Knows,
    /// Who may read.
    Reads,
    /// Who may read, with the token in the query if need be.
    Watches,
    /// Who may start, cancel and retry.
    Writes,
}

/// A route and its one method.
pub(super) struct Route {
    pub(super) path: &'static str,
    method: HttpMethod,
    operation: OperationBuilder,
    access: Access,
    errors: Vec<ApiError>,
}

impl Route {
    /// `id` names the operation in clients that are generated.
    pub(super) fn new(method: HttpMethod, path: &'static str, id: &str, tag: &str, access: Access) -> Route {
        let operation = OperationBuilder::new().operation_id(Some(id)).tag(tag);
        Route { path, method, operation, access, errors: errors::anywhere() }
    }

    /// The title, and what else is to be known.
    pub(super) fn about(mut self, summary: &str, description: impl Into<String>) -> Route {
        self.operation = self.operation.summary(Some(summary)).description(Some(description));
        self
    }

    pub(super) fn parameter(mut self, parameter: Parameter) -> Route {
        self.operation = self.operation.parameter(parameter);
        self
    }

    pub(super) fn body(mut self, body: RequestBody) -> Route {
        self.operation = self.operation.request_body(Some(body));
        self
    }

    pub(super) fn answer(mut self, status: u16, answer: ResponseBuilder) -> Route {
        self.operation = self.operation.response(status.to_string(), with_request_id(answer));
        self
    }

    /// What may be wrong besides what may be wrong with every request and with its token.
    pub(super) fn errors(mut self, errors: impl IntoIterator<Item = ApiError>) -> Route {
        self.errors.extend(errors);
        self
    }

    pub(super) fn item(self, asks_for_tokens: bool) -> PathItem {
        let Route { method, mut operation, access, mut errors, .. } = self;
        errors.extend(errors::of_tokens(access));
        for (status, answer) in errors::answers(&errors) {
            operation = operation.response(status.as_str(), with_request_id(answer));
        }
        operation = operation.parameter_ref(parameter(REQUEST_ID_PARAMETER));
        for requirement in requirements(access, asks_for_tokens) {
            operation = operation.security(requirement);
        }
        PathItem::new(method, operation)
    }
}

/// What a caller must send, one of these. A scope is named as a role (OpenAPI 3.1, "Security Requirement Object").
fn requirements(access: Access, asks_for_tokens: bool) -> Vec<SecurityRequirement> {
    let scopes: Vec<&str> = match access {
        Access::Open => return Vec::new(),
        Access::Knows => vec![],
        Access::Reads | Access::Watches => vec![Scope::Read.as_str()],
        Access::Writes => vec![Scope::Write.as_str()],
    };
    let mut requirements = vec![SecurityRequirement::new(BEARER, scopes.clone())];
    if access == Access::Watches {
        requirements.push(SecurityRequirement::new(IN_THE_QUERY, scopes));
    }
    if !asks_for_tokens {
        requirements.push(SecurityRequirement::default());
    }
    requirements
}

/// An answer of JSON.
pub(super) fn json_answer<T: ToSchema>(description: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name()))).build();
    ResponseBuilder::new().description(description).content("application/json", content)
}

/// A header of an answer that is always there; text unless its schema says otherwise.
pub(super) fn header(description: &str, schema: ObjectBuilder) -> Header {
    // utoipa has no field for it.
    let required = [("required", json!(true))].into_iter().collect();
    sometimes(description, schema).extensions(Some(required)).build()
}

/// A header of an answer that need not be there.
pub(super) fn optional_header(description: &str, schema: ObjectBuilder) -> Header {
    sometimes(description, schema).build()
}

fn sometimes(description: &str, schema: ObjectBuilder) -> HeaderBuilder {
    HeaderBuilder::new().description(Some(description)).schema(Some(schema))
}

/// Any text.
pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub(super) fn header_ref(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

fn parameter(name: &str) -> Ref {
    Ref::new(format!("#/components/parameters/{name}"))
}

fn with_request_id(answer: ResponseBuilder) -> ResponseBuilder {
    answer.header_ref("X-Request-Id", header_ref(REQUEST_ID_HEADER))
}

const REQUEST_ID_PARAMETER: &str = "RequestId";
const REQUEST_ID_HEADER: &str = "RequestId";
pub(super) const RETRY_AFTER: &str = "RetryAfter";
pub(super) const ENTITY_TAG: &str = "ETag";

/// What routes refer to by name.
pub(super) fn add_to(components: &mut Components) {
    components.parameters.insert(REQUEST_ID_PARAMETER.to_owned(), super::parameters::request_id().into());
    let headers = [
        (
            REQUEST_ID_HEADER,
            header("The id of the request in the server's log.", text().pattern(Some("^[A-Za-z0-9._-]{1,64}$"))),
        ),
        (
            RETRY_AFTER,
            header(
                "Seconds after which another try makes sense.",
                ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)),
            ),
        ),
        (ENTITY_TAG, header("Names this state, for `If-None-Match`.", text().pattern(Some("^(W/)?\"[^\"]+\"$")))),
    ];
    components.headers.extend(headers.map(|(name, header)| (name.to_owned(), header.into())));
}
