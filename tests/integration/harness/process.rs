//! The real binary as a process of its own, to be killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};

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
}

impl Process {
    /// Starts the binary on this database and these upstreams; returns when it listens.
    pub fn start(database_url: &str, stand_ins: &StandIns, more: &[&str]) -> Process {
        Process::logging("info", database_url, stand_ins, more)
    }

    /// The same, telling this much in the log.
    pub fn logging(level: &str, database_url: &str, stand_ins: &StandIns, more: &[&str]) -> Process {
        let flags = flags(database_url, stand_ins);
        // Through a shell that ignores SIGXFSZ, so that a limit on file sizes fails writes as a full disk does.
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_jobcast")])
            .args(&flags)
            .args(more)
            .env("RUST_LOG", level)
            .env("LOG_FORMAT", "json")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Arc::default();
        let url = listening_url(&mut child, Arc::clone(&log));
        Process { url, child, log }
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

    /// Waits until the process has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        eventually("the process's end", || {
            let ended = self.child.try_wait().expect("the process can be waited for");
            async move { ended }
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log until it says where the server listens, and goes on reading it so that the process never blocks.
fn listening_url(child: &mut Child, lines: Arc<Mutex<Vec<String>>>) -> Url {
    let log = BufReader::new(child.stderr.take().expect("the log is piped"));
    let (sender, address) = mpsc::channel();
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            match entry["fields"]["address"].as_str() {
                Some(address) => drop(sender.send(address.to_owned())),
                None => eprintln!("{line}"),
            }
            lines.lock().unwrap().push(line);
        }
    });
    let address = address.recv_timeout(DEADLINE).expect("the server says where it listens");
    Url::parse(&format!("http://{address}")).unwrap()
}
