//! Starts on PostgreSQL are written by one statement: how many statements a batch needs, and that what is there already is
//! neither repeated nor refused.

use jobcast::job::JobStatus;
use jobcast::write::{Action, Refusal, Write};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::statements::Statements;
use super::*;
use crate::databases::TestDatabase;

fn start_under(brand_id: BrandId, key: &str) -> Write {
    let new = NewJob { idempotency_key: Some(key.to_owned()), ..new_job(brand_id) };
    Write { job_id: JobId::new(), action: Action::Create(new) }
}

async fn positions(store: &dyn Store, brand_id: BrandId) -> Vec<i64> {
    let events = store.events_after(Subject::Brand(brand_id), 0, 1000).await.unwrap();
    events.into_iter().map(|event| event.brand_seq).collect()
}

/// On one thread, so that the statements of other tests are not counted.
#[tokio::test]
async fn a_batch_of_starts_takes_one_statement() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    commit(&*store, &[create(brand())]).await;
    let statements = Statements::default();
    let _counted = tracing::subscriber::set_default(statements.clone());
    statements.until_counted(&*store).await;
    for count in [1, 20, 200] {
        let starts: Vec<Write> = (0..count).map(|_| create(brand())).collect();
        commit(&*store, &starts).await;
        // The room in the queue is counted a few times a second.
        let sent = statements.take();
        assert!([1, 2].contains(&sent), "{count} starts: the statement, perhaps the room; {sent}");
    }
    let keyed = start_under(brand(), "once");
    commit(&*store, &[keyed.clone(), create(brand())]).await;
    let sent = statements.take();
    assert!([2, 3].contains(&sent), "the key besides; {sent}");
    assert_eq!(store.detours(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_started_is_stored_as_it_is_answered() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let (brand_id, other) = (brand(), brand());
    let with_webhook = NewJob { webhook_url: Some("https://example.com/hook".to_owned()), ..new_job(brand_id) };
    let writes = [
        create(brand_id),
        create(other),
        Write { job_id: JobId::new(), action: Action::Create(with_webhook) },
        start_under(brand_id, "a key"),
    ];
    let outcomes = commit(&*store, &writes).await;
    for (write, outcome) in writes.iter().zip(&outcomes) {
        let committed = outcome.as_ref().unwrap();
        assert_eq!((committed.job.id, committed.again), (write.job_id, false));
        assert_eq!(stored(&*store, write.job_id).await, committed.job);
        assert_eq!(store.events_after(Subject::Job(write.job_id), 0, 10).await.unwrap(), committed.events);
        let Action::Create(new) = &write.action else { panic!("{write:?}") };
        assert_eq!(store.job(write.job_id).await.unwrap().unwrap().input_data, new.input_data);
    }
    let answered: Vec<i64> =
        [0, 2, 3].into_iter().map(|at: usize| outcomes[at].as_ref().unwrap().events[0].brand_seq).collect();
    assert_eq!(answered, [1, 2, 3]);
    assert_eq!(positions(&*store, brand_id).await, [1, 2, 3]);
    assert_eq!(positions(&*store, other).await, [1]);
    assert_eq!(claim_all(&*store).await.len(), 4);
    assert_eq!(store.detours(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_starts_whose_answer_was_lost_is_neither_repeated_nor_refused() {
    let database = TestDatabase::postgres().await;
    // As many as may wait: the repeated batch finds the queue full of its own jobs.
    let store = database.store(StoreSettings { max_queued_jobs: 3, ..settings() }).await;
    let brand_id = brand();
    let (batch, writes) = (Uuid::new_v4(), [create(brand_id), create(brand_id), start_under(brand_id, "a key")]);
    for again in [false, true, true] {
        let outcomes = store.commit(batch, &writes).await.unwrap();
        for (write, outcome) in writes.iter().zip(outcomes) {
            let committed = outcome.unwrap();
            assert_eq!((committed.job.id, committed.again), (write.job_id, again));
        }
    }
    assert_eq!(positions(&*store, brand_id).await, [1, 2, 3]);
    assert_eq!(commit_one(&*store, create(brand())).await, Err(Refusal::QueueFull { limit: 3 }));
}

/// The first try is still under way, held up in the middle, when the second one comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_starts_that_meets_its_own_first_try_waits_for_it() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let brand_id = brand();
    created(&*store, brand_id).await;
    let mut blocker = PgConnection::connect(&database.url).await.unwrap();
    let lock = format!("BEGIN; SELECT 1 FROM brand_streams WHERE brand_id = '{brand_id}' FOR UPDATE");
    sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut blocker).await.unwrap();
    let (batch, writes) = (Uuid::new_v4(), [create(brand_id), create(brand_id)]);
    let try_it = || {
        let (store, writes) = (store.clone(), writes.clone());
        tokio::spawn(async move { store.commit(batch, &writes).await })
    };
    let tries = [try_it(), try_it()];
    let waits = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'jobcast' AND wait_event_type = 'Lock'";
    eventually("both wait", async || (database.number(waits).await == 2).then_some(())).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut blocker).await.unwrap();
    let mut again = Vec::new();
    for one in tries {
        let outcomes = one.await.unwrap().expect("it is committed, once");
        again.extend(outcomes.into_iter().map(|outcome| outcome.unwrap().again));
    }
    again.sort_unstable();
    assert_eq!(again, [false, false, true, true]);
    assert_eq!(positions(&*store, brand_id).await, [1, 2, 3]);
}

/// The statement is not there: another role's migration has taken it away, or the right to use it.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_statements_batches_go_on_and_are_counted() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    database.execute("DROP FUNCTION jobcast_start_jobs; DROP FUNCTION jobcast_append_progress").await;
    let job = processing(&*store).await;
    assert_eq!(store.detours(), 1);
    commit_one(&*store, delta(job.id, 1, "goes on")).await.unwrap();
    assert_eq!(store.detours(), 2);
    assert_eq!(stored(&*store, job.id).await.status, JobStatus::Processing);
    assert_eq!(seqs(&*store, job.id).await, [1, 2, 3]);
}

/// The statements of batches get their plans while there is no job, as in a new service.
#[tokio::test(flavor = "multi_thread")]
async fn batches_do_not_read_the_whole_table_of_jobs() {
    const BATCHES: i64 = 20;
    let database = TestDatabase::postgres().await;
    let scans = async |kind: &str| {
        database.number(&format!("SELECT {kind} FROM pg_stat_user_tables WHERE relname = 'ai_jobs'")).await
    };
    let store = database.store(settings()).await;
    let (whole, by_index) = (scans("seq_scan").await, scans("idx_scan").await);
    for _ in 0..BATCHES {
        let write = create(brand());
        commit_one(&*store, write.clone()).await.unwrap();
        commit_one(&*store, Write { job_id: write.job_id, action: Action::Cancel }).await.unwrap();
    }
    // A session says what it has counted when it ends.
    store.close().await;
    eventually("the scans are counted", async || (scans("idx_scan").await >= by_index + BATCHES).then_some(())).await;
    assert_eq!(scans("seq_scan").await, whole);
}
