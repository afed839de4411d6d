//! The database and one handler for each question: what one would write without a queue or a log.
//! Must not be less durable than the product.

use super::{Server, role};
use crate::Outcome;
use crate::database::Kind;

/// What it is called in tables where viewers poll.
pub fn polled(kind: Kind) -> String {
    format!("UPDATE and polling, {}", kind.name())
}

/// A server on a fresh database: `POST /api/jobs/start` inserts, `POST /pub/N` updates, `GET /status/N` reads.
pub fn start(kind: Kind, size: usize) -> Outcome<Server> {
    let database = kind.fresh()?;
    let mut server = role(&["table", &database.url], size)?;
    server.helpers = kind.processes();
    server.database = Some(database);
    Ok(server)
}
