//! Durable events a second: jobs that each say the next thing when the last is stored.
//! Must not count an event before the database has it.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Extent, SIZE, fanout::thousands};
use crate::Outcome;
use crate::database::Kind;
use crate::generator::histogram::Histogram;
use crate::generator::lines::mark;
use crate::generator::publish::event_data;
use crate::generator::requests;
use crate::generator::response::Response;
use crate::results::{Results, Row, Table};
use crate::servers::{Make, Server, gtm, jobcast};

/// Jobs, producers or connections at once.
const PRODUCERS: [u32; 4] = [1, 32, 256, 2048];

/// Before it counts, and how long it counts.
const WARM_UP: Duration = Duration::from_millis(700);
const COUNTED: Duration = Duration::from_secs(2);

/// Threads that keep the upstream's answers full, and events that each sends at a time.
const FEEDERS: u32 = 4;
const FED_AT_A_TIME: u32 = 16;

/// More than any job here stores while it is looked at.
const FED_AT_MOST: u32 = 20_000;

pub fn measure(extent: Extent, results: &mut Results) -> Outcome<()> {
    let durable_streams = Make::DurableStreams.missing();
    results.conditions.extend(durable_streams.iter().map(|why| format!("durable-streams was left out: {why}")));
    for kind in [Kind::Sqlite, Kind::Postgres].into_iter().filter(|kind| kind.is_there()) {
        let one_each = one_each(kind);
        let mut table = Table::new(
            format!("Durable events a second, {}, {SIZE} bytes each", kind.name()),
            "way",
            &[
                ("events/s", "rate", 0),
                ("ack p50 ms", "p50", 2),
                ("ack p99 ms", "p99", 2),
                ("server CPU µs each", "cpu", 1),
            ],
        )
        .over("over one transaction each", "rate", &*one_each);
        table.notes.push(
            "Whole product: each job's upstream has always more to say, the job stores it as fast as it can, and what the server's own \
             counter says is counted. Event log: `EventLog::append` in a process of its own, each producer with a job of its own. Processor time \
             includes PostgreSQL's for the whole product, and is not told for the others."
                .to_owned(),
        );
        for round in 0..extent.rounds {
            // A single job has said all that there is for it before it is counted.
            for producers in PRODUCERS.into_iter().skip(1) {
                eprintln!("durable: {}, {producers} at once, round {}", kind.name(), round + 1);
                let row = table.row(&format!("whole product, {} jobs", thousands(producers)), "");
                noting(row, |row| whole_product(kind, producers, row));
            }
            eprintln!("durable: {}, alone, round {}", kind.name(), round + 1);
            in_a_process_of_its_own(kind, &mut table)?;
            for producers in PRODUCERS.into_iter().filter(|_| durable_streams.is_none()) {
                eprintln!("durable: durable-streams, {producers} at once, round {}", round + 1);
                let row = table.row(&format!("durable-streams, {} connections", thousands(producers)), "");
                noting(row, |row| over_connections(producers, row));
            }
        }
        results.tables.push(table);
    }
    Ok(())
}

fn one_each(kind: Kind) -> String {
    format!("one transaction each, {}", crate::roles::transactions::writers_words(kind))
}

fn noting(row: &mut Row, measure: impl FnOnce(&mut Row) -> Outcome<()>) {
    if let Err(error) = measure(row) {
        row.trouble(error.to_string());
    }
}

fn whole_product(kind: Kind, jobs: u32, row: &mut Row) -> Outcome<()> {
    let server = jobcast::start(kind, jobs, SIZE)?;
    let (rate, cpu) = stored_per_second(&server, jobs)?;
    row.push("rate", rate);
    row.push("cpu", cpu);
    Ok(())
}

/// Events a second that a server stores of its jobs, which say them as fast as they are stored; and microseconds of
/// processor time for each.
pub(super) fn stored_per_second(server: &Server, jobs: u32) -> Outcome<(f64, f64)> {
    let gtm = server.jobs().ok_or("only the product has jobs")?.gtm();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for feeder in 0..FEEDERS.min(jobs) {
            let (gtm, stop) = (gtm.clone(), &stop);
            scope.spawn(move || {
                let mut fed = 0;
                while fed < FED_AT_MOST && !stop.load(Ordering::Relaxed) {
                    let part: String =
                        (fed..fed + FED_AT_A_TIME).map(|number| gtm::event(SIZE, &mark(0, number))).collect();
                    for job in (feeder..jobs).step_by(FEEDERS as usize) {
                        // The end of the measurement closes it, or the write's own patience.
                        if stop.load(Ordering::Relaxed) || gtm.send(job, part.as_bytes()).is_err() {
                            return;
                        }
                    }
                    fed += FED_AT_A_TIME;
                }
            });
        }
        let counted = count(server);
        stop.store(true, Ordering::Relaxed);
        // A feeder that waits for a full socket is let go.
        gtm.hang_up();
        counted
    })
}

/// Events a second that become durable from now on, and the processor time of each in microseconds.
fn count(server: &Server) -> Outcome<(f64, f64)> {
    std::thread::sleep(WARM_UP);
    let (before, cpu, begin) = (appended(server.address)?, server.processor_time()?, Instant::now());
    std::thread::sleep(COUNTED);
    let (after, seconds) = (appended(server.address)?, begin.elapsed().as_secs_f64());
    let cpu = server.processor_time()? - cpu;
    Ok(((after - before) / seconds, cpu as f64 / (after - before)))
}

/// What the server's own counter says.
fn appended(address: SocketAddr) -> Outcome<f64> {
    const NAME: &str = "jobcast_events_appended_total";
    let metrics = requests::once(address, "GET /metrics HTTP/1.1\r\n", "")?.body;
    let lines = metrics.lines().filter(|line| line.starts_with(NAME));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

/// The event log alone, then one transaction each, in a process that does nothing else.
fn in_a_process_of_its_own(kind: Kind, table: &mut Table) -> Outcome<()> {
    let (log, transactions) = (kind.fresh()?, kind.fresh()?);
    let roles = [["log", &log.url], ["transactions", &transactions.url]];
    for role in roles {
        let mut child = Command::new(std::env::current_exe()?);
        child.arg("serve").args(role).stdin(Stdio::piped()).stdout(Stdio::piped());
        let output = child.spawn()?.wait_with_output()?;
        let said = String::from_utf8(output.stdout)?;
        if !output.status.success() {
            return Err(format!("{role:?} ended with {}: {said}", output.status).into());
        }
        for line in said.lines() {
            let figures: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
            let [producers, rate, p50, p99] = figures[..] else { return Err(format!("not figures: {line}").into()) };
            let name = match role[0] {
                "log" => format!("event log alone, {} producers", thousands(producers as u32)),
                _ => one_each(kind),
            };
            let row = table.row(&name, "");
            row.push("rate", rate);
            row.push("p50", p50);
            row.push("p99", p99);
        }
    }
    Ok(())
}

/// Connections that each append to a stream of their own as soon as their last append is durable.
fn over_connections(connections: u32, row: &mut Row) -> Outcome<()> {
    let server = Make::DurableStreams.start(connections, SIZE)?;
    let address = server.address;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (latency, seconds) = runtime.block_on(async {
        let mut sockets = Vec::new();
        for _ in 0..connections {
            let socket = TcpStream::connect(address).await?;
            socket.set_nodelay(true)?;
            sockets.push(socket);
        }
        let begin = Instant::now();
        let tasks = sockets.into_iter().zip(0..).map(|(socket, channel)| tokio::spawn(append(socket, channel, begin)));
        let mut all = Histogram::default();
        for latency in try_join_all(tasks).await? {
            all.add(&latency?);
        }
        Outcome::Ok((all, begin.elapsed().saturating_sub(WARM_UP).as_secs_f64()))
    })?;
    row.push("rate", latency.len() as f64 / seconds);
    row.push("p50", latency.percentile(0.5));
    row.push("p99", latency.percentile(0.99));
    Ok(())
}

async fn append(mut socket: TcpStream, channel: u32, begin: Instant) -> Outcome<Histogram> {
    let (mut latency, mut number, mut part) = (Histogram::default(), 0, [0; 1024]);
    while begin.elapsed() < WARM_UP + COUNTED {
        let data = event_data(SIZE, channel, &mark(0, number));
        let request = format!(
            "POST /{channel} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{data}",
            data.len()
        );
        let sent = Instant::now();
        socket.write_all(request.as_bytes()).await?;
        let mut response = Response::default();
        while !response.is_over() {
            let length = socket.read(&mut part).await?;
            if length == 0 {
                return Err("the server closed the connection".into());
            }
            response.feed(&part[..length], &mut |_| {})?;
        }
        if !(200..300).contains(&response.status()) {
            return Err(format!("an append was refused: {}", response.head()).into());
        }
        if begin.elapsed() > WARM_UP {
            latency.push_duration(sent.elapsed());
        }
        number += 1;
    }
    Ok(latency)
}
