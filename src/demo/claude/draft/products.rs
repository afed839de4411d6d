//! Drafts products and services that fit what the brand speaks of.
//! It must not state a price as a fact that the prompt does not hold.

use super::{noted, short};
use crate::demo::claude::context::{BrandContext, Business, phrase};
use crate::demo::claude::words::capitalised;
use serde_json::{Value, json};

/// Products drafted.
const PRODUCTS: usize = 5;
/// Features of each.
const MAX_FEATURES: usize = 4;
/// What is said of a price that has to be agreed.
const ON_REQUEST: &str = "On request";

/// A kind of product; `{}` stands for its subject.
struct Kind {
    name: &'static str,
    category: &'static str,
    what: &'static str,
    features: [&'static str; 2],
    price: Option<&'static str>,
}

impl Kind {
    fn named(&self, subject: &str) -> String {
        capitalised(&self.name.replace("{}", subject))
    }
}

/// The products, with a confidence.
pub(super) fn offers(context: &BrandContext) -> Value {
    let kinds = kinds(context.business());
    let subjects = subjects(context);
    let mut taken = context.names("products_services");
    let (fresh, known): (Vec<_>, Vec<_>) = kinds
        .iter()
        .enumerate()
        .partition(|(place, kind)| !taken.contains(&kind.named(&subjects[place % subjects.len()])));
    // What the brand has already comes last, and under another name.
    let drafted = fresh.into_iter().chain(known).take(PRODUCTS).map(|(place, kind)| {
        let mut product = product(context, kind, &subjects[place % subjects.len()], place);
        let name = not_among(&taken, product["name"].as_str().unwrap_or_default());
        product["name"] = json!(name);
        taken.push(name);
        product
    });
    let products: Vec<Value> = drafted.collect();
    json!({"products": products, "confidence": context.confidence()})
}

fn product(context: &BrandContext, kind: &Kind, subject: &str, place: usize) -> Value {
    let mut features: Vec<String> = kind.features.iter().map(|feature| feature.replace("{}", subject)).collect();
    let messages = context.list("key_messages");
    features.extend(messages.iter().skip(place).take(MAX_FEATURES - features.len()).map(|message| phrase(message)));
    json!({
        "name": kind.named(subject),
        "category": context.industry().map_or(kind.category.to_owned(), |industry| format!("{industry}: {}", kind.category.to_lowercase())),
        "description": description(context, kind, subject, place),
        "price": stated_price(context).filter(|_| place == 0).or(kind.price.map(str::to_owned)),
        "features": features,
    })
}

/// The name, with the first number behind it that makes it new.
fn not_among(taken: &[String], name: &str) -> String {
    let numbered = (2..).map(|number| format!("{name} {number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default()
}

fn description(context: &BrandContext, kind: &Kind, subject: &str, place: usize) -> String {
    let brand = context.name();
    let mut text = kind.what.replace("{}", subject).replace("{brand}", &brand);
    if let Some(audience) = context.names("target_audiences").get(place).or(context.names("target_audiences").first()) {
        text += &format!(" Made with {} in mind.", short(audience));
    } else if let Some(promise) = context.promise().filter(|_| place == 0) {
        text += &format!(" Stands for what {brand} promises: “{promise}”.");
    }
    noted(&text)
}

/// What the products are about: the brand's themes, at least one.
fn subjects(context: &BrandContext) -> Vec<String> {
    let themes: Vec<String> = context.themes().into_iter().map(|theme| theme.to_lowercase()).collect();
    if themes.is_empty() { vec![format!("{} everyday", context.name())] } else { themes }
}

/// The first price that the brand's own words state, such as `$49`.
fn stated_price(context: &BrandContext) -> Option<String> {
    let texts = [context.list("key_messages"), context.intelligence("unique_value_proposition").into_iter().collect()];
    let texts = texts.concat();
    let mut words = texts.iter().flat_map(|text| text.split_whitespace());
    let price = |word: &&str| {
        word.starts_with(['$', '€', '£']) && word.chars().nth(1).is_some_and(|digit| digit.is_ascii_digit())
    };
    words.find(price).map(|word| format!("From {}", word.trim_end_matches(['.', ',', '!', '?', ';'])))
}

fn kinds(business: Business) -> &'static [Kind; 6] {
    match business {
        Business::Consumer => &CONSUMER,
        Business::Software => &SOFTWARE,
        Business::Care => &CARE,
        Business::Professional => &PROFESSIONAL,
    }
}

const fn kind(
    name: &'static str,
    category: &'static str,
    what: &'static str,
    features: [&'static str; 2],
    price: Option<&'static str>,
) -> Kind {
    Kind { name, category, what, features, price }
}

static CONSUMER: [Kind; 6] = [
    kind(
        "{} starter set",
        "Sets",
        "Everything a newcomer to {} needs, in one box from {brand}.",
        ["Chosen for a first try", "Guide to {} included"],
        None,
    ),
    kind(
        "{} subscription",
        "Subscriptions",
        "{brand} delivers what is needed for {}, as often as wanted.",
        ["Pause or cancel at any time", "Delivered on a day of choice"],
        Some("Monthly, depends on the size"),
    ),
    kind(
        "{} gift box",
        "Gifts",
        "A present around {}, wrapped and with a card.",
        ["Ready to give", "Delivery on a chosen date"],
        None,
    ),
    kind(
        "{} classic",
        "Single products",
        "The product {brand} is known for, made for {}.",
        ["The size most people choose", "Stays in the range all year"],
        None,
    ),
    kind(
        "{} limited edition",
        "Editions",
        "A small batch around {}, made once a season.",
        ["Numbered", "For subscribers first"],
        None,
    ),
    kind(
        "{} workshop",
        "Events",
        "An evening with the people behind {brand}, about {}.",
        ["Up to twelve people", "Tasting or trying included"],
        Some(ON_REQUEST),
    ),
];

static SOFTWARE: [Kind; 6] = [
    kind(
        "{} platform",
        "Platform",
        "The core of what {brand} offers: {} in one place.",
        ["Interface for programs (API)", "Roles and permissions"],
        None,
    ),
    kind(
        "{} for teams",
        "Plans",
        "{brand} for several people at once, with {} shared between them.",
        ["Shared workspaces", "One invoice for all"],
        Some("Per user and month"),
    ),
    kind(
        "{} enterprise plan",
        "Plans",
        "{} with single sign-on, an audit log and a contract.",
        ["Single sign-on", "Agreed response times"],
        Some(ON_REQUEST),
    ),
    kind(
        "{} onboarding",
        "Services",
        "People from {brand} set {} up together with the customer.",
        ["Fixed scope of two weeks", "Training for administrators"],
        Some(ON_REQUEST),
    ),
    kind(
        "{} integrations",
        "Add-ons",
        "Connects {} to the tools a company has already.",
        ["Ready-made connections", "Webhooks"],
        None,
    ),
    kind(
        "{} support",
        "Services",
        "Answers from engineers about {}.",
        ["Reply within a working day", "Named contact"],
        None,
    ),
];

static CARE: [Kind; 6] = [
    kind(
        "{} introduction",
        "Courses",
        "A first appointment or lesson about {} with {brand}.",
        ["No obligation", "One hour with a person"],
        None,
    ),
    kind(
        "{} programme of eight weeks",
        "Courses",
        "Step by step into {}, with {brand} at one's side.",
        ["A fixed time each week", "Progress that can be seen"],
        Some("Per programme, in instalments"),
    ),
    kind(
        "{} for families",
        "Packages",
        "{} for parents and children together.",
        ["Times outside of school", "Reduced rate for children"],
        None,
    ),
    kind(
        "{} online",
        "Online",
        "{} from home, when it fits.",
        ["Short units", "Questions answered within a day"],
        Some("Monthly"),
    ),
    kind(
        "{} companion",
        "Personal",
        "One person at {brand} who accompanies {}.",
        ["Same person each time", "By phone or in person"],
        Some(ON_REQUEST),
    ),
    kind(
        "{} day",
        "Events",
        "An open day about {} for everyone around {brand}.",
        ["Free entry", "Meet the team"],
        None,
    ),
];

static PROFESSIONAL: [Kind; 6] = [
    kind(
        "{} check-up",
        "Consulting",
        "{brand} looks at {} in two days and says what to do first.",
        ["Fixed price and date", "Written result"],
        Some(ON_REQUEST),
    ),
    kind(
        "{} project",
        "Projects",
        "From plan to handover: {brand} takes {} on as a whole.",
        ["One person responsible", "Milestones with acceptance"],
        Some(ON_REQUEST),
    ),
    kind(
        "{} framework contract",
        "Contracts",
        "Ongoing work on {} at agreed rates.",
        ["Agreed rates for a year", "Priority in the calendar"],
        None,
    ),
    kind(
        "{} training",
        "Training",
        "{brand} trains the customer's people in {}.",
        ["On site or online", "Material to keep"],
        Some("Per day and group"),
    ),
    kind(
        "{} report",
        "Information",
        "A yearly report on {} for decision-makers.",
        ["Figures of the industry", "Summary on one page"],
        None,
    ),
    kind(
        "{} hotline",
        "Service",
        "Questions about {} answered by people who know the customer.",
        ["Named contact", "Reply on the same day"],
        None,
    ),
];
