//! What only SQLite has: recent events in the order of their commits, sorted in by the thousand, and the pages that they
//! fill.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jobcast::job::JobStatus;
use jobcast::store::JobFilter;
use jobcast::write::{Action, Write};
use sqlx::{Connection, SqliteConnection};
use tracing::{Instrument, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::*;
use crate::databases::TestDatabase;

const RECENT: &str = "SELECT count(*) FROM recent_events";
const SORTED_IN: &str = "SELECT count(*) FROM job_events";

/// What pruning does before it looks for anything to remove.
async fn sort_in(store: &dyn Store) {
    let long_ago = Utc::now() - HOUR;
    assert_eq!(store.prune(long_ago, long_ago).await.expect("the store prunes"), 0);
}

/// All events of the subject, three at a time.
async fn by_pages(store: &dyn Store, subject: Subject) -> Vec<jobcast::event::Event> {
    let mut events = Vec::new();
    loop {
        let cursor = events.last().map_or(0, |event: &jobcast::event::Event| event.position(subject));
        let page = store.events_after(subject, cursor, 3).await.expect("the events are read");
        assert!(page.len() <= 3);
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

/// A job's row may be behind its events: what the store says of it is not.
async fn assert_is(store: &dyn Store, job: &Job) {
    assert_eq!(stored(store, job.id).await, *job);
    let listed = store.jobs(&JobFilter { id: Some(job.id), ..JobFilter::default() }, None, 10).await.unwrap();
    assert_eq!(listed.into_iter().map(|stored| stored.job).collect::<Vec<_>>(), std::slice::from_ref(job));
    assert_eq!(store.brand_stream(job.brand_id).await.unwrap().last_seq, job.last_seq, "it has no other job");
}

#[tokio::test(flavor = "multi_thread")]
async fn recent_events_and_older_ones_are_read_as_one_history() {
    let database = TestDatabase::sqlite().await;
    for settings in [settings(), among_others()] {
        let store = database.store(settings).await;
        let job = processing(&*store).await;
        let mut expected = store.events_after(Subject::Job(job.id), 0, 10).await.unwrap();
        for round in 0..3 {
            for n in 0..4 {
                let writes = [progress(job.id, 1, round + 1, 20 * round as u8 + n), delta(job.id, 1, "x")];
                for outcome in commit(&*store, &writes).await {
                    expected.extend(outcome.unwrap().events);
                }
            }
            for subject in [Subject::Job(job.id), Subject::Brand(job.brand_id)] {
                assert_eq!(by_pages(&*store, subject).await, expected);
                let last = expected.last().unwrap().position(subject);
                assert!(store.events_after(subject, last, 10).await.unwrap().is_empty());
                assert_eq!(store.events_after(subject, last - 2, 10).await.unwrap(), expected[expected.len() - 2..]);
                let news = store.news(&[(subject, last - 1)], 10).await.unwrap();
                assert_eq!(news, [(subject, vec![expected.last().unwrap().clone()])]);
            }
            if round < 2 {
                sort_in(&*store).await;
            }
        }
        assert!(database.number(RECENT).await > 0, "both kinds were read");
        assert!(database.number(SORTED_IN).await > 0, "both kinds were read");
        store.close().await;
    }
    assert_eq!(database.number(RECENT).await, 0, "a file at rest has all events in one table");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_shown_as_its_latest_event_says_sorted_in_or_not_and_after_a_crash() {
    for crashes in [false, true] {
        let database = TestDatabase::sqlite().await;
        let mut store = database.store(settings()).await;
        let beside = database.store(among_others()).await;
        let id = processing(&*store).await.id;
        commit_one(&*store, progress(id, 1, 1, 5)).await.unwrap();
        let batch = Uuid::new_v4();
        let writes = [progress(id, 1, 1, 35), delta(id, 1, "x")];
        let job = store.commit(batch, &writes).await.unwrap().pop().unwrap().unwrap().job;
        assert_eq!((job.progress, job.last_seq), (35, 5));
        let row = "SELECT last_seq FROM ai_jobs";
        assert_eq!(database.number(row).await, 3, "its row waits, or there is nothing to show");
        assert_is(&*store, &job).await;
        assert_is(&*beside, &job).await;
        if crashes {
            // Without closing it.
            drop(store);
            store = database.store(settings()).await;
        } else {
            sort_in(&*store).await;
        }
        assert_eq!((database.number(row).await, database.number(RECENT).await), (5, 0));
        assert_is(&*store, &job).await;
        assert_is(&*beside, &job).await;
        assert_eq!(seqs(&*store, id).await, [1, 2, 3, 4, 5]);
        let again = store.commit(batch, &writes).await.unwrap();
        assert!(again.iter().all(|outcome| outcome.as_ref().unwrap().again), "its batch is remembered");
        assert_eq!(commit_one(&*store, delta(id, 1, "y")).await.unwrap().events[0].seq, 6);
        let over = commit_one(&*store, complete(id, 1)).await.unwrap().job;
        assert_eq!((over.status, over.last_seq), (JobStatus::Completed, 7));
        assert_is(&*store, &over).await;
        assert_eq!(seqs(&*store, id).await, [1, 2, 3, 4, 5, 6, 7]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_repeated_shows_the_job_as_far_as_it_has_come() {
    let database = TestDatabase::sqlite().await;
    let store = database.store(settings()).await;
    let brand_id = brand();
    let start = || {
        let new = NewJob { idempotency_key: Some("k".to_owned()), ..new_job(brand_id) };
        Write { job_id: JobId::new(), action: Action::Create(new) }
    };
    let id = commit_one(&*store, start()).await.unwrap().job.id;
    claim_all(&*store).await;
    let job = commit(&*store, &[progress(id, 1, 1, 5), progress(id, 1, 1, 35)]).await.pop().unwrap().unwrap().job;
    let job_after = commit_one(&*store, delta(id, 1, "x")).await.unwrap().job;
    assert_eq!((job.last_seq, job_after.last_seq), (4, 5));
    assert_eq!(commit_one(&*store, start()).await.unwrap().job, job_after);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_sign_of_life_counts_whether_an_event_or_a_heartbeat() {
    let database = TestDatabase::sqlite().await;
    let (short, long) = (StoreSettings { lease: Duration::ZERO, ..among_others() }, among_others());
    let (short, long) = (database.store(short).await, database.store(long).await);
    let id = processing(&*short).await.id;
    commit_one(&*short, progress(id, 1, 1, 5)).await.unwrap();
    let has_expired = async || {
        eventually("the lease has expired", async || {
            (short.expired_leases(10).await.unwrap() == [(id, 1)]).then_some(())
        })
        .await;
    };
    for sort_in_before in [false, true] {
        commit_one(&*short, delta(id, 1, "an event")).await.unwrap();
        has_expired().await;
        assert_eq!(long.heartbeat(&[(id, 1)]).await.unwrap(), [(id, 1)]);
        if sort_in_before {
            sort_in(&*short).await;
        }
        assert!(short.expired_leases(10).await.unwrap().is_empty(), "a heartbeat");
        let reclaim = Write { job_id: id, action: Action::Reclaim(1) };
        assert_eq!(commit_one(&*short, reclaim.clone()).await, Err(Refusal::LeaseHeld { attempt: 1 }));
        commit_one(&*short, delta(id, 1, "an event of a shorter lease")).await.unwrap();
        has_expired().await;
        commit_one(&*long, delta(id, 1, "an event of a longer lease")).await.unwrap();
        assert!(short.expired_leases(10).await.unwrap().is_empty(), "an event");
        if sort_in_before {
            sort_in(&*short).await;
        }
        assert_eq!(commit_one(&*short, reclaim).await, Err(Refusal::LeaseHeld { attempt: 1 }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_has_changed_is_read_anew() {
    let database = TestDatabase::sqlite().await;
    let store = database.store(settings()).await;
    let (one, removed) = (processing(&*store).await.id, processing(&*store).await);
    let (removed, brand_id) = (removed.id, removed.brand_id);
    for id in [one, removed] {
        commit(&*store, &[delta(id, 1, "a"), delta(id, 1, "b")]).await;
    }
    database
        .execute(&format!(
            "UPDATE ai_jobs SET max_retries = 9 WHERE id = {};
             DELETE FROM ai_jobs WHERE id = {};",
            database.id_literal(one.0),
            database.id_literal(removed.0)
        ))
        .await;
    let outcomes = commit(&*store, &[delta(one, 1, "c"), delta(removed, 1, "c")]).await;
    let job = &outcomes[0].as_ref().unwrap().job;
    assert_eq!((job.max_retries, job.last_seq), (9, 5));
    assert_eq!(outcomes[1], Err(Refusal::NotFound));
    assert_is(&*store, job).await;
    assert!(seqs(&*store, removed).await.is_empty(), "its events went with it");
    let next = commit_one(&*store, create(brand_id)).await.unwrap();
    assert_eq!(next.events[0].brand_seq, 5, "no position of the brand is given twice");
    assert_eq!(store.brand_stream(brand_id).await.unwrap().last_seq, 5);
    sort_in(&*store).await;
    assert_eq!(database.number(SORTED_IN).await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_put_back_by_hand_is_claimed_as_far_as_it_has_come() {
    let database = TestDatabase::sqlite().await;
    let store = database.store(settings()).await;
    let id = processing(&*store).await.id;
    commit_one(&*store, progress(id, 1, 1, 5)).await.unwrap();
    commit_one(&*store, delta(id, 1, "x")).await.unwrap();
    assert_eq!(database.number("SELECT last_seq FROM ai_jobs").await, 3, "its row is behind");
    database.execute("UPDATE ai_jobs SET status = 'pending', lease_expires_at = NULL").await;
    let claimed = claim_all(&*store).await;
    assert_eq!((claimed[0].event.seq, claimed[0].event.brand_seq), (5, 5));
    assert_is(&*store, &claimed[0].job).await;
    assert_eq!(seqs(&*store, id).await, [1, 2, 3, 4, 5]);
}

/// An older version does not know of recent events. After a crash it goes on from the job's row.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_an_older_version_wrote_in_between_are_kept() {
    let database = TestDatabase::sqlite().await;
    let store = database.store(settings()).await;
    let id = processing(&*store).await.id;
    sort_in(&*store).await;
    commit(&*store, &[delta(id, 1, "not seen by the older version"), delta(id, 1, "nor this")]).await;
    drop(store);
    database
        .execute(
            "INSERT INTO job_events (job_id, seq, name, at, data, brand_id, brand_seq)
             SELECT job_id, 3, name, at, replace(data, '\"seq\":2', '\"seq\":3'), brand_id, 3 FROM job_events
             WHERE seq = 2;
             UPDATE ai_jobs SET last_seq = 3; UPDATE brand_streams SET last_seq = 3;",
        )
        .await;
    let store = database.store(settings()).await;
    assert_eq!(database.number(RECENT).await, 0, "an opened file has all events in one table");
    assert_eq!(stored(&*store, id).await.last_seq, 3);
    let next = commit_one(&*store, delta(id, 1, "next")).await.unwrap();
    assert_eq!((next.events[0].seq, next.events[0].brand_seq), (4, 5), "the brand's positions 3 and 4 were given");
    sort_in(&*store).await;
    let events = store.events_after(Subject::Job(id), 0, 10).await.unwrap();
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["queued", "started", "started", "delta"]);
    assert!(events[3].data.contains("next"), "{}", events[3].data);
}

/// The older version gives the positions of a brand anew, also where it leaves a job alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_whole_though_an_older_version_took_its_positions_in_the_brand() {
    let database = TestDatabase::sqlite().await;
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    sort_in(&*store).await;
    commit(&*store, &[delta(job.id, 1, "a"), delta(job.id, 1, "b")]).await;
    drop(store);
    let other = JobId::new();
    database
        .execute(&format!(
            "INSERT INTO job_events (job_id, seq, name, at, data, brand_id, brand_seq)
             SELECT {}, 1, name, at, data, brand_id, 3 FROM job_events WHERE seq = 1;
             UPDATE brand_streams SET last_seq = 3;",
            database.id_literal(other.0)
        ))
        .await;
    let store = database.store(settings()).await;
    assert_eq!(seqs(&*store, job.id).await, [1, 2, 3, 4]);
    assert_eq!(stored(&*store, job.id).await.last_seq, 4);
    let of_brand = store.events_after(Subject::Brand(job.brand_id), 0, 10).await.unwrap();
    let positions: Vec<_> = of_brand.iter().map(|event| (event.brand_seq, event.job_id == other)).collect();
    assert_eq!(positions, [(1, false), (2, false), (3, true), (4, false)]);
    assert_eq!(commit_one(&*store, delta(job.id, 1, "c")).await.unwrap().events[0].brand_seq, 5);
}

/// What a later version writes when it works on the file, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_later_version_stops_only_whoever_reads_it() {
    let database = TestDatabase::sqlite().await;
    for reopened in [false, true] {
        let store = database.store(settings()).await;
        let beside = database.store(among_others()).await;
        let (one, other) = (processing(&*store).await, processing(&*store).await);
        commit(&*store, &[delta(one.id, 1, "a"), delta(other.id, 1, "a")]).await;
        let store = if reopened {
            drop(store);
            None
        } else {
            Some(store)
        };
        database
            .execute(&format!(
                "INSERT INTO recent_events (job_id, seq, name, at, data, brand_id, brand_seq, batch, lease_expires_at)
                 SELECT job_id, 4, 'of_a_later_version', at, json_set(data, '$.progress', 70, '$.current_step', 'Later'),
                        brand_id, 4, NULL, lease_expires_at FROM recent_events WHERE job_id = {} AND seq = 3;",
                database.id_literal(one.id.0)
            ))
            .await;
        let store = match store {
            Some(store) => store,
            None => database.store(settings()).await,
        };
        assert_eq!(seqs(&*beside, other.id).await, [1, 2, 3]);
        for (id, seq) in [(other.id, 4), (one.id, 5)] {
            let committed = commit_one(&*store, delta(id, 1, "b")).await.unwrap();
            assert_eq!((committed.events[0].seq, committed.events[0].brand_seq), (seq, seq));
        }
        let shown = stored(&*store, one.id).await;
        assert_eq!((shown.progress, shown.current_step.as_str(), shown.last_seq), (70, "Later", 5));
        assert_eq!(seqs(&*store, other.id).await, [1, 2, 3, 4]);
        let error = store.events_after(Subject::Job(one.id), 0, 10).await.unwrap_err();
        assert!(error.to_string().contains(&format!("event 4 of job {}", one.id)), "{error}");
        store.close().await;
        beside.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_version_before_recent_events_goes_on() {
    let database = TestDatabase::sqlite().await;
    let store = database.store(settings()).await;
    let id = processing(&*store).await.id;
    commit(&*store, &[progress(id, 1, 1, 5), delta(id, 1, "x")]).await;
    let (job, events) = (stored(&*store, id).await, store.events_after(Subject::Job(id), 0, 10).await.unwrap());
    store.close().await;
    // As the migrations before left it.
    database
        .execute(
            "DROP TRIGGER ai_jobs_take_along; DROP TABLE recent_events; DELETE FROM jobcast_migrations WHERE version >= 5;
             CREATE TRIGGER ai_jobs_take_along AFTER DELETE ON ai_jobs
             BEGIN
                 DELETE FROM job_events WHERE job_id = OLD.id;
                 DELETE FROM job_steps WHERE job_id = OLD.id;
                 DELETE FROM webhook_deliveries WHERE job_id = OLD.id;
             END;",
        )
        .await;
    let store = database.store(settings()).await;
    assert_is(&*store, &job).await;
    assert_eq!(store.events_after(Subject::Job(id), 0, 10).await.unwrap(), events);
    let committed = commit_one(&*store, delta(id, 1, "y")).await.unwrap();
    assert_eq!((committed.events[0].seq, committed.events[0].brand_seq), (5, 5));
    assert_is(&*store, &committed.job).await;
}

/// Jobs of 200 brands under way, and batches of 256 events of theirs.
struct Writers {
    ids: Vec<JobId>,
    written: usize,
}

impl Writers {
    async fn begin(store: &dyn Store) -> Writers {
        let creates: Vec<Write> = (0..200).map(|_| create(brand())).collect();
        commit(store, &creates).await;
        assert_eq!(claim_all(store).await.len(), 200);
        Writers { ids: creates.iter().map(|create| create.job_id).collect(), written: 0 }
    }

    async fn commit(&mut self, store: &dyn Store, events: usize) {
        let text = "The kettle is repaired, not replaced; so it says.  ";
        let writes: Vec<Write> =
            (0..events).map(|n| delta(self.ids[(self.written + n) % self.ids.len()], 1, text)).collect();
        self.written += events;
        assert!(commit(store, &writes).await.iter().all(Result::is_ok));
    }
}

/// The cost of SQLite is pages. In the order of jobs each event would write two of them.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_many_fills_a_small_part_of_a_page_of_the_log() {
    const BATCHES: usize = 48;
    let database = TestDatabase::sqlite().await;
    let store = database.store(settings()).await;
    let mut writers = Writers::begin(&*store).await;
    writers.commit(&*store, 256).await;
    // The log begins here, and nothing of it is written over while somebody reads.
    let mut reader = SqliteConnection::connect(&database.url).await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut reader).await.unwrap();
    let mut snapshot = reader.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM ai_jobs").execute(&mut *snapshot).await.unwrap();

    for _ in 0..BATCHES {
        writers.commit(&*store, 256).await;
    }
    assert!(database.number(SORTED_IN).await > 8000, "some were sorted in meanwhile");
    let log = format!("{}-wal", database.url.strip_prefix("sqlite://").unwrap());
    // Each page with 24 bytes in front (sqlite.org/fileformat.html#the_write_ahead_log).
    let pages = std::fs::metadata(log).unwrap().len() as f64 / (4096.0 + 24.0);
    let each = pages / (BATCHES * 256) as f64;
    assert!(each < 0.25, "{each} pages for each event");
    snapshot.rollback().await.unwrap();
    let (first, last) = (writers.ids[0], writers.ids[199]);
    for id in [first, last] {
        let seqs = seqs(&*store, id).await;
        assert_eq!(seqs, (1..=stored(&*store, id).await.last_seq).collect::<Vec<_>>());
    }
}

/// Counts the statements that sqlx runs within a span of this name.
struct Statements {
    within: &'static str,
    count: Arc<AtomicUsize>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let is_within =
            || context.event_scope(event).is_some_and(|mut scope| scope.any(|span| span.name() == self.within));
        if event.metadata().target() == "sqlx::query" && is_within() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_takes_as_many_statements_as_a_single_event_and_a_start_counts_no_jobs() {
    let count = Arc::new(AtomicUsize::new(0));
    let statements = Statements { within: "counted batch", count: count.clone() };
    // For all threads: the connection has one of its own. No other test of this program sets one.
    let wanted = Targets::new().with_target("sqlx::query", Level::DEBUG).with_target(module_path!(), Level::INFO);
    let counting = tracing_subscriber::registry().with(statements.with_filter(wanted));
    tracing::subscriber::set_global_default(counting).unwrap();
    let database = TestDatabase::sqlite().await;
    let store = database.store(settings()).await;
    let mut writers = Writers::begin(&*store).await;
    // Each size once before, so that the jobs are known.
    for events in [200, 1, 256, 1000, 3] {
        count.store(0, Ordering::Relaxed);
        writers.commit(&*store, events).instrument(tracing::info_span!("counted batch")).await;
        let counted = count.load(Ordering::Relaxed);
        match events {
            200 => assert!((3..12).contains(&counted), "{counted} statements, which also read the jobs"),
            _ => assert_eq!(counted, 2, "one begins, one writes {events} events and commits"),
        }
    }
    // Those that wait were counted with the first.
    for _ in 0..2 {
        count.store(0, Ordering::Relaxed);
        commit_one(&*store, create(brand())).instrument(tracing::info_span!("counted batch")).await.unwrap();
        let counted = count.load(Ordering::Relaxed);
        assert_eq!(counted, 5, "a start begins, reads job and brand, writes the job, writes its event and commits");
    }
}
