//! Reads the ads in a prompt and counts what they have in common.
//! It must not judge; `draft::competitor` does.

use super::words;
use chrono::{DateTime, NaiveDate};
use serde_json::Value;

/// The angles from which an ad can sell, with the words that betray them.
const ANGLES: &[(Angle, &[&str])] = &[
    (
        Angle::Offer,
        &["% off", "sale", "for less", "discount", "save", "deal", "last chance", "this week only", "ends on"],
    ),
    (Angle::Trial, &["free for", "free trial", "keep it only", "cancel", "guarantee", "money back", "risk"]),
    (Angle::Proof, &["customers", "real people", "chose", "reviews", "rated", "trusted by", "testimonial"]),
    (Angle::Comparison, &["compared", "ordinary", "problem with", "versus", "better than", "properly", "no shortcuts"]),
    (Angle::Story, &["a day with", "made by", "meet the team", "our story", "behind the", "small on purpose"]),
    (Angle::Launch, &["new:", "introducing", "meet ", "starter", "everything you need", "switch to"]),
];

/// Words of ads that name no subject.
const SALES_TALK: &[&str] = &[
    "back",
    "begin",
    "best",
    "chance",
    "changed",
    "chose",
    "ends",
    "free",
    "less",
    "midnight",
    "sale",
    "shop",
    "stay",
    "sunday",
    "switch",
    "week",
    "month",
    "tomorrow",
    "start",
    "months",
    "days",
    "people",
    "real",
    "real people",
];

/// From where an ad sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Angle {
    Offer,
    Trial,
    Proof,
    Comparison,
    Story,
    Launch,
}

/// One ad; what is missing is empty.
#[derive(Debug, Default)]
pub(super) struct Ad {
    pub(super) name: String,
    pub(super) headline: String,
    /// Without the note in parentheses that the ad is made up.
    pub(super) description: String,
    pub(super) cta: String,
    pub(super) format: String,
    pub(super) platforms: Vec<String>,
    pub(super) live: bool,
    pub(super) started: Option<NaiveDate>,
    pub(super) days: Option<u64>,
    pub(super) spoken: String,
}

/// All ads of a prompt; at least one.
#[derive(Debug)]
pub(super) struct Ads {
    pub(super) all: Vec<Ad>,
}

impl Ads {
    /// Reads `<ads>`: a list of ads, or an object with one in it. `None` without any ad.
    pub(super) fn read(data: &Value) -> Option<Ads> {
        let lists = std::iter::once(data).chain(data.as_object().into_iter().flat_map(|members| members.values()));
        let list = lists.filter_map(Value::as_array).find(|list| list.iter().any(Value::is_object))?;
        let all: Vec<Ad> = list.iter().filter(|ad| ad.is_object()).map(Ad::read).collect();
        (!all.is_empty()).then_some(Ads { all })
    }

    /// The advertiser that most ads name.
    pub(super) fn advertiser(&self) -> Option<String> {
        Some(ranked(self.all.iter().map(|ad| ad.name.clone())).into_iter().next()?.0)
    }

    pub(super) fn formats(&self) -> Vec<(String, usize)> {
        ranked(self.all.iter().map(|ad| readable(&ad.format)))
    }

    pub(super) fn platforms(&self) -> Vec<(String, usize)> {
        ranked(self.all.iter().flat_map(|ad| ad.platforms.iter().map(|platform| platform_name(platform))))
    }

    pub(super) fn calls_to_action(&self) -> Vec<(String, usize)> {
        ranked(self.all.iter().map(|ad| readable(&ad.cta)))
    }

    /// The angles that any ad takes, the most frequent first.
    pub(super) fn angles(&self) -> Vec<(Angle, usize)> {
        let mut counted: Vec<(Angle, usize)> = ANGLES
            .iter()
            .map(|(angle, _)| (*angle, self.all.iter().filter(|ad| ad.takes(*angle)).count()))
            .filter(|(_, count)| *count > 0)
            .collect();
        counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counted
    }

    /// An ad that takes the angle, the longest-running one.
    pub(super) fn example(&self, angle: Angle) -> Option<&Ad> {
        self.longest_running().into_iter().find(|ad| ad.takes(angle))
    }

    /// Ads with something to quote, the longest-running first.
    pub(super) fn longest_running(&self) -> Vec<&Ad> {
        let mut ads: Vec<&Ad> = self.all.iter().filter(|ad| !ad.quotable().is_empty()).collect();
        ads.sort_by_key(|ad| std::cmp::Reverse(ad.days));
        ads
    }

    /// What the texts speak of; the advertiser's own name and words about the demo are left out.
    pub(super) fn themes(&self) -> Vec<String> {
        let name = self.advertiser().unwrap_or_default().to_lowercase();
        let texts = self
            .all
            .iter()
            .flat_map(|ad| [(ad.headline.as_str(), 2), (ad.description.as_str(), 1), (ad.spoken.as_str(), 1)]);
        let is_own = |theme: &str| theme.split(' ').all(|word| name.split_whitespace().any(|part| part == word));
        // A word of one ad among many is no theme of them.
        let least = 2.min(self.all.len());
        let is_shared = |theme: &str| self.all.iter().filter(|ad| ad.speaks_of(theme)).count() >= least;
        let themes = words::themes(texts).into_iter();
        themes.filter(|theme| !is_own(theme) && is_shared(theme) && !SALES_TALK.contains(&theme.as_str())).collect()
    }

    /// The first and the last day on which an ad started.
    pub(super) fn span(&self) -> Option<(NaiveDate, NaiveDate)> {
        let started = || self.all.iter().filter_map(|ad| ad.started);
        Some((started().min()?, started().max()?))
    }

    /// Different texts, in order of first appearance.
    pub(super) fn different(&self, text: impl Fn(&Ad) -> &str, most: usize) -> Vec<String> {
        let mut kept: Vec<String> = Vec::new();
        for text in self.longest_running().into_iter().map(text).filter(|text| !text.is_empty()) {
            if kept.len() < most && !kept.iter().any(|known| known == text) {
                kept.push(text.to_owned());
            }
        }
        kept
    }
}

impl Ad {
    fn read(ad: &Value) -> Ad {
        let text = |member: &str| ad[member].as_str().unwrap_or_default().trim().to_owned();
        let cta = text("cta_title");
        Ad {
            name: text("name"),
            headline: text("headline"),
            description: without_note(&text("description")),
            cta: if cta.is_empty() { text("cta_type") } else { cta },
            format: text("display_format"),
            platforms: ad["publisher_platform"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|platform| platform.as_str().map(str::to_lowercase))
                .collect(),
            live: ad["live"] == true,
            started: started(&ad["started_running"]),
            days: ad["running_days"].as_f64().map(|days| days.max(0.0) as u64),
            spoken: text("transcription"),
        }
    }

    /// What to quote of the ad.
    pub(super) fn quotable(&self) -> &str {
        if self.headline.is_empty() { &self.description } else { &self.headline }
    }

    fn text(&self) -> String {
        format!("{} {} {}", self.headline, self.description, self.spoken).to_lowercase()
    }

    fn speaks_of(&self, theme: &str) -> bool {
        words::contains(&self.text(), theme)
    }

    fn takes(&self, angle: Angle) -> bool {
        let text = self.text();
        let words = ANGLES.iter().find(|(own, _)| *own == angle).map(|(_, words)| *words).unwrap_or_default();
        words.iter().any(|word| text.contains(word))
    }
}

/// RFC 3339, or epoch milliseconds as the library itself writes it.
fn started(value: &Value) -> Option<NaiveDate> {
    let stated =
        value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok()).map(|instant| instant.date_naive());
    stated.or_else(|| DateTime::from_timestamp_millis(value.as_i64()?).map(|instant| instant.date_naive()))
}

/// The ads of the demo end in a note that they are made up.
fn without_note(text: &str) -> String {
    text.split(" (Simulated").next().unwrap_or(text).trim().to_owned()
}

/// `SHOP_NOW` as `Shop now`.
fn readable(name: &str) -> String {
    if name == "DCO" {
        return name.to_owned();
    }
    words::capitalised(&name.replace('_', " ").to_lowercase())
}

fn platform_name(platform: &str) -> String {
    match platform {
        "tiktok" => "TikTok".to_owned(),
        "youtube" => "YouTube".to_owned(),
        "linkedin" => "LinkedIn".to_owned(),
        "whatsapp" => "WhatsApp".to_owned(),
        other => readable(other),
    }
}

/// The most frequent first; of equals, the one that came first. Empty texts do not count.
fn ranked(texts: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for text in texts.filter(|text| !text.is_empty()) {
        match counted.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => counted.push((text, 1)),
        }
    }
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counted
}
