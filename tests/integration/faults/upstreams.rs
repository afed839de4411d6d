//! What stands between the servers and the upstreams: writes down who calls what and when, and lets calls fail.
//! Must not decide by chance: what becomes of a call follows from the seed, the job and the number of the call alone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use jobcast::demo::StandIns;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::calls::{Call, Upstream, case_of};
use super::story::Story;

/// The most calls of one step of a job that are let fail; the job has a fifth attempt at the most.
const FAILING_CALLS: usize = 2;

/// The gateway; gone with its connections when dropped.
pub struct Upstreams {
    base: String,
    gateway: Arc<Gateway>,
    _serving: AbortOnDropHandle<()>,
}

struct Gateway {
    seed: AtomicU64,
    stand_ins: Mutex<Arc<StandIns>>,
    http: reqwest::Client,
    story: Story,
    /// Whether calls fail.
    storm: AtomicBool,
    calls: Mutex<Vec<Call>>,
    /// How often each step of each job was called.
    numbers: Mutex<HashMap<(usize, &'static str), usize>>,
}

/// What becomes of a call.
struct Treatment {
    /// A fault of the stand-in's by name.
    fault: Option<&'static str>,
    /// How much longer the answer's first byte takes, and each further piece.
    lead: Duration,
    pace: Duration,
}

impl Treatment {
    const UNDISTURBED: Treatment = Treatment { fault: None, lead: Duration::ZERO, pace: Duration::ZERO };
}

impl Upstreams {
    pub async fn start(story: Story) -> Upstreams {
        let stand_ins = Mutex::new(stand_ins().await);
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
        let gateway = Arc::new(Gateway {
            seed: AtomicU64::new(0),
            stand_ins,
            http,
            story,
            storm: AtomicBool::new(false),
            calls: Mutex::default(),
            numbers: Mutex::default(),
        });
        let router =
            Router::new().route("/{caller}/{upstream}/{*path}", axum::routing::any(pass)).with_state(gateway.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("it is bound"));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("the gateway serves") });
        Upstreams { base, gateway, _serving: AbortOnDropHandle::new(serving) }
    }

    /// The flags that lead a server process through the gateway, so that its calls can be told from others'.
    pub fn flags(&self, caller: usize) -> Vec<String> {
        let url = |upstream: Upstream| format!("{}/{caller}/{}", self.base, upstream.name());
        [
            ("--gtm-base-url", url(Upstream::Gtm)),
            ("--anthropic-base-url", url(Upstream::Claude)),
            ("--foreplay-base-url", url(Upstream::Foreplay)),
            ("--anthropic-api-key", "a-key-for-tests".to_owned()),
            ("--foreplay-api-key", "another-key-for-tests".to_owned()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect()
    }

    /// Forgets earlier calls, fills up the accounts, and lets calls fail from now on as the seed says.
    pub async fn begin_storm(&self, seed: u64) {
        // The credits of one account are enough for some twenty rounds.
        let fresh = stand_ins().await;
        *self.gateway.stand_ins.lock().unwrap() = fresh;
        self.gateway.seed.store(seed, Ordering::Relaxed);
        self.gateway.calls.lock().unwrap().clear();
        self.gateway.numbers.lock().unwrap().clear();
        self.gateway.storm.store(true, Ordering::Relaxed);
        self.set_pace(Duration::from_millis(100), Duration::from_millis(20));
    }

    /// Lets no call fail from now on, and answers as fast as it goes.
    pub fn end_storm(&self) {
        self.gateway.storm.store(false, Ordering::Relaxed);
        self.set_pace(Duration::ZERO, Duration::ZERO);
    }

    /// The pauses between two events of an answer: a job takes some seconds, so that faults meet it.
    fn set_pace(&self, gtm: Duration, claude: Duration) {
        let stand_ins = self.gateway.stand_ins();
        stand_ins.gtm.set_pace(gtm);
        stand_ins.claude.set_pace(claude);
    }

    /// All calls so far, in their order.
    pub fn calls(&self) -> Vec<Call> {
        self.gateway.calls.lock().unwrap().clone()
    }

    /// Calls that are being answered now.
    pub fn open(&self) -> usize {
        let StandIns { gtm, claude, foreplay } = &*self.gateway.stand_ins();
        gtm.open_requests() + claude.open_requests() + foreplay.open_requests()
    }
}

async fn stand_ins() -> Arc<StandIns> {
    Arc::new(StandIns::start().await.expect("the stand-ins start"))
}

async fn pass(
    State(gateway): State<Arc<Gateway>>,
    Path((caller, upstream, path)): Path<(usize, String, String)>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(upstream) = Upstream::of(&upstream) else { return StatusCode::NOT_FOUND.into_response() };
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let treatment = gateway.record(caller, upstream, &path, &query, &body);
    tokio::time::sleep(treatment.lead).await;
    let url = gateway.base_url(upstream).join(&format!("{path}{query}")).expect("a path can be joined");
    let mut request = gateway.http.request(method, url).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| !["host", "content-length"].contains(&name.as_str())) {
        request = request.header(name, value);
    }
    if let Some(fault) = treatment.fault {
        request = request.header("x-stand-in-fault", fault);
    }
    match request.send().await {
        Ok(answer) => passed_on(answer, treatment.pace),
        // The stand-in reset the connection before it answered: the caller sees a gateway's own answer.
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// The answer as it comes, piece by piece; one that breaks off breaks off for the caller too.
fn passed_on(answer: reqwest::Response, pace: Duration) -> Response {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let pieces = answer.bytes_stream().then(move |piece| async move {
        tokio::time::sleep(pace).await;
        piece
    });
    let mut response = Response::new(Body::from_stream(pieces));
    *response.status_mut() = status;
    for (name, value) in headers.iter().filter(|(name, _)| *name != "transfer-encoding" && *name != "connection") {
        response.headers_mut().append(name, value.clone());
    }
    response
}

impl Gateway {
    fn stand_ins(&self) -> Arc<StandIns> {
        self.stand_ins.lock().unwrap().clone()
    }

    fn base_url(&self, upstream: Upstream) -> Url {
        match upstream {
            Upstream::Gtm => self.stand_ins().gtm.base_url(),
            Upstream::Claude => self.stand_ins().claude.base_url(),
            Upstream::Foreplay => self.stand_ins().foreplay.base_url(),
        }
    }

    /// Writes the call down and decides what becomes of it.
    fn record(&self, caller: usize, upstream: Upstream, path: &str, query: &str, body: &[u8]) -> Treatment {
        let kind = upstream.kind(path);
        let Some(case) = case_of(upstream, query, body) else {
            self.story.violation(format!("a call of {kind} by process {caller} names no job"));
            return Treatment::UNDISTURBED;
        };
        self.calls.lock().unwrap().push(Call { caller, kind, case });
        let number = {
            let mut numbers = self.numbers.lock().unwrap();
            let number = numbers.entry((case, kind)).or_default();
            *number += 1;
            *number - 1
        };
        let treatment = self.treatment(case, kind, number);
        if let Some(fault) = treatment.fault {
            self.story.tell("upstream fault", format!("{kind} of case {case}, call {number}: {fault}"));
        }
        treatment
    }

    fn treatment(&self, case: usize, kind: &'static str, number: usize) -> Treatment {
        let seed = self.seed.load(Ordering::Relaxed);
        let of_kind = kind.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let of_call = (case as u64) << 8 | number as u64;
        let mut random = StdRng::seed_from_u64(seed ^ of_kind.rotate_left(32) ^ of_call.wrapping_mul(0x9e37_79b9));
        let lead = Duration::from_millis(random.random_range(0..300));
        let pace = Duration::from_micros(random.random_range(0..40_000));
        let fails = random.random_bool(0.3) && number < FAILING_CALLS;
        let fault = faults(kind).choose(&mut random).copied();
        // What is answered wrongly twice fails the job for good.
        let fault = fault.filter(|fault| number == 0 || !WRONG_ANSWERS.contains(fault));
        if !self.storm.load(Ordering::Relaxed) {
            return Treatment::UNDISTURBED;
        }
        Treatment { fault: fault.filter(|_| fails), lead, pace }
    }
}

/// Answers that are asked to be corrected, once.
const WRONG_ANSWERS: [&str; 3] = ["wrong-shape", "cut-off", "no-json"];

/// What a kind of call may meet; all of it is worth another try, or harmless.
fn faults(kind: &str) -> &'static [&'static str] {
    match kind {
        "analyze-brand-enhanced" => &[
            "reset",
            "status-500",
            "status-503",
            "no-complete",
            "error-retryable",
            "html",
            "silence-3s",
            "dialect-b",
            "cr-only",
        ],
        "extract-brand" | "discover-brand-pages" => &["reset", "status-500", "status-503", "html", "thin"],
        "discovery/ads" => &["reset", "rate-limited", "server-error", "not-json", "html"],
        _ => &[
            "reset",
            "overloaded",
            "server-error",
            "rate-limited",
            "error-midstream",
            "no-message-stop",
            "unknown-events",
            "wrong-shape",
            "cut-off",
            "no-json",
        ],
    }
}
