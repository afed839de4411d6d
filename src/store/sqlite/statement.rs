//! Builds statements over many rows at once, in few shapes, so that each shape is prepared once.
//! Must not run them.

use sqlx::AssertSqlSafe;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};

/// The longest run; with the widest row it stays below SQLite's 32,766 parameters.
const LONGEST: usize = 256;

/// Splits the rows into runs whose lengths are powers of two, so that a statement has few shapes.
pub(super) fn runs<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        if rows.is_empty() {
            return None;
        }
        let length = LONGEST.min(1 << rows.len().ilog2());
        let (run, rest) = rows.split_at(length);
        rows = rest;
        Some(run)
    })
}

/// `head (?, …), (?, …) tail` with a parameter for each member of each row.
pub(super) fn over_rows(
    head: &'static str,
    rows: usize,
    members: usize,
    tail: &'static str,
) -> Query<'static, Sqlite, SqliteArguments> {
    let row = format!("({})", list("?", members));
    sqlx::query(AssertSqlSafe(format!("{head} {} {tail}", list(&row, rows))))
}

/// `item, item, …`
pub(super) fn list(item: &str, times: usize) -> String {
    vec![item; times].join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_all_rows_in_order_and_in_few_lengths() {
        for length in [0, 1, 2, 3, 137, 255, 256, 257, 1000] {
            let rows: Vec<usize> = (0..length).collect();
            let runs: Vec<&[usize]> = runs(&rows).collect();
            assert_eq!(runs.concat(), rows);
            assert!(runs.iter().all(|run| run.len().is_power_of_two() && run.len() <= LONGEST));
        }
    }
}
