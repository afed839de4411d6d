//! What the tests are made of: real servers, a site to analyse, and a reader of event streams that shares no code with
//! the product.

mod client;
mod counting_store;
mod demo;
mod history;
mod log_server;
mod password_server;
mod process;
mod program;
mod proxy;
mod reader;
mod receiver;
mod server;
mod site;
mod token;

pub use client::Client;
pub use counting_store::{CountingStore, Reads};
pub use demo::Demo;
pub use history::{assert_complete, stored};
pub use log_server::{LogServer, new_job};
pub use password_server::PasswordServer;
pub use process::Process;
pub use program::{Ended, Program, jobcast};
pub use proxy::Proxy;
pub use reader::{Heard, Reader, Received};
pub use receiver::{Receiver, Reply};
pub use server::{Server, flags};
pub use site::Site;
pub use token::{SECRET, TokenClaims, claims_of, in_seconds, signed, signed_as, with_signature};

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jobcast::store::{Store, StoreSettings};

use crate::databases::TestDatabase;

/// No condition is waited for longer than this.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A store of its own on the database, as another program would have it.
pub async fn open(database: &TestDatabase) -> Arc<dyn Store> {
    database.store(StoreSettings { lease: Duration::from_secs(600), max_queued_jobs: 10_000, alone: false }).await
}

/// Waits for something that must come.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {DEADLINE:?}"),
    }
}

/// Asks again and again until the answer is there.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    soon(what, async {
        loop {
            if let Some(value) = ask().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

/// Makes a test of each function on each database.
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::databases::TestDatabase::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::databases::TestDatabase::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both_databases;
