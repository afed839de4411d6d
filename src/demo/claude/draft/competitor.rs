//! Drafts the analysis of a competitor's ads, every statement of it counted in the ads.
//! It must not claim what ads cannot show, such as who clicked.

use super::{listed, noted};
use crate::demo::claude::ads::{Ad, Ads, Angle};
use crate::demo::claude::words::capitalised;
use serde_json::{Value, json};

/// Entries of the lists that quote ads.
const MAX_QUOTES: usize = 6;
/// What is said of things that the data of an ad does not hold.
const NOT_SHOWN: &str = "Not visible in the ads' data";

/// The whole analysis.
pub(super) fn analysis(ads: &Ads) -> Value {
    let name = ads.advertiser().unwrap_or_else(|| "The competitor".to_owned());
    json!({
        "overview": overview(ads, &name),
        "positioning": positioning(ads, &name),
        "creative_strategy": creative_strategy(ads),
        "messaging_analysis": messaging(ads),
        "visual_design_elements": visual(ads, &name),
        "target_audience_insights": audience(ads),
        "performance_indicators": performance(ads),
        "key_findings": findings(ads, &name),
        "recommendations": recommendations(ads, &name),
        "confidence": confidence(ads),
    })
}

fn overview(ads: &Ads, name: &str) -> String {
    let (all, live) = (ads.all.len(), ads.all.iter().filter(|ad| ad.live).count());
    let formats = of_all(&ads.formats(), 2, all);
    let platforms: Vec<String> = ads.platforms().into_iter().take(3).map(|(platform, _)| platform).collect();
    let themes: Vec<String> = ads.themes().into_iter().take(3).collect();
    let mut text = format!("{name} is seen here with {}, {live} of them live", count(all, "ad"));
    if !formats.is_empty() {
        text += &format!(". They come mostly as {}", listed(&formats));
    }
    if !platforms.is_empty() {
        text += &format!(" and run on {}", listed(&platforms));
    }
    if !themes.is_empty() {
        text += &format!(". The copy turns on {}", listed(&themes));
    }
    noted(&format!("{text}."))
}

fn positioning(ads: &Ads, name: &str) -> String {
    let angles = ads.angles();
    let stances: Vec<&str> = angles.iter().take(2).map(|(angle, _)| stance(*angle)).collect();
    let quote =
        ads.longest_running().first().map(|ad| format!(" The line that has run longest is “{}”.", ad.quotable()));
    let stance = match stances[..] {
        [first, second, ..] => format!("{name} presents itself as {first}, backed by {second}."),
        [only] => format!("{name} presents itself as {only}."),
        [] => format!("{name} describes its product plainly, without a recurring angle."),
    };
    format!("{stance}{}", quote.unwrap_or_default())
}

fn creative_strategy(ads: &Ads) -> Value {
    let all = ads.all.len();
    let themes: Vec<String> = ads.themes().iter().take(6).map(|theme| capitalised(theme)).collect();
    let patterns: Vec<String> = ads
        .angles()
        .into_iter()
        .map(|(angle, uses)| {
            let example = ads.example(angle).map(|ad| format!(", such as “{}”", ad.quotable())).unwrap_or_default();
            format!("{uses} of {all} {}{example}", habit(angle))
        })
        .collect();
    json!({
        "ad_formats": of_all(&ads.formats(), MAX_QUOTES, all),
        "common_themes": themes,
        "creative_patterns": patterns,
        "frequency": frequency(ads),
    })
}

fn messaging(ads: &Ads) -> Value {
    json!({
        "tone": tone(ads),
        "key_messages": ads.different(|ad| &ad.headline, MAX_QUOTES),
        "ctas": of_all(&ads.calls_to_action(), MAX_QUOTES, ads.all.len()),
        "value_propositions": ads.different(|ad| &ad.description, MAX_QUOTES),
    })
}

fn visual(ads: &Ads, name: &str) -> Value {
    let formats = of_all(&ads.formats(), 3, ads.all.len());
    let headlines: Vec<&Ad> = ads.all.iter().filter(|ad| !ad.headline.is_empty()).collect();
    let naming = headlines.iter().filter(|ad| ad.headline.to_lowercase().contains(&name.to_lowercase())).count();
    let imagery = if formats.is_empty() {
        NOT_SHOWN.to_owned()
    } else {
        format!("Mostly {}; the pictures themselves were not looked at", listed(&formats))
    };
    json!({
        // Ads come as text: a colour named here would be a guess.
        "colors": [],
        "imagery_style": imagery,
        "typography": NOT_SHOWN,
        "branding_consistency": format!("{naming} of {} carry the name {name}", count(headlines.len(), "headline")),
    })
}

fn audience(ads: &Ads) -> Value {
    let platforms = of_all(&ads.platforms(), 3, ads.all.len());
    let demographics = if platforms.is_empty() {
        "The ads name no age, income or place".to_owned()
    } else {
        format!("Reached through {}; the copy itself names no age, income or place", listed(&platforms))
    };
    let angles: Vec<Angle> = ads.angles().into_iter().map(|(angle, _)| angle).collect();
    let minds: Vec<String> = angles.iter().take(3).map(|angle| mind(*angle).to_owned()).collect();
    let minds = if minds.is_empty() { "Nothing in the copy tells".to_owned() } else { capitalised(&listed(&minds)) };
    let pains: Vec<&str> = angles.iter().take(4).map(|angle| pain(*angle)).collect();
    json!({"demographics": demographics, "psychographics": minds, "pain_points": pains})
}

fn performance(ads: &Ads) -> Value {
    let longest: Vec<String> = ads
        .longest_running()
        .into_iter()
        .filter_map(|ad| Some(format!("“{}” ({})", ad.quotable(), count(ad.days? as usize, "day"))))
        .take(3)
        .collect();
    let engagement = if longest.is_empty() {
        "The data has no running times, and no clicks".to_owned()
    } else {
        format!("Ads that are kept running usually pay: {} ran longest. The data has no clicks", listed(&longest))
    };
    let timing = ads.span().map_or("The data has no start dates".to_owned(), |(first, last)| {
        format!("The ads started between {first} and {last}{}", busiest_month(ads))
    });
    json!({"engagement_patterns": engagement, "ad_frequency": frequency(ads), "timing": timing})
}

fn findings(ads: &Ads, name: &str) -> Vec<String> {
    let all = ads.all.len();
    let mut found = Vec::new();
    if let Some((format, uses)) = ads.formats().into_iter().next() {
        found.push(format!("{format} is the format of choice: {uses} of {}.", count(all, "ad")));
    }
    if let Some((angle, uses)) = ads.angles().into_iter().next() {
        found.push(format!("The most frequent angle is {}, in {uses} of {}.", angle_name(angle), count(all, "ad")));
    }
    if let Some((cta, uses)) = ads.calls_to_action().into_iter().next() {
        found.push(format!("“{cta}” is the call to action of {uses} of {}.", count(all, "ad")));
    }
    if let Some(ad) = ads.longest_running().into_iter().find(|ad| ad.days.is_some()) {
        found.push(format!(
            "“{}” has run for {}, longer than any other.",
            ad.quotable(),
            count(ad.days.unwrap_or(0) as usize, "day")
        ));
    }
    let live = ads.all.iter().filter(|ad| ad.live).count();
    found.push(format!("{name} keeps {live} of {} live.", count(all, "ad")));
    found
}

fn recommendations(ads: &Ads, name: &str) -> Vec<String> {
    let mut advice: Vec<String> = ads.angles().into_iter().take(3).map(|(angle, _)| answer_to(angle, name)).collect();
    if let Some((format, uses)) = ads.formats().into_iter().next_back().filter(|(_, uses)| uses * 5 <= ads.all.len()) {
        advice.push(format!(
            "Test {}: with {} {name} leaves it nearly unused.",
            format.to_lowercase(),
            count(uses, "ad")
        ));
    }
    let used = ads.platforms();
    if let Some(free) = ["Facebook", "Instagram", "TikTok", "LinkedIn", "YouTube"]
        .iter()
        .find(|free| used.iter().all(|(platform, _)| platform != *free))
    {
        advice.push(format!("Try {free}, where none of these ads run."));
    }
    advice.push(format!("Look at the live ads of {name} again in a month: what still runs then is what works."));
    advice
}

fn tone(ads: &Ads) -> String {
    let exclaims = ads.all.iter().filter(|ad| format!("{}{}", ad.headline, ad.description).contains('!')).count();
    let loud = if exclaims * 4 > ads.all.len() { "lively" } else { "calm and confident" };
    let angles: Vec<String> = ads.angles().into_iter().take(2).map(|(angle, _)| manner(angle).to_owned()).collect();
    capitalised(&if angles.is_empty() { loud.to_owned() } else { format!("{loud}, {}", listed(&angles)) })
}

fn frequency(ads: &Ads) -> String {
    let Some((first, last)) = ads.span() else { return "The data has no start dates".to_owned() };
    let days = (last - first).num_days().unsigned_abs() as usize + 1;
    let a_month = (ads.all.len() * 30) as f64 / days.max(30) as f64;
    format!("{} started within {}, about {a_month:.1} a month", count(ads.all.len(), "ad"), count(days, "day"))
}

fn busiest_month(ads: &Ads) -> String {
    let mut months: Vec<(String, usize)> = Vec::new();
    for month in ads.all.iter().filter_map(|ad| ad.started).map(|day| day.format("%B %Y").to_string()) {
        match months.iter_mut().find(|(known, _)| *known == month) {
            Some((_, uses)) => *uses += 1,
            None => months.push((month, 1)),
        }
    }
    let busiest = months.into_iter().rev().max_by_key(|(_, uses)| *uses);
    let busiest = busiest.filter(|(_, uses)| *uses > 1);
    busiest.map(|(month, uses)| format!("; the busiest month was {month} with {uses}")).unwrap_or_default()
}

/// Grows with the number of ads: between 0.4 and 0.9, two decimals.
fn confidence(ads: &Ads) -> f64 {
    (40 + 2 * ads.all.len().min(25)) as f64 / 100.0
}

/// Such as `Video (24 of 60)`.
fn of_all(counted: &[(String, usize)], most: usize, all: usize) -> Vec<String> {
    counted.iter().take(most).map(|(name, uses)| format!("{name} ({uses} of {all})")).collect()
}

fn count(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn angle_name(angle: Angle) -> &'static str {
    match angle {
        Angle::Offer => "a price or a deadline",
        Angle::Trial => "a trial without risk",
        Angle::Proof => "the word of other customers",
        Angle::Comparison => "a comparison with what others sell",
        Angle::Story => "the people behind the product",
        Angle::Launch => "an introduction for newcomers",
    }
}

/// What the advertiser presents itself as.
fn stance(angle: Angle) -> &'static str {
    match angle {
        Angle::Offer => "the choice that costs less when one acts now",
        Angle::Trial => "the choice that can be tried without risk",
        Angle::Proof => "the choice that others have made already",
        Angle::Comparison => "the better-made alternative to ordinary products",
        Angle::Story => "a brand made by people one can know",
        Angle::Launch => "an easy first step for newcomers",
    }
}

fn habit(angle: Angle) -> &'static str {
    match angle {
        Angle::Offer => "lead with a price or a deadline",
        Angle::Trial => "take the risk out of a first try",
        Angle::Proof => "let customers speak",
        Angle::Comparison => "compare with ordinary products",
        Angle::Story => "tell of the people behind the product",
        Angle::Launch => "introduce the brand or a starter product",
    }
}

fn manner(angle: Angle) -> &'static str {
    match angle {
        Angle::Offer => "urgent about offers",
        Angle::Trial => "reassuring",
        Angle::Proof => "leaning on other people's words",
        Angle::Comparison => "matter-of-fact about the competition",
        Angle::Story => "personal",
        Angle::Launch => "inviting to newcomers",
    }
}

fn mind(angle: Angle) -> &'static str {
    match angle {
        Angle::Offer => "watches prices",
        Angle::Trial => "dislikes being tied down",
        Angle::Proof => "trusts other buyers more than brands",
        Angle::Comparison => "compares before buying",
        Angle::Story => "likes to know who made a thing",
        Angle::Launch => "is curious but new to the subject",
    }
}

fn pain(angle: Angle) -> &'static str {
    match angle {
        Angle::Offer => "The first purchase feels expensive",
        Angle::Trial => "Fear of paying for the wrong thing",
        Angle::Proof => "Cannot tell whether the promise holds",
        Angle::Comparison => "Disappointed by ordinary products",
        Angle::Story => "Large brands feel anonymous",
        Angle::Launch => "Does not know where to begin",
    }
}

fn answer_to(angle: Angle, name: &str) -> String {
    match angle {
        Angle::Offer => {
            format!("Do not race {name} on discounts: give a standing reason to buy, such as a bundle or a guarantee.")
        }
        Angle::Trial => format!("Match the trial that {name} offers, and make leaving as easy as joining."),
        Angle::Proof => "Collect named customers with numbers: a concrete result outdoes “real people”.".to_owned(),
        Angle::Comparison => {
            format!("Publish a comparison of your own that names {name} and says on which points it leads.")
        }
        Angle::Story => "Show who makes the product and where: this angle is not one that can be copied.".to_owned(),
        Angle::Launch => "Speak to people who have outgrown the starter product, whom these ads leave out.".to_owned(),
    }
}
