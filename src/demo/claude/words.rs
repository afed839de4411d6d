//! Counts words: which of them are significant, and which industry they speak of.
//! It must not know prompts or schemas.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Themes returned at most.
const MAX_THEMES: usize = 40;
/// A pair of words is a theme if it occurs as often as this.
const PAIR_MIN: usize = 3;

/// Words that say nothing about a subject, in the languages most sites are in.
static STOP_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "about above across after again against alle allow allows along already also although always among another \
     anything around auch aussi available avec because been before being below best better between bien both \
     button came cannot case click come como contact cookie cookies copyright could dans dass dein desde does \
     doing done down durch each eine einem einen einer elle else email entre especially estas este even ever \
     every everything example find first following from full further gets getting give given goes going good \
     great haben hasn have having help helps here home however http https ihre includes including instead into \
     isn itself just keep know last learn less let like line link list little login long look made main make \
     makes making many mehr menu more most much must need needs never next nicht note nous nuestro oder once only \
     onto other others over overview page pages para part people perhaps please plus policy pour privacy rather \
     read really reserved rights same search section seit should shows sich side sign simply since site sobre \
     some something sont such sure take takes terms than that their them then there these they thing things this \
     those three through time today together todo toggle très under unser unsere until upon used uses using very \
     view votre vous want ways web website well were werden what when where whether which while will wird with \
     within without work works would year years your yours yourself"
        .split(' ')
        .collect()
});

/// An industry and the words that speak of it.
const INDUSTRIES: &[(&str, &[&str])] = &[
    (
        "Software and technology",
        &[
            "software",
            "developer",
            "developers",
            "api",
            "cloud",
            "code",
            "programming",
            "open source",
            "server",
            "data",
            "platform",
            "app",
            "apps",
            "deploy",
            "library",
            "saas",
            "browser",
            "database",
            "compiler",
        ],
    ),
    ("Artificial intelligence", &["machine learning", "artificial intelligence", "llm", "language model", "neural"]),
    ("Retail and e-commerce", &["shop", "store", "cart", "shipping", "sale", "checkout", "returns", "wholesale"]),
    ("Fashion and apparel", &["fashion", "clothing", "shoes", "wear", "apparel", "outfit", "sneakers", "jewelry"]),
    (
        "Food and drink",
        &[
            "restaurant",
            "food",
            "coffee",
            "menu",
            "recipe",
            "recipes",
            "bakery",
            "bread",
            "tea",
            "wine",
            "beer",
            "kitchen",
            "roast",
        ],
    ),
    (
        "Health and wellness",
        &["health", "medical", "patient", "patients", "clinic", "care", "doctor", "wellness", "therapy", "dental"],
    ),
    (
        "Finance and insurance",
        &["bank", "banking", "finance", "loan", "insurance", "invest", "investment", "payment", "payments", "mortgage"],
    ),
    ("Education", &["school", "course", "courses", "students", "university", "learning", "teachers", "curriculum"]),
    ("Travel and hospitality", &["hotel", "travel", "trip", "flight", "booking", "rooms", "holiday", "tour"]),
    ("Real estate and construction", &["property", "homes", "real estate", "construction", "builder", "apartment"]),
    ("Marketing and media", &["marketing", "advertising", "agency", "campaign", "news", "magazine", "media", "brand"]),
    ("Manufacturing and industry", &["manufacturing", "factory", "machines", "industrial", "equipment", "engineering"]),
    ("Legal and consulting", &["law", "legal", "attorney", "lawyer", "consulting", "advisory", "compliance"]),
    ("Fitness and sport", &["fitness", "gym", "training", "sport", "running", "workout", "yoga"]),
    ("Non-profit and public service", &["charity", "donate", "donation", "volunteer", "nonprofit", "foundation"]),
    ("Energy and environment", &["solar", "energy", "climate", "recycling", "sustainable", "carbon", "electric"]),
];

/// The industry whose words occur most, if any occurs at least three times.
pub(super) fn industry(occurrences: impl Fn(&str) -> usize) -> Option<&'static str> {
    let score = |words: &[&str]| words.iter().map(|word| occurrences(word)).sum::<usize>();
    let scored = INDUSTRIES.iter().map(|(name, words)| (*name, score(words))).filter(|(_, score)| *score >= 3);
    // Of equals the first one of the table.
    scored.rev().max_by_key(|(_, score)| *score).map(|(name, _)| name)
}

/// The significant words and pairs of words of weighted texts, the most frequent first.
pub(super) fn themes<'a>(texts: impl Iterator<Item = (&'a str, usize)>) -> Vec<String> {
    let mut counts: HashMap<String, (usize, usize)> = HashMap::new();
    let mut count = |theme: String, weight: usize| {
        let order = counts.len();
        counts.entry(theme).or_insert((0, order)).0 += weight;
    };
    for (text, weight) in texts {
        let mut previous: Option<String> = None;
        for word in text.split(|character: char| !character.is_alphanumeric() && character != '\'') {
            let word = word.to_lowercase();
            if !is_significant(&word) {
                previous = None;
                continue;
            }
            if let Some(previous) = previous.filter(|previous| *previous != word) {
                count(format!("{previous} {word}"), weight);
            }
            count(word.clone(), weight);
            previous = Some(word);
        }
    }
    ranked(counts)
}

/// Whether `text` (in lower case) contains `word` as a word of its own.
pub(super) fn contains(text: &str, word: &str) -> bool {
    count(text, word) > 0
}

/// How often `text` (in lower case) contains `word` as a word of its own.
pub(super) fn count(text: &str, word: &str) -> usize {
    let is_edge = |character: Option<char>| character.is_none_or(|character| !character.is_alphanumeric());
    let stands_alone = |(at, found): &(usize, &str)| {
        is_edge(text[..*at].chars().next_back()) && is_edge(text[at + found.len()..].chars().next())
    };
    text.match_indices(word).filter(stands_alone).count()
}

/// Text with its first letter in upper case.
pub(super) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

fn is_significant(word: &str) -> bool {
    word.chars().count() >= 4
        && word.chars().any(char::is_alphabetic)
        && !word.contains('\'')
        && !word.starts_with(|character: char| character.is_ascii_digit())
        && !STOP_WORDS.contains(word)
}

/// A word that only occurs within a frequent pair does not stand beside it.
fn ranked(counts: HashMap<String, (usize, usize)>) -> Vec<String> {
    let mut all: Vec<(String, usize, usize)> = counts
        .into_iter()
        .filter(|(theme, (uses, _))| !theme.contains(' ') || *uses >= PAIR_MIN)
        .map(|(theme, (uses, order))| {
            // A pair says more than each of its words.
            let rank = if theme.contains(' ') { uses * 2 } else { uses };
            (theme, rank, order)
        })
        .collect();
    all.sort_by_key(|(_, rank, order)| (std::cmp::Reverse(*rank), *order));
    let mut kept: Vec<String> = Vec::new();
    for (theme, ..) in all {
        let covered = kept.iter().any(|other| other.split(' ').any(|word| theme.split(' ').any(|own| own == word)));
        if !covered {
            kept.push(theme);
        }
        if kept.len() == MAX_THEMES {
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn themes_are_frequent_significant_words_and_pairs() {
        let text =
            "Event streams for your jobs. Event streams that resume. Event streams! Durable jobs. Durable queue.";
        let themes = themes([(text, 1)].into_iter());
        assert_eq!(themes[0], "event streams");
        assert!(themes.contains(&"jobs".to_owned()) && themes.contains(&"durable".to_owned()));
        assert!(!themes.contains(&"your".to_owned()) && !themes.contains(&"event".to_owned()));
    }

    #[test]
    fn words_are_counted_whole() {
        assert_eq!(count("the app, an app and an apple; app", "app"), 3);
        assert!(!contains("happy", "app"));
    }

    #[test]
    fn the_industry_needs_evidence() {
        let of = |text: &'static str| industry(move |word| count(text, word));
        assert_eq!(of("coffee and bread from the bakery, tea too"), Some("Food and drink"));
        assert_eq!(of("one coffee"), None);
    }
}
