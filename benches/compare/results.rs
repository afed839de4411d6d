//! What was measured, round by round: kept as JSON, from which tables are made.
//! Must not average anything away: every round's figure is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// Stands for the largest figure of any row that is neither the product's nor the bare loop's, in each round.
pub const BEST_PEER: &str = "the best peer";

/// Everything that one scenario measured.
#[derive(Serialize, Deserialize)]
pub struct Results {
    pub scenario: String,
    pub conditions: Vec<String>,
    pub tables: Vec<Table>,
    pub plots: Vec<Plot>,
}

/// Figures of the same kind beside each other.
#[derive(Serialize, Deserialize)]
pub struct Table {
    pub title: String,
    /// What a row is.
    pub rows_are: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    pub notes: Vec<String>,
}

/// One column: a figure, or how it compares with that of another row within each round.
#[derive(Clone, Serialize, Deserialize)]
pub struct Column {
    pub head: String,
    pub figure: String,
    pub decimals: usize,
    /// The row that all others are divided by.
    pub over: Option<String>,
}

/// One side of a comparison.
#[derive(Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    pub about: String,
    /// Each figure's value in every round.
    pub figures: BTreeMap<String, Rounds>,
    /// What went wrong, in words; figures of such a round are kept.
    pub trouble: Vec<String>,
}

/// A curve or more; drawn by `plot`.
#[derive(Serialize, Deserialize)]
pub struct Plot {
    pub file: String,
    pub title: String,
    pub x: String,
    pub y: String,
    pub curves: Vec<Curve>,
}

/// One line of a plot.
#[derive(Serialize, Deserialize)]
pub struct Curve {
    pub name: String,
    /// At each x the values of all rounds.
    pub points: Vec<(f64, Rounds)>,
}

/// One figure of every round; prints as `median (smallest–largest)`, with the precision of the format.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rounds(pub Vec<f64>);

impl Results {
    /// Nothing measured yet.
    pub fn new(scenario: &str, conditions: Vec<String>) -> Results {
        Results { scenario: scenario.to_owned(), conditions, tables: Vec::new(), plots: Vec::new() }
    }

    /// As Markdown: every table, and once for each side what has to be known of it.
    pub fn markdown(&self) -> String {
        let mut text: String = self.tables.iter().map(|table| table.markdown() + "\n").collect();
        let mut told = Vec::new();
        for row in self.tables.iter().flat_map(|table| &table.rows) {
            let line = format!("- {}: {}\n", row.name, row.about);
            if !row.about.is_empty() && !told.contains(&line) {
                told.push(line);
            }
        }
        text.push_str(&told.concat());
        text
    }

    /// Writes it to `FOLDER/SCENARIO.json`.
    pub fn save(&self, folder: &Path) -> Outcome<()> {
        std::fs::create_dir_all(folder)?;
        let file = folder.join(format!("{}.json", self.scenario));
        Ok(std::fs::write(file, serde_json::to_string_pretty(self)? + "\n")?)
    }

    /// Reads what was saved; nothing where it was not measured.
    pub fn load(folder: &Path, scenario: &str) -> Outcome<Option<Results>> {
        match std::fs::read_to_string(folder.join(format!("{scenario}.json"))) {
            Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Table {
    /// A table with these columns: head, figure, decimals.
    pub fn new(title: impl Into<String>, rows_are: &str, columns: &[(&str, &str, usize)]) -> Table {
        let columns = columns.iter().map(|(head, figure, decimals)| Column {
            head: (*head).to_owned(),
            figure: (*figure).to_owned(),
            decimals: *decimals,
            over: None,
        });
        Table {
            title: title.into(),
            rows_are: rows_are.to_owned(),
            columns: columns.collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a column that divides a figure by that of another row, round by round.
    pub fn over(mut self, head: &str, figure: &str, row: impl Into<String>) -> Table {
        let (head, figure) = (head.to_owned(), figure.to_owned());
        self.columns.push(Column { head, figure, decimals: 2, over: Some(row.into()) });
        self
    }

    /// The row of this name.
    pub fn row(&mut self, name: &str, about: &str) -> &mut Row {
        let at = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            let (name, about) = (name.to_owned(), about.to_owned());
            self.rows.push(Row { name, about, figures: BTreeMap::new(), trouble: Vec::new() });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    /// A figure over the rounds, if it was measured.
    pub fn rounds(&self, row: &str, figure: &str) -> Option<&Rounds> {
        self.rows.iter().find(|one| one.name == row)?.figures.get(figure)
    }

    /// The largest figure of any peer in each round; nothing where there is none.
    fn best_peer(&self, figure: &str) -> Option<Rounds> {
        let peers: Vec<&Rounds> =
            self.rows.iter().filter(|row| row.is_peer()).filter_map(|row| row.figures.get(figure)).collect();
        let rounds = peers.iter().map(|rounds| rounds.0.len()).max()?;
        let best =
            |round: usize| peers.iter().filter_map(|rounds| rounds.0.get(round)).copied().fold(f64::NAN, f64::max);
        Some(Rounds((0..rounds).map(best).collect()))
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let heads: Vec<&str> = self.columns.iter().map(|column| column.head.as_str()).collect();
        let mut text = format!("### {}\n\n| {} | {} |\n", self.title, self.rows_are, heads.join(" | "));
        text.push_str(&format!("|{}\n", " --- |".repeat(heads.len() + 1)));
        for row in &self.rows {
            let cells: Vec<String> = self.columns.iter().map(|column| self.cell(row, column)).collect();
            text.push_str(&format!("| {} | {} |\n", row.name, cells.join(" | ")));
        }
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        for row in &self.rows {
            for trouble in &row.trouble {
                text.push_str(&format!("\n**{}**: {trouble}\n", row.name));
            }
        }
        text
    }

    fn cell(&self, row: &Row, column: &Column) -> String {
        let Some(rounds) = row.figures.get(&column.figure) else { return "–".to_owned() };
        let Some(other) = &column.over else { return grouped(rounds, column.decimals) };
        let best = (other == BEST_PEER).then(|| self.best_peer(&column.figure)).flatten();
        match best.as_ref().or_else(|| self.rounds(other, &column.figure)) {
            Some(other) => format!("{:.*}", column.decimals, rounds.over(other)),
            None => "–".to_owned(),
        }
    }
}

impl Row {
    /// Whether it is neither the product nor the bare loop.
    pub fn is_peer(&self) -> bool {
        !self.name.starts_with("jobcast") && !self.name.starts_with("bare loop")
    }

    /// Notes a round's figure.
    pub fn push(&mut self, figure: &str, value: f64) {
        self.figures.entry(figure.to_owned()).or_default().0.push(value);
    }

    /// Notes what went wrong in a round.
    pub fn trouble(&mut self, words: impl Into<String>) {
        self.trouble.push(words.into());
    }
}

impl Rounds {
    /// This figure over the other, round by round, so that what slowed both down in a round falls out.
    pub fn over(&self, other: &Rounds) -> Rounds {
        Rounds(self.0.iter().zip(&other.0).map(|(this, other)| this / other).collect())
    }

    /// The middle one; not a number where there are none.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The smallest and the largest.
    pub fn range(&self) -> (f64, f64) {
        let smallest = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        (smallest, self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (precision, (smallest, largest)) = (f.precision().unwrap_or(2), self.range());
        write!(f, "{:.precision$} ({smallest:.precision$}–{largest:.precision$})", self.median())
    }
}

/// Large figures in thousands or millions, for tables that can be read.
pub fn grouped(rounds: &Rounds, decimals: usize) -> String {
    let median = rounds.median();
    let (unit, letter) = match median.abs() {
        large if decimals == 0 && large >= 1e6 => (1e6, " M"),
        large if decimals == 0 && large >= 1e4 => (1e3, " k"),
        _ => return format!("{rounds:.decimals$}"),
    };
    let scaled = Rounds(rounds.0.iter().map(|value| value / unit).collect());
    let precision = if unit == 1e6 { 2 } else { usize::from(median < 1e5) };
    let (smallest, largest) = scaled.range();
    format!("{:.precision$}{letter} ({smallest:.precision$}–{largest:.precision$})", scaled.median())
}
