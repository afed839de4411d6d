//! The database: whether it answers, its version, clock and tables, and what stands between.
//! Must not change anything in it.

use chrono::TimeDelta;

use crate::config::Config;
use crate::store::StoreError;
use crate::store::inspection::{
    Kind, Pooling, PostgresServer, Schema, hears_notifications, postgres_server, schema, sqlite_file,
};

use super::finding::Finding;

/// The oldest PostgreSQL, as `server_version_num` has it.
const OLDEST_POSTGRES: i32 = 140_000;
/// Clocks that differ by more make times in answers and the expiry of tokens wrong.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(2);

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    match Kind::of(config.database_url.expose()) {
        Err(error) => vec![failed("database", "DATABASE_URL", &error)],
        Ok(Kind::Sqlite) => sqlite(config).await,
        Ok(Kind::Postgres) => postgres(config).await,
    }
}

async fn sqlite(config: &Config) -> Vec<Finding> {
    let url = config.database_url.expose();
    let file = match sqlite_file(url) {
        Err(error) => return vec![failed("database", "DATABASE_URL", &error)],
        Ok(file) => file,
    };
    let place = file.path.display();
    let says = match (file.bytes, file.in_use) {
        (None, _) => format!("{place} does not exist yet; the first start creates it"),
        (Some(bytes), false) => format!("{place} has {} KiB", bytes.div_ceil(1024)),
        (Some(bytes), true) => format!("{place} has {} KiB; a server is running on it", bytes.div_ceil(1024)),
    };
    match schema(url).await {
        Err(error) => vec![failed("database", "DATABASE_URL", &error)],
        Ok(schema) => vec![Finding::ok("database", says), tables(&schema)],
    }
}

async fn postgres(config: &Config) -> Vec<Finding> {
    let (url, direct) = (config.database_url.expose(), config.direct_database_url().expose());
    let is_separate = config.direct_database_url.is_some();
    let direct_setting = if is_separate { "DIRECT_DATABASE_URL" } else { "DATABASE_URL" };
    let server = match postgres_server(url).await {
        Err(error) => return vec![failed("database", "DATABASE_URL", &error)],
        Ok(server) => server,
    };
    let mut findings = vec![version(&server), clock(server.clock_ahead), pooler(server.pooling, is_separate)];
    let mut direct_pooling = server.pooling;
    if is_separate {
        match postgres_server(direct).await {
            Err(error) => return [findings, vec![failed("direct database", direct_setting, &error)]].concat(),
            Ok(server) => direct_pooling = server.pooling,
        }
        findings.push(direct_connection(direct_pooling));
    }
    // Through a transaction pooler neither can be looked at, and a LISTEN would stay behind on somebody's connection.
    if direct_pooling == Pooling::Session {
        let (schema, hears) = tokio::join!(schema(direct), hears_notifications(url, direct));
        findings.push(schema.map_or_else(|error| failed("tables", direct_setting, &error), |schema| tables(&schema)));
        findings.push(notifications(hears, direct_setting));
    }
    findings
}

fn version(server: &PostgresServer) -> Finding {
    let says = format!("PostgreSQL {} answers", server.version);
    if server.version_number < OLDEST_POSTGRES {
        return Finding::fail("database", says, "use PostgreSQL 14 or later");
    }
    Finding::ok("database", says)
}

fn clock(ahead: TimeDelta) -> Finding {
    let seconds = ahead.abs().as_seconds_f64();
    if ahead.abs() > CLOCK_TOLERANCE {
        let direction = if ahead > TimeDelta::zero() { "ahead of" } else { "behind" };
        return Finding::warn(
            "clock",
            format!("the database's is {seconds:.1} s {direction} this machine's"),
            "let NTP set both; leases go by the database's clock, times in answers and tokens by this one",
        );
    }
    Finding::ok("clock", format!("differs from the database's by {seconds:.3} s"))
}

fn pooler(pooling: Pooling, has_direct: bool) -> Finding {
    match pooling {
        Pooling::Session => Finding::ok("pooler", "none, or one in session mode"),
        Pooling::Transaction { keeps_prepared_statements: false } => Finding::fail(
            "pooler",
            "DATABASE_URL goes through a pooler in transaction mode that loses prepared statements",
            "set PgBouncer's max_prepared_statements above 0 (1.21 or later), or its pool_mode to session",
        ),
        Pooling::Transaction { .. } if !has_direct => Finding::fail(
            "pooler",
            "DATABASE_URL goes through a pooler in transaction mode, where LISTEN and migrations do not work",
            "set DIRECT_DATABASE_URL to the same database without the pooler",
        ),
        Pooling::Transaction { .. } => {
            Finding::ok("pooler", "in transaction mode, and DIRECT_DATABASE_URL goes past it")
        }
    }
}

fn direct_connection(pooling: Pooling) -> Finding {
    match pooling {
        Pooling::Session => Finding::ok("direct database", "answers, past any pooler in transaction mode"),
        Pooling::Transaction { .. } => Finding::fail(
            "direct database",
            "DIRECT_DATABASE_URL goes through a pooler in transaction mode, too",
            "name the database server itself there (Fly: direct.CLUSTER.flympg.net)",
        ),
    }
}

fn notifications(hears: Result<bool, StoreError>, direct_setting: &str) -> Finding {
    match hears {
        Ok(true) => Finding::ok("notifications", "what one instance announces is heard by the others"),
        Ok(false) => Finding::fail(
            "notifications",
            format!("an announcement over DATABASE_URL was not heard over {direct_setting} within 5 s"),
            "see that both name the same database, and that the direct one goes through no pooler",
        ),
        Err(error) => failed("notifications", direct_setting, &error),
    }
}

fn tables(schema: &Schema) -> Finding {
    let later: Vec<String> = schema.later.iter().map(i64::to_string).collect();
    match (schema.missing.as_slice(), later.as_slice()) {
        ([], []) => Finding::ok("tables", "are up to date"),
        ([], later) => Finding::ok(
            "tables",
            format!("are up to date; a later version has been here (migration {})", later.join(", ")),
        ),
        (missing, _) => Finding::warn(
            "tables",
            match missing {
                [one] => format!("1 migration is not applied: {} {}", one.number, one.description),
                several => format!("{} migrations are not applied", several.len()),
            },
            "the next start applies it; or run: jobcast migrate",
        ),
    }
}

fn failed(check: &'static str, setting: &str, error: &StoreError) -> Finding {
    let advice = match error {
        StoreError::Unavailable(_) => format!("see that it runs, that this machine reaches it, and check {setting}"),
        StoreError::Rejected(_) => format!("check {setting}: user, password, name of the database or path of the file"),
    };
    Finding::fail(check, error.to_string(), advice)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn what_stands_between_is_judged_by_what_works_through_it() {
        let transaction = |keeps_prepared_statements| Pooling::Transaction { keeps_prepared_statements };
        for (pooling, has_direct, level) in [
            (Pooling::Session, false, Level::Ok),
            (transaction(true), true, Level::Ok),
            (transaction(true), false, Level::Fail),
            (transaction(false), true, Level::Fail),
        ] {
            assert_eq!(pooler(pooling, has_direct).level, level, "{pooling:?} {has_direct}");
        }
        assert_eq!(direct_connection(transaction(true)).level, Level::Fail);
    }

    #[test]
    fn an_old_server_and_a_wrong_clock_are_told() {
        let server = |version_number| PostgresServer {
            version: "x".to_owned(),
            version_number,
            clock_ahead: TimeDelta::zero(),
            pooling: Pooling::Session,
        };
        assert_eq!(version(&server(139_999)).level, Level::Fail);
        assert_eq!(version(&server(140_000)).level, Level::Ok);
        assert_eq!(clock(TimeDelta::seconds(2)).level, Level::Ok);
        assert!(clock(TimeDelta::seconds(3)).says.contains("ahead"));
        assert!(clock(TimeDelta::seconds(-3)).says.contains("behind"));
    }
}
