//! A strict reader of Prometheus' text format (prometheus.io, "Exposition formats"), which shares no code with the product.

use std::collections::{BTreeMap, BTreeSet};

/// What one scrape shows.
pub struct Exposition {
    pub families: BTreeMap<String, Family>,
}

pub struct Family {
    pub kind: String,
    pub help: String,
    pub samples: Vec<Sample>,
}

pub struct Sample {
    /// The name with its suffix.
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Exposition {
    /// Reads the text; panics where it breaks the format's rules.
    pub fn read(text: &str) -> Exposition {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut helps: BTreeMap<String, String> = BTreeMap::new();
        assert!(text.ends_with('\n'), "the last line ends");
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("no words: {line}"));
                assert!(helps.insert(name.to_owned(), help.to_owned()).is_none(), "described twice: {line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                let help = helps.get(name).cloned().unwrap_or_else(|| panic!("not described: {line}"));
                let family = Family { kind: kind.to_owned(), help, samples: Vec::new() };
                assert!(families.insert(name.to_owned(), family).is_none(), "typed twice: {line}");
            } else {
                let sample = Sample::read(line);
                let family = family_of(&families, &sample.name).unwrap_or_else(|| panic!("no type before {line}"));
                families.get_mut(&family).unwrap().samples.push(sample);
            }
        }
        let exposition = Exposition { families };
        exposition.families.iter().for_each(|(name, family)| family.check(name));
        exposition
    }

    /// The sum of the samples of this name that have all of these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matching = self.samples().filter(|sample| sample.name == name && sample.has(labels));
        matching.map(|sample| sample.value).sum()
    }

    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.families.values().flat_map(|family| &family.samples)
    }

    /// The names that a query may use, each with its labels.
    pub fn names(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for sample in self.samples() {
            names.entry(sample.name.clone()).or_default().extend(sample.labels.keys().cloned());
        }
        names
    }
}

fn family_of(families: &BTreeMap<String, Family>, name: &str) -> Option<String> {
    let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
        let name = name.strip_suffix(suffix)?;
        families.get(name).filter(|family| family.kind == "histogram").map(|_| name.to_owned())
    });
    histogram.or_else(|| families.get(name).filter(|family| family.kind != "histogram").map(|_| name.to_owned()))
}

impl Family {
    fn check(&self, name: &str) {
        assert!(self.help.len() > 10, "{name} is not described: {:?}", self.help);
        assert_eq!(self.kind == "counter", name.ends_with("_total"), "{name} is a {}", self.kind);
        let mut seen = BTreeSet::new();
        for sample in &self.samples {
            assert!(seen.insert((&sample.name, &sample.labels)), "{name}{:?} is there twice", sample.labels);
            assert!(
                sample.value.is_finite() && (self.kind == "gauge" || sample.value >= 0.0),
                "{name}: {}",
                sample.value
            );
        }
        if self.kind == "histogram" {
            self.check_buckets(name);
        }
    }

    /// The counts of a series rise up to that of everything, which is the series' count.
    fn check_buckets(&self, name: &str) {
        let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
        for sample in self.samples.iter().filter(|sample| sample.name.ends_with("_bucket")) {
            let mut labels = sample.labels.clone();
            let bound = labels.remove("le").unwrap_or_else(|| panic!("{name}: a bucket without a bound"));
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
            series.entry(labels).or_default().push((bound, sample.value));
        }
        assert!(!series.is_empty(), "{name} has no buckets");
        for (labels, buckets) in series {
            assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{name}{labels:?}: {buckets:?}");
            let &(bound, all) = buckets.last().unwrap();
            let count = self.samples.iter().find(|sample| sample.name.ends_with("_count") && sample.labels == labels);
            assert_eq!((bound, Some(all)), (f64::INFINITY, count.map(|sample| sample.value)), "{name}{labels:?}");
        }
    }
}

impl Sample {
    fn read(line: &str) -> Sample {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap_or_else(|| panic!("open brace: {line}"))),
            None => (series, ""),
        };
        let is_name = |name: &str| {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            !name.is_empty() && name.chars().all(allowed) && !name.starts_with(|c: char| c.is_ascii_digit())
        };
        assert!(is_name(name), "{line}");
        let mut read = BTreeMap::new();
        // No value of ours holds a quote, which is part of what is checked.
        for pair in labels.split("\",").filter(|pair| !pair.is_empty()) {
            let (label, value) = pair.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
            let value = value.strip_suffix('"').unwrap_or(value);
            assert!(is_name(label) && !value.contains(['"', '\\', '\n']), "{line}");
            assert!(read.insert(label.to_owned(), value.to_owned()).is_none(), "a label twice: {line}");
        }
        Sample { name: name.to_owned(), labels: read, value }
    }

    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(label, value)| self.labels.get(*label).is_some_and(|found| found == value))
    }
}
