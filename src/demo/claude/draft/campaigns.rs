//! Drafts a plan of campaigns, one after the other from the day of the question.
//! It must not name an audience or a product that the prompt does not have.

use super::{listed, noted, short};
use crate::demo::claude::context::{BrandContext, Business};
use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

/// The first campaign begins so many days after the question.
const PREPARATION: u64 = 10;
/// Campaigns in a plan: the fewest and the most.
const CAMPAIGNS: std::ops::RangeInclusive<usize> = 3..=5;

/// A kind of campaign; `{}` stands for the product, `{brand}` for the brand.
struct Kind {
    name: &'static str,
    objective: &'static str,
    /// In days, the last one included.
    lasts: u64,
    /// In thousands of dollars.
    budget: (u32, u32),
}

/// In the order in which they run; each begins two thirds into the one before.
static KINDS: [Kind; 5] = [
    Kind {
        name: "Meet {brand}",
        objective: "Awareness: be known to {audience} for “{promise}”",
        lasts: 28,
        budget: (6, 9),
    },
    Kind {
        name: "First steps with {}",
        objective: "Leads: win {audience} for a first try of {}",
        lasts: 21,
        budget: (4, 6),
    },
    Kind {
        name: "{brand} in their words",
        objective: "Trust: let customers tell {audience} about {}",
        lasts: 28,
        budget: (3, 5),
    },
    Kind {
        name: "Decide on {}",
        objective: "Sales: bring visitors who did not buy back to {}",
        lasts: 14,
        budget: (2, 4),
    },
    Kind {
        name: "Stay with {brand}",
        objective: "Loyalty: turn buyers of {} into people who recommend {brand}",
        lasts: 42,
        budget: (2, 3),
    },
];

/// The campaigns, with a confidence.
pub(super) fn plan(context: &BrandContext) -> Value {
    let audiences = context.names("target_audiences");
    let products = context.names("products_services");
    // There is more to plan where more is known.
    let wanted = 3 + usize::from(audiences.len() > 1) + usize::from(products.len() > 1);
    let mut begins = later(context.today(), PREPARATION);
    let mut campaigns = Vec::new();
    for (place, kind) in KINDS.iter().take(wanted.clamp(*CAMPAIGNS.start(), *CAMPAIGNS.end())).enumerate() {
        let ends = later(begins, kind.lasts - 1);
        campaigns.push(campaign(context, kind, place, (begins, ends), &audiences, &products));
        begins = later(begins, kind.lasts * 2 / 3);
    }
    json!({"campaigns": campaigns, "confidence": context.confidence()})
}

fn campaign(
    context: &BrandContext,
    kind: &Kind,
    place: usize,
    (begins, ends): (NaiveDate, NaiveDate),
    audiences: &[String],
    products: &[String],
) -> Value {
    let reached: Vec<String> = match place {
        // The first one is for everybody.
        0 => audiences.to_vec(),
        _ => audiences.iter().cycle().skip(place - 1).take(audiences.len().min(1)).cloned().collect(),
    };
    let product = products.get(place.saturating_sub(1) % products.len().max(1));
    let promise = context.promise().unwrap_or_else(|| context.name());
    let audience = if reached.is_empty() {
        "the target market".to_owned()
    } else {
        listed(&reached.iter().map(|name| short(name)).collect::<Vec<_>>())
    };
    let filled = |template: &str| {
        let product = product.cloned().unwrap_or_else(|| context.name());
        let filled = template.replace("{}", &product).replace("{brand}", &context.name());
        filled.replace("{audience}", &audience).replace("{promise}", &promise)
    };
    let (least, most) = kind.budget;
    json!({
        "name": filled(kind.name),
        "objective": noted(&format!("{}.", filled(kind.objective))),
        "target_audiences": reached,
        "start_date": begins.to_string(),
        "end_date": ends.to_string(),
        "budget": format!("${least},000–${most},000 (simulated estimate)"),
        "channels": channels(context.business(), place),
    })
}

fn channels(business: Business, place: usize) -> Vec<&'static str> {
    let all: [&[&'static str]; 5] = match business {
        Business::Consumer => [
            &["Instagram", "TikTok", "YouTube"],
            &["Instagram", "Google Search", "Email"],
            &["Instagram", "Facebook", "Own site"],
            &["Facebook", "Google Display", "Email"],
            &["Email", "Packaging inserts"],
        ],
        Business::Software => [
            &["LinkedIn", "YouTube", "Podcasts"],
            &["Google Search", "Developer communities", "Email"],
            &["LinkedIn", "Webinars", "Own site"],
            &["LinkedIn", "Google Display", "Email"],
            &["Email", "In the product", "User group"],
        ],
        Business::Care => [
            &["Facebook", "Local press", "Instagram"],
            &["Google Search", "Facebook", "Open day"],
            &["Facebook", "Own site", "Leaflets"],
            &["Email", "Facebook"],
            &["Email", "Letters"],
        ],
        Business::Professional => [
            &["LinkedIn", "Trade press"],
            &["Google Search", "LinkedIn", "Email"],
            &["LinkedIn", "Trade fairs", "Own site"],
            &["Email", "Phone", "LinkedIn"],
            &["Email", "Client events"],
        ],
    };
    all[place % all.len()].to_vec()
}

fn later(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_add_days(Days::new(days)).unwrap_or(day)
}
