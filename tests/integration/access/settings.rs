//! The settings of access control: what a server refuses to start with, rotation, and `jobcast token`.

use std::time::Duration;

use jobcast::app::AppOptions;
use jobcast::demo::StandIns;
use serde_json::json;
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{
    Client, Ended, Program, SECRET, Server, Site, TokenClaims, claims_of, in_seconds, jobcast, on_both_databases,
    signed, with_signature,
};

const DEADLINE: Duration = Duration::from_secs(60);
const OTHER: &str = "the secret that comes after it, 81cc02";

on_both_databases!(tokens_of_two_secrets_are_taken_while_they_are_exchanged);

async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let mut command = jobcast();
    command.args(arguments).envs(environment.iter().copied()).env("RUST_LOG", "info");
    Program::start(&mut command, DEADLINE).end().await
}

#[tokio::test]
async fn settings_that_would_leave_it_open_or_closed_to_all_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("jobcast.db").display());
    let short = "hunter2";
    for (environment, words) in [
        (vec![("HOST", "0.0.0.0")], "AUTH_SECRET is not set"),
        (vec![("HOST", "0.0.0.0"), ("AUTH_SECRET", "")], "AUTH_SECRET is not set"),
        (vec![("AUTH_SECRET", short)], "AUTH_SECRET has 7 bytes and needs at least 32"),
        (vec![("AUTH_SECRET", short), ("ALLOW_ANONYMOUS", "true")], "AUTH_SECRET has 7 bytes"),
        (vec![("AUTH_SECRET", SECRET), ("AUTH_SECRET_PREVIOUS", short)], "AUTH_SECRET_PREVIOUS has 7 bytes"),
        (vec![("AUTH_SECRET_PREVIOUS", SECRET)], "AUTH_SECRET_PREVIOUS is set and AUTH_SECRET is not"),
        (vec![("AUTH_SECRET", " a secret with a space at its beginning")], "white space"),
    ] {
        let ended = run(&["--port", "0", "--database-url", &database], &environment).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{environment:?}: {ended:?}");
        let is_one_line = ended.err.lines().count() == 1 && ended.err.starts_with("jobcast: ");
        assert!(is_one_line && ended.err.contains(words), "{environment:?}: {ended:?}");
        assert!(!ended.err.contains(short) && !ended.err.contains(SECRET), "{ended:?}");
    }
    for origins in ["app.example.com", "https://a.example/path", "https://a.example,*"] {
        let ended = run(&["--port", "0", "--database-url", &database], &[("CORS_ORIGINS", origins)]).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains("--cors-origins") && ended.err.contains("origin"), "{ended:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was opened");
}

#[tokio::test]
async fn with_a_secret_any_address_may_be_listened_on() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("jobcast.db").display());
    let stand_ins = StandIns::start().await.unwrap();
    let more = ["--host", "0.0.0.0", "--auth-secret", SECRET];
    let server = Server::with(&database, &stand_ins, &more, AppOptions::default()).await;
    assert!(server.url.host_str().unwrap() == "0.0.0.0");
}

#[tokio::test]
async fn the_command_mints_what_it_is_told() {
    let (brand_id, job_id) = (Uuid::new_v4(), Uuid::new_v4());
    let secret = [("AUTH_SECRET", SECRET)];
    let both = format!("{brand_id},{}", Uuid::nil());
    for (arguments, expected, lifetime) in [
        (vec!["--brands", "*"], json!({"brands": "*", "scope": "jobs:read jobs:write"}), 3600),
        (
            vec!["--brands", &both, "--scope", "jobs:read", "--expires", "30d"],
            json!({"brands": [brand_id, Uuid::nil()], "scope": "jobs:read"}),
            30 * 24 * 3600,
        ),
        (
            vec!["--brands", "*", "--job", &job_id.to_string(), "--expires", "90s"],
            json!({"brands": "*", "job": job_id, "scope": "jobs:read jobs:write"}),
            90,
        ),
    ] {
        let before = in_seconds(lifetime);
        let ended = run(&[&["token"], arguments.as_slice()].concat(), &secret).await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
        let token = ended.out.trim_end();
        let mut claims = claims_of(token);
        assert_eq!(token, resigned(token), "it is signed with the secret");
        let exp = claims["exp"].as_i64().unwrap();
        assert!((before..=in_seconds(lifetime)).contains(&exp), "{claims}");
        let claims = claims.as_object_mut().unwrap();
        claims.retain(|name, _| name != "exp" && name != "iat");
        assert_eq!(json!(claims), expected);
    }
}

/// The same header and claims with the signature that another implementation makes.
fn resigned(token: &str) -> String {
    let (message, _) = token.rsplit_once('.').unwrap();
    with_signature(message, SECRET)
}

#[tokio::test]
async fn the_command_says_what_it_cannot_do() {
    let secret = ("AUTH_SECRET", SECRET);
    for (arguments, environment, code, words) in [
        (vec!["--brands", "*"], vec![], 1, "AUTH_SECRET is not set"),
        (vec!["--brands", "*"], vec![("AUTH_SECRET", "hunter2")], 1, "AUTH_SECRET has 7 bytes"),
        (vec![], vec![secret], 2, "--brands"),
        (vec!["--brands", "acme"], vec![secret], 2, "is not a UUID"),
        (vec!["--brands", "*", "--job", "7"], vec![secret], 2, "--job"),
        (vec!["--brands", "*", "--scope", "admin"], vec![secret], 2, "jobs:read, jobs:write"),
        (vec!["--brands", "*", "--expires", "1"], vec![secret], 2, "1h"),
    ] {
        let ended = run(&[&["token"], arguments.as_slice()].concat(), &environment).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(code), ""), "{arguments:?}: {ended:?}");
        assert!(ended.err.contains(words), "{arguments:?}: {ended:?}");
        assert!(!ended.err.contains(SECRET) && !ended.err.contains("hunter2"), "{ended:?}");
    }
}

async fn tokens_of_two_secrets_are_taken_while_they_are_exchanged(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let brand_id = Uuid::new_v4();
    let claims = TokenClaims::of(brand_id);
    let (old, new) = (claims.token(), signed(&claims.0, OTHER));
    let statuses = async |server: &Server| {
        let status = async |token: &str| {
            let client = Client::with_token(server.url.clone(), brand_id, token);
            client.get("/api/jobs").await.0.as_u16()
        };
        [status(&old).await, status(&new).await]
    };
    let server = Server::asking_for_tokens(&database.url, &stand_ins).await;
    assert_eq!(statuses(&server).await, [200, 401]);
    server.shut_down().await;

    let both = ["--auth-secret", OTHER, "--auth-secret-previous", SECRET];
    let server = Server::with(&database.url, &stand_ins, &both, AppOptions::default()).await;
    assert_eq!(statuses(&server).await, [200, 200]);
    let client = Client::with_token(server.url.clone(), brand_id, &old);
    let body = json!({"brand_id": brand_id, "job_type": "brand_extraction", "input_data": {"url": site.url}});
    let (_, started) = client.start_with(&body).await;
    let events_url = started["events_url"].as_str().unwrap().to_owned();
    server.shut_down().await;

    let server = Server::with(&database.url, &stand_ins, &["--auth-secret", OTHER], AppOptions::default()).await;
    assert_eq!(statuses(&server).await, [401, 200]);
    let bare = server.client();
    let events = bare.http.get(bare.at(&events_url)).send().await.unwrap();
    assert_eq!(events.status(), 200, "the new secret signed it");
}
