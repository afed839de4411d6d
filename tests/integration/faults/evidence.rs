//! What the database holds at the end of a run, read beside the servers.
//! Must not judge it; the oracle does.

use std::collections::HashMap;
use std::sync::Arc;

use jobcast::event::Subject;
use jobcast::job::{BrandId, JobId};
use jobcast::store::Store;
use serde_json::Value;
use uuid::Uuid;

use super::users::UsedJob;
use super::viewers::Targets;
use crate::databases::TestDatabase;
use crate::harness::open;

/// The tables that results go to, and the job types that write them.
pub const RESULT_TABLES: [(&str, &str); 7] = [
    ("brand_intelligence", "brand_intelligence"),
    ("competitor_analysis", "competitor_analyses"),
    ("target_audiences", "target_audiences"),
    ("products_services", "products_services"),
    ("campaigns", "campaigns"),
    ("brand_extraction", "brand_data"),
    ("page_discovery", "brand_pages"),
];

/// What is stored of one run.
pub struct Evidence {
    /// By id.
    pub jobs: HashMap<String, StoredJob>,
    /// All events of each brand's stream, in order.
    pub brands: HashMap<Uuid, Vec<StoredEvent>>,
    /// Where the streams of the brands say that they have come to.
    pub brand_ends: HashMap<Uuid, i64>,
    /// How many rows each brand has in each table.
    pub rows: HashMap<(Uuid, &'static str), i64>,
}

/// A job with all that belongs to it.
pub struct StoredJob {
    pub id: String,
    pub brand_id: Uuid,
    pub job_type: String,
    pub status: String,
    pub key: String,
    pub attempt: i64,
    pub last_seq: i64,
    pub events: Vec<StoredEvent>,
    /// The stored steps by name.
    pub steps: HashMap<String, StoredStep>,
    /// How many rows its result says that it saved.
    pub items: i64,
}

/// A step whose output is stored.
pub struct StoredStep {
    /// The attempt that stored it.
    pub attempt: i64,
    pub output: Value,
}

/// An event as it is stored.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Its position among those of the subject that was asked for.
    pub position: i64,
    pub name: String,
    pub data: Value,
}

/// The database of a run, seen from beside.
pub struct Witness {
    pub database: TestDatabase,
    store: Arc<dyn Store>,
}

impl Witness {
    pub async fn new(database: TestDatabase) -> Witness {
        let store = open(&database).await;
        Witness { database, store }
    }

    /// Gives the brand what the types that build on it need, with a name that tells whose it is.
    pub async fn add_intelligence(&self, brand_id: Uuid, name: &str) {
        let (id, brand) = (self.database.id_literal(Uuid::new_v4()), self.database.id_literal(brand_id));
        let now = if self.is_file() { "0" } else { "now()" };
        let insert = format!(
            "INSERT INTO brand_intelligence (id, brand_id, brand_name, industry, created_at, updated_at)
             VALUES ({id}, {brand}, '{name}', 'Kettles', {now}, {now})"
        );
        self.database.execute(&insert).await;
    }

    /// Everything about the jobs whose keys begin like this, and about their brands.
    pub async fn read(&self, key_prefix: &str) -> Evidence {
        let mut jobs = HashMap::new();
        for mut job in self.jobs(key_prefix).await {
            job.events = self.events(Subject::Job(JobId(job.id.parse().expect("an id")))).await;
            job.items = self.items(&job).await;
            jobs.insert(job.id.clone(), job);
        }
        for (id, name, step) in self.steps(key_prefix).await {
            if let Some(job) = jobs.get_mut(&id) {
                job.steps.insert(name, step);
            }
        }
        let ids: std::collections::BTreeSet<Uuid> = jobs.values().map(|job| job.brand_id).collect();
        let (mut brands, mut brand_ends) = (HashMap::new(), HashMap::new());
        for id in ids {
            brands.insert(id, self.events(Subject::Brand(BrandId(id))).await);
            let stream = self.store.brand_stream(BrandId(id)).await.expect("the store answers");
            brand_ends.insert(id, stream.last_seq);
        }
        Evidence { jobs, brands, brand_ends, rows: self.rows().await }
    }

    async fn jobs(&self, key_prefix: &str) -> Vec<StoredJob> {
        let (id, brand) = (self.id("id"), self.id("brand_id"));
        let columns = format!(
            "{id} || ' ' || {brand} || ' ' || job_type || ' ' || status || ' ' || idempotency_key || ' ' ||
             CAST(attempt AS TEXT) || ' ' || CAST(last_seq AS TEXT)"
        );
        let lines = format!("SELECT {columns} FROM ai_jobs WHERE idempotency_key LIKE '{key_prefix}%'");
        let read = |line: String| {
            let words: Vec<&str> = line.split(' ').collect();
            let [id, brand_id, job_type, status, key, attempt, last_seq] = words[..] else { panic!("{line}") };
            StoredJob {
                id: hyphenated(id),
                brand_id: brand_id.parse().expect("an id"),
                job_type: job_type.to_owned(),
                status: status.to_owned(),
                key: key.to_owned(),
                attempt: attempt.parse().expect("a number"),
                last_seq: last_seq.parse().expect("a number"),
                events: Vec::new(),
                steps: HashMap::new(),
                items: 0,
            }
        };
        self.database.texts(&lines).await.into_iter().map(read).collect()
    }

    async fn events(&self, subject: Subject) -> Vec<StoredEvent> {
        let events = self.store.events_after(subject, 0, 1_000_000).await.expect("the store answers");
        let read = |event: jobcast::event::Event| StoredEvent {
            position: event.position(subject),
            name: event.name.as_str().to_owned(),
            data: serde_json::from_str(&event.data).expect("stored data is JSON"),
        };
        events.into_iter().map(read).collect()
    }

    async fn items(&self, job: &StoredJob) -> i64 {
        if job.status != "completed" {
            return 0;
        }
        let id = JobId(job.id.parse().expect("an id"));
        let result = self.store.result_data(id).await.expect("the store answers").unwrap_or_default();
        let (_, table) = RESULT_TABLES.into_iter().find(|(job_type, _)| *job_type == job.job_type).expect("a table");
        result[table].as_array().map_or(1, |items| items.len() as i64)
    }

    async fn steps(&self, key_prefix: &str) -> Vec<(String, String, StoredStep)> {
        let id = self.id("job_id");
        let lines = format!(
            "SELECT {id} || ' ' || name || ' ' || CAST(attempt AS TEXT) || ' ' || CAST(output AS TEXT) FROM job_steps
             WHERE job_id IN (SELECT id FROM ai_jobs WHERE idempotency_key LIKE '{key_prefix}%')"
        );
        let read = |line: String| {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let [id, name, attempt, output] = words[..] else { panic!("{line}") };
            let output = serde_json::from_str(output).expect("an output is JSON");
            let step = StoredStep { attempt: attempt.parse().expect("a number"), output };
            (hyphenated(id), name.to_owned(), step)
        };
        self.database.texts(&lines).await.into_iter().map(read).collect()
    }

    async fn rows(&self) -> HashMap<(Uuid, &'static str), i64> {
        let mut rows = HashMap::new();
        for (_, table) in RESULT_TABLES {
            let brand = self.id("brand_id");
            let lines = format!("SELECT {brand} || ' ' || CAST(count(*) AS TEXT) FROM {table} GROUP BY brand_id");
            for line in self.database.texts(&lines).await {
                let (brand, count) = line.split_once(' ').expect("two words");
                rows.insert((brand.parse().expect("an id"), table), count.parse().expect("a number"));
            }
        }
        rows
    }

    /// An id column as text.
    fn id(&self, column: &str) -> String {
        if self.is_file() { format!("lower(hex({column}))") } else { format!("CAST({column} AS TEXT)") }
    }

    fn is_file(&self) -> bool {
        self.database.url.starts_with("sqlite")
    }
}

impl Evidence {
    /// Where everything has come to, for viewers to know when they have seen it all.
    pub fn targets(&self) -> Targets {
        let jobs = self.jobs.values().map(|job| (job.id.clone(), job.last_seq)).collect();
        let last = |events: &Vec<StoredEvent>| events.last().map_or(0, |event| event.position);
        Targets { jobs, brands: self.brands.iter().map(|(id, events)| (*id, last(events))).collect() }
    }

    /// All histories, a line for each event.
    pub fn text(&self) -> String {
        let mut jobs: Vec<&StoredJob> = self.jobs.values().collect();
        jobs.sort_by_key(|job| &job.key);
        let mut text = String::new();
        for job in jobs {
            let steps: Vec<_> = job.steps.iter().map(|(name, step)| format!("{name} by {}", step.attempt)).collect();
            text += &format!("{} {} {} {}; {}\n", job.key, job.id, job.job_type, job.status, steps.join(", "));
            for StoredEvent { position, name, data } in &job.events {
                let words = ["error", "error_message", "current_step"].into_iter().find_map(|key| data[key].as_str());
                let (at, attempt) = (data["at"].as_str().unwrap_or_default(), &data["attempt"]);
                text += &format!("    {position:4} {at} {attempt} {name:9} {}\n", words.unwrap_or_default());
            }
        }
        text
    }

    /// The stored job that a user started.
    pub fn job(&self, used: &UsedJob) -> Option<&StoredJob> {
        self.jobs.get(&used.id)
    }
}

fn hyphenated(id: &str) -> String {
    id.parse::<Uuid>().expect("an id").to_string()
}
