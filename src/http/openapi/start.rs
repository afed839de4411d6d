//! What a start may hold, for each job type: the schema of its input is made from the table that checks it.
//! Must not bound a value otherwise than that table does.

use serde_json::json;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{AdditionalProperties, Discriminator, SchemaType};
use utoipa::openapi::{
    Components, Content, ContentBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Ref, Required, SchemaFormat, Type,
};

use super::example::{BRAND_ID, SITE};
use super::operation::text;
use super::parameters::uuid;
use crate::job::JobType;
use crate::pipeline::{Definition, Input, InputKind, LONGEST_URL};

/// The name of the schema of a start.
const START: &str = "StartJob";

/// The body of a start.
pub(super) fn body() -> RequestBody {
    RequestBodyBuilder::new()
        .description(Some("What is to be done for which brand. Members that are not known are refused by name."))
        .required(Some(Required::True))
        .content("application/json", content())
        .build()
}

fn content() -> Content {
    let input_data = |job_type| match job_type {
        JobType::CompetitorAnalysis => json!({"competitor_name": "Acme", "limit": 20}),
        JobType::TargetAudiences => json!({"audience_description": "People who drink tea"}),
        JobType::ProductsServices | JobType::Campaigns => json!({}),
        JobType::BrandIntelligence | JobType::BrandExtraction | JobType::PageDiscovery => json!({"url": SITE}),
    };
    let examples = JobType::ALL.map(|job_type| {
        let start = json!({"brand_id": BRAND_ID, "job_type": job_type, "input_data": input_data(job_type)});
        (job_type.as_str(), ExampleBuilder::new().value(Some(start)))
    });
    ContentBuilder::new().schema(Some(Ref::from_schema_name(START))).examples_from_iter(examples).build()
}

pub(super) fn add_to(components: &mut Components) {
    let mut start = OneOfBuilder::new().description(Some("A start of a job, of one of its types."));
    let mut mapping = Vec::new();
    for job_type in JobType::ALL {
        let (name, input) = (start_name(job_type), input_name(job_type));
        components.schemas.insert(input, input_schema(Definition::of(job_type)).into());
        components.schemas.insert(name.clone(), start_schema(job_type).into());
        start = start.item(Ref::from_schema_name(&name));
        mapping.push((job_type.as_str(), format!("#/components/schemas/{name}")));
    }
    let start = start.discriminator(Some(Discriminator::with_mapping("job_type", mapping)));
    components.schemas.insert(START.to_owned(), start.into());
}

/// `brand_intelligence` → `StartBrandIntelligence`.
fn start_name(job_type: JobType) -> String {
    format!("Start{}", in_camel_case(job_type))
}

/// `brand_intelligence` → `BrandIntelligenceInput`.
fn input_name(job_type: JobType) -> String {
    format!("{}Input", in_camel_case(job_type))
}

fn in_camel_case(job_type: JobType) -> String {
    let words = job_type.as_str().split('_');
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn start_schema(job_type: JobType) -> ObjectBuilder {
    let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([job_type.as_str()]));
    let input = Ref::from_schema_name(input_name(job_type));
    let webhook_url = web_address(nullable(Type::String)).description(Some(
        "Called when the job is over; see the webhook `job_over`. A public address. Refused where the server has no secret to \
         sign the call with.",
    ));
    let start = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("brand_id", uuid())
        .required("brand_id")
        .property("job_type", name)
        .required("job_type");
    let start = if is_needed(Definition::of(job_type)) {
        start.property("input_data", input).required("input_data")
    } else {
        let none = ObjectBuilder::new().schema_type(Type::Null);
        start.property("input_data", OneOfBuilder::new().item(input).item(none))
    };
    start.property("webhook_url", webhook_url).additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

/// Whether there must be input.
fn is_needed(definition: &Definition) -> bool {
    definition.inputs.iter().any(|input| is_required(&input.kind))
}

fn is_required(kind: &InputKind) -> bool {
    matches!(kind, InputKind::RequiredUrl | InputKind::Text { required: true, .. })
}

fn input_schema(definition: &Definition) -> ObjectBuilder {
    let schema = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(format!("The input of a `{}`.", definition.job_type)))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    definition.inputs.iter().fold(schema, |schema, Input { name, kind }| {
        let schema = schema.property(*name, member(kind));
        if is_required(kind) { schema.required(*name) } else { schema }
    })
}

/// A member; null counts as absent.
fn member(kind: &InputKind) -> ObjectBuilder {
    match *kind {
        InputKind::RequiredUrl => {
            web_address(text()).description(Some("The address of a site: http or https, without user and password."))
        }
        // Not blank.
        InputKind::Text { required: true, longest } => text().pattern(Some(r"\S")).max_length(Some(longest)),
        InputKind::Text { required: false, longest } => nullable(Type::String).max_length(Some(longest)),
        InputKind::Date => nullable(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))),
        InputKind::Boolean { default } => nullable(Type::Boolean).default(Some(json!(default))),
        InputKind::Integer { default, minimum, maximum } => nullable(Type::Integer)
            .minimum(Some(minimum as f64))
            .maximum(Some(maximum as f64))
            .default(Some(json!(default))),
    }
}

/// `url` as WHATWG has it, which takes more than the `uri` of JSON Schema.
fn web_address(schema: ObjectBuilder) -> ObjectBuilder {
    schema
        .format(Some(SchemaFormat::Custom("url".to_owned())))
        .pattern(Some("^https?://"))
        .max_length(Some(LONGEST_URL))
}

fn nullable(schema_type: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([schema_type, Type::Null]))
}
