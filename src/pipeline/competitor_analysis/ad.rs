//! One ad of the library: what is kept of it, and what the model is shown.
//! Must not rely on any member but the id: the rest may be null or missing (UPSTREAMS §2.2).

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::{Value, json};
use url::Url;

/// The most characters that are kept of what is said in an ad, and of each of its texts.
const TRANSCRIPTION: usize = 500;
const TEXT: usize = 1_000;

/// What is kept of an ad, and whether a text of it was cut.
pub(super) fn kept(ad: &Value) -> (Value, bool) {
    let mut cut = false;
    let mut text = |member: &str, longest: usize| {
        let said = ad[member].as_str().map(str::trim).filter(|said| !said.is_empty());
        said.map(|said| {
            cut |= said.chars().count() > longest;
            said.chars().take(longest).collect::<String>()
        })
    };
    let started = started_running(ad);
    let kept = json!({
        "id": text("id", TEXT).or_else(|| ad["id"].as_u64().map(|id| id.to_string())),
        "ad_id": text("ad_id", TEXT),
        "name": text("name", TEXT),
        "headline": text("headline", TEXT),
        "description": text("description", TEXT),
        "cta_title": text("cta_title", TEXT),
        "cta_type": text("cta_type", TEXT),
        "link_url": text("link_url", TEXT),
        "display_format": text("display_format", TEXT),
        "publisher_platform": ad["publisher_platform"].as_array().cloned().unwrap_or_default(),
        "live": ad["live"].as_bool(),
        "started_running": started.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        "running_days": ad["running_duration"]["days"].as_f64(),
        "thumbnail": text("thumbnail", TEXT),
        "image": text("image", TEXT),
        "video": text("video", TEXT),
        "transcription": text("full_transcription", TRANSCRIPTION),
    });
    (kept, cut)
}

/// What the model is shown of an ad that was kept: its words and how it ran, without addresses of pictures and nulls.
pub(super) fn for_prompt(kept: &Value) -> Value {
    let left_out = ["id", "ad_id", "thumbnail", "image", "video"];
    let members = kept.as_object().into_iter().flatten();
    members
        .filter(|(name, member)| !left_out.contains(&name.as_str()) && !member.is_null())
        .map(|(name, member)| (name.clone(), member.clone()))
        .collect()
}

/// When the ad began to run; the library says it in milliseconds since 1970.
fn started_running(ad: &Value) -> Option<DateTime<Utc>> {
    let milliseconds = ad["started_running"].as_i64().or_else(|| ad["started_running"].as_f64().map(|at| at as i64))?;
    DateTime::from_timestamp_millis(milliseconds)
}

/// Whether the ad began to run on one of the days, ends included. An ad that does not say when is in no range.
pub(super) fn is_in_range(ad: &Value, (first, last): (Option<NaiveDate>, Option<NaiveDate>)) -> bool {
    if first.is_none() && last.is_none() {
        return true;
    }
    let Some(day) = started_running(ad).map(|at| at.date_naive()) else { return false };
    first.is_none_or(|first| day >= first) && last.is_none_or(|last| day <= last)
}

/// The site that most of the ads lead to; nothing where none leads anywhere.
pub(super) fn most_linked_site(kept: &[Value]) -> Option<String> {
    let mut ads_of: HashMap<String, usize> = HashMap::new();
    for ad in kept {
        let link = ad["link_url"].as_str().and_then(|link| Url::parse(link).ok());
        if let Some(site) = link.filter(|link| matches!(link.scheme(), "http" | "https")) {
            *ads_of.entry(site.origin().ascii_serialization()).or_default() += 1;
        }
    }
    // Of equals the first by name, so that a second run says the same.
    let (site, _) = ads_of.into_iter().max_by(|(a, one), (b, other)| one.cmp(other).then_with(|| b.cmp(a)))?;
    Some(site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ad_with_nothing_but_an_id_is_kept() {
        let (kept, cut) = kept(&json!({"id": "z1", "headline": null, "publisher_platform": null}));
        assert_eq!((&kept["id"], &kept["headline"], cut), (&json!("z1"), &Value::Null, false));
        assert_eq!(kept["publisher_platform"], json!([]));
        assert_eq!(for_prompt(&kept), json!({"publisher_platform": []}));
    }

    #[test]
    fn long_texts_are_cut_and_it_is_told() {
        let (kept, cut) = kept(&json!({"id": "z1", "full_transcription": "ä".repeat(2_000)}));
        assert!(cut);
        assert_eq!(kept["transcription"].as_str().unwrap().chars().count(), TRANSCRIPTION);
    }

    #[test]
    fn a_range_includes_its_days() {
        let day = |text: &str| Some(text.parse::<NaiveDate>().unwrap());
        // 2025-11-06T10:40:00Z
        let ad = json!({"id": "z1", "started_running": 1_762_425_600_000_i64});
        for (range, inside) in [
            ((None, None), true),
            ((day("2025-11-06"), day("2025-11-06")), true),
            ((day("2025-11-07"), None), false),
            ((None, day("2025-11-05")), false),
            ((day("2025-11-01"), None), true),
        ] {
            assert_eq!(is_in_range(&ad, range), inside, "{range:?}");
        }
        assert!(!is_in_range(&json!({"id": "z2"}), (day("2025-01-01"), None)));
        assert!(is_in_range(&json!({"id": "z2"}), (None, None)));
    }

    #[test]
    fn the_site_is_the_one_that_most_ads_lead_to() {
        let ad = |link: &str| json!({"link_url": link});
        let ads = [ad("https://b.example/x"), ad("https://a.example/1"), ad("https://a.example/2"), ad("javascript:0")];
        assert_eq!(most_linked_site(&ads).as_deref(), Some("https://a.example"));
        assert_eq!(most_linked_site(&ads[..2]).as_deref(), Some("https://a.example"), "of equals the first by name");
        assert_eq!(most_linked_site(&[json!({"link_url": null})]), None);
    }
}
