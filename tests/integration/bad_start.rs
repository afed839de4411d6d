//! A database that cannot be used ends the start with one line that names the address, never the password.

use nix::sys::signal::Signal;
use tokio::net::TcpListener;
use url::Url;

use crate::databases::TestDatabase;
use crate::harness::{DEADLINE, Ended, PasswordServer, Program, jobcast, soon};

const PASSWORD: &str = "geheim";

/// The one line, which holds all of these and not the password.
async fn assert_told(database_url: &str, holds: &[&str]) {
    let mut command = jobcast();
    command.args(["--port", "0", "--database-url", database_url]).env("RUST_LOG", "info");
    let Ended { code, out, err: words } = Program::start(&mut command, DEADLINE).end().await;
    assert_eq!((code, out.as_str()), (Some(1), ""), "{words}");
    let lines: Vec<&str> = words.lines().collect();
    assert!(lines.len() == 1 && lines[0].starts_with("jobcast: cannot use the database: "), "{words:?}");
    for part in holds {
        assert!(words.contains(part), "{part:?} is missing from {words:?}");
    }
    assert!(!words.contains(PASSWORD), "{words}");
}

/// The server for tests with another database, and with a password, which it does not ask for.
fn with_password(database: &TestDatabase, user: &str, name: &str) -> (String, String) {
    let mut url = Url::parse(&database.url).unwrap();
    url.set_username(user).unwrap();
    url.set_path(name);
    let shown = url.to_string();
    url.set_password(Some(PASSWORD)).unwrap();
    (url.into(), shown)
}

#[tokio::test]
async fn a_server_that_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("postgres://me:{PASSWORD}@{address}/mine");
    assert_told(&url, &[&format!("postgres://me@{address}/mine"), "refused"]).await;
}

#[tokio::test]
async fn a_database_that_does_not_exist() {
    let database = TestDatabase::postgres().await;
    let user = Url::parse(&database.url).unwrap().username().to_owned();
    let (url, shown) = with_password(&database, &user, "jobcast_no_such_database");
    assert_told(&url, &[&shown, "does not exist"]).await;
}

#[tokio::test]
async fn a_user_that_does_not_exist() {
    let database = TestDatabase::postgres().await;
    let name = Url::parse(&database.url).unwrap().path().trim_start_matches('/').to_owned();
    let (url, _) = with_password(&database, "jobcast_no_such_user", &name);
    assert_told(&url, &["jobcast_no_such_user@"]).await;
}

#[tokio::test]
async fn a_wrong_password() {
    let server = PasswordServer::start().await;
    let address = server.address;
    let url = format!("postgres://me:{PASSWORD}@{address}/mine?sslmode=disable");
    assert_told(&url, &[&format!("postgres://me@{address}/mine"), "password authentication failed"]).await;
}

#[tokio::test]
async fn a_stop_signal_ends_the_waiting_for_a_silent_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://me:{PASSWORD}@{}/mine", listener.local_addr().unwrap());
    let program = Program::start(jobcast().args(["--port", "0", "--database-url", &url]), DEADLINE);
    let _silent = soon("the connection", listener.accept()).await.unwrap();
    program.signal(Signal::SIGTERM);
    let ended = program.end().await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "it stopped without a complaint");
}

#[tokio::test]
async fn a_file_in_a_missing_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/jobcast.db");
    assert_told(&format!("sqlite://{}", path.display()), &[path.to_str().unwrap(), "does not exist"]).await;
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "these are notes, not a database. ".repeat(100)).unwrap();
    assert_told(&format!("sqlite://{}", path.display()), &[path.to_str().unwrap(), "not a database"]).await;
}
