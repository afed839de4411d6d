//! LISTEN and NOTIFY: announces changed jobs to other instances, and hears what they announce.
//! Must not be relied on: a listener whose connection is lost loses what is announced meanwhile, and says so.

use std::collections::BTreeMap;
use std::time::Duration;

use async_stream::stream;
use futures_util::Stream;
use sqlx::PgConnection;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::timeout;
use uuid::Uuid;

use crate::job::{BrandId, JobId};
use crate::store::{Notice, StoreError};

const CHANNEL: &str = "jobcast";

/// A payload must be shorter than 8,000 bytes (PostgreSQL's manual, NOTIFY).
const LONGEST_PAYLOAD: usize = 7_900;

/// A listener that has heard nothing for so long, not even a sign of life of its own instance (every 5 s), takes its
/// connection for dead.
const SILENCE: Duration = Duration::from_secs(15);

/// How long connecting may take, and the pauses between tries.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Announces in a transaction of its own, after that of the data: NOTIFY takes a database-wide lock at its commit. It does
/// not wait for the disk, which commits need: an announcement that a crash of the server loses has no hearers either.
pub(super) async fn announce(
    connection: &mut PgConnection,
    instance: Uuid,
    changed: &[(BrandId, JobId)],
) -> Result<(), StoreError> {
    sqlx::query("SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, payload) FROM UNNEST($2::text[]) AS payload")
        .bind(CHANNEL)
        .bind(payloads(instance, changed))
        .execute(connection)
        .await?;
    Ok(())
}

/// What other instances announce. It tells when it begins to listen and when it no longer does, and never ends.
pub(super) fn notices(options: PgConnectOptions, instance: Uuid) -> impl Stream<Item = Notice> + Send {
    stream! {
        let mut pause = FIRST_PAUSE;
        loop {
            match timeout(CONNECT_TIMEOUT, listen(&options)).await {
                Ok(Ok(mut listener)) => {
                    pause = FIRST_PAUSE;
                    yield Notice::Listening;
                    // `None` is a connection that was lost: what was announced since is lost, too.
                    while let Ok(Ok(Some(notification))) = timeout(SILENCE, listener.try_recv()).await {
                        for notice in read(notification.payload(), instance) {
                            yield notice;
                        }
                    }
                    yield Notice::Deaf;
                }
                Ok(Err(error)) => tracing::debug!(%error, "cannot listen to other instances yet"),
                Err(_) => tracing::debug!("cannot listen to other instances yet: no connection in time"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

async fn listen(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    // A connection of its own; made anew for each try, so that nothing of a broken one is left.
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let pool = pool.connect_with(options.clone()).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    // A lost connection is to be told and not mended unseen.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// `instance brand:job,job;brand:job`, each short enough; at least one, which may say nothing but that the instance lives.
fn payloads(instance: Uuid, changed: &[(BrandId, JobId)]) -> Vec<String> {
    let mut jobs_of: BTreeMap<BrandId, Vec<JobId>> = BTreeMap::new();
    for (brand_id, job_id) in changed {
        jobs_of.entry(*brand_id).or_default().push(*job_id);
    }
    let head = format!("{} ", instance.simple());
    let mut payloads = vec![head.clone()];
    let mut last_brand = None;
    for (brand_id, job_id) in
        jobs_of.into_iter().flat_map(|(brand, jobs)| jobs.into_iter().map(move |job| (brand, job)))
    {
        let job = job_id.0.simple().to_string();
        let with_brand = format!("{}:{job}", brand_id.0.simple());
        let length = payloads.last().map_or(0, String::len);
        if length + with_brand.len() + 1 > LONGEST_PAYLOAD {
            payloads.push(head.clone());
            last_brand = None;
        }
        if let Some(payload) = payloads.last_mut() {
            let is_first = payload.len() == head.len();
            let piece = if last_brand == Some(brand_id) {
                format!(",{job}")
            } else if is_first {
                with_brand
            } else {
                format!(";{with_brand}")
            };
            payload.push_str(&piece);
        }
        last_brand = Some(brand_id);
    }
    payloads
}

/// The notices of a payload; none of one's own, nor of what another version may write.
fn read(payload: &str, instance: Uuid) -> Vec<Notice> {
    let Some((from, changed)) = payload.split_once(' ') else { return Vec::new() };
    if from == instance.simple().to_string() {
        return Vec::new();
    }
    let of_brand = |part: &str| {
        let (brand, jobs) = part.split_once(':')?;
        let job_ids = jobs.split(',').filter_map(|job| Some(JobId(Uuid::parse_str(job).ok()?))).collect();
        Some(Notice::Changed { brand_id: BrandId(Uuid::parse_str(brand).ok()?), job_ids })
    };
    changed.split(';').filter_map(of_brand).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_is_read_in_payloads_that_are_short_enough() {
        let (sender, reader) = (Uuid::new_v4(), Uuid::new_v4());
        let brands = [BrandId(Uuid::new_v4()), BrandId(Uuid::new_v4())];
        let mut changed: Vec<_> = (0..1000).map(|n| (brands[n % 2], JobId::new())).collect();
        let payloads = payloads(sender, &changed);
        assert!(payloads.len() > 3 && payloads.iter().all(|payload| payload.len() < 8_000));
        let mut heard: Vec<_> = payloads
            .iter()
            .flat_map(|payload| read(payload, reader))
            .flat_map(|notice| {
                let Notice::Changed { brand_id, job_ids } = notice else { panic!("{notice:?}") };
                job_ids.into_iter().map(move |id| (brand_id, id))
            })
            .collect();
        heard.sort();
        changed.sort();
        assert_eq!(heard, changed);
        assert!(payloads.iter().all(|payload| read(payload, sender).is_empty()), "one's own are not heard");
    }

    #[test]
    fn a_sign_of_life_says_nothing_and_nonsense_is_passed_over() {
        let instance = Uuid::new_v4();
        let sign_of_life = payloads(instance, &[]);
        assert_eq!(sign_of_life.len(), 1);
        for payload in [sign_of_life[0].as_str(), "", "x", "x y:z", "x :", "x ;;"] {
            assert_eq!(read(payload, Uuid::new_v4()), [], "{payload:?}");
        }
    }
}
