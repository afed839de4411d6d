//! From the start of a job until a viewer sees that a worker has taken it up: the viewer follows the brand.
//! Must not overlap starts: it is the latency of one job on a server that is not busy.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Extent, SIZE};
use crate::database::Kind;
use crate::generator::histogram::Histogram;
use crate::generator::requests::{self, Connection};
use crate::generator::response::Response;
use crate::results::{Results, Row, Table};
use crate::servers::gtm::Gtm;
use crate::servers::{Server, jobcast};
use crate::{Outcome, clock};

const STARTS: u32 = 200;

/// Between two starts, so that each meets an idle server.
const APART: u64 = 20_000;

const PATIENCE: Duration = Duration::from_secs(10);

/// The first words of a brand's stream about a new job, in their order.
const WORDS: [&str; 3] = ["queued", "started", "progress"];

pub fn measure(extent: Extent, results: &mut Results) -> Outcome<()> {
    let mut table = Table::new(
        format!("From `POST /api/jobs/start` until the viewer has …, {STARTS} starts a round, ms"),
        "server",
        &[
            ("`queued` p50", "queued_p50", 2),
            ("`queued` p99", "queued_p99", 2),
            ("`started` p50", "started_p50", 2),
            ("`started` p99", "started_p99", 2),
            ("first `progress` p50", "progress_p50", 2),
            ("first `progress` p99", "progress_p99", 2),
        ],
    );
    table.notes.push(
        "`started`: a worker has claimed the job, and that is durable and at the viewer. Published for comparison: Graphile Worker \
         says \"~2 ms from task schedule to execution\", which is the pickup alone, without HTTP or a viewer."
            .to_owned(),
    );
    for round in 0..extent.rounds {
        for kind in [Kind::Sqlite, Kind::Postgres].into_iter().filter(|kind| kind.is_there()) {
            eprintln!("first: round {}, {}", round + 1, kind.name());
            let row = table.row(&format!("jobcast on {}", kind.name()), "");
            if let Err(error) = run(kind, extent, row) {
                row.trouble(format!("round {}: {error}", round + 1));
            }
        }
    }
    results.tables.push(table);
    Ok(())
}

fn run(kind: Kind, extent: Extent, row: &mut Row) -> Outcome<()> {
    let server = jobcast::start_running(kind, 0, SIZE, jobcast::DEFAULT_JOBS * 10)?;
    let mut starts = Connection::open(server.address)?;
    let token = jobcast::token()?;
    let mut seen: [Histogram; WORDS.len()] = Default::default();
    for number in 0..extent.of(STARTS, 20) {
        let brand_id = uuid::Uuid::new_v4();
        let mut viewer = Viewer::open(&server, &token, brand_id)?;
        let site = Gtm::site(number);
        let body =
            format!(r#"{{"brand_id":"{brand_id}","job_type":"brand_intelligence","input_data":{{"url":"{site}"}}}}"#);
        let due = clock::now() + APART;
        clock::sleep_until(due);
        starts.ask(&requests::start_head(&token), &body)?;
        for (word, seen) in WORDS.into_iter().zip(&mut seen) {
            viewer.wait_for(word)?;
            seen.push(clock::now() - due);
        }
    }
    for (word, seen) in WORDS.into_iter().zip(&seen) {
        row.push(&format!("{word}_p50"), seen.percentile(0.5));
        row.push(&format!("{word}_p99"), seen.percentile(0.99));
    }
    Ok(())
}

/// A viewer of one brand.
struct Viewer {
    socket: TcpStream,
    response: Response,
    text: Vec<u8>,
}

impl Viewer {
    /// Follows a brand; its first frame is there when this returns.
    fn open(server: &Server, token: &str, brand_id: uuid::Uuid) -> Outcome<Viewer> {
        let mut socket = TcpStream::connect(server.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let request = format!(
            "GET /api/brands/{brand_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        socket.write_all(request.as_bytes())?;
        let mut viewer = Viewer { socket, response: Response::default(), text: Vec::new() };
        viewer.wait_for("sync")?;
        Ok(viewer)
    }

    /// Reads up to the event of this name.
    fn wait_for(&mut self, name: &str) -> Outcome<()> {
        let (line, mut part) = (format!("event: {name}\n"), [0; 4096]);
        loop {
            let text = String::from_utf8_lossy(&self.text);
            if let Some(at) = text.find(&line) {
                let end = at + line.len();
                self.text.drain(..end);
                return Ok(());
            }
            let length = self.socket.read(&mut part)?;
            if length == 0 || !matches!(self.response.status(), 0 | 200) {
                return Err(format!("no stream: {}", self.response.head()).into());
            }
            let text = &mut self.text;
            self.response.feed(&part[..length], &mut |body| text.extend_from_slice(body))?;
        }
    }
}
