//! Another program, with a deadline, killed with the test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, timeout_at};

/// A running program; dropping it kills it. It stays in the test's process group, so that an interrupt reaches it too.
pub struct Program {
    /// Its standard output.
    pub out: Lines,
    /// Its standard error.
    pub err: Lines,
    child: Child,
    deadline: Instant,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Lines of output, read as they come.
pub struct Lines {
    arriving: UnboundedReceiver<String>,
    /// All lines so far, with their ends.
    read: String,
    deadline: Instant,
}

/// Settings that would change what a test sees.
const SETTINGS: [&str; 29] = [
    "HOST",
    "PORT",
    "DATABASE_URL",
    "DIRECT_DATABASE_URL",
    "AUTH_SECRET",
    "AUTH_SECRET_PREVIOUS",
    "ALLOW_ANONYMOUS",
    "CORS_ORIGINS",
    "JOBCAST_SERVER",
    "JOBCAST_TOKEN",
    "LOG_FORMAT",
    "ALLOW_PRIVATE_SITES",
    "ALLOW_PRIVATE_WEBHOOKS",
    "WEBHOOK_SECRET",
    "MAX_STREAMS",
    "MAX_STREAMS_PER_ADDRESS",
    "MAX_STARTS_PER_MINUTE",
    "TRUST_PROXY",
    "METRICS_PORT",
    "FLY_APP_NAME",
    "GTM_BASE_URL",
    "FOREPLAY_BASE_URL",
    "ANTHROPIC_BASE_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "FOREPLAY_API_KEY",
    "ANTHROPIC_API_KEY",
    "CLAUDE_API_KEY",
    "VITE_CLAUDE_API_KEY",
];

/// A command that runs the binary without the settings that the developer's environment may hold.
pub fn jobcast() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jobcast"));
    for name in SETTINGS {
        command.env_remove(name);
    }
    command
}

impl Program {
    /// Starts a program that must have ended `within` this time.
    pub fn start(command: &mut Command, within: Duration) -> Program {
        let name = command.get_program().to_string_lossy().into_owned();
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| {
            panic!("{name} cannot be started: {error}; run ./scripts/test, which installs what the tests need")
        });
        let deadline = Instant::now() + within;
        let out = Lines::of(child.stdout.take().expect("the output is piped"), deadline);
        let err = Lines::of(child.stderr.take().expect("the errors are piped"), deadline);
        Program { out, err, child, deadline }
    }

    /// Reads its standard output up to a line that contains this text.
    pub async fn prints(&mut self, text: &str) {
        if self.out.find(text).await.is_none() {
            panic!("the program ended before it printed {text:?}: {}{}", self.out.read, self.err.rest().await);
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("the process is there");
    }

    /// Waits until the program has ended by itself.
    pub async fn end(mut self) -> Ended {
        let (out, err) = (self.out.rest().await, self.err.rest().await);
        loop {
            match self.child.try_wait().expect("the process can be waited for") {
                Some(status) => return Ended { code: status.code(), out, err },
                None => assert!(Instant::now() < self.deadline, "the program did not end in time: {out}{err}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lines {
    fn of(output: impl Read + Send + 'static, deadline: Instant) -> Lines {
        let (sender, arriving) = unbounded_channel();
        // Ends when the program closes its output or nobody listens any more.
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = String::new();
            while output.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        Lines { arriving, read: String::new(), deadline }
    }

    /// Reads up to a line that contains this text.
    pub async fn until(&mut self, text: &str) {
        assert!(self.find(text).await.is_some(), "the output ended before {text:?}: {}", self.read);
    }

    async fn find(&mut self, text: &str) -> Option<()> {
        while !self.next().await?.contains(text) {}
        Some(())
    }

    /// Reads to the end; answers all lines from the first on.
    pub async fn rest(&mut self) -> String {
        while self.next().await.is_some() {}
        self.read.clone()
    }

    /// All lines that were read.
    pub fn so_far(&self) -> &str {
        &self.read
    }

    async fn next(&mut self) -> Option<String> {
        let Ok(line) = timeout_at(self.deadline, self.arriving.recv()).await else {
            panic!("nothing more was written in time, after: {}", self.read);
        };
        self.read.push_str(line.as_deref().unwrap_or_default());
        line
    }
}
