//! Drafts three personas: kinds of customer of such a business, connected to the brand and to whom it wants to reach.
//! It must not contradict what the person said about the audience.

use super::archetypes::{self, Archetype};
use super::{listed, noted};
use crate::demo::claude::context::{BrandContext, phrase};
use serde_json::{Value, json};

/// How many personas there are.
const PERSONAS: usize = 3;
/// Ages that can be meant, in years.
const AGES: std::ops::RangeInclusive<u32> = 13..=99;

/// First names with the gender that a persona gets with them.
const NAMES: [(&str, &str); 12] = [
    ("Maya", "Female"),
    ("Jonas", "Male"),
    ("Priya", "Female"),
    ("Daniel", "Male"),
    ("Sofia", "Female"),
    ("Tomás", "Male"),
    ("Aisha", "Female"),
    ("Marcus", "Male"),
    ("Elena", "Female"),
    ("Kenji", "Male"),
    ("Ingrid", "Female"),
    ("Samuel", "Male"),
];

/// The personas, with a confidence.
pub(super) fn personas(context: &BrandContext) -> Value {
    let wish = Wish::read(&context.audience_description().unwrap_or_default());
    let kinds = archetypes::of(context.business());
    let audiences: Vec<Value> = (0..PERSONAS).map(|place| persona(context, &wish, &kinds[place], place)).collect();
    json!({"audiences": audiences, "confidence": context.confidence()})
}

fn persona(context: &BrandContext, wish: &Wish, kind: &Archetype, place: usize) -> Value {
    let (name, gender) = wish.name(context.seed() + place);
    let themes = nth_two(&context.themes(), place);
    let location =
        wish.location.clone().or_else(|| context.intelligence("target_market").and_then(|text| place_in(&text)));
    let mut interests = themes.clone();
    interests.extend(kind.interests.iter().map(|interest| (*interest).to_owned()));
    let mut values: Vec<String> = context.list("values").into_iter().skip(place).take(1).collect();
    values.extend(
        kind.values
            .iter()
            .filter(|value| !values.iter().any(|own| own == **value))
            .map(|value| (*value).to_owned())
            .collect::<Vec<_>>(),
    );
    let mut goals: Vec<String> = kind.goals.iter().map(|goal| (*goal).to_owned()).collect();
    goals.extend(
        context
            .list("key_messages")
            .get(place)
            .map(|message| format!("Get what {} promises: “{}”", context.name(), phrase(message))),
    );
    let (low, high) = wish.ages(kind.age, place);
    json!({
        "name": format!("{name}, {}", kind.role),
        "description": description(context, kind, name, &themes, place),
        "demographics": {
            "age_range": format!("{low}–{high}"),
            "gender": gender,
            "location": location.unwrap_or_else(|| "Urban areas of the brand's home market".to_owned()),
            "income_level": kind.income,
            "education": kind.education,
            "occupation": wish.occupation.clone().filter(|_| place == 0).unwrap_or_else(|| kind.occupation.to_owned()),
        },
        "psychographics": {
            "interests": interests,
            "values": values,
            "lifestyle": kind.lifestyle,
            "pain_points": kind.pains,
            "goals": goals,
            "buying_behavior": kind.buying,
        },
    })
}

fn description(context: &BrandContext, kind: &Archetype, name: &str, themes: &[String], place: usize) -> String {
    let brand = context.name();
    let mut text = format!("{name} {}.", kind.want.replace("{brand}", &brand));
    if !themes.is_empty() {
        let themes: Vec<String> = themes.iter().map(|theme| theme.to_lowercase()).collect();
        text += &format!(" Comes to {brand} for {}.", listed(&themes));
    }
    let told =
        context.audience_description().map(|told| format!(" Follows the description given: “{}”.", phrase(&told)));
    let market = || {
        context
            .intelligence("target_market")
            .map(|market| format!(" Part of the market that {brand} addresses: “{}”.", phrase(&market)))
    };
    text += &told.or_else(market).filter(|_| place == 0).unwrap_or_default();
    noted(&text)
}

/// Two neighbours of a list, different ones for each place as long as there are any.
fn nth_two(texts: &[String], place: usize) -> Vec<String> {
    let wanted = (place * 2..place * 2 + 2).map(|at| at % texts.len().max(1));
    let mut two: Vec<String> = wanted.filter_map(|at| texts.get(at).cloned()).collect();
    two.dedup();
    two
}

/// What a person's own words ask for.
#[derive(Debug, Default)]
struct Wish {
    ages: Option<(u32, u32)>,
    gender: Option<&'static str>,
    location: Option<String>,
    occupation: Option<String>,
}

impl Wish {
    fn read(text: &str) -> Wish {
        let words: Vec<String> =
            text.split(|character: char| !character.is_alphanumeric()).map(str::to_lowercase).collect();
        let says = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
        let (women, men) =
            (says(&["women", "woman", "female", "mothers", "moms"]), says(&["men", "man", "male", "fathers", "dads"]));
        let gender = match (women, men) {
            (true, false) => Some("Female"),
            (false, true) => Some("Male"),
            _ => None,
        };
        let occupations = [
            "founders",
            "developers",
            "engineers",
            "teachers",
            "students",
            "nurses",
            "freelancers",
            "managers",
            "designers",
            "runners",
            "retirees",
        ];
        let occupation = occupations
            .iter()
            .find(|occupation| says(&[occupation]))
            .map(|occupation| crate::demo::claude::words::capitalised(occupation.trim_end_matches('s')));
        Wish { ages: ages(&words), gender, location: place_in(text), occupation }
    }

    /// The name and gender for a number.
    fn name(&self, number: usize) -> (&'static str, &'static str) {
        let fitting: Vec<_> =
            NAMES.iter().filter(|(_, gender)| self.gender.is_none_or(|wanted| wanted == *gender)).collect();
        *fitting[number % fitting.len()]
    }

    /// A third of the ages asked for, else those of the kind.
    fn ages(&self, kind: (u32, u32), place: usize) -> (u32, u32) {
        let Some((low, high)) = self.ages else { return kind };
        let third = (high - low) / PERSONAS as u32;
        let from = low + third * place as u32;
        if third == 0 { (low, high) } else { (from, if place + 1 == PERSONAS { high } else { from + third }) }
    }
}

/// Two numbers that may be ages, next to each other or with "to" or "and" between them.
fn ages(words: &[String]) -> Option<(u32, u32)> {
    let words: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| !word.is_empty() && !matches!(*word, "to" | "and")).collect();
    words.windows(2).find_map(|pair| {
        let (low, high) = (pair[0].parse().ok()?, pair[1].parse().ok()?);
        (low < high && AGES.contains(&low) && AGES.contains(&high)).then_some((low, high))
    })
}

/// Words that begin with a capital letter behind "in", such as "in New York".
fn place_in(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let after = words.iter().position(|word| *word == "in")? + 1;
    let mut found: Vec<&str> = Vec::new();
    for word in &words[after..] {
        if !word.starts_with(char::is_uppercase) {
            break;
        }
        found.push(word.trim_end_matches(|character: char| !character.is_alphanumeric()));
        if !word.ends_with(char::is_alphanumeric) {
            break;
        }
    }
    (!found.is_empty()).then(|| found.join(" "))
}
