//! All that a database holds at a moment, to be compared with what it holds later.

use std::collections::{BTreeMap, BTreeSet};

use crate::databases::TestDatabase;

/// The rows of all tables, and what the tables are.
#[derive(Debug, PartialEq)]
pub struct Snapshot {
    /// Each row as JSON text, by the table and its columns of that moment.
    rows: BTreeMap<(String, String), BTreeSet<String>>,
    /// Columns, constraints, indexes and triggers, a line each.
    schema: BTreeSet<String>,
}

/// A CHECK of a job's type or status may become wider, so only its name counts.
const SCHEMA: &str = "
    SELECT concat_ws(' ', 'column', table_name, column_name, data_type, udt_name, character_maximum_length,
                     numeric_precision, numeric_scale, is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, contype, convalidated,
                     CASE WHEN contype <> 'c' OR conrelid <> to_regclass('ai_jobs') THEN pg_get_constraintdef(oid) END)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', 'index', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT concat_ws(' ', 'trigger', tgenabled, pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal";

const TABLES: &str = "
    SELECT table_name || '|' || string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
    FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name";

impl Snapshot {
    pub async fn of(database: &TestDatabase) -> Snapshot {
        let mut rows = BTreeMap::new();
        for table in database.texts(TABLES).await {
            let (table, columns) = table.split_once('|').expect("a table and its columns");
            let key = (table.to_owned(), columns.to_owned());
            rows.insert(key, read_rows(database, table, columns).await);
        }
        Snapshot { rows, schema: database.texts(SCHEMA).await.into_iter().collect() }
    }

    /// Fails unless each row of then is there still, the same in the columns of then, and so is all of the schema.
    pub async fn assert_kept(&self, database: &TestDatabase) {
        for ((table, columns), then) in &self.rows {
            let now = read_rows(database, table, columns).await;
            let lost: Vec<_> = then.difference(&now).collect();
            assert!(lost.is_empty(), "rows of {table} that are gone or changed: {lost:#?}\nnow: {now:#?}");
        }
        let now: BTreeSet<String> = database.texts(SCHEMA).await.into_iter().collect();
        let lost: Vec<_> = self.schema.difference(&now).collect();
        assert!(lost.is_empty(), "gone or changed: {lost:#?}");
    }

    /// The tables that have rows.
    pub fn filled_tables(&self) -> Vec<&str> {
        self.rows.iter().filter(|(_, rows)| !rows.is_empty()).map(|((table, _), _)| table.as_str()).collect()
    }
}

/// Each row has an id, so that a set holds them all.
async fn read_rows(database: &TestDatabase, table: &str, columns: &str) -> BTreeSet<String> {
    let rows = format!("SELECT to_jsonb(t)::text FROM (SELECT {columns} FROM \"{table}\") AS t");
    database.texts(&rows).await.into_iter().collect()
}
