//! The made-up ads: the same ones every time, dated back from today.
//! It must not name a real brand, nor depend on a query.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

/// Invented brands: name, what they sell, category, niche, market.
const BRANDS: [(&str, &str, &str, &str, &str); 6] = [
    ("Lumora Trail", "trail shoes", "Sporting Goods", "fashion", "b2c"),
    ("Brevin & Oak", "cold brew", "Food", "food/drink", "b2c"),
    ("Ledgerfinch", "bookkeeping software", "Software", "business/professional", "b2b"),
    ("Solvane Skin", "face serum", "Beauty", "beauty", "b2c"),
    ("Pennywhistle Pets", "dog food", "Pet Supplies", "pets", "b2c"),
    ("Quillport", "team notes", "Software", "tech", "b2b"),
];

/// What the ads say: headline, text, call to action, format, feeling. `{brand}` and `{product}` are filled in.
const CREATIVES: [(&str, &str, &str, &str, &str); 10] = [
    ("Meet {brand}", "The {product} people switch to and stay with.", "LEARN_MORE", "VIDEO", "curiosity"),
    (
        "20% off your first {product}",
        "This week only: try {product} by {brand} for less.",
        "SHOP_NOW",
        "IMAGE",
        "urgency",
    ),
    ("Why 4,000 customers chose {brand}", "Real people on what changed for them.", "LEARN_MORE", "VIDEO", "belonging"),
    ("{product}, done properly", "No shortcuts. {brand} takes the time it needs.", "SHOP_NOW", "CAROUSEL", "authority"),
    ("The problem with ordinary {product}", "We compared ten. Here is what we found.", "LEARN_MORE", "VIDEO", "anger"),
    ("New: the {brand} starter set", "Everything you need to begin, in one box.", "SHOP_NOW", "DCO", "achievement"),
    ("Free for 30 days", "Try {brand}. Keep it only if you love it.", "SIGN_UP", "IMAGE", "security"),
    ("A day with {brand}", "From the first morning hour to the last.", "WATCH_MORE", "VIDEO", "nostalgia"),
    ("Made by twelve people", "{brand} is small on purpose. Meet the team.", "LEARN_MORE", "IMAGE", "nurturance"),
    ("Last chance for {product}", "The sale ends on Sunday at midnight.", "SHOP_NOW", "MULTI_IMAGES", "fear"),
];

/// The fifteen scores that every ad has.
const DRIVERS: [&str; 15] = [
    "achievement",
    "anger",
    "authority",
    "belonging",
    "competence",
    "curiosity",
    "empowerment",
    "engagement",
    "esteem",
    "fear",
    "guilt",
    "nostalgia",
    "nurturance",
    "security",
    "urgency",
];

/// All ads, 60 of them, in the shape of the API (UPSTREAMS.md §2.2). Start times count back from the day of `now`.
pub(super) fn all(now: DateTime<Utc>) -> Vec<Value> {
    let pairs =
        CREATIVES.iter().enumerate().flat_map(|(creative, _)| (0..BRANDS.len()).map(move |brand| (brand, creative)));
    pairs.enumerate().map(|(number, (brand, creative))| ad(number, brand, creative, now)).collect()
}

/// The same ad under another brand's name, as if that brand had run it: for its own product, with links to a site of its own.
pub(super) fn renamed(ad: &Value, name: &str) -> Value {
    let text = |member: &str| ad[member].as_str().unwrap_or_default().to_owned();
    let (own, own_product, product) = (text("name"), text("product_category"), product_of(name));
    let told = |text: &str| {
        let text = text.replace(&own, name).replace(&own_product, &product);
        text.replace(&capitalised(&own_product), &capitalised(&product))
    };
    let (own_host, host) = (host(&own), host(name));
    let moved =
        |link: &str| link.replace(&own_host, &host).replace(&own_product.replace(' ', "-"), &product.replace(' ', "-"));
    let mut renamed = ad.clone();
    renamed["name"] = json!(name);
    for member in ["headline", "description", "full_transcription", "product_category", "creative_targeting"] {
        if let Some(text) = ad[member].as_str() {
            renamed[member] = json!(told(text));
        }
    }
    for member in ["link_url", "avatar", "thumbnail", "image", "video"] {
        if let Some(link) = ad[member].as_str() {
            renamed[member] = json!(moved(link));
        }
    }
    let parts = [("timestamped_transcription", "sentence"), ("cards", "headline"), ("cards", "description")];
    for (list, member) in parts {
        for part in renamed[list].as_array_mut().into_iter().flatten() {
            part[member] = json!(told(part[member].as_str().unwrap_or_default()));
        }
    }
    renamed
}

/// What a brand of this name may sell: the last word of the name where it has several, else one of the known products.
fn product_of(name: &str) -> String {
    const SUFFIXES: [&str; 8] = ["inc", "ltd", "llc", "gmbh", "co", "company", "group", "corp"];
    let words: Vec<String> = name.split_whitespace().map(|word| word.trim_matches('.').to_lowercase()).collect();
    let telling = words.iter().skip(1).rev().find(|word| word.len() > 2 && !SUFFIXES.contains(&word.as_str()));
    let number = name.bytes().map(usize::from).sum::<usize>();
    telling.cloned().unwrap_or_else(|| BRANDS[number % BRANDS.len()].1.to_owned())
}

/// Where a brand of this name is at home; the ending is reserved for examples.
fn host(name: &str) -> String {
    let letters: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{}.example", if letters.is_empty() { "unnamed" } else { &letters })
}

fn ad(number: usize, brand: usize, creative: usize, now: DateTime<Utc>) -> Value {
    let (name, product, category, niche, market) = BRANDS[brand];
    let (headline, text, cta, format, feeling) = CREATIVES[creative];
    let filled = |template: &str| capitalised(&template.replace("{brand}", name).replace("{product}", product));
    let days = 2 + (number * 37) % 330;
    let live = number % 4 != 3;
    let ran = if live { days } else { days / 2 };
    let host = host(name);
    let video = format == "VIDEO";
    // Even among the made-up ads some have none, as in the real library.
    let headline = if number % 13 == 12 { Value::Null } else { json!(filled(headline)) };
    let spoken = video.then(|| format!("{} {}", filled("{brand} makes {product}."), filled(text)));
    json!({
        "id": format!("standin{number:013}"), "ad_id": format!("{}", 900_000_000_000_000u64 + number as u64),
        "brand_id": format!("standinbrand{brand:08}"), "name": name, "headline": headline,
        "description": format!("{} (Simulated ad of the demo.)", filled(text)),
        "cta_title": "", "cta_type": cta, "link_url": format!("https://{host}/{}", product.replace(' ', "-")),
        "display_format": format, "type": if video { "video" } else { "image" }, "live": live,
        "publisher_platform": platforms(number), "languages": [if number % 9 == 8 { "French" } else { "English" }],
        "market_target": market, "niches": [niche], "categories": [category], "product_category": product,
        "creative_targeting": format!("people who buy {product}"),
        "persona": {"age": (["18-24", "25-34", "35-44", "unknown"][number % 4]), "gender": "both"},
        "emotional_drivers": drivers(number, feeling),
        "content_filter": {"UGC": number.is_multiple_of(3), "Testimonial_Review": creative == 2, "Us_vs_Them": creative == 4},
        "cards": cards(name, product, format),
        "avatar": format!("https://{host}/avatar.jpg"), "thumbnail": format!("https://{host}/{number}.jpg"),
        "image": (!video).then(|| format!("https://{host}/{number}.jpg")),
        "video": video.then(|| format!("https://{host}/{number}.mp4")),
        "video_duration": video.then_some(12.5 + number as f64),
        "started_running": started(now, days).timestamp_millis(),
        "running_duration": {"seconds": ran * 86_400, "minutes": ran * 1_440, "hours": ran * 24, "days": ran},
        "full_transcription": spoken, "time_product_was_mentioned": video.then_some(1.5),
        "timestamped_transcription": spoken.map(|text| json!([{"startTime": 0.0, "endTime": 4.5, "sentence": text}])),
    })
}

/// At ten in the morning, some days ago.
fn started(now: DateTime<Utc>, days: usize) -> DateTime<Utc> {
    let morning = now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc() + Duration::hours(10);
    morning - Duration::days(days as i64)
}

fn platforms(number: usize) -> Vec<&'static str> {
    match number % 3 {
        0 => vec!["facebook", "instagram"],
        1 => vec!["facebook"],
        _ => vec!["instagram", "tiktok"],
    }
}

fn drivers(number: usize, feeling: &str) -> Value {
    let score = |(index, driver): (usize, &&str)| {
        let score = if *driver == feeling { 9 } else { (number + index * 3) % 6 };
        ((*driver).to_owned(), json!(score))
    };
    Value::Object(DRIVERS.iter().enumerate().map(score).collect())
}

fn cards(name: &str, product: &str, format: &str) -> Value {
    if !matches!(format, "CAROUSEL" | "DCO") {
        return Value::Null;
    }
    let card = |title: &str| {
        json!({"title": title, "headline": format!("{name}: {title}"), "description": format!("{title} {product}"),
               "cta_text": "Shop now", "image": null, "link_description": null, "type": "image", "video": null,
               "video_duration": null})
    };
    json!([card("Everyday"), card("Special")])
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use url::Url;

    #[test]
    fn there_are_sixty_different_ads_and_they_stay_the_same() {
        let now = Utc::now();
        let ads = all(now);
        assert_eq!(ads.len(), 60);
        assert_eq!(ads.iter().map(|ad| ad["id"].as_str().unwrap()).collect::<HashSet<_>>().len(), 60);
        assert_eq!(ads, all(now));
        assert!(ads.iter().all(|ad| ad["description"].as_str().unwrap().contains("Simulated")));
        assert!(
            ads.iter().all(|ad| !ad.to_string().contains(['{', '}'].map(|c| format!("{c}brand")).join("").as_str()))
        );
    }

    #[test]
    fn a_renamed_ad_speaks_of_the_other_brand_only() {
        for ad in all(Utc::now()) {
            let own = ad["name"].as_str().unwrap();
            let renamed = renamed(&ad, "Acme Shoes Ltd.");
            assert_eq!(renamed["name"], "Acme Shoes Ltd.");
            let product = ad["product_category"].as_str().unwrap();
            let host = Url::parse(renamed["link_url"].as_str().unwrap()).unwrap().host_str().unwrap().to_owned();
            assert_eq!(host, "acmeshoesltd.example");
            let text = renamed.to_string().to_lowercase();
            assert!(!text.contains(&own.to_lowercase()) && !text.contains(product), "{renamed}");
            assert_eq!(renamed["product_category"], "shoes");
        }
    }
}
