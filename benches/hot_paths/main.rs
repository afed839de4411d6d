//! Micro-benchmarks of the hot paths, one for each thing that is done for every event, viewer or request.
//! Must not touch a disk or a socket: what waits for one is measured by `compare`.
//!
//! `cargo bench --bench hot_paths` runs all; a name behind `--` chooses.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use jobcast::access::{AuthSecret, Brands, Claims, Keys, Scope};
use jobcast::event::{Event, EventDetail, Subject, merge_deltas};
use jobcast::hub::{Frame, Hub};
use jobcast::job::{BrandId, Job, JobId, JobType, NewJob};
use jobcast::upstream::{SseDecoder, SseLimits};
use jobcast::write::{self, Action, Progress, Report};
use serde_json::json;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// About 256 bytes of data, as an event has.
const TEXT: &str = "Step 1/3: the kettle is repaired, not replaced; so it says, page 12 of 15";

fn main() {
    divan::main();
}

/// A job whose first attempt has begun.
fn job() -> Job {
    let new = NewJob {
        brand_id: BrandId(Uuid::from_u128(7)),
        job_type: JobType::BrandIntelligence,
        input_data: json!({}),
        idempotency_key: None,
        webhook_url: None,
        estimated_duration: 90,
        total_steps: 3,
        max_retries: 3,
    };
    let (mut job, _) = new.create(JobId(Uuid::from_u128(1)), NOW);
    write::claim(&mut job, NOW).expect("a queued job can be claimed");
    job
}

fn event(detail: &EventDetail) -> Event {
    Event::new(&Job { current_step: TEXT.to_owned(), ..job() }, NOW, detail)
}

fn progress() -> EventDetail {
    EventDetail::Progress { detail: json!({"page": 12, "url": "https://example.com/kettles"}) }
}

/// An event from a job's state: its data as JSON.
#[divan::bench]
fn event_of_a_job(bencher: Bencher) {
    let (job, detail) = (job(), progress());
    bencher.bench(|| Event::new(black_box(&job), NOW, black_box(&detail)));
}

/// The bytes of an event that all viewers share.
#[divan::bench]
fn render_a_frame(bencher: Bencher) {
    let event = event(&progress());
    bencher.bench(|| black_box(&event).frame(Subject::Job(event.job_id)));
}

/// What a write does to a job: the state machine and its event.
#[divan::bench]
fn apply_a_write(bencher: Bencher) {
    let report =
        Report::Progress(Progress { step: 1, percent: 10, text: TEXT.to_owned(), detail: json!({"page": 12}) });
    let action = Action::Attempt(1, report);
    bencher.with_inputs(job).bench_refs(|job| write::apply(job, false, black_box(&action), NOW));
}

/// A hundred events of an upstream, in reads of so many bytes.
#[divan::bench(args = [64, 1_400, 65_536])]
fn decode_an_upstream(bencher: Bencher, read: usize) {
    let events = 100;
    let stream = format!("event: progress\ndata: {{\"progress\":10,\"message\":\"{TEXT}\"}}\n\n").repeat(events);
    bencher.counter(ItemsCount::new(events)).with_inputs(|| SseDecoder::new(SseLimits::default())).bench_values(
        |mut decoder| {
            let parts = stream.as_bytes().chunks(read);
            parts.map(|part| decoder.push(part).filter(Result::is_ok).count()).sum::<usize>()
        },
    );
}

/// A page of deltas that a late viewer is sent as one.
#[divan::bench]
fn merge_a_page_of_deltas(bencher: Bencher) {
    let delta = |seq| Event { seq, ..event(&EventDetail::Delta { text: "a word or two ".to_owned() }) };
    let frame = |event: Event| Bytes::from(event.frame(Subject::Job(event.job_id)));
    let page: Vec<Bytes> = (1..=500).map(|seq| frame(delta(seq))).collect();
    bencher.counter(ItemsCount::new(page.len())).bench(|| merge_deltas(black_box(&page)));
}

/// One event through the channel of a job to so many subscribers, each of whom takes it out.
#[divan::bench(args = [1, 100, 10_000])]
fn fan_out(bencher: Bencher, subscribers: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (hub, subject) = (Hub::default(), Subject::Job(JobId(Uuid::from_u128(1))));
    let mut subscriptions: Vec<_> = (0..subscribers).map(|_| hub.subscribe(subject, 0)).collect();
    let bytes = Bytes::from(event(&progress()).frame(subject));
    let mut seq = 0;
    bencher.counter(ItemsCount::new(subscribers)).bench_local(|| {
        seq += 1;
        hub.publish(subject, Frame { seq, bytes: bytes.clone(), terminal: false, lag: None });
        runtime.block_on(async {
            for subscription in &mut subscriptions {
                black_box(subscription.hear().await);
            }
        });
    });
}

/// A token's signature, expiry and claims, which each request has checked.
#[divan::bench]
fn check_a_token(bencher: Bencher) {
    let keys = Keys::new(&AuthSecret::new("a-secret-for-measurements-and-nothing-else"), None);
    let brands = Brands::These(vec![BrandId(Uuid::from_u128(7))]);
    let expires_at = Utc::now() + chrono::TimeDelta::hours(1);
    let scopes = vec![Scope::Read, Scope::Write];
    let token = keys.mint(&Claims { brands, job: None, scopes, expires_at });
    bencher.bench(|| keys.check(black_box(token.expose())));
}
