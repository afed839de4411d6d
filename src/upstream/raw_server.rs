//! A server for the clients' tests that writes exactly the bytes it is told to, in exactly the chunks it is told to.
//! It knows nothing of the protocols above HTTP/1.1.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

/// What the server answers on every connection.
#[derive(Clone)]
pub(super) struct Script {
    status: &'static str,
    headers: String,
    chunks: Vec<Vec<u8>>,
    ending: Ending,
}

/// What follows the chunks.
#[derive(Clone)]
enum Ending {
    /// The body ends as it should.
    Finish,
    /// The socket closes in the middle of the body.
    Cut,
    /// Nothing comes until the client closes.
    Hold,
    /// The same chunk over and over until the client closes.
    Repeat(Vec<u8>),
}

impl Script {
    pub(super) fn new(status: &'static str, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Self { status, headers, chunks: Vec::new(), ending: Ending::Finish }
    }

    pub(super) fn events() -> Self {
        Self::new("200 OK", &[("content-type", "text/event-stream")])
    }

    /// One chunk of the body; an empty one is left out, since it would end the body.
    pub(super) fn chunk(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.chunks.extend(Some(bytes.into()).filter(|bytes| !bytes.is_empty()));
        self
    }

    pub(super) fn chunks<'a>(self, chunks: impl IntoIterator<Item = &'a [u8]>) -> Self {
        chunks.into_iter().fold(self, Self::chunk)
    }

    pub(super) fn then_cut(self) -> Self {
        Self { ending: Ending::Cut, ..self }
    }

    pub(super) fn then_hold(self) -> Self {
        Self { ending: Ending::Hold, ..self }
    }

    pub(super) fn then_repeat(self, bytes: impl Into<Vec<u8>>) -> Self {
        Self { ending: Ending::Repeat(bytes.into()), ..self }
    }
}

pub(super) struct RawServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    open: watch::Receiver<usize>,
    _connections: JoinSet<()>,
}

#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The request line and the headers, in lower case.
    pub(super) head: String,
    /// The path and query of the request line as they were sent.
    pub(super) target: String,
    pub(super) body: String,
}

const SENTINEL: &[u8] = b"GET /sentinel HTTP/1.1\r\n\r\n";

impl RawServer {
    pub(super) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (opened, open) = watch::channel(0);
        let mut connections = JoinSet::new();
        let seen = Arc::clone(&requests);
        connections.spawn(async move {
            let mut answers = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                // Read in the order of arrival, so that the sentinel comes after everything sent before it.
                let request = read_request(&socket).await;
                seen.lock().unwrap().push(request);
                opened.send_modify(|open| *open += 1);
                let (script, opened) = (script.clone(), opened.clone());
                answers.spawn(async move {
                    answer(&socket, script).await;
                    drop(socket);
                    opened.send_modify(|open| *open -= 1);
                });
            }
        });
        Self { address, requests, open, _connections: connections }
    }

    pub(super) fn url(&self) -> Url {
        format!("http://{}", self.address).parse().unwrap()
    }

    /// Every request that was sent before this call, also one that is still on its way.
    pub(super) async fn requests(&self) -> Vec<Request> {
        within_deadline(self.requests_before_sentinel()).await
    }

    async fn requests_before_sentinel(&self) -> Vec<Request> {
        let socket = TcpStream::connect(self.address).await.unwrap();
        write(&socket, SENTINEL).await.unwrap();
        loop {
            let requests = self.requests.lock().unwrap().clone();
            if let Some(sentinel) = requests.iter().position(|request| request.head.starts_with("get /sentinel")) {
                self.requests.lock().unwrap().remove(sentinel);
                return requests.into_iter().filter(|request| !request.head.starts_with("get /sentinel")).collect();
            }
            tokio::task::yield_now().await;
        }
    }

    /// How many connections are open whose request has come.
    pub(super) fn open(&self) -> usize {
        *self.open.borrow()
    }

    /// Waits until every client has closed its connection.
    pub(super) async fn all_closed(&mut self) {
        within_deadline(self.open.wait_for(|&open| open == 0)).await.unwrap();
    }
}

/// What a test waits for comes within seconds or never.
pub(super) async fn within_deadline<F: Future>(condition: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), condition).await.expect("within 30 seconds")
}

async fn read_request(socket: &TcpStream) -> Request {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let target = head.split(' ').nth(1).unwrap_or("").to_owned();
            let head = head.to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Request { body: body.to_owned(), head, target };
            }
        }
        if read(socket, &mut bytes).await == 0 {
            let (target, body) = (String::new(), String::new());
            return Request { head: "closed before the request was complete".into(), target, body };
        }
    }
}

async fn answer(socket: &TcpStream, script: Script) {
    let _ = write_answer(socket, script).await;
}

/// Ends early when the client closes.
async fn write_answer(socket: &TcpStream, script: Script) -> std::io::Result<()> {
    let Script { status, headers, chunks, ending } = script;
    let mut bytes =
        format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ntransfer-encoding: chunked\r\n\r\n").into_bytes();
    for chunk in &chunks {
        bytes.extend(framed(chunk));
    }
    write(socket, &bytes).await?;
    match ending {
        Ending::Finish => {
            write(socket, b"0\r\n\r\n").await?;
        }
        Ending::Cut => {}
        Ending::Hold => while read(socket, &mut Vec::new()).await > 0 {},
        Ending::Repeat(chunk) => loop {
            write(socket, &framed(&chunk)).await?;
        },
    }
    Ok(())
}

fn framed(chunk: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()
}

async fn write(socket: &TcpStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        socket.writable().await?;
        match socket.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How many bytes came; 0 when the client has closed.
async fn read(socket: &TcpStream, bytes: &mut Vec<u8>) -> usize {
    let mut buffer = [0; 4096];
    loop {
        if socket.readable().await.is_err() {
            return 0;
        }
        match socket.try_read(&mut buffer) {
            Ok(count) => {
                bytes.extend_from_slice(&buffer[..count]);
                return count;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return 0,
        }
    }
}
