//! The short table of the project's README: what was measured, of the product, of the limit and of the best peer.
//! Must not show a figure that the long tables have not.

use std::path::Path;

use crate::Outcome;
use crate::results::{Results, Table, grouped};

/// One line: a figure of one table, or of one table for each database.
struct Line {
    what: &'static str,
    scenario: &'static str,
    /// Words of the tables' titles, of SQLite and of PostgreSQL.
    tables: [&'static str; 2],
    /// The product's rows, in the same order.
    rows: [&'static str; 2],
    figure: &'static str,
    decimals: usize,
    peers: Peers,
}

/// Whom the product is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peers {
    /// The one with the largest, or the smallest, figure.
    Most,
    Least,
    None,
}

const BOTH: [&str; 2] = ["jobcast on SQLite", "jobcast on PostgreSQL"];
const LIMIT: &str = "bare loop, 2 threads";

const fn line(what: &'static str, scenario: &'static str, table: &'static str, figure: &'static str) -> Line {
    Line { what, scenario, tables: [table, table], rows: BOTH, figure, decimals: 2, peers: Peers::Least }
}

const LINES: [Line; 13] = [
    Line {
        decimals: 0,
        peers: Peers::Most,
        ..line("deliveries/s to 10,000 viewers, one event after another", "fanout", "to 10,000, one event", "rate")
    },
    Line {
        decimals: 0,
        peers: Peers::Most,
        ..line("deliveries/s to 10,000 viewers in a burst", "fanout", "to 10,000 in a burst", "rate")
    },
    line("p99 to 1,000 viewers at 20 events/s, ms", "fanout", "to 1,000 at", "p99"),
    Line {
        decimals: 0,
        peers: Peers::Most,
        ..line("deliveries/s to 10,000 viewers who come late", "late", "events at once", "rate")
    },
    line("p99 of 5,000 jobs with 2 viewers and an event a second each, ms", "many", "5,000 jobs", "p99"),
    line("an idle stream, resident KiB", "memory", "Idle event streams", "resident"),
    line("10,000 viewers cut and caught up again, s", "storm", "viewers cut at once", "seconds"),
    line("append → socket, one viewer, p50 ms", "append", "1 jobs", "p50"),
    Line {
        tables: ["a second, SQLite", "a second, PostgreSQL"],
        rows: ["whole product, 256 jobs", "whole product, 256 jobs"],
        decimals: 0,
        peers: Peers::None,
        ..line("durable events/s of 256 jobs, whole product", "durable", "", "rate")
    },
    Line {
        tables: ["a second, SQLite", "a second, PostgreSQL"],
        rows: ["event log alone, 256 producers", "event log alone, 256 producers"],
        decimals: 0,
        peers: Peers::None,
        ..line("durable events/s of 256 producers, event log alone", "durable", "", "rate")
    },
    Line {
        tables: ["a second, SQLite", "a second, PostgreSQL"],
        rows: ["one transaction each, 1 connection", "one transaction each, 32 connections"],
        decimals: 0,
        peers: Peers::None,
        ..line("the same with one transaction each", "durable", "", "rate")
    },
    line("start request at 1,000/s, 5,000 streams open, p99 ms", "start", "Starts at", "p99"),
    Line {
        peers: Peers::None,
        ..line("start → taken up, at the viewer, p99 ms", "first", "until the viewer", "started_p99")
    },
];

/// The table as Markdown, of what was saved.
pub fn markdown(folder: &Path) -> Outcome<String> {
    let mut text =
        "| what | SQLite | PostgreSQL | bare loop | best peer |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for line in &LINES {
        if let Some(results) = Results::load(folder, line.scenario)? {
            text.push_str(&line.markdown(&results));
        }
    }
    Ok(text)
}

impl Line {
    fn markdown(&self, results: &Results) -> String {
        let [sqlite, postgres] = [0, 1].map(|kind| self.table(results, kind));
        let cell = |table: Option<&Table>, row: &str| {
            let rounds = table.and_then(|table| table.rounds(row, self.figure));
            rounds.map_or_else(|| "–".to_owned(), |rounds| grouped(rounds, self.decimals))
        };
        let (one, other) = (cell(sqlite, self.rows[0]), cell(postgres, self.rows[1]));
        let (limit, peer) = (cell(sqlite, LIMIT), sqlite.and_then(|table| self.best_peer(table)));
        format!("| {} | {one} | {other} | {limit} | {} |\n", self.what, peer.unwrap_or_else(|| "–".to_owned()))
    }

    fn table<'a>(&self, results: &'a Results, kind: usize) -> Option<&'a Table> {
        results.tables.iter().find(|table| table.title.contains(self.tables[kind]))
    }

    fn best_peer(&self, table: &Table) -> Option<String> {
        let measured = |row: &&crate::results::Row| row.is_peer() && row.figures.contains_key(self.figure);
        let median = |row: &&crate::results::Row| row.figures[self.figure].median();
        let peers = table.rows.iter().filter(measured);
        let best = match self.peers {
            Peers::None => None,
            Peers::Most => peers.max_by(|one, other| median(one).total_cmp(&median(other))),
            Peers::Least => peers.min_by(|one, other| median(one).total_cmp(&median(other))),
        }?;
        Some(format!("{}: {}", best.name, grouped(&best.figures[self.figure], self.decimals)))
    }
}
