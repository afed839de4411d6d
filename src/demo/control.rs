//! What tests set on a stand-in and what they see of it: the script, the counts and the recorded requests.
//! It must not answer requests; `answer` does.

use super::behaviour::Behaviour;
use super::fault::{Asked, Catalogue, Memory};
use crate::upstream::Reach;
use axum::http::{HeaderMap, Method, Uri};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How many recorded requests are kept; the oldest goes first.
const MAX_RECORDED: usize = 512;

/// The headers worth recording: the ones the real APIs look at.
const RECORDED_HEADERS: [&str; 11] = [
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "authorization",
    "content-type",
    "host",
    "last-event-id",
    "user-agent",
    "x-api-key",
    "x-request-id",
    "x-stand-in-fault",
];

/// What a stand-in has seen so far on its main endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests received.
    pub calls: usize,
    /// Requests whose response has neither been written to its end nor been given up by the caller.
    pub open: usize,
}

/// One request to the main endpoint of a stand-in.
#[derive(Clone, PartialEq)]
pub struct RecordedRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query as it was sent, without the question mark.
    pub query: Option<String>,
    /// The headers of interest, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The body as JSON; `Null` when there was none or it does not parse.
    pub body: Value,
}

impl RecordedRequest {
    pub(super) fn new(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> RecordedRequest {
        let of_interest = RECORDED_HEADERS.iter().filter_map(|name| {
            let value = headers.get(*name)?;
            Some(((*name).to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        });
        RecordedRequest {
            method: method.to_string(),
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            headers: of_interest.collect(),
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
        }
    }
}

impl fmt::Debug for RecordedRequest {
    /// Leaves the values of the headers out: a real key may be among them, and this text ends up in logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RecordedRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body", &self.body)
            .finish()
    }
}

/// The state that a stand-in's handlers share with the handle that tests hold.
#[derive(Debug)]
pub struct Control {
    catalogue: Catalogue,
    /// Watched, so that a test can wait for a count without polling.
    counts: watch::Sender<Counts>,
    script: Mutex<Script>,
}

#[derive(Debug, Default)]
struct Script {
    /// Where a stand-in that fetches addresses of users may go; public ones alone unless set.
    reach: Reach,
    /// One behaviour each for the next calls.
    queue: VecDeque<Behaviour>,
    /// What serves a call when the queue is empty.
    default: Behaviour,
    /// The delay before each event but the first.
    pace: Duration,
    requests: VecDeque<RecordedRequest>,
    /// Requests by path; the routes are few.
    calls: BTreeMap<String, usize>,
    faults: Memory,
}

impl Control {
    pub(super) fn new(catalogue: Catalogue) -> Control {
        Control { catalogue, counts: watch::Sender::default(), script: Mutex::default() }
    }

    pub(super) fn catalogue(&self) -> Catalogue {
        self.catalogue
    }

    pub(super) fn with_faults<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        change(&mut self.locked().faults)
    }

    pub(super) fn script(&self, behaviour: Behaviour) {
        self.locked().queue.push_back(behaviour);
    }

    pub(super) fn set_default(&self, behaviour: Behaviour) {
        self.locked().default = behaviour;
    }

    pub(super) fn set_pace(&self, pace: Duration) {
        self.locked().pace = pace;
    }

    pub(super) fn set_reach(&self, reach: Reach) {
        self.locked().reach = reach;
    }

    pub(super) fn reach(&self) -> Reach {
        self.locked().reach.clone()
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        self.locked().requests.iter().cloned().collect()
    }

    pub(super) fn calls_to(&self, path: &str) -> usize {
        self.locked().calls.get(path).copied().unwrap_or_default()
    }

    pub(super) async fn wait_until(&self, condition: impl Fn(&Counts) -> bool, deadline: Duration) -> bool {
        let mut counts = self.counts.subscribe();
        tokio::time::timeout(deadline, counts.wait_for(|counts| condition(counts))).await.is_ok()
    }

    /// Counts and records a request, and decides what becomes of it: what the script holds, else the fault that the request
    /// asks for, else the one that is armed, else the default.
    pub(super) fn admit(self: &Arc<Self>, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Admitted {
        let request = RecordedRequest::new(method, uri, headers, body);
        let asked = Asked::read(self.catalogue.api, uri, headers, body);
        let (treatment, pace) = {
            let mut script = self.locked();
            script.record(request);
            (script.treatment(asked.as_ref(), self.catalogue), script.pace)
        };
        self.counts.send_modify(|counts| {
            counts.calls += 1;
            counts.open += 1;
        });
        let (behaviour, fault) = match treatment {
            Treatment::Behave(behaviour) => (behaviour, None),
            Treatment::Fault(name) => (Behaviour::Normal, Some(name)),
        };
        Admitted { behaviour, fault, pace, open: OpenRequest { control: Arc::clone(self) } }
    }

    fn locked(&self) -> MutexGuard<'_, Script> {
        // Nothing is left half done under this lock, so a panic of another holder does no harm.
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of a request.
enum Treatment {
    Behave(Behaviour),
    Fault(&'static str),
}

impl Script {
    fn record(&mut self, request: RecordedRequest) {
        if self.requests.len() == MAX_RECORDED {
            self.requests.pop_front();
        }
        *self.calls.entry(request.path.clone()).or_default() += 1;
        self.requests.push_back(request);
    }

    fn treatment(&mut self, asked: Option<&Asked>, catalogue: Catalogue) -> Treatment {
        if let Some(scripted) = self.queue.pop_front() {
            return Treatment::Behave(scripted);
        }
        let fault = match asked {
            None => self.faults.next_armed(),
            Some(asked) => match catalogue.find(asked.name()) {
                None => return Treatment::Behave(catalogue.refused(asked.name(), catalogue.names())),
                Some(name) => Some(name).filter(|_| self.faults.is_due(asked)),
            },
        };
        fault.map_or_else(|| Treatment::Behave(self.default.clone()), Treatment::Fault)
    }
}

/// A request that was counted, with what to do about it.
pub(super) struct Admitted {
    pub(super) behaviour: Behaviour,
    /// A fault of the API's catalogue, which the API has to see to itself.
    pub(super) fault: Option<&'static str>,
    pub(super) pace: Duration,
    pub(super) open: OpenRequest,
}

/// Counts as one open request until it is dropped; it lives in the response's body, which the server drops when the body
/// has ended or the caller has gone.
pub(super) struct OpenRequest {
    control: Arc<Control>,
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.control.counts.send_modify(|counts| counts.open -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::fault::FaultNote;

    const NOTES: &[FaultNote] =
        &[FaultNote { name: "reset", description: "" }, FaultNote { name: "html", description: "" }];

    fn control() -> Arc<Control> {
        Arc::new(Control::new(Catalogue { api: "gtm", notes: NOTES }))
    }

    fn admit(control: &Arc<Control>, path: &str) -> Admitted {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", "secret-key".parse().unwrap());
        headers.insert("x-unrelated", "1".parse().unwrap());
        control.admit(&Method::POST, &path.parse().unwrap(), &headers, br#"{"a":1}"#)
    }

    fn status_of(admitted: &Admitted) -> Option<u16> {
        match &admitted.behaviour {
            Behaviour::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    #[test]
    fn the_script_is_played_in_order_and_then_the_default() {
        let control = control();
        control.script(Behaviour::status(500, &Value::Null));
        control.script(Behaviour::status(429, &Value::Null));
        let played: Vec<_> = (0..3).map(|_| status_of(&admit(&control, "/"))).collect();
        assert_eq!(played, [Some(500), Some(429), None]);
        control.set_default(Behaviour::status(503, &Value::Null));
        control.script(Behaviour::Normal);
        let played: Vec<_> = (0..3).map(|_| status_of(&admit(&control, "/"))).collect();
        assert_eq!(played, [None, Some(503), Some(503)]);
    }

    #[test]
    fn the_script_comes_before_a_fault_asked_for_and_that_before_one_armed() {
        let control = control();
        control.set_default(Behaviour::status(503, &Value::Null));
        control.script(Behaviour::status(500, &Value::Null));
        assert!(control.with_faults(|memory| memory.arm("html", 1)));
        let asking = "/?fault=gtm:reset*1";
        let treated: Vec<_> = [asking, asking, asking, "/", "/"]
            .map(|path| admit(&control, path))
            .iter()
            .map(|admitted| (status_of(admitted), admitted.fault))
            .collect();
        let (asked_for, armed) = ((None, Some("reset")), (None, Some("html")));
        assert_eq!(treated, [(Some(500), None), asked_for, (Some(503), None), armed, (Some(503), None)]);
        let unknown = admit(&control, "/?fault=gtm:nonsense");
        assert_eq!((status_of(&unknown), unknown.fault), (Some(400), None));
        assert_eq!(admit(&control, "/?fault=claude:reset").fault, None);
    }

    #[tokio::test]
    async fn counts_follow_the_guard_and_can_be_awaited() {
        let control = control();
        let first = admit(&control, "/");
        let second = admit(&control, "/");
        assert_eq!(control.counts(), Counts { calls: 2, open: 2 });
        drop(first);
        assert_eq!(control.counts(), Counts { calls: 2, open: 1 });
        assert!(!control.wait_until(|counts| counts.open == 0, Duration::from_millis(1)).await);
        let waiting = {
            let control = Arc::clone(&control);
            tokio::spawn(async move { control.wait_until(|counts| counts.open == 0, Duration::from_secs(10)).await })
        };
        drop(second);
        assert!(waiting.await.unwrap());
    }

    #[test]
    fn records_are_bounded_and_keep_only_headers_of_interest() {
        let control = control();
        for number in 0..=MAX_RECORDED {
            drop(admit(&control, &format!("/{number}?q=1")));
        }
        let requests = control.requests();
        assert_eq!(requests.len(), MAX_RECORDED);
        assert_eq!(requests[0].path, "/1", "the oldest record has gone");
        assert_eq!(requests[0].query.as_deref(), Some("q=1"));
        assert_eq!(requests[0].body, serde_json::json!({"a": 1}));
        assert_eq!(requests[0].headers.keys().collect::<Vec<_>>(), ["x-api-key"]);
        assert!(!format!("{:?}", requests[0]).contains("secret-key"));
    }
}
