//! A PostgreSQL server that one run has to itself, to be restarted, crashed and exhausted; it goes with the value.
//! Must not survive its test: an interrupt ends the group that both are in, and a guard notices when the test is killed.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::harness::DEADLINE;

const SETTINGS: &str = "listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 90
superuser_reserved_connections = 5
shared_buffers = 64MB
# Only processes are killed: what they wrote, the system keeps. Recovery would flush every file first.
fsync = off
# A server that crashes by itself must not take the run with it.
restart_after_crash = on
";

/// How long a server may take to stop by itself.
const STOP_TIME: Duration = Duration::from_secs(30);

/// How the server is stopped.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// Connections are closed, then it ends in order.
    Fast,
    /// As in a crash: it recovers when it starts.
    Immediate,
}

/// A running server.
pub struct Cluster {
    folder: TempDir,
    port: u16,
    owner: Option<(u32, u32)>,
    server: Child,
    // Last, so that there is nothing left to do for it.
    _guard: Guard,
}

impl Cluster {
    pub async fn start() -> Cluster {
        let folder = tempfile::Builder::new().prefix("jobcast-faults.").tempdir().expect("a temporary folder");
        let owner = owner();
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).expect("root may give a folder away");
        }
        initialise(folder.path(), owner);
        let port = free_port(&folder.path().join("data"));
        let guard = Guard::over(folder.path());
        let mut cluster = Cluster { server: serve(folder.path(), owner), folder, port, owner, _guard: guard };
        cluster.until_ready().await;
        let mut connection = cluster.connect().await.expect("the server is ready");
        // Not a superuser: those have connections in reserve, and the test needs them for itself.
        for statement in ["CREATE ROLE jobcast LOGIN", "CREATE DATABASE jobcast OWNER jobcast"] {
            raw_sql(statement).execute(&mut connection).await.expect("a fresh server does as it is told");
        }
        cluster
    }

    /// What `DATABASE_URL` would be.
    pub fn url(&self) -> String {
        format!("postgres://jobcast@127.0.0.1:{}/jobcast", self.port)
    }

    /// The superuser's address of the same database.
    pub fn admin_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/jobcast", self.port)
    }

    /// Stops the server and starts it again at the same address; returns when it takes connections.
    pub async fn restart(&mut self, mode: Mode) {
        self.signal(match mode {
            Mode::Fast => Signal::SIGINT,
            Mode::Immediate => Signal::SIGQUIT,
        });
        let deadline = Instant::now() + STOP_TIME;
        while self.server.try_wait().expect("a child can be waited for").is_none() {
            assert!(Instant::now() < deadline, "PostgreSQL did not stop within {STOP_TIME:?}: {}", self.log());
            sleep(Duration::from_millis(10)).await;
        }
        self.server = serve(self.folder.path(), self.owner);
        self.until_ready().await;
    }

    /// Waits until it takes connections, also after it has crashed by itself.
    pub async fn until_ready(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Ok(Ok(connection)) = timeout(Duration::from_secs(1), self.connect()).await {
                let _ = connection.close().await;
                return;
            }
            let ended = self.server.try_wait().expect("a child can be waited for");
            assert!(ended.is_none() && Instant::now() < deadline, "PostgreSQL does not start: {}", self.log());
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn connect(&self) -> sqlx::Result<PgConnection> {
        PgConnection::connect(&format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)).await
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.server.id() as i32), signal).expect("the server is there");
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Immediate: its processes end with it, and the data goes next.
        self.signal(Signal::SIGQUIT);
        let deadline = std::time::Instant::now() + STOP_TIME;
        while !matches!(self.server.try_wait(), Ok(Some(_))) {
            if std::time::Instant::now() > deadline {
                let _ = self.server.kill();
                let _ = self.server.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A shell that outlives this process if that is killed, and then ends the server and removes its folder.
struct Guard {
    shell: Child,
    /// Closed by the system when this process ends, whatever ends it; no child inherits it.
    alive: Option<ChildStdin>,
}

/// Reads until the other end is closed; the folder is its `$0`.
const GUARD: &str = r#"trap '' HUP INT TERM
cat >/dev/null
if read -r server <"$0/data/postmaster.pid"; then kill -QUIT "$server"; fi 2>/dev/null
rm -rf "$0""#;

impl Guard {
    fn over(folder: &Path) -> Guard {
        let mut command = Command::new("sh");
        let mut shell =
            command.arg("-c").arg(GUARD).arg(folder).stdin(Stdio::piped()).spawn().expect("there is a shell");
        Guard { alive: shell.stdin.take(), shell }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.alive.take());
        let _ = self.shell.wait();
    }
}

/// A connection beside the servers', for what a fault does to the database.
pub async fn connect(url: &str) -> sqlx::Result<PgConnection> {
    let connecting = timeout(Duration::from_secs(3), PgConnection::connect(url)).await;
    connecting.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
}

/// Runs statements on a connection; the database may be away.
pub async fn execute(connection: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop)
}

fn programs() -> PathBuf {
    std::env::var_os("TEST_POSTGRES_BIN")
        .map(PathBuf::from)
        .expect("TEST_POSTGRES_BIN names no folder with initdb and postgres: run ./scripts/test, which finds one")
}

/// The user and the group that the server runs as where the test runs as root, whom it refuses.
fn owner() -> Option<(u32, u32)> {
    let number = |arguments: &[&str]| {
        let printed = Command::new("id").args(arguments).output().expect("there is a command id").stdout;
        String::from_utf8_lossy(&printed).trim().parse::<u32>().ok()
    };
    if number(&["-u"]) != Some(0) {
        return None;
    }
    let ids = number(&["-u", "postgres"]).zip(number(&["-g", "postgres"]));
    Some(ids.expect("PostgreSQL refuses to run as root, and there is no user postgres: run ./scripts/test"))
}

fn command(program: &str, folder: &Path, owner: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(programs().join(program));
    // The other user may not be able to enter the current folder.
    command.current_dir(folder).stdin(Stdio::null()).arg("-D").arg(folder.join("data"));
    if let Some((user, group)) = owner {
        command.gid(group).uid(user);
    }
    command
}

fn initialise(folder: &Path, owner: Option<(u32, u32)>) {
    let mut initdb = command("initdb", folder, owner);
    initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]);
    let made = initdb.output().expect("initdb can be started");
    assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
}

/// Writes the settings with a port below the range that the kernel gives to outgoing connections and to port 0.
fn free_port(data: &Path) -> u16 {
    let mut random = StdRng::from_rng(&mut rand::rng());
    let port = (0..100).map(|_| random.random_range(20_000..32_000u16)).find(|port| {
        // Gone again at once; that another program takes it in between is unlikely enough.
        std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()
    });
    let port = port.expect("a free port");
    let settings = data.join("postgresql.conf");
    let text = std::fs::read_to_string(&settings).expect("initdb writes settings");
    std::fs::write(&settings, format!("{text}\n{SETTINGS}port = {port}\n")).expect("settings can be added");
    port
}

fn serve(folder: &Path, owner: Option<(u32, u32)>) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("server.log"));
    let log = log.expect("a log can be written");
    let to = |log: &std::fs::File| Stdio::from(log.try_clone().expect("a file can be shared"));
    command("postgres", folder, owner).stdout(to(&log)).stderr(to(&log)).spawn().expect("postgres can be started")
}

#[test]
fn a_server_ends_with_a_test_that_is_killed() {
    use std::os::unix::process::ExitStatusExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    // A shell that starts the tests in the background lets them ignore this signal.
    let mut server = Command::new("env").args(["--default-signal=QUIT", "sleep", "600"]).spawn().unwrap();
    std::fs::create_dir(path.join("data")).unwrap();
    std::fs::write(path.join("data/postmaster.pid"), format!("{}\n/data\n", server.id())).unwrap();
    drop(Guard::over(&path));
    assert_eq!(server.wait().unwrap().signal(), Some(Signal::SIGQUIT as i32));
    assert!(!path.exists());
}
