//! The commands of operators, run as they run them: the real binary, its exit codes and what it prints.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::job::JobId;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::databases::TestDatabase;
use crate::harness::{
    DEADLINE, Ended, PasswordServer, Process, Program, Site, flags, jobcast, on_both_databases, open, soon, stored,
};

on_both_databases!(
    a_dry_run_lists_what_is_missing_and_changes_nothing,
    a_dry_run_finds_one_that_is_missing_and_one_that_was_changed,
    doctor_has_no_complaint_about_a_healthy_service,
    doctor_looks_at_a_fresh_database_and_leaves_it_fresh,
    a_backup_of_a_running_job_goes_on_elsewhere,
);

const MIGRATIONS: [&str; 7] = [
    "1 jobs events steps and brand intelligence",
    "2 all job types",
    "3 brand streams",
    "4 webhooks",
    "5 recent events",
    "6 progress in one statement",
    "7 starts in one statement",
];

/// Secrets of the tests' own, which no command may print.
const PASSWORD: &str = "geheim";
const SHORT_SECRET: &str = "kurz-und-geheim";

async fn run(arguments: &[&str]) -> Ended {
    Program::start(jobcast().args(arguments), DEADLINE).end().await
}

// ---- migrate --dry-run ----

async fn a_dry_run_lists_what_is_missing_and_changes_nothing(database: TestDatabase) {
    let dry_run = ["migrate", "--dry-run", "--database-url", &database.url];
    for _ in 0..2 {
        let ended = run(&dry_run).await;
        let listed: Vec<&str> = ended.out.lines().filter_map(|line| line.strip_prefix("would apply ")).collect();
        assert_eq!((ended.code, listed), (Some(3), MIGRATIONS.to_vec()), "{ended:?}");
    }
    assert!(is_untouched(&database).await);
    assert_eq!(run(&["migrate", "--database-url", &database.url]).await.code, Some(0));
    let ended = run(&dry_run).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "The tables are up to date; nothing would be applied.\n"));
}

async fn a_dry_run_finds_one_that_is_missing_and_one_that_was_changed(database: TestDatabase) {
    assert_eq!(run(&["migrate", "--database-url", &database.url]).await.code, Some(0));
    let dry_run = ["migrate", "--dry-run", "--database-url", &database.url];
    database.execute("DELETE FROM jobcast_migrations WHERE version = 3").await;
    let ended = run(&dry_run).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(3), "would apply 3 brand streams\n"));
    database.execute("UPDATE jobcast_migrations SET version = 30 WHERE version = 2").await;
    assert!(run(&dry_run).await.out.starts_with("would apply 2 "), "a later version's is passed over");
    database.execute("UPDATE jobcast_migrations SET version = 2 WHERE version = 1").await;
    let ended = run(&dry_run).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.contains("migration 2 was previously applied but has been modified"), "{ended:?}");
}

async fn is_untouched(database: &TestDatabase) -> bool {
    match database.url.strip_prefix("sqlite://") {
        Some(path) => !Path::new(path).exists() && !Path::new(&format!("{path}-lock")).exists(),
        None => {
            let sql = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
            database.number(sql).await == 0
        }
    }
}

#[tokio::test]
async fn a_dry_run_that_cannot_look_says_so() {
    let server = PasswordServer::start().await;
    let url = format!("postgres://me:{PASSWORD}@{}/mine?sslmode=disable", server.address);
    let ended = run(&["migrate", "--dry-run", "--database-url", &url]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.contains("password authentication failed") && !ended.err.contains(PASSWORD), "{ended:?}");
}

// ---- doctor ----

/// What doctor said of each thing.
struct Report {
    code: Option<i32>,
    levels: BTreeMap<String, String>,
    whole: String,
}

impl Report {
    fn level(&self, check: &str) -> &str {
        self.levels.get(check).map_or("not looked at", String::as_str)
    }

    /// The exit code fits the levels, and no secret is shown.
    fn assert_consistent(&self) {
        let has_failure = self.levels.values().any(|level| level == "fail");
        assert_eq!(self.code, Some(i32::from(has_failure)), "{}", self.whole);
        for secret in [PASSWORD, SHORT_SECRET, "a-key-for-tests", "another-key-for-tests"] {
            assert!(!self.whole.contains(secret), "{secret} in {}", self.whole);
        }
    }
}

/// Runs it both ways; the lines and the JSON say the same.
async fn examine(environment: &[(&str, &str)], arguments: &[&str]) -> Report {
    let with = async |more: &[&str]| {
        let mut command = jobcast();
        command.args(["doctor"]).args(arguments).args(more).envs(environment.iter().copied());
        Program::start(&mut command, DEADLINE).end().await
    };
    let (lines, json) = (with(&[]).await, with(&["--json"]).await);
    assert_eq!((lines.code, lines.err.as_str(), json.err.as_str()), (json.code, "", ""), "{lines:?}");
    let answer: Value = serde_json::from_str(&json.out).expect("one JSON object");
    assert_eq!(answer["ok"], json.code == Some(0));
    let mut levels = BTreeMap::new();
    for (line, finding) in lines.out.lines().zip(answer["findings"].as_array().unwrap()) {
        let (level, check) = (finding["level"].as_str().unwrap(), finding["check"].as_str().unwrap());
        assert!(line.starts_with(level) && line.contains(check), "{line} {finding}");
        assert_eq!(level != "ok", finding["advice"].is_string(), "what is wrong has advice: {finding}");
        levels.insert(check.to_owned(), level.to_owned());
    }
    assert_eq!(lines.out.lines().count(), levels.len(), "{}", lines.out);
    let report = Report { code: json.code, levels, whole: lines.out + &json.out };
    report.assert_consistent();
    report
}

async fn examine_service(database_url: &str, stand_ins: &StandIns, more: &[&str]) -> Report {
    let flags = flags(database_url, stand_ins);
    let arguments: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    examine(&[], &arguments).await
}

async fn doctor_has_no_complaint_about_a_healthy_service(database: TestDatabase) {
    let stand_ins = StandIns::start().await.unwrap();
    let _running = Process::start(&database.url, &stand_ins, &[]);
    let report = examine_service(&database.url, &stand_ins, &["--max-streams", "1000"]).await;
    assert_eq!(report.code, Some(0), "{}", report.whole);
    let mut expected = vec![
        "settings",
        "access",
        "claude key",
        "foreplay key",
        "database",
        "tables",
        "gtm",
        "foreplay",
        "claude",
        "open files",
        "memory",
    ];
    if database.url.starts_with("sqlite") {
        assert!(report.whole.contains("a server is running on it"), "{}", report.whole);
        assert_ne!(report.level("disk"), "not looked at");
    } else {
        expected.extend(["clock", "pooler", "notifications"]);
    }
    for check in expected {
        assert_eq!(report.level(check), "ok", "{check}: {}", report.whole);
    }
    assert_eq!(stand_ins.claude.calls() + stand_ins.foreplay.calls() + stand_ins.gtm.calls(), 0, "nothing was paid");
}

async fn doctor_looks_at_a_fresh_database_and_leaves_it_fresh(database: TestDatabase) {
    let stand_ins = StandIns::start().await.unwrap();
    let report = examine_service(&database.url, &stand_ins, &[]).await;
    assert_eq!((report.code, report.level("tables")), (Some(0), "warn"), "{}", report.whole);
    assert!(is_untouched(&database).await);
}

#[tokio::test]
async fn doctor_looks_past_a_pooler_at_the_direct_database() {
    let (database, stand_ins) = (TestDatabase::postgres().await, StandIns::start().await.unwrap());
    let other = TestDatabase::postgres().await;
    let same = examine_service(&database.url, &stand_ins, &["--direct-database-url", &database.url]).await;
    assert_eq!((same.level("direct database"), same.level("notifications")), ("ok", "ok"), "{}", same.whole);
    let wrong = examine_service(&database.url, &stand_ins, &["--direct-database-url", &other.url]).await;
    assert_eq!((wrong.level("direct database"), wrong.level("notifications")), ("ok", "fail"), "{}", wrong.whole);
}

#[tokio::test]
async fn doctor_tells_a_wrong_password() {
    let (server, stand_ins) = (PasswordServer::start().await, StandIns::start().await.unwrap());
    let url = format!("postgres://me:{PASSWORD}@{}/mine?sslmode=disable", server.address);
    let report = examine_service(&url, &stand_ins, &[]).await;
    assert_eq!((report.level("database"), report.level("gtm")), ("fail", "ok"), "{}", report.whole);
    assert!(report.whole.contains("password authentication failed"), "{}", report.whole);
}

#[tokio::test]
async fn doctor_tells_a_file_that_cannot_be() {
    let (stand_ins, folder) = (StandIns::start().await.unwrap(), tempfile::tempdir().unwrap());
    let missing = format!("sqlite://{}/no/such/folder.db", folder.path().display());
    assert_eq!(examine_service(&missing, &stand_ins, &[]).await.level("database"), "fail");
    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "these are notes, not a database. ".repeat(100)).unwrap();
    let report = examine_service(&format!("sqlite://{}", notes.display()), &stand_ins, &[]).await;
    assert_eq!(report.level("database"), "fail", "{}", report.whole);
    assert_eq!(examine_service("mysql://here", &stand_ins, &[]).await.level("database"), "fail");
}

#[tokio::test]
async fn doctor_tells_an_upstream_that_is_not_there_from_one_that_refuses_the_key() {
    let (database, stand_ins) = (TestDatabase::sqlite().await, StandIns::start().await.unwrap());
    let nowhere = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = format!("http://{}", listener.local_addr().unwrap());
    let refuse = get(|| std::future::ready(StatusCode::UNAUTHORIZED));
    let router = Router::new().route("/v1/models/{model}", refuse);
    let _serving = AbortOnDropHandle::new(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));

    let more = ["--gtm-base-url", &nowhere, "--anthropic-base-url", &refusing];
    let report = examine_service(&database.url, &stand_ins, &more).await;
    assert_eq!((report.level("gtm"), report.level("claude"), report.level("foreplay")), ("fail", "fail", "ok"));
    assert!(report.whole.contains("refused") && report.whole.contains(&nowhere), "{}", report.whole);
    assert!(report.whole.contains("refuses the key (401 Unauthorized) → check ANTHROPIC_API_KEY"), "{}", report.whole);
    let unknown = examine_service(&database.url, &stand_ins, &["--anthropic-model", "claude-1.3"]).await;
    assert!(unknown.whole.contains("does not know the model claude-1.3"), "{}", unknown.whole);
}

#[tokio::test]
async fn doctor_tells_what_is_missing_from_the_settings() {
    let (database, stand_ins) = (TestDatabase::sqlite().await, StandIns::start().await.unwrap());
    let gtm = stand_ins.gtm.base_url().to_string();
    let bare = ["--database-url", &database.url, "--gtm-base-url", &gtm];
    let report = examine(&[], &bare).await;
    assert_eq!((report.level("claude key"), report.level("foreplay key")), ("fail", "warn"));
    assert_eq!((report.level("claude"), report.level("foreplay")), ("not looked at", "not looked at"));

    let public = examine_service(&database.url, &stand_ins, &["--host", "0.0.0.0"]).await;
    assert_eq!((public.level("settings"), public.level("access")), ("fail", "fail"), "{}", public.whole);
    let open = examine_service(&database.url, &stand_ins, &["--host", "0.0.0.0", "--allow-anonymous"]).await;
    assert_eq!((open.level("settings"), open.level("access")), ("ok", "warn"), "{}", open.whole);
    let short = examine(&[("AUTH_SECRET", SHORT_SECRET)], &bare).await;
    assert_eq!(short.level("access"), "fail", "{}", short.whole);
    let streams = examine_service(&database.url, &stand_ins, &["--max-streams", "10000000"]).await;
    assert_eq!((streams.level("open files"), streams.level("memory")), ("warn", "warn"), "{}", streams.whole);
}

// ---- backup and restore, as docs/OPERATIONS.md has them ----

async fn a_backup_of_a_running_job_goes_on_elsewhere(database: TestDatabase) {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let server = Process::start(&database.url, &stand_ins, &["--lease-seconds", "1"]);
    let id = server.client().start(&site.url).await;
    soon("the model writes", gate.reached()).await;
    let copy = back_up(&database).await;
    drop(server);

    let restored = Process::start(&copy.url, &stand_ins, &["--lease-seconds", "1"]);
    let job = restored.client().until(&id, "completed").await;
    let events = stored(open(&copy).await.as_ref(), JobId(id.parse().unwrap())).await;
    assert_eq!(job["last_seq"], events.len(), "the log goes on without a gap");
    assert_eq!(stand_ins.gtm.calls(), 1, "the step that was stored was not paid for again");
}

async fn back_up(database: &TestDatabase) -> TestDatabase {
    if database.url.starts_with("sqlite") {
        let copy = TestDatabase::sqlite().await;
        let path = copy.url.strip_prefix("sqlite://").unwrap();
        database.execute(&format!("VACUUM INTO '{path}'")).await;
        return copy;
    }
    let (copy, folder) = (TestDatabase::postgres().await, tempfile::tempdir().unwrap());
    let dump = folder.path().join("jobcast.dump").display().to_string();
    let arguments = ["--format=custom", &format!("--file={dump}"), &database.url];
    run_postgres_program("pg_dump", &arguments).await;
    run_postgres_program("pg_restore", &["--exit-on-error", "--no-owner", &format!("--dbname={}", copy.url), &dump])
        .await;
    copy
}

/// One of the programs that come with the server for tests.
async fn run_postgres_program(name: &str, arguments: &[&str]) {
    let folder = std::env::var("TEST_POSTGRES_BIN").unwrap_or_default();
    let program = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let ended = Program::start(Command::new(program).args(arguments), DEADLINE).end().await;
    assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
}

// ---- health, completions, version ----

#[tokio::test]
async fn health_says_by_its_exit_code_whether_the_server_lives() {
    let (database, stand_ins) = (TestDatabase::sqlite().await, StandIns::start().await.unwrap());
    let mut server = Process::start(&database.url, &stand_ins, &[]);
    let port = server.url.port().unwrap().to_string();
    for more in [&["--port", &port][..], &["--port", &port, "--ready"], &["--port", &port, "--host", "0.0.0.0"]] {
        let ended = run(&[&["health"], more].concat()).await;
        assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), "ok\n", ""), "{more:?}");
    }
    server.kill();
    let ended = run(&["health", "--port", &port]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.contains("refused") && ended.err.contains("/healthz"), "{ended:?}");
}

#[tokio::test]
async fn health_does_not_take_a_refusal_for_a_yes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let drains = get(|| std::future::ready(StatusCode::SERVICE_UNAVAILABLE));
    let router = Router::new().route("/readyz", drains).route("/healthz", get(|| std::future::ready("")));
    let _serving = AbortOnDropHandle::new(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
    assert_eq!(run(&["health", "--port", &port]).await.code, Some(0));
    let ended = run(&["health", "--port", &port, "--ready"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("503"), "{ended:?}");
}

#[tokio::test]
async fn completions_are_scripts_of_their_shells() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let ended = run(&["completions", shell]).await;
        assert_eq!(ended.code, Some(0));
        for word in ["doctor", "migrate", "dry-run", "database-url"] {
            assert!(ended.out.contains(word), "{word} in {shell}");
        }
        if shell == "bash" {
            let path = folder.path().join("jobcast.bash");
            std::fs::write(&path, &ended.out).unwrap();
            assert!(Command::new("bash").arg("-n").arg(&path).status().unwrap().success());
            let script = "source \"$1\"; COMP_WORDS=(jobcast doc); COMP_CWORD=1; _jobcast jobcast doc jobcast; echo \"${COMPREPLY[*]}\"";
            let completed = Command::new("bash").args(["-c", script, "bash"]).arg(&path).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&completed.stdout), "doctor\n", "{completed:?}");
        }
    }
    assert_eq!(run(&["completions", "cmd.exe"]).await.code, Some(2));
}

#[tokio::test]
async fn the_version_tells_the_commit() {
    let root = env!("CARGO_MANIFEST_DIR");
    let git = |arguments: &[&str]| Command::new("git").current_dir(root).args(arguments).output().ok();
    let text = |output: std::process::Output| String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let is_own = git(&["rev-parse", "--show-toplevel"])
        .is_some_and(|output| Path::new(&text(output)).canonicalize().ok() == Path::new(root).canonicalize().ok());
    let version = env!("CARGO_PKG_VERSION");
    let expected = match git(&["rev-parse", "HEAD"]).filter(|output| is_own && output.status.success()) {
        Some(commit) => format!("jobcast {version} ({})\n", &text(commit)[..12]),
        None => format!("jobcast {version}\n"),
    };
    let ended = run(&["--version"]).await;
    assert_eq!((ended.code, ended.out), (Some(0), expected), "GIT_COMMIT, if set while building, names another commit");
}

#[test]
fn the_build_asks_git_or_the_environment_and_does_without_both() {
    let (folder, root) = (tempfile::tempdir().unwrap(), env!("CARGO_MANIFEST_DIR"));
    let program = folder.path().join("build");
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled = Command::new(compiler)
        .args(["--edition", "2024", "build.rs", "-o"])
        .arg(&program)
        .env("CARGO_PKG_VERSION", "9.9.9")
        .current_dir(root)
        .status();
    assert!(compiled.expect("rustc is there").success());
    let told = |commit: Option<&str>| {
        let mut command = Command::new(&program);
        command.current_dir(folder.path()).env_clear().env("CARGO_MANIFEST_DIR", folder.path());
        command.envs(commit.map(|commit| ("GIT_COMMIT", commit)));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().find_map(|line| line.strip_prefix("cargo:rustc-env=JOBCAST_VERSION=")).unwrap().to_owned()
    };
    assert_eq!(told(None), "9.9.9");
    assert_eq!(told(Some("")), "9.9.9");
    assert_eq!(told(Some("not a commit\nat all")), "9.9.9");
    assert_eq!(told(Some("0123456789ABCDEF0123456789abcdef01234567\n")), "9.9.9 (0123456789ab)");
}
