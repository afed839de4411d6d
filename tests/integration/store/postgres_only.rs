//! What only PostgreSQL has: brands of the origin application, other sessions' locks, connections that die.

use jobcast::write::{Action, Refusal, Write};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::*;
use crate::databases::TestDatabase;

/// As in the origin application's database.
const BRANDS: &str = "
    CREATE TABLE brands (id UUID PRIMARY KEY);
    ALTER TABLE ai_jobs ADD FOREIGN KEY (brand_id) REFERENCES brands (id) ON DELETE CASCADE;";

#[tokio::test(flavor = "multi_thread")]
async fn a_brand_that_does_not_exist_is_refused_to_its_own_writes_alone() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    database.execute(BRANDS).await;
    let known = brand();
    database.execute(&format!("INSERT INTO brands VALUES ('{known}')")).await;
    let running = created(&*store, known).await.id;
    claim_all(&*store).await;
    let writes = [create(known), create(brand()), delta(running, 1, "paid for"), create(brand()), create(known)];
    let outcomes = commit(&*store, &writes).await;
    for (n, (write, outcome)) in writes.iter().zip(outcomes).enumerate() {
        match n {
            1 | 3 => assert_eq!(outcome, Err(Refusal::UnknownBrand)),
            _ => assert_eq!(outcome.unwrap().events.len(), 1),
        }
        assert_eq!(store.job(write.job_id).await.unwrap().is_some(), n != 1 && n != 3);
    }
    assert_eq!(seqs(&*store, running).await, [1, 2, 3]);
    assert_eq!(commit_one(&*store, create(brand())).await, Err(Refusal::UnknownBrand));
    // The brand goes, and with it all that is about its jobs.
    database.execute("DELETE FROM brands").await;
    assert_eq!(database.number("SELECT count(*) FROM job_events").await, 0);
}

/// Both batches are held up in the middle, with what each has created before that; neither may need what the other has.
#[tokio::test(flavor = "multi_thread")]
async fn batches_that_create_under_the_same_keys_do_not_wait_in_a_circle() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let brand_id = brand();
    let mut blocker = PgConnection::connect(&database.url).await.unwrap();
    let insert = format!(
        "BEGIN; INSERT INTO ai_jobs (brand_id, job_type, idempotency_key) VALUES ('{brand_id}', 'campaigns', 'middle')"
    );
    sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut blocker).await.unwrap();
    let batch = |keys: [&str; 3]| {
        let start = |key: &str| NewJob { idempotency_key: Some(key.to_owned()), ..new_job(brand_id) };
        let writes = keys.map(|key| Write { job_id: JobId::new(), action: Action::Create(start(key)) });
        let store = store.clone();
        tokio::spawn(async move { store.commit(Uuid::new_v4(), &writes).await })
    };
    let batches = [batch(["first", "middle", "last"]), batch(["last", "middle", "first"])];
    let waits = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'jobcast' AND wait_event_type = 'Lock'";
    eventually("both wait", async || (database.number(waits).await == 2).then_some(())).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut blocker).await.unwrap();
    for batch in batches {
        let outcomes = batch.await.unwrap().expect("no deadlock");
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
    assert_eq!(database.number("SELECT count(*) FROM ai_jobs").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_connection_is_unavailable_and_replaced() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    let mut blocker = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT 1 FROM ai_jobs FOR UPDATE").execute(&mut blocker).await.unwrap();
    let batch = Uuid::new_v4();
    let writes = [delta(job.id, 1, "a")];
    let waiting = {
        let (store, writes) = (store.clone(), writes.clone());
        tokio::spawn(async move { store.commit(batch, &writes).await })
    };
    let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'jobcast' AND wait_event_type = 'Lock'";
    eventually("the commit waits for its lock and is terminated", async || {
        (database.number(terminate).await > 0).then_some(())
    })
    .await;
    let answer = waiting.await.unwrap();
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    drop(blocker);
    let outcomes = commit_until_answered(&*store, batch, &writes).await;
    assert!(!outcomes[0].as_ref().unwrap().again);

    // All connections at once, while they are idle.
    let terminate_all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                         WHERE datname = current_database() AND application_name = 'jobcast'";
    assert!(database.number(terminate_all).await > 0);
    eventually("the store answers again", async || store.ping().await.ok()).await;
    commit_until_answered(&*store, Uuid::new_v4(), &writes).await;
    assert_eq!(seqs(&*store, job.id).await, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_dropped_while_it_waits_leaves_no_open_transaction() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    let mut blocker = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT 1 FROM ai_jobs FOR UPDATE").execute(&mut blocker).await.unwrap();
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { store.commit(Uuid::new_v4(), &[delta(job.id, 1, "dropped")]).await })
    };
    let waits = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'jobcast' AND wait_event_type = 'Lock'";
    eventually("the commit waits", async || (database.number(waits).await > 0).then_some(())).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    sqlx::raw_sql("ROLLBACK").execute(&mut blocker).await.unwrap();
    no_session_stays_in_a_transaction(&database).await;
    // What was sent before the drop may be durable after it; what comes next follows either way.
    let last = commit_one(&*store, delta(job.id, 1, "a")).await.unwrap().job.last_seq;
    assert!([3, 4].contains(&last), "{last}");
    assert_eq!(seqs(&*store, job.id).await, (1..=last).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_dropped_at_any_moment_leave_no_open_transaction() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    drop_commits_at_many_moments(&*store, job.id).await;
    no_session_stays_in_a_transaction(&database).await;
}

async fn no_session_stays_in_a_transaction(database: &TestDatabase) {
    let open = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'jobcast' AND state <> 'idle'";
    // Sooner than the server itself ends a session that is idle in a transaction, which is after 10 s.
    let patience = Patience::within(Duration::from_secs(5));
    while database.number(open).await > 0 {
        patience.wait("no session is in a transaction").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_does_not_wait_for_another_that_froze() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let job = created(&*store, brand()).await;
    let mut frozen = PgConnection::connect(&database.url).await.unwrap();
    let key = i64::from_be_bytes(*b"jobcast\0");
    sqlx::query("SELECT pg_advisory_lock($1)").bind(key).execute(&mut frozen).await.unwrap();
    assert!(claim_all(&*store).await.is_empty());
    commit_one(&*store, Write { job_id: JobId::new(), action: Action::Create(new_job(brand())) }).await.unwrap();
    frozen.close().await.unwrap();
    let claimed =
        eventually("the job is claimed", async || Some(claim_all(&*store).await).filter(|claimed| !claimed.is_empty()))
            .await;
    assert_eq!(claimed[0].job.id, job.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_passes_over_a_job_that_is_being_changed() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let (locked, free) = (created(&*store, brand()).await, created(&*store, brand()).await);
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    let mut transaction = other.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM ai_jobs WHERE id = $1 FOR UPDATE")
        .bind(locked.id.0)
        .execute(&mut *transaction)
        .await
        .unwrap();
    let claimed: Vec<_> = claim_all(&*store).await.into_iter().map(|claimed| claimed.job.id).collect();
    assert_eq!(claimed, [free.id]);
    transaction.rollback().await.unwrap();
    assert_eq!(claim_all(&*store).await[0].job.id, locked.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_session_is_bounded() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    let mut blocker = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT 1 FROM ai_jobs FOR UPDATE").execute(&mut blocker).await.unwrap();
    let answer = store.commit(Uuid::new_v4(), &[delta(job.id, 1, "a")]).await;
    let Err(StoreError::Unavailable(why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains("lock timeout"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_refused_takes_its_batch_back() {
    let database = TestDatabase::postgres().await;
    let store = database.store(settings()).await;
    let in_the_way = processing(&*store).await.id;
    // No other job has events yet.
    database.execute("INSERT INTO job_events (job_id, seq, name, at, data) SELECT job_id, 3, name, at, data FROM job_events WHERE seq = 2").await;
    let neighbour = processing(&*store).await.id;
    let refused = store.commit(Uuid::new_v4(), &[delta(neighbour, 1, "a"), delta(in_the_way, 1, "b")]).await;
    assert!(matches!(refused, Err(StoreError::Rejected(_))), "{refused:?}");
    assert_eq!(seqs(&*store, neighbour).await, [1, 2]);
    assert_eq!(stored(&*store, neighbour).await.last_seq, 2);
    assert_eq!(commit_one(&*store, delta(neighbour, 1, "c")).await.unwrap().events[0].seq, 3);
}
