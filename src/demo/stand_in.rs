//! A stand-in as its user sees it: an address, a script, counts; and the loop that serves it.
//! It must not know any of the three APIs beyond their routes.

use super::behaviour::Behaviour;
use super::control::{Control, Counts, RecordedRequest};
use super::fault::{self, Catalogue, FaultNote};
use super::socket::{ResetSwitch, Socket};
use crate::upstream::Reach;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::marker::PhantomData;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use tower::Layer;
use url::Url;

/// Connections a stand-in holds at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 4096;
/// How long a connection may take to send a request's head.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a failed accept, which is nearly always a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One of the APIs that are stood in for.
pub trait Api: Send + Sync + 'static {
    /// The delay between events at which a person can follow.
    const PACE_FOR_PEOPLE: Duration;

    /// The name by which texts ask for its faults.
    const NAME: &'static str;

    /// The faults that can be asked for; `docs/FAULTS.md` says what a job does on each.
    fn faults() -> &'static [FaultNote];

    /// The API's routes; the main endpoint takes its behaviour from `control`.
    fn router(control: Arc<Control>) -> Router;
}

/// A running stand-in; dropping it ends it and closes its connections.
#[derive(Debug)]
pub struct StandIn<A> {
    base_url: Url,
    control: Arc<Control>,
    /// Owns the accept loop, which owns the connections.
    _serving: AbortOnDropHandle<()>,
    api: PhantomData<A>,
}

impl<A: Api> StandIn<A> {
    /// Starts it on `127.0.0.1:0` with no delay between events.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<StandIn<A>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base_url = Url::parse(&format!("http://{}", listener.local_addr()?)).map_err(io::Error::other)?;
        let control = Arc::new(Control::new(Catalogue { api: A::NAME, notes: A::faults() }));
        let router = A::router(Arc::clone(&control)).merge(fault::router(Arc::clone(&control)));
        let serving = tokio::spawn(serve(listener, router));
        Ok(StandIn { base_url, control, _serving: AbortOnDropHandle::new(serving), api: PhantomData })
    }

    /// Where it listens, such as `http://127.0.0.1:40123/`.
    pub fn base_url(&self) -> Url {
        self.base_url.clone()
    }

    /// How many requests came to the main endpoint.
    pub fn calls(&self) -> usize {
        self.counts().calls
    }

    /// How many responses of the main endpoint are still being written to a caller that has not left.
    pub fn open_requests(&self) -> usize {
        self.counts().open
    }

    /// Both counts, taken at one moment.
    pub fn counts(&self) -> Counts {
        self.control.counts()
    }

    /// Waits until the counts satisfy `condition`; false if they have not by the deadline.
    pub async fn wait_until(&self, condition: impl Fn(&Counts) -> bool, deadline: Duration) -> bool {
        self.control.wait_until(condition, deadline).await
    }

    /// The requests to the main endpoint, oldest first; the last 512 are kept.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.control.requests()
    }

    /// How many requests came to the main endpoint with this path, such as `/api/extract-brand`.
    pub fn calls_to(&self, path: &str) -> usize {
        self.control.calls_to(path)
    }

    /// Queues a behaviour: each call takes the one at the front, and the default serves when there is none.
    pub fn script(&self, behaviour: Behaviour) {
        self.control.script(behaviour);
    }

    /// Sets what serves the calls that the script says nothing about; `Normal` unless set.
    pub fn set_default(&self, behaviour: Behaviour) {
        self.control.set_default(behaviour);
    }

    /// Sets the delay before each event but the first, for calls that come from now on.
    pub fn set_pace(&self, pace: Duration) {
        self.control.set_pace(pace);
    }

    /// Sets where it may go for an address that a user gave, from the next request on; public addresses alone unless set.
    pub fn set_reach(&self, reach: Reach) {
        self.control.set_reach(reach);
    }

    /// Sets the pace at which a person can follow.
    pub fn pace_for_people(&self) {
        self.set_pace(A::PACE_FOR_PEOPLE);
    }
}

/// Accepts until aborted. The connections are tasks of the set, so that they end with it.
async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, router.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "a stand-in could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    let reset = ResetSwitch::default();
    let socket = TokioIo::new(Socket::new(stream, reset.clone()));
    let service = TowerToHyperService::new(Extension(reset).layer(router));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_READ_TIMEOUT);
    if let Err(error) = builder.serve_connection(socket, service).await {
        tracing::trace!(%error, "a connection to a stand-in ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::answer::{Answer, event, respond};
    use crate::demo::behaviour::{Ending, Gate};
    use axum::body::Bytes;
    use axum::extract::State;
    use axum::http::{HeaderMap, Method, Uri};
    use axum::response::Response;
    use futures_util::StreamExt;
    use serde_json::json;
    use tokio::time::timeout;

    const DEADLINE: Duration = Duration::from_secs(20);

    /// An API that sends three events.
    #[derive(Debug)]
    struct Counting;

    impl Api for Counting {
        const PACE_FOR_PEOPLE: Duration = Duration::from_millis(1);
        const NAME: &'static str = "counting";

        fn faults() -> &'static [FaultNote] {
            &[FaultNote { name: "none", description: "changes nothing" }]
        }

        fn router(control: Arc<Control>) -> Router {
            Router::new().route("/", axum::routing::post(count)).with_state(control)
        }
    }

    async fn count(
        State(control): State<Arc<Control>>,
        Extension(reset): Extension<ResetSwitch>,
        (method, uri): (Method, Uri),
        headers: HeaderMap,
        body: Bytes,
    ) -> Response {
        let admitted = control.admit(&method, &uri, &headers, &body);
        let events = (1..=3).map(|number| event("count", &json!(number)));
        let answer = Answer::events(futures_util::stream::iter(events.collect::<Vec<_>>())).with_preamble(": ok\n\n");
        respond(admitted, reset, || std::future::ready(answer)).await
    }

    async fn post(stand_in: &StandIn<Counting>) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.post(stand_in.base_url()).json(&json!({"a": 1})).send().await.unwrap()
    }

    /// Reads until `text` has come.
    async fn read_until(response: &mut reqwest::Response, text: &str) -> String {
        let mut read = String::new();
        while !read.ends_with(text) {
            let chunk = timeout(DEADLINE, response.chunk()).await.unwrap().unwrap().unwrap();
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        read
    }

    fn event_text(number: usize) -> String {
        format!("event: count\ndata: {number}\n\n")
    }

    async fn all_closed(stand_in: &StandIn<Counting>) -> bool {
        stand_in.wait_until(|counts| counts.open == 0, DEADLINE).await
    }

    #[tokio::test]
    async fn a_normal_answer_is_counted_and_recorded() {
        let stand_in = StandIn::<Counting>::start().await.unwrap();
        stand_in.pace_for_people();
        let text = post(&stand_in).await.text().await.unwrap();
        assert_eq!(text, format!(": ok\n\n{}{}{}", event_text(1), event_text(2), event_text(3)));
        assert!(all_closed(&stand_in).await);
        assert_eq!((stand_in.calls(), stand_in.open_requests()), (1, 0));
        assert_eq!(stand_in.requests()[0].body, json!({"a": 1}));
        assert_eq!((stand_in.calls_to("/"), stand_in.calls_to("/elsewhere")), (1, 0));
    }

    #[tokio::test]
    async fn a_held_answer_is_silent_until_the_gate_opens() {
        for hold_after in 0..=3 {
            let stand_in = StandIn::<Counting>::start().await.unwrap();
            let gate = Gate::new();
            stand_in.script(Behaviour::HoldAfter { events: hold_after, gate: gate.clone() });
            let mut response = post(&stand_in).await;
            timeout(DEADLINE, gate.reached()).await.unwrap();
            let before: String = (1..=hold_after).map(event_text).collect();
            assert_eq!(read_until(&mut response, &format!(": ok\n\n{before}")).await, format!(": ok\n\n{before}"));
            assert_eq!(stand_in.open_requests(), 1);
            gate.open();
            assert_eq!(response.text().await.unwrap(), (hold_after + 1..=3).map(event_text).collect::<String>());
            assert!(all_closed(&stand_in).await);
        }
    }

    #[tokio::test]
    async fn a_caller_that_leaves_is_seen() {
        let stand_in = StandIn::<Counting>::start().await.unwrap();
        stand_in.set_default(Behaviour::event_stream(vec![Bytes::from("data: 1\n\n")], Ending::Hang));
        let mut staying = post(&stand_in).await;
        let mut leaving = post(&stand_in).await;
        read_until(&mut staying, "data: 1\n\n").await;
        read_until(&mut leaving, "data: 1\n\n").await;
        assert_eq!(stand_in.counts(), Counts { calls: 2, open: 2 });
        drop(leaving);
        assert!(stand_in.wait_until(|counts| counts.open == 1, DEADLINE).await);
        drop(staying);
        assert!(all_closed(&stand_in).await);
    }

    #[tokio::test]
    async fn raw_chunks_arrive_as_they_were_given() {
        let stand_in = StandIn::<Counting>::start().await.unwrap();
        let chunks: Vec<Bytes> =
            [&b"\xEF\xBB\xBFda"[..], b"", b"ta: \xC3", b"\xA4\r", b"\n\r\n"].map(Bytes::from_static).to_vec();
        stand_in.script(Behaviour::event_stream(chunks.clone(), Ending::Close));
        let response = post(&stand_in).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let read: Vec<Bytes> = response.bytes_stream().map(|chunk| chunk.unwrap()).collect().await;
        assert_eq!(read, chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_in_order_is_an_error_to_its_reader() {
        let stand_in = StandIn::<Counting>::start().await.unwrap();
        for ending in [Ending::Abort, Ending::Reset] {
            stand_in.script(Behaviour::event_stream(vec![Bytes::from("data: 1\n\n")], ending));
            let mut response = post(&stand_in).await;
            read_until(&mut response, "data: 1\n\n").await;
            let error = timeout(DEADLINE, response.chunk()).await.unwrap().unwrap_err();
            let was_reset = format!("{error:?}").contains("ConnectionReset");
            assert_eq!(was_reset, ending == Ending::Reset, "{error:?}");
        }
        assert!(all_closed(&stand_in).await);
    }

    #[tokio::test]
    async fn a_status_is_sent_with_its_headers() {
        let stand_in = StandIn::<Counting>::start().await.unwrap();
        let headers = vec![("retry-after".to_owned(), "7".to_owned())];
        stand_in.script(Behaviour::Status { status: 429, headers, body: Bytes::from("{}") });
        let response = post(&stand_in).await;
        assert_eq!(response.status(), 429);
        assert_eq!(
            (&response.headers()["retry-after"], &response.headers()["content-type"]),
            (&"7".parse().unwrap(), &"application/json".parse().unwrap())
        );
        assert_eq!(response.text().await.unwrap(), "{}");
    }

    #[tokio::test]
    async fn dropping_a_stand_in_closes_its_connections() {
        let stand_in = StandIn::<Counting>::start().await.unwrap();
        let address = stand_in.base_url().socket_addrs(|| None).unwrap()[0];
        stand_in.script(Behaviour::HoldAfter { events: 1, gate: Gate::new() });
        let mut response = post(&stand_in).await;
        read_until(&mut response, &event_text(1)).await;
        drop(stand_in);
        assert!(timeout(DEADLINE, response.chunk()).await.unwrap().is_err());
        assert!(TcpStream::connect(address).await.is_err());
    }
}
