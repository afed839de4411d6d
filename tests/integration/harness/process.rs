//! The real binary as a process of its own, to be killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use jobcast::demo::StandIns;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use url::Url;

use super::{Client, DEADLINE, eventually, flags};

/// A running `jobcast`; dropping it kills it.
pub struct Process {
    pub url: Url,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Ends with the log.
    reading: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts the binary on this database and these upstreams; returns when it listens.
    pub fn start(database_url: &str, stand_ins: &StandIns, more: &[&str]) -> Process {
        Process::logging("info", database_url, stand_ins, more)
    }

    /// The same, telling this much in the log.
    pub fn logging(level: &str, database_url: &str, stand_ins: &StandIns, more: &[&str]) -> Process {
        let mut arguments = flags(database_url, stand_ins);
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        Process::begin(level, &arguments, true).unwrap_or_else(|log| panic!("the server says where it listens: {log}"))
    }

    /// The same where it may fail, with its log then, and without showing its log.
    pub async fn try_start(arguments: Vec<String>) -> Result<Process, String> {
        let starting = tokio::task::spawn_blocking(move || Process::begin("info,sqlx=error", &arguments, false));
        starting.await.expect("starting a process does not panic")
    }

    fn begin(level: &str, arguments: &[String], shows_log: bool) -> Result<Process, String> {
        // Through a shell that ignores SIGXFSZ, so that a limit on file sizes fails writes as a full disk does.
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_jobcast")])
            .args(arguments)
            .env("RUST_LOG", level)
            .env("LOG_FORMAT", "json")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Arc::default();
        let (address, reading) = read_log(&mut child, Arc::clone(&log), shows_log);
        let address = address.recv_timeout(DEADLINE);
        let mut process = Process { url: Url::parse("http://127.0.0.1").unwrap(), child, log, reading: Some(reading) };
        match address {
            Ok(address) => process.url = Url::parse(&format!("http://{address}")).unwrap(),
            Err(_) => return Err(process.last_log()),
        }
        Ok(process)
    }

    /// Starts the binary anew where this one, which was killed, had listened.
    pub fn start_again(&self, database_url: &str, stand_ins: &StandIns, more: &[&str]) -> Process {
        let port = self.url.port().expect("the address has a port").to_string();
        Process::start(database_url, stand_ins, &[more, &["--port", &port]].concat())
    }

    pub fn client(&self) -> Client {
        Client::new(self.url.clone())
    }

    /// Everything logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Everything that it ever logged; it is killed if it has not ended.
    pub fn last_log(mut self) -> String {
        self.end();
        if let Some(reading) = self.reading.take() {
            reading.join().expect("reading a log does not panic");
        }
        self.log()
    }

    /// Waits until a line of the log holds this text.
    pub async fn logged(&self, text: &str) {
        eventually(&format!("the log line {text:?}"), || async { self.log().contains(text).then_some(()) }).await;
    }

    /// Lets no file of the process grow beyond so many bytes; `None` lifts the limit.
    pub fn limit_files_to(&self, bytes: Option<u64>) {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let arguments = ["--pid", &self.child.id().to_string(), &format!("--fsize={limit}:")];
        let limited = Command::new("prlimit").args(arguments).status().expect("prlimit is there (Debian: util-linux)");
        assert!(limited.success(), "the limit is set");
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().expect("a killed process can be waited for");
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("the process is there");
    }

    /// How it ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process can be waited for")
    }

    /// Waits until the process has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        eventually("the process's end", || {
            let ended = self.child.try_wait().expect("the process can be waited for");
            async move { ended }
        })
        .await
    }
}

impl Process {
    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads the log for as long as there is one, so that the process never blocks; tells where the server listens.
fn read_log(
    child: &mut Child,
    lines: Arc<Mutex<Vec<String>>>,
    shows_log: bool,
) -> (mpsc::Receiver<String>, JoinHandle<()>) {
    let log = BufReader::new(child.stderr.take().expect("the log is piped"));
    let (sender, address) = mpsc::channel();
    let reading = std::thread::spawn(move || {
        let mut sender = Some(sender);
        for line in log.lines().map_while(Result::ok) {
            let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            match (entry["fields"]["address"].as_str(), &sender) {
                (Some(address), Some(waiting)) => {
                    let _ = waiting.send(address.to_owned());
                    sender = None;
                }
                _ if shows_log => eprintln!("{line}"),
                _ => {}
            }
            lines.lock().unwrap().push(line);
        }
    });
    (address, reading)
}
