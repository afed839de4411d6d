//! Opening: what a wrong address is told, and that instances may start at once.

use std::time::Instant;

use jobcast::store::{self, StoreError};

use super::*;
use crate::databases::TestDatabase;
use crate::harness::on_both_databases;

on_both_databases!(instances_may_open_a_new_database_at_once);

async fn instances_may_open_a_new_database_at_once(database: TestDatabase) {
    let opened = futures_util::future::join_all((0..4).map(|_| database.store(among_others()))).await;
    let job = created(&*opened[0], brand()).await;
    for store in &opened {
        assert_eq!(stored(&**store, job.id).await, job);
    }
}

async fn refusal(url: &str) -> StoreError {
    store::open(url, url, settings()).await.err().expect("the store does not open")
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/jobcast.db");
    let error = refusal(&format!("sqlite://{}", path.display())).await;
    assert!(matches!(error, StoreError::Rejected(_)));
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert!(error.to_string().contains("missing does not exist"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "these are notes, not a database. ".repeat(100)).unwrap();
    let error = refusal(&format!("sqlite://{}", path.display())).await;
    assert!(matches!(error, StoreError::Rejected(_)), "{error}");
    assert!(error.to_string().contains("notes.txt"), "{error}");
}

#[tokio::test]
async fn sqlite_in_memory_is_refused() {
    for url in ["sqlite::memory:", "sqlite://x?mode=memory"] {
        assert!(refusal(url).await.to_string().contains("must name a file"));
    }
}

#[tokio::test]
async fn an_address_of_no_known_database_is_refused() {
    for url in ["mysql://root@127.0.0.1/x", "jobcast.db", ""] {
        let error = refusal(url).await;
        assert!(error.to_string().contains("sqlite:// or postgres://"), "{error}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_its_password() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let began = Instant::now();
    let error = refusal(&format!("postgres://me:geheim@127.0.0.1:{port}/mine")).await;
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains(&format!("postgres://me@127.0.0.1:{port}/mine")), "{error}");
    assert!(!error.to_string().contains("geheim"), "{error}");
    assert!(began.elapsed() < DEADLINE);
    let malformed = refusal("postgres://me:geheim@127.0.0.1:port/mine").await;
    assert!(matches!(malformed, StoreError::Rejected(_)));
    assert!(!malformed.to_string().contains("geheim"), "{malformed}");
}
