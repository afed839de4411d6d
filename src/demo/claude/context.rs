//! Reads what a prompt knows of a brand: the tag `<brand_context>`.
//! It must not make anything up; what is not stated is missing.

use super::compose::NOT_STATED;
use super::words;
use chrono::{NaiveDate, Utc};
use serde_json::Value;

/// Texts taken from one list.
const MAX_LIST: usize = 8;
/// The longest text that may stand in a sentence, in characters.
const MAX_PHRASE: usize = 90;

/// What is known of a brand.
#[derive(Debug)]
pub(super) struct BrandContext {
    data: Value,
}

/// The kinds of business that are spoken to in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Business {
    /// Sells goods to people.
    Consumer,
    /// Sells software to companies.
    Software,
    /// Cares for, trains or teaches people.
    Care,
    /// Sells expertise or equipment to companies.
    Professional,
}

impl BrandContext {
    /// `None` when the prompt has no such tag.
    pub(super) fn read(data: Value) -> Option<BrandContext> {
        data.is_object().then_some(BrandContext { data })
    }

    /// The brand's name, as it calls itself.
    pub(super) fn name(&self) -> String {
        let brand = &self.data["brand"];
        let stated = self.intelligence("brand_name").or_else(|| stated(&brand["name"]));
        stated.unwrap_or_else(|| "the brand".to_owned())
    }

    /// A text of the brand intelligence, such as `target_market`.
    pub(super) fn intelligence(&self, member: &str) -> Option<String> {
        stated(&self.data["brand_intelligence"][member])
    }

    /// A list of the brand intelligence, such as `key_messages`.
    pub(super) fn list(&self, member: &str) -> Vec<String> {
        let items = self.data["brand_intelligence"][member].as_array().into_iter().flatten();
        items.filter_map(stated).take(MAX_LIST).collect()
    }

    pub(super) fn industry(&self) -> Option<String> {
        let told =
            || words::industry(|word| words::count(&self.data.to_string().to_lowercase(), word)).map(str::to_owned);
        self.intelligence("industry").or_else(|| stated(&self.data["brand"]["industry"])).or_else(told)
    }

    /// Subjects of the brand: what it speaks of, in its own words, none of them long.
    pub(super) fn themes(&self) -> Vec<String> {
        let mut themes: Vec<String> = Vec::new();
        let lists = ["content_themes", "messaging_themes"].map(|member| self.list(member));
        for theme in lists.into_iter().flatten().filter(|theme| theme.split_whitespace().count() <= 4) {
            if !themes.iter().any(|known| known.eq_ignore_ascii_case(&theme)) {
                themes.push(theme);
            }
        }
        themes
    }

    /// What speaks for the brand, in one short phrase.
    pub(super) fn promise(&self) -> Option<String> {
        let messages = self.list("key_messages");
        let texts =
            [self.intelligence("unique_value_proposition"), self.intelligence("tagline"), messages.into_iter().next()];
        texts.into_iter().flatten().map(|text| phrase(&text)).find(|text| !text.is_empty())
    }

    /// The person's own words about whom to reach.
    pub(super) fn audience_description(&self) -> Option<String> {
        stated(&self.data["audience_description"])
    }

    /// Objects that earlier jobs made, such as `target_audiences`.
    pub(super) fn objects(&self, member: &str) -> Vec<&Value> {
        self.data[member].as_array().into_iter().flatten().filter(|item| item.is_object()).collect()
    }

    /// The names of such objects.
    pub(super) fn names(&self, member: &str) -> Vec<String> {
        self.objects(member).into_iter().filter_map(|item| stated(&item["name"])).collect()
    }

    /// The day on which the question is asked.
    pub(super) fn today(&self) -> NaiveDate {
        let stated = self.data["today"].as_str().and_then(|text| text.parse().ok());
        stated.unwrap_or_else(|| Utc::now().date_naive())
    }

    pub(super) fn business(&self) -> Business {
        let industry = self.industry().unwrap_or_default().to_lowercase();
        let speaks = |words: &[&str]| words.iter().any(|word| industry.contains(word));
        if speaks(&["software", "intelligence", "saas", "technology", "it "]) {
            Business::Software
        } else if speaks(&["health", "well", "fitness", "sport", "education", "non-profit", "public", "care"]) {
            Business::Care
        } else if speaks(&[
            "finance",
            "insur",
            "estate",
            "construct",
            "marketing",
            "manufact",
            "legal",
            "consult",
            "energy",
        ]) {
            Business::Professional
        } else {
            Business::Consumer
        }
    }

    /// A number that is the same for the same brand, so that different brands get different people.
    pub(super) fn seed(&self) -> usize {
        self.name().bytes().fold(7, |seed: usize, byte| seed.wrapping_mul(31).wrapping_add(usize::from(byte)))
    }

    /// How well all this supports an answer: between 0.4 and 0.9, two decimals.
    pub(super) fn confidence(&self) -> f64 {
        let points = 40
            + if self.data["brand_intelligence"].is_object() { 20 } else { 0 }
            + 2 * self.list("key_messages").len().min(5)
            + if self.audience_description().is_some() { 10 } else { 0 }
            + if self.objects("target_audiences").is_empty() { 0 } else { 5 }
            + if self.objects("products_services").is_empty() { 0 } else { 5 };
        points as f64 / 100.0
    }
}

/// A text that says something.
pub(super) fn stated(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty() && *text != NOT_STATED).map(str::to_owned)
}

/// The first sentence, without its full stop, clipped where it is long.
pub(super) fn phrase(text: &str) -> String {
    let sentence = text.split(['.', '!', '?', '\n']).next().unwrap_or_default().trim();
    if sentence.chars().count() <= MAX_PHRASE {
        return sentence.to_owned();
    }
    let clipped: String = sentence.chars().take(MAX_PHRASE).collect();
    let whole_words = clipped.rsplit_once(' ').map_or(clipped.as_str(), |(words, _)| words);
    format!("{whole_words}…")
}
