//! Publishing: how an event gets into each kind of server, and events one after another, in a burst or at a pace.
//! Must not publish an event late without its due time telling so.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::lines::mark;
use super::response::Response;
use crate::servers::gtm::Gtm;
use crate::{Outcome, clock};

/// No answer to an event may take longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Publishes events of channels.
pub enum Publisher {
    /// One POST for each event, over a kept connection where the server keeps it; the next waits for its answer.
    Http(HttpPublisher),
    /// A word of the upstream on the job's open answer; nobody acknowledges it.
    Upstream(Gtm),
}

/// Where events are posted to.
pub struct HttpPublisher {
    address: SocketAddr,
    connection: TcpStream,
    /// Path and headers around the channel's number.
    before: String,
    after: String,
    /// Bytes of an event's data.
    size: usize,
    body: Body,
}

/// What a POST holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// The data of the event.
    Data,
    /// Pushpin's envelope around the bytes for the stream; the channel stands in it and not in the path.
    Grip,
}

impl Publisher {
    /// Publishes event `number` of a channel, which was due at `due`.
    pub fn publish(&mut self, channel: u32, number: u32, due: u64) -> Outcome<()> {
        match self {
            Publisher::Http(http) => http.post(channel, number, due),
            Publisher::Upstream(gtm) => gtm.say(channel, &mark(due, number)),
        }
    }
}

impl HttpPublisher {
    /// A connection that posts to `before CHANNEL after`, two parts of a request's head.
    pub fn connect(address: SocketAddr, before: &str, after: &str, size: usize) -> Outcome<HttpPublisher> {
        let (before, after) = (before.to_owned(), after.to_owned());
        Ok(HttpPublisher { address, connection: connect(address)?, before, after, size, body: Body::Data })
    }

    /// Says what a POST holds.
    pub fn set_body(&mut self, body: Body) {
        self.body = body;
    }

    fn post(&mut self, channel: u32, number: u32, due: u64) -> Outcome<()> {
        let data = event_data(self.size, channel, &mark(due, number));
        let (path_end, body) = match self.body {
            Body::Data => (channel.to_string(), data),
            Body::Grip => {
                let content = format!("id: {number}\nevent: progress\ndata: {data}\n\n");
                let formats = json!({"http-stream": {"content": content}});
                (String::new(), json!({"items": [{"channel": channel.to_string(), "formats": formats}]}).to_string())
            }
        };
        let (before, after, length) = (&self.before, &self.after, body.len());
        let request = format!("{before}{path_end}{after}Host: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n{body}");
        self.connection.write_all(request.as_bytes())?;
        let response = read_response(&mut self.connection)?;
        if self.body == Body::Grip {
            // Pushpin closes it after each answer.
            self.connection = connect(self.address)?;
        }
        match response.status() {
            200..=299 => Ok(()),
            _ => Err(format!("an event was refused: {}", response.head()).into()),
        }
    }
}

fn connect(address: SocketAddr) -> Outcome<TcpStream> {
    let connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    Ok(connection)
}

/// Reads one response to its end.
pub fn read_response(connection: &mut impl Read) -> Outcome<Response> {
    let (mut response, mut part) = (Response::default(), [0; 4096]);
    while !response.is_over() {
        let length = connection.read(&mut part)?;
        if length == 0 {
            return Err("the server closed the connection before its answer was whole".into());
        }
        response.feed(&part[..length], &mut |_| {})?;
    }
    Ok(response)
}

/// An event's data as the product sends it, of so many bytes.
pub fn event_data(size: usize, channel: u32, mark: &str) -> String {
    let (before, after) = (
        format!(
            r#"{{"job_id":"0193a5b0-0000-7000-8000-{channel:012}","seq":1,"at":"2026-01-01T00:00:00.000Z","status":"processing","progress":10,"current_step":"Step 1/3: {mark}"#
        ),
        r#"","step":1,"total_steps":3,"attempt":1,"detail":{}}"#,
    );
    let padding = size.saturating_sub(before.len() + after.len());
    format!("{before}{:.<padding$}{after}", "")
}

/// When events are published.
#[derive(Clone, Copy)]
pub struct Pace {
    pub channels: u32,
    /// The numbers of each channel's events: from `first` on so many.
    pub first: u32,
    pub count: u32,
    /// Events a second of each channel, those of all channels evenly apart; without it as fast as they are taken.
    pub per_second: Option<f64>,
}

impl Pace {
    /// Publishes with all publishers at once; each has a share of the channels.
    pub fn publish(self, publishers: &mut [Publisher]) -> Outcome<()> {
        let (begin, shares) = (clock::now(), publishers.len() as u32);
        std::thread::scope(|scope| {
            let threads: Vec<_> = publishers
                .iter_mut()
                .zip(0..)
                .map(|(publisher, share)| scope.spawn(move || self.publish_share(publisher, share, shares, begin)))
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a publisher panicked")?)
        })
    }

    fn publish_share(self, publisher: &mut Publisher, share: u32, shares: u32, begin: u64) -> Outcome<()> {
        for index in 0..self.count {
            for channel in (share..self.channels).step_by(shares as usize) {
                let due = match self.per_second {
                    Some(rate) => {
                        let at = u64::from(index) * u64::from(self.channels) + u64::from(channel);
                        let due = clock::due(begin, at, rate * f64::from(self.channels));
                        clock::sleep_until(due);
                        due
                    }
                    None => clock::now(),
                };
                publisher.publish(channel, self.first + index, due)?;
            }
        }
        Ok(())
    }
}
