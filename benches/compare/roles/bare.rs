//! The limit: sockets in an epoll loop, each event rendered once, one `send` for each socket and event.
//! Must not join events into one write, and must not know more of HTTP than it takes to be read by a browser.

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use super::greet;
use crate::Outcome;

/// Events that wait for a sending thread before the publisher has to.
const WAITING: usize = 64;

/// How long a request may take; a publisher may be silent for as long between two.
const PATIENCE: Duration = Duration::from_secs(60);

const WAKE: Token = Token(usize::MAX);

/// A new reader of a channel, or an event for all of them.
enum Order {
    Serve(u32, std::net::TcpStream),
    Send(u32, Arc<[u8]>),
}

/// One thread's orders and its bell.
#[derive(Clone)]
struct Sender {
    orders: SyncSender<Order>,
    waker: Arc<Waker>,
}

/// Accepts on one thread and sends on so many others, each with a share of the readers.
pub fn run(threads: usize) -> Outcome<()> {
    let listener = listener()?;
    let senders = (0..threads).map(|_| start_sender()).collect::<Outcome<Vec<Sender>>>()?;
    greet(listener.local_addr()?)?;
    for (turn, connection) in listener.incoming().enumerate() {
        let mut connection = connection?;
        connection.set_nodelay(true)?;
        // Whoever connects here has something to say at once.
        connection.set_read_timeout(Some(PATIENCE))?;
        let Ok(request) = read_request(&mut connection) else { continue };
        if let Some(channel) = channel_of(&request, "GET /sub/") {
            senders[turn % threads].order(Order::Serve(channel, connection));
        } else {
            let senders = senders.clone();
            std::thread::spawn(move || publish(connection, request, &senders));
        }
    }
    Ok(())
}

/// With a backlog for as many connections as come at once.
fn listener() -> Outcome<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

fn start_sender() -> Outcome<Sender> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let (orders, received) = sync_channel(WAITING);
    std::thread::spawn(move || {
        if let Err(error) = send_all(poll, &received) {
            eprintln!("the bare loop ended: {error}");
            std::process::exit(1);
        }
    });
    Ok(Sender { orders, waker })
}

impl Sender {
    fn order(&self, order: Order) {
        // Both fail only while the process ends.
        let _ = self.orders.send(order);
        let _ = self.waker.wake();
    }
}

/// Takes POSTs over one connection; each is answered when every sending thread has it.
fn publish(mut connection: std::net::TcpStream, mut request: String, senders: &[Sender]) {
    let mut number = 0;
    while let (Some(channel), Some((_, data))) = (channel_of(&request, "POST /pub/"), request.split_once("\r\n\r\n")) {
        number += 1;
        let event = format!("id: {number}\nevent: progress\ndata: {data}\n\n");
        let chunk: Arc<[u8]> = format!("{:x}\r\n{event}\r\n", event.len()).into_bytes().into();
        for sender in senders {
            sender.order(Order::Send(channel, Arc::clone(&chunk)));
        }
        if connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
            return;
        }
        match read_request(&mut connection) {
            Ok(next) => request = next,
            Err(_) => return,
        }
    }
}

/// A request with its body, if it announces one.
fn read_request(connection: &mut std::net::TcpStream) -> Outcome<String> {
    let (mut request, mut part) = (Vec::new(), [0; 8192]);
    loop {
        let length = connection.read(&mut part)?;
        if length == 0 || request.len() > 64 * 1024 {
            return Err("no request".into());
        }
        request.extend_from_slice(&part[..length]);
        let text = std::str::from_utf8(&request)?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let announced = head.split("Content-Length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        if body.len() >= announced.map_or(Ok(0), str::parse)? {
            return Ok(text.to_owned());
        }
    }
}

fn channel_of(request: &str, before: &str) -> Option<u32> {
    request.strip_prefix(before)?.split(' ').next()?.parse().ok()
}

struct Reader {
    socket: TcpStream,
    /// What the socket has not taken: events, and how much of the first it has.
    waiting: VecDeque<Arc<[u8]>>,
    taken: usize,
}

fn send_all(mut poll: Poll, orders: &Receiver<Order>) -> Outcome<()> {
    let mut events = Events::with_capacity(1024);
    let mut readers: Vec<Option<Reader>> = Vec::new();
    let mut channels: HashMap<u32, Vec<usize>> = HashMap::new();
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    let head: Arc<[u8]> = head.as_slice().into();
    loop {
        if let Err(error) = poll.poll(&mut events, None)
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        for event in events.iter().filter(|event| event.token() != WAKE) {
            let place = &mut readers[event.token().0];
            if event.is_read_closed() || event.is_error() {
                *place = None;
            } else if let (true, Some(reader)) = (event.is_writable(), place.as_mut()) {
                reader.go_on();
            }
        }
        while let Ok(order) = orders.try_recv() {
            match order {
                Order::Serve(channel, connection) => {
                    connection.set_nonblocking(true)?;
                    let mut socket = TcpStream::from_std(connection);
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut socket, Token(readers.len()), interest)?;
                    let mut reader = Reader { socket, waiting: VecDeque::new(), taken: 0 };
                    reader.send(&head);
                    channels.entry(channel).or_default().push(readers.len());
                    readers.push(Some(reader));
                }
                Order::Send(channel, chunk) => {
                    for index in channels.get(&channel).into_iter().flatten() {
                        if let Some(reader) = &mut readers[*index] {
                            reader.send(&chunk);
                        }
                    }
                }
            }
        }
    }
}

impl Reader {
    fn send(&mut self, chunk: &Arc<[u8]>) {
        self.waiting.push_back(Arc::clone(chunk));
        if self.waiting.len() == 1 {
            self.go_on();
        }
    }

    /// Writes until the socket is full or nothing waits. A socket that is broken is noticed by the loop.
    fn go_on(&mut self) {
        while let Some(chunk) = self.waiting.front() {
            match self.socket.write(&chunk[self.taken..]) {
                Ok(length) => self.taken += length,
                Err(_) => return,
            }
            if self.taken == chunk.len() {
                self.taken = 0;
                self.waiting.pop_front();
            }
        }
    }
}
