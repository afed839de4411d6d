//! Percentiles of one round, medians over rounds, and tables.
//! Must not measure anything.

use std::fmt;
use std::time::Duration;

/// How long each of many things took.
#[derive(Default)]
pub struct Latencies {
    all: Vec<Duration>,
}

impl Latencies {
    /// The latency, in milliseconds, that this share of all (0 to 1) did not exceed.
    pub fn percentile(&mut self, share: f64) -> f64 {
        if self.all.is_empty() {
            return f64::NAN;
        }
        self.all.sort_unstable();
        let rank = (share * self.all.len() as f64).ceil() as usize;
        self.all[rank.clamp(1, self.all.len()) - 1].as_secs_f64() * 1000.0
    }

    pub fn push(&mut self, latency: Duration) {
        self.all.push(latency);
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }
}

impl Extend<Latencies> for Latencies {
    fn extend<T: IntoIterator<Item = Latencies>>(&mut self, others: T) {
        self.all.extend(others.into_iter().flat_map(|other| other.all));
    }
}

impl FromIterator<Latencies> for Latencies {
    fn from_iter<T: IntoIterator<Item = Latencies>>(others: T) -> Latencies {
        let mut joined = Latencies::default();
        joined.extend(others);
        joined
    }
}

/// One figure of every round; prints as `median (smallest–largest)`, with the precision of the format.
#[derive(Clone, Default)]
pub struct Rounds {
    figures: Vec<f64>,
}

impl Rounds {
    pub fn push(&mut self, figure: f64) {
        self.figures.push(figure);
    }

    /// This figure over the other, round by round, so that what slowed both down in a round falls out.
    pub fn over(&self, other: &Rounds) -> Rounds {
        Rounds { figures: self.figures.iter().zip(&other.figures).map(|(this, other)| this / other).collect() }
    }

    /// The largest of all rounds.
    pub fn largest(&self) -> f64 {
        self.figures.iter().copied().fold(f64::NAN, f64::max)
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.figures.clone();
        sorted.sort_by(f64::total_cmp);
        let (Some(smallest), Some(largest)) = (sorted.first(), sorted.last()) else { return f.write_str("–") };
        let (median, precision) = (sorted[sorted.len() / 2], f.precision().unwrap_or(2));
        write!(f, "{median:.precision$} ({smallest:.precision$}–{largest:.precision$})")
    }
}

/// Prints a heading and the head of a Markdown table.
pub fn print_head(title: &str, columns: &[&str]) {
    println!("\n### {title}\n");
    println!("| {} |", columns.join(" | "));
    println!("|{}", " --- |".repeat(columns.len()));
}

/// Prints a row of a Markdown table.
pub fn print_row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}
