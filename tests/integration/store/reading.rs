//! Lists, pages, durations.

use jobcast::job::{JobStatus, JobType};
use jobcast::store::{JobFilter, Position};
use jobcast::write::{Action, Write};

use super::*;
use crate::databases::TestDatabase;
use crate::harness::on_both_databases;

on_both_databases!(
    pages_hold_every_job_once_also_with_equal_times,
    filters_narrow_the_list,
    brands_and_an_id_narrow_the_list_further,
    events_are_read_in_pages,
    step_durations_are_those_of_the_latest_completed_jobs,
    a_removed_job_takes_its_events_and_outputs_along,
    a_closed_store_is_unavailable,
    the_queue_is_what_waits_and_what_runs,
);

async fn pages_hold_every_job_once_also_with_equal_times(database: TestDatabase) {
    let store = database.store(settings()).await;
    let mut expected = Vec::new();
    for _ in 0..2 {
        let creates: Vec<Write> = (0..5).map(|_| create(brand())).collect();
        expected.extend(commit(&*store, &creates).await.into_iter().map(|outcome| outcome.unwrap().job));
    }
    assert_eq!(expected[0].created_at, expected[4].created_at, "one batch, one instant");
    expected.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = store.jobs(&JobFilter::default(), after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Position { created_at: last.job.created_at, id: last.job.id });
        listed.extend(page.into_iter().map(|stored| stored.job));
        assert!(listed.len() <= expected.len(), "no page repeats");
    }
    assert_eq!(listed, expected);
}

async fn filters_narrow_the_list(database: TestDatabase) {
    let store = database.store(settings()).await;
    let (one, other) = (brand(), brand());
    let cancelled = created(&*store, one).await.id;
    let waiting = created(&*store, one).await.id;
    let elsewhere = created(&*store, other).await.id;
    commit_one(&*store, Write { job_id: cancelled, action: Action::Cancel }).await.unwrap();
    let list = async |brand_id, status, job_type| {
        let jobs =
            store.jobs(&JobFilter { brand_id, status, job_type, ..JobFilter::default() }, None, 100).await.unwrap();
        jobs.into_iter().map(|stored| stored.job.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, None).await, [elsewhere, waiting, cancelled]);
    assert_eq!(list(Some(one), None, None).await, [waiting, cancelled]);
    assert_eq!(list(None, Some(JobStatus::Cancelled), None).await, [cancelled]);
    let all = list(Some(one), Some(JobStatus::Pending), Some(JobType::BrandIntelligence)).await;
    assert_eq!(all, [waiting]);
    assert!(list(Some(other), Some(JobStatus::Cancelled), None).await.is_empty());
}

async fn brands_and_an_id_narrow_the_list_further(database: TestDatabase) {
    let store = database.store(settings()).await;
    let brands = [brand(), brand(), brand()];
    let mut jobs = Vec::new();
    for brand in brands {
        jobs.push(created(&*store, brand).await.id);
    }
    let list = async |id, brand_id, brands: Option<&[BrandId]>| {
        let filter = JobFilter { id, brand_id, brands: brands.map(<[BrandId]>::to_vec), ..JobFilter::default() };
        let jobs = store.jobs(&filter, None, 100).await.unwrap();
        jobs.into_iter().map(|stored| stored.job.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, Some(&brands[..2])).await, [jobs[1], jobs[0]]);
    assert_eq!(list(None, None, Some(&brands[..1])).await, [jobs[0]]);
    assert!(list(None, None, Some(&[])).await.is_empty(), "no brand is not every brand");
    assert_eq!(list(None, Some(brands[1]), Some(&brands[..2])).await, [jobs[1]]);
    assert!(list(None, Some(brands[2]), Some(&brands[..2])).await.is_empty(), "none of those that may be shown");
    assert_eq!(list(Some(jobs[1]), None, None).await, [jobs[1]]);
    assert_eq!(list(Some(jobs[1]), None, Some(&brands[..2])).await, [jobs[1]]);
    assert!(list(Some(jobs[2]), None, Some(&brands[..2])).await.is_empty());
}

async fn events_are_read_in_pages(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    let other = processing(&*store).await;
    let writes: Vec<Write> = (0..20).map(|n| delta([job.id, other.id][n % 2], 1, &n.to_string())).collect();
    commit(&*store, &writes).await;
    let mut cursor = 0;
    let mut read = Vec::new();
    loop {
        let page = store.events_after(Subject::Job(job.id), cursor, 5).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = last.seq;
        read.extend(page.iter().map(|event| event.seq));
        assert!(read.len() <= 12, "no page repeats: {read:?}");
    }
    assert_eq!(read, (1..=12).collect::<Vec<i64>>());
    assert!(store.events_after(Subject::Job(job.id), 99, 5).await.unwrap().is_empty());
}

async fn step_durations_are_those_of_the_latest_completed_jobs(database: TestDatabase) {
    let store = database.store(settings()).await;
    let step = |name: &str, ms| Report::StepOutput {
        name: name.to_owned(),
        output: json!(1),
        took: Duration::from_millis(ms),
    };
    let failed = processing(&*store).await;
    commit(&*store, &[report(failed.id, 1, step("read", 9)), report(failed.id, 1, Report::Fail(failure()))]).await;
    let mut expected = Vec::new();
    for n in 1..=3 {
        let job = processing(&*store).await;
        commit(&*store, &[report(job.id, 1, step("read", n * 1000)), report(job.id, 1, step("write", n))]).await;
        commit_one(&*store, complete(job.id, 1)).await.unwrap();
        expected.insert(0, (job.id, n));
    }
    let recent = async |limit| {
        let mut steps = store.recent_steps(JobType::BrandIntelligence, limit).await.unwrap();
        steps.sort_by(|a, b| (b.job_id, &a.name).cmp(&(a.job_id, &b.name)));
        steps
    };
    let of = |jobs: &[(JobId, u64)]| {
        let steps = jobs.iter().flat_map(|(job_id, n)| [(*job_id, "read", n * 1000), (*job_id, "write", *n)]);
        let steps = steps.map(|(job_id, name, ms)| StepDuration {
            job_id,
            name: name.to_owned(),
            took: Duration::from_millis(ms),
        });
        steps.collect::<Vec<_>>()
    };
    assert_eq!(recent(10).await, of(&expected));
    assert_eq!(recent(2).await, of(&expected[..2]));
    assert!(store.recent_steps(JobType::Campaigns, 10).await.unwrap().is_empty());
}

async fn a_removed_job_takes_its_events_and_outputs_along(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = processing(&*store).await;
    let output = Report::StepOutput { name: "s".to_owned(), output: json!(1), took: Duration::from_millis(1500) };
    commit_one(&*store, report(job.id, 1, output)).await.unwrap();
    database.execute("DELETE FROM ai_jobs").await;
    assert_eq!(database.number("SELECT count(*) FROM job_events").await, 0);
    if database.url.starts_with("sqlite") {
        assert_eq!(database.number("SELECT count(*) FROM recent_events").await, 0);
    }
    assert_eq!(database.number("SELECT count(*) FROM job_steps").await, 0);
}

async fn a_closed_store_is_unavailable(database: TestDatabase) {
    let store = database.store(settings()).await;
    let job = created(&*store, brand()).await;
    store.ping().await.unwrap();
    store.close().await;
    let answers = [
        store.ping().await.err(),
        store.job(job.id).await.err(),
        store.commit(Uuid::new_v4(), &[create(brand())]).await.err(),
        store.claim(&claim_of(1, 1)).await.err(),
    ];
    for error in answers {
        assert!(matches!(error, Some(StoreError::Unavailable(_))), "{error:?}");
    }
    let reopened = database.store(settings()).await;
    assert_eq!(stored(&*reopened, job.id).await, job);
}

async fn the_queue_is_what_waits_and_what_runs(database: TestDatabase) {
    let store = database.store(settings()).await;
    assert_eq!(store.queue().await.unwrap(), Queue::default());
    let cancelled = created(&*store, brand()).await.id;
    commit_one(&*store, Write { job_id: cancelled, action: Action::Cancel }).await.unwrap();
    let job = processing(&*store).await;
    created(&*store, brand()).await;
    let queue = store.queue().await.unwrap();
    assert_eq!((queue.pending, queue.processing), (1, 1));
    assert!(Duration::ZERO < queue.waiting && queue.waiting < HOUR, "{queue:?}");
    claim_all(&*store).await;
    commit_one(&*store, report(job.id, job.attempt, Report::Retry(failure(), HOUR))).await.unwrap();
    let queue = store.queue().await.unwrap();
    assert_eq!(queue, Queue { pending: 1, processing: 1, waiting: Duration::ZERO }, "what must wait is not overdue");
}
