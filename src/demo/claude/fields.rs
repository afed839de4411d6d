//! Answers what a property of a schema asks for, by the property's name, from the facts of the prompt.
//! It must not invent facts: what is not stated is `None` or an empty list.

use super::facts::{Facts, PageFacts};
use super::{name, words};
use chrono::{Days, Utc};
use serde_json::Value;

/// Entries of a list of texts.
const MAX_LIST: usize = 6;
/// Entries of a list of themes.
const MAX_THEME_LIST: usize = 8;
/// The longest tagline, in words.
const MAX_TAGLINE: usize = 16;

/// Words that name values, as sites do when they speak of themselves.
const VALUE_WORDS: &[&str] = &[
    "accessibility",
    "authenticity",
    "care",
    "collaboration",
    "community",
    "compassion",
    "craftsmanship",
    "creativity",
    "curiosity",
    "diversity",
    "durability",
    "excellence",
    "fairness",
    "freedom",
    "honesty",
    "inclusion",
    "independence",
    "innovation",
    "integrity",
    "kindness",
    "openness",
    "open source",
    "passion",
    "performance",
    "precision",
    "privacy",
    "quality",
    "reliability",
    "respect",
    "responsibility",
    "safety",
    "security",
    "service",
    "simplicity",
    "speed",
    "sustainability",
    "teamwork",
    "transparency",
    "trust",
    "wellbeing",
];
/// Groups that sites address.
const AUDIENCES: &[&str] = &[
    "developers",
    "engineers",
    "designers",
    "businesses",
    "small businesses",
    "enterprises",
    "startups",
    "teams",
    "companies",
    "agencies",
    "students",
    "teachers",
    "parents",
    "families",
    "children",
    "patients",
    "travellers",
    "athletes",
    "runners",
    "creators",
    "marketers",
    "researchers",
    "scientists",
    "homeowners",
    "professionals",
    "administrators",
    "programmers",
    "customers",
    "members",
    "readers",
    "guests",
    "citizens",
];

/// Answers questions about one prompt.
pub(super) struct Fields<'a> {
    facts: &'a Facts,
}

impl<'a> Fields<'a> {
    pub(super) fn new(facts: &'a Facts) -> Fields<'a> {
        Fields { facts }
    }

    /// One text. `item` tells the items of a list apart, so that they do not all say the same.
    pub(super) fn text(&self, name: &str, item: usize) -> Option<String> {
        match name {
            "brand_name" | "company_name" | "company" | "brand" | "site_name" => name::brand(self.facts),
            "tagline" | "slogan" => self.tagline(),
            "mission" | "mission_statement" => {
                self.sentence(&["mission", "our goal", "we help", "our purpose", "we believe"])
            }
            "vision" | "vision_statement" => {
                self.sentence(&["vision", "the future", "we imagine", "our ambition", "a world"])
            }
            "brand_tone" | "tone" => Some(self.tone().join(", ")),
            "brand_voice" | "voice" => Some(self.voice()),
            "industry" | "sector" => self.industry(),
            "category" | "product_category" => self.industry(),
            "target_market" | "target_audience" | "audience" => self.target_market(),
            "unique_value_proposition" | "value_proposition" | "positioning" | "overview" | "summary" => {
                self.proposition()
            }
            "start_date" => Some(date(14 + 30 * item as u64)),
            "end_date" => Some(date(44 + 30 * item as u64)),
            "name" | "title" | "headline" => self.nth(&self.facts.headings, item).or_else(|| self.theme(item)),
            "description" | "details" => self.nth(&self.facts.sentences, item),
            _ => self.named_text(name).or_else(|| self.related_sentence(name, item)),
        }
    }

    /// A list of texts; empty when nothing is stated.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match name {
            "values" | "brand_values" => self.values(),
            "messaging_themes" | "themes" | "common_themes" | "interests" | "keywords" => self.themes(),
            "content_themes" | "topics" => self.content_themes(),
            "key_messages" | "key_findings" | "features" | "headings" => self.key_messages(),
            "brand_tone" | "tone" => self.tone(),
            "colors" | "colours" => self.colours(),
            _ => {
                let named = self.named_list(name);
                if named.is_empty() { self.related_sentences(name) } else { named }
            }
        }
    }

    /// A number; without any other meaning it is the number of things read.
    pub(super) fn number(&self, name: &str) -> f64 {
        if name.contains("confidence") || name.contains("score") || name.contains("probability") {
            return self.confidence();
        }
        let named = self.facts.named.get(name).into_iter().flatten().find_map(Value::as_f64);
        named.unwrap_or(self.facts.pages.len() as f64)
    }

    /// Whether the prompt speaks of what the name says.
    pub(super) fn flag(&self, name: &str) -> bool {
        let words = name_words(name);
        self.facts
            .named
            .get(name)
            .into_iter()
            .flatten()
            .find_map(Value::as_bool)
            .unwrap_or_else(|| words.iter().any(|word| self.facts.occurrences(word) > 0))
    }

    /// The one of `choices` that the prompt mentions most, else the first.
    pub(super) fn choice<'v>(&self, choices: &'v [Value]) -> Option<&'v Value> {
        let mentions = |choice: &Value| {
            let text =
                choice.as_str().map(|text| text.to_lowercase().replace('_', " ")).filter(|text| !text.is_empty());
            text.map_or(0, |text| self.facts.occurrences(&text))
        };
        choices.iter().rev().max_by_key(|choice| mentions(choice))
    }

    fn tagline(&self) -> Option<String> {
        let page = self.first_page()?;
        let brand = name::brand(self.facts).unwrap_or_default();
        let fits = |text: &String| (2..=MAX_TAGLINE).contains(&text.split_whitespace().count()) && *text != brand;
        let heading = page.headings.first().filter(|heading| fits(heading)).cloned();
        let description =
            || page.description.split_inclusive(['.', '!', '?']).next().map(|text| text.trim().to_owned()).filter(fits);
        let segment = || name::segments(&page.title).into_iter().find(fits);
        heading.or_else(description).or_else(segment)
    }

    fn industry(&self) -> Option<String> {
        words::industry(|word| self.facts.occurrences(word)).map(str::to_owned)
    }

    fn target_market(&self) -> Option<String> {
        let mut addressed: Vec<(usize, &str)> = AUDIENCES
            .iter()
            .map(|group| (self.facts.occurrences(group), *group))
            .filter(|(count, _)| *count > 0)
            .collect();
        addressed.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let groups: Vec<&str> = addressed.iter().take(3).map(|(_, group)| *group).collect();
        let stated = self.sentence(&["designed for", "made for", "built for", "for teams", "for people who"]);
        stated.or_else(|| (!groups.is_empty()).then(|| words::capitalised(&groups.join(", "))))
    }

    fn proposition(&self) -> Option<String> {
        let described = self.facts.pages.iter().map(|page| &page.description).find(|text| !text.is_empty()).cloned();
        let about_brand = || {
            let brand = name::brand(self.facts)?.to_lowercase();
            self.facts.sentence_with(&[&brand]).map(str::to_owned)
        };
        let first = || self.facts.sentences.first().or(self.facts.headings.first()).cloned();
        described.or_else(about_brand).or_else(first)
    }

    /// Adjectives for how the text addresses its reader.
    fn tone(&self) -> Vec<String> {
        let per_hundred = |count: usize| count * 100 / self.facts.word_count.max(1);
        let addressed = self.facts.occurrences("you") + self.facts.occurrences("your");
        let collective = self.facts.occurrences("we") + self.facts.occurrences("our");
        let exclamations = self.facts.all_text().map(|text| text.matches('!').count()).sum::<usize>();
        let mut tone = vec![if per_hundred(addressed) >= 1 { "direct" } else { "factual" }];
        if per_hundred(collective) >= 1 {
            tone.push("personal");
        }
        if exclamations >= 3 {
            tone.push("enthusiastic");
        }
        if self.words_per_sentence() > 18 {
            tone.push("detailed");
        } else {
            tone.push("concise");
        }
        tone.into_iter().map(str::to_owned).collect()
    }

    fn voice(&self) -> String {
        let addressed = self.facts.occurrences("you") + self.facts.occurrences("your");
        let collective = self.facts.occurrences("we") + self.facts.occurrences("our");
        let person = match (collective > 0, addressed > 0) {
            (true, true) => "speaks as \"we\" and addresses the reader as \"you\"",
            (true, false) => "speaks as \"we\"",
            (false, true) => "addresses the reader as \"you\"",
            (false, false) => "stays impersonal",
        };
        format!("The text {person}, with about {} words a sentence.", self.words_per_sentence().max(1))
    }

    fn words_per_sentence(&self) -> usize {
        let sentences = &self.facts.sentences;
        sentences.iter().map(|sentence| sentence.split_whitespace().count()).sum::<usize>() / sentences.len().max(1)
    }

    fn values(&self) -> Vec<String> {
        let mut named: Vec<(usize, &str)> = VALUE_WORDS
            .iter()
            .map(|word| (self.facts.occurrences(word), *word))
            .filter(|(count, _)| *count > 0)
            .collect();
        named.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        named.into_iter().take(MAX_LIST).map(|(_, word)| words::capitalised(word)).collect()
    }

    fn themes(&self) -> Vec<String> {
        self.facts.themes.iter().take(MAX_THEME_LIST).cloned().collect()
    }

    /// The themes of the headings alone: what the pages are about rather than what they say most.
    fn content_themes(&self) -> Vec<String> {
        let themes = words::themes(self.facts.headings.iter().map(|heading| (heading.as_str(), 1)));
        let themes: Vec<String> = themes.into_iter().take(MAX_THEME_LIST).collect();
        if themes.is_empty() { self.themes() } else { themes }
    }

    fn key_messages(&self) -> Vec<String> {
        let telling = self.facts.headings.iter().filter(|heading| heading.split_whitespace().count() >= 3);
        let telling: Vec<String> = telling.take(MAX_LIST).cloned().collect();
        if telling.is_empty() { self.facts.sentences.iter().take(MAX_LIST).cloned().collect() } else { telling }
    }

    fn colours(&self) -> Vec<String> {
        let is_colour = |text: &String| text.len() == 7 && text.starts_with('#');
        let mut found: Vec<String> = self.named_list("primary").into_iter().filter(is_colour).collect();
        found.extend(self.named_list("hex").into_iter().filter(is_colour));
        found.dedup();
        found.truncate(MAX_LIST);
        found
    }

    /// Between 0 and 1, two decimals: grows with what there was to read.
    fn confidence(&self) -> f64 {
        let facts = self.facts;
        let described = facts.pages.iter().any(|page| !page.description.is_empty());
        let points = 30
            + 4 * facts.pages.len().min(8)
            + if described { 10 } else { 0 }
            + if name::stated(self.facts).is_some() { 5 } else { 0 }
            + if facts.headings.len() >= 5 { 10 } else { 0 }
            + if facts.word_count >= 300 { 5 } else { 0 };
        points as f64 / 100.0
    }

    fn sentence(&self, words: &[&str]) -> Option<String> {
        self.facts.sentence_with(words).map(str::to_owned)
    }

    fn theme(&self, item: usize) -> Option<String> {
        self.nth(&self.facts.themes, item).map(|theme| words::capitalised(&theme))
    }

    fn nth(&self, texts: &[String], item: usize) -> Option<String> {
        texts.get(item % texts.len().max(1)).cloned()
    }

    fn named_text(&self, name: &str) -> Option<String> {
        let named = self.facts.named.get(name).into_iter().flatten().filter_map(Value::as_str);
        named.map(str::trim).find(|text| !text.is_empty()).map(str::to_owned)
    }

    fn named_list(&self, name: &str) -> Vec<String> {
        let values = self.facts.named.get(name).into_iter().flatten();
        let texts = values.flat_map(|value| match value {
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            value => value.as_str().into_iter().collect::<Vec<_>>(),
        });
        let mut kept: Vec<String> = Vec::new();
        for text in texts {
            if kept.len() < MAX_THEME_LIST && !kept.iter().any(|known| known == text) {
                kept.push(text.to_owned());
            }
        }
        kept
    }

    fn related_sentence(&self, name: &str, item: usize) -> Option<String> {
        self.nth(&self.related_sentences(name), item)
    }

    /// Sentences that contain a word of the property's name.
    fn related_sentences(&self, name: &str) -> Vec<String> {
        let words = name_words(name);
        let speaks = |sentence: &&String| {
            let lower = sentence.to_lowercase();
            words.iter().any(|word| words::contains(&lower, word))
        };
        self.facts.sentences.iter().filter(speaks).take(MAX_LIST).cloned().collect()
    }

    fn first_page(&self) -> Option<&PageFacts> {
        self.facts.pages.first()
    }
}

/// The words of `snake_case` that may occur in a text, each also without its plural.
fn name_words(name: &str) -> Vec<String> {
    let long = name.split('_').filter(|word| word.len() >= 4);
    long.flat_map(|word| [word.to_owned(), word.trim_end_matches('s').to_owned()]).collect()
}

/// `YYYY-MM-DD`, some days from today.
fn date(days: u64) -> String {
    let today = Utc::now().date_naive();
    today.checked_add_days(Days::new(days)).unwrap_or(today).to_string()
}
