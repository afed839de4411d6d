//! A TCP proxy in front of PostgreSQL or of a server that a test can cut, stall, slow down and restore, at any byte or at
//! a chosen answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::DEADLINE;

/// The proxy; dropping it cuts everything.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Bound and never listening: nobody else is given the port while the proxy refuses connections.
    _reserved: TcpSocket,
    accepting: Option<AbortOnDropHandle<()>>,
}

struct Shared {
    /// Where new connections are led to.
    server: Mutex<String>,
    /// Counts up with every cut; a connection ends when it has changed.
    epoch: watch::Sender<u64>,
    stalled: watch::Sender<bool>,
    faults: Mutex<Faults>,
}

/// What goes wrong by itself, until it is switched off.
#[derive(Default)]
struct Faults {
    random: Option<RandomCuts>,
    commit_answers: Option<LostCommitAnswers>,
    /// How much later all bytes arrive.
    delay: Duration,
    /// How many connections were cut.
    cuts: usize,
}

/// Cuts the connection that carries the byte at which a random allowance is used up, again and again.
struct RandomCuts {
    random: StdRng,
    mean: usize,
    /// Bytes until the next cut.
    left: usize,
}

/// Loses every so many answers to what makes a batch durable, and the connection with each: the transaction is durable.
struct LostCommitAnswers {
    every: usize,
    seen: usize,
}

/// CommandComplete with the tag COMMIT (PostgreSQL's manual, section 55.7): its type, its length, the tag.
const COMMIT_ANSWER: &[u8] = b"C\0\0\0\x0bCOMMIT\0";

/// An array of BIGINT without nulls, in binary.
const ARRAY: &[u8] = b"\0\0\0\x01\0\0\0\0\0\0\0\x14";

/// Whether an answer begins here that says that something is durable: to COMMIT, or a DataRow of one array of BIGINT (its
/// type, its length, one column, the column's length), as the statements answer that are a transaction by themselves, and no
/// others.
fn is_commit_answer(bytes: &[u8]) -> bool {
    let is_row = || bytes.first() == Some(&b'D') && bytes.get(5..7) == Some(&[0, 1]);
    bytes.starts_with(COMMIT_ANSWER) || is_row() && bytes.get(11..11 + ARRAY.len()) == Some(ARRAY)
}

impl Proxy {
    /// A proxy in front of the server of this address.
    pub async fn start(database_url: &str) -> Proxy {
        Proxy::to(address_of(database_url)).await
    }

    /// A proxy in front of this host and port.
    pub async fn to(server: String) -> Proxy {
        let reserved = TcpSocket::new_v4().unwrap();
        reserved.set_reuseaddr(true).unwrap();
        reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = reserved.local_addr().unwrap();
        let (epoch, stalled) = (watch::Sender::new(0), watch::Sender::new(false));
        let shared = Arc::new(Shared { server: Mutex::new(server), epoch, stalled, faults: Mutex::default() });
        let mut proxy = Proxy { address, shared, _reserved: reserved, accepting: None };
        proxy.restore();
        proxy
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads connections from now on to this host and port; those that are open stay where they are.
    pub fn lead_to(&self, server: String) {
        *self.shared.server.lock().unwrap() = server;
    }

    /// The database's address, but through the proxy.
    pub fn url(&self, database_url: &str) -> String {
        let mut url = Url::parse(database_url).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        // Unencrypted, so that the answers can be read.
        url.set_query(Some("sslmode=disable"));
        url.into()
    }

    /// Closes all connections and refuses new ones.
    pub fn cut(&mut self) {
        self.accepting = None;
        self.shared.epoch.send_modify(|epoch| *epoch += 1);
    }

    /// Keeps all connections and takes new ones, but lets no byte through.
    pub fn stall(&self) {
        self.shared.stalled.send_replace(true);
    }

    /// Everything works again.
    pub fn restore(&mut self) {
        *self.faults() = Faults::default();
        self.shared.stalled.send_replace(false);
        if self.accepting.is_none() {
            let listener = self.listen();
            self.accepting = Some(AbortOnDropHandle::new(tokio::spawn(accept(listener, self.shared.clone()))));
        }
    }

    /// Takes the address again; a listener that was just dropped may take a moment to let go of it.
    fn listen(&self) -> TcpListener {
        let deadline = std::time::Instant::now() + DEADLINE;
        loop {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            match socket.bind(self.address).and_then(|()| socket.listen(1024)) {
                Ok(listener) => return listener,
                Err(error) => assert!(std::time::Instant::now() < deadline, "{}: {error}", self.address),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// From now on cuts connections at random bytes, of either direction, `mean` bytes apart.
    pub fn cut_at_random(&self, seed: u64, mean: usize) {
        let mut random = StdRng::seed_from_u64(seed);
        let left = random.random_range(1..2 * mean);
        self.faults().random = Some(RandomCuts { random, mean, left });
    }

    /// From now on loses the answer of every `every`-th COMMIT, or statement that is a transaction by itself.
    pub fn lose_commit_answers(&self, every: usize) {
        self.faults().commit_answers = Some(LostCommitAnswers { every, seen: 0 });
    }

    /// From now on bytes of either direction arrive this much later.
    pub fn delay(&self, by: Duration) {
        self.faults().delay = by;
    }

    /// How many connections the faults have cut since the last restore.
    pub fn cuts(&self) -> usize {
        self.faults().cuts
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.shared.faults.lock().unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Faults {
    /// How many of these bytes pass; fewer than all if the connection is to be cut.
    fn passing(&mut self, bytes: &[u8]) -> usize {
        let mut passing = bytes.len();
        if let Some(answers) = &mut self.commit_answers
            && let Some(at) = (0..bytes.len()).find(|at| is_commit_answer(&bytes[*at..]))
        {
            answers.seen += 1;
            if answers.seen.is_multiple_of(answers.every) {
                passing = at;
            }
        }
        if let Some(cuts) = &mut self.random {
            if cuts.left < passing {
                passing = cuts.left;
                cuts.left = cuts.random.random_range(1..2 * cuts.mean);
            } else {
                cuts.left -= passing;
            }
        }
        self.cuts += usize::from(passing < bytes.len());
        passing
    }
}

/// Host and port of a URL.
fn address_of(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port_or_known_default().unwrap_or(5432))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (client, _) = listener.accept().await.expect("a connection can be accepted");
        tokio::spawn(carry(client, shared.clone()));
    }
}

/// Carries bytes both ways until one side ends or the connection is cut.
async fn carry(client: TcpStream, shared: Arc<Shared>) {
    let mut epoch = shared.epoch.subscribe();
    epoch.mark_unchanged();
    let server = shared.server.lock().unwrap().clone();
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = pump(from_client, to_server, &shared) => {}
        () = pump(from_server, to_client, &shared) => {}
        _ = epoch.changed() => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) {
    let mut stalled = shared.stalled.subscribe();
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let _ = stalled.wait_for(|stalled| !stalled).await;
        let (passing, delay) = {
            let mut faults = shared.faults.lock().unwrap();
            (faults.passing(&bytes[..length]), faults.delay)
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&bytes[..passing]).await.is_err() || passing < length {
            return;
        }
    }
}
