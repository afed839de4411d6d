//! Brings about the faults of a plan at their times, and heals everything at the end.
//! Must not decide which fault comes when; the plan does.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{PgConnection, query_scalar};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::cluster::{Cluster, Mode, connect, execute};
use super::plan::{Fault, Trouble, What, Which};
use super::servers::{Place, Servers};
use super::story::Story;
use crate::harness::Proxy;

/// After the last fault everything works again within this time.
const HEALING_TIME: Duration = Duration::from_secs(120);

/// More connections than the server takes.
const TOO_MANY_CONNECTIONS: usize = 120;

/// The lock under which instances claim jobs.
const CLAIM_LOCK: i64 = i64::from_be_bytes(*b"jobcast\0");

/// Whoever brings faults about.
pub struct Driver {
    pub servers: Arc<Servers>,
    /// None where the database is a file.
    pub cluster: Option<Arc<Mutex<Cluster>>>,
    pub story: Story,
}

impl Driver {
    /// Brings about all faults, each at its time whether or not earlier ones are over; returns when all are.
    pub async fn drive(self: &Arc<Self>, faults: Vec<(Duration, Fault)>) {
        let began = Instant::now();
        let mut under_way = JoinSet::new();
        for (at, fault) in faults {
            sleep_until(began + at).await;
            self.story.tell(kind(&fault), format!("{fault:?}"));
            let driver = self.clone();
            under_way.spawn(async move { driver.bring_about(fault).await });
        }
        let over =
            async { while under_way.join_next().await.transpose().expect("a fault does not panic").is_some() {} };
        timeout(HEALING_TIME, over).await.expect("the faults are over in time");
        self.heal().await;
    }

    async fn heal(&self) {
        for place in &self.servers.places {
            place.front.lock().await.restore();
            if let Some(database) = &place.database {
                database.lock().await.restore();
            }
        }
        if let Some(cluster) = &self.cluster {
            cluster.lock().await.until_ready().await;
        }
        self.servers.check().await;
        self.story.tell("healed", "");
    }

    fn place(&self, number: usize) -> &Place {
        &self.servers.places[number]
    }

    async fn bring_about(&self, fault: Fault) {
        match fault {
            Fault::Kill { server, down } => self.place(server).kill(down).await,
            Fault::Replace { server, overlapping } => self.place(server).deploy(overlapping).await,
            Fault::Freeze { server, lasting } => {
                let frozen = self.place(server).occupied().await;
                frozen.process.signal(Signal::SIGSTOP);
                sleep(lasting).await;
                frozen.process.signal(Signal::SIGCONT);
                self.story.tell("thawed", format!("server {server}"));
            }
            Fault::Database { server, trouble, lasting } => {
                if let Some(database) = &self.place(server).database {
                    disturb(database, trouble, lasting).await;
                }
            }
            Fault::Clients { server, trouble, lasting } => disturb(&self.place(server).front, trouble, lasting).await,
            Fault::FillDisk { lasting } => self.fill_disk(lasting).await,
            Fault::RestartPostgres { immediately } => self.restart(immediately).await,
            Fault::CrashBackend => self.crash_backend().await,
            Fault::TerminateBackends(which) => self.terminate(which).await,
            Fault::Exhaust { what, lasting } => self.exhaust(what, lasting).await,
        }
    }

    /// A limit on the size of files stands in for a full disk.
    async fn fill_disk(&self, lasting: Duration) {
        let filled = self.place(0).occupied().await;
        filled.process.limit_files_to(Some(1));
        sleep(lasting).await;
        filled.process.limit_files_to(None);
        self.story.tell("room again", "");
    }

    async fn restart(&self, immediately: bool) {
        if let Some(cluster) = &self.cluster {
            let mode = if immediately { Mode::Immediate } else { Mode::Fast };
            cluster.lock().await.restart(mode).await;
            self.story.tell("postgres is back", "");
        }
    }

    async fn crash_backend(&self) {
        const ONE: &str = "SELECT pid FROM pg_stat_activity
                           WHERE application_name = 'jobcast' AND backend_type = 'client backend' ORDER BY random()";
        let Some(mut connection) = self.connection().await else { return };
        if let Ok(Some(pid)) = query_scalar::<_, i32>(ONE).fetch_optional(&mut connection).await {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        if let Some(cluster) = &self.cluster {
            cluster.lock().await.until_ready().await;
        }
    }

    async fn terminate(&self, which: Which) {
        let these = match which {
            Which::All => "true",
            Which::Listeners => "query LIKE 'LISTEN %'",
            Which::Half => "random() < 0.5",
        };
        let terminate = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jobcast' AND {these}"
        );
        if let Some(mut connection) = self.connection().await {
            let _ = execute(&mut connection, &terminate).await;
        }
    }

    async fn exhaust(&self, what: What, lasting: Duration) {
        let hold = match what {
            What::Connections => return self.take_all_connections(lasting).await,
            What::Claims => format!("SELECT pg_advisory_xact_lock({CLAIM_LOCK})"),
            What::JobRows => "SELECT id FROM ai_jobs WHERE random() < 0.5 ORDER BY id FOR UPDATE".to_owned(),
            What::BrandRows => "SELECT brand_id FROM brand_streams ORDER BY brand_id FOR UPDATE".to_owned(),
            What::EventTable => "LOCK TABLE job_events IN ACCESS EXCLUSIVE MODE".to_owned(),
        };
        let Some(mut connection) = self.connection().await else { return };
        let held = format!("BEGIN; SET LOCAL lock_timeout = '2s'; {hold}");
        if execute(&mut connection, &held).await.is_ok() {
            sleep(lasting).await;
        }
        // The lock goes with the connection.
    }

    async fn take_all_connections(&self, lasting: Duration) {
        let Some(cluster) = &self.cluster else { return };
        let url = cluster.lock().await.url();
        let taken: Vec<_> = join_all((0..TOO_MANY_CONNECTIONS).map(|_| connect(&url))).await;
        let taken: Vec<PgConnection> = taken.into_iter().flatten().collect();
        self.story.tell("connections taken", taken.len().to_string());
        sleep(lasting).await;
    }

    /// A superuser's connection; none while the database is away.
    async fn connection(&self) -> Option<PgConnection> {
        let url = self.cluster.as_ref()?.lock().await.admin_url();
        match connect(&url).await {
            Ok(connection) => Some(connection),
            Err(error) => {
                self.story.tell("fault fell flat", error.to_string());
                None
            }
        }
    }
}

/// Disturbs what passes, for a time; of two disturbances at once the first to end ends both.
async fn disturb(proxy: &Mutex<Proxy>, trouble: Trouble, lasting: Duration) {
    {
        let mut proxy = proxy.lock().await;
        match trouble {
            Trouble::Cut => proxy.cut(),
            Trouble::Stall => proxy.stall(),
            Trouble::Delay(by) => proxy.delay(by),
            Trouble::CutAtRandom { seed, mean } => proxy.cut_at_random(seed, mean),
            Trouble::LoseCommitAnswers { every } => proxy.lose_commit_answers(every),
        }
    }
    sleep(lasting).await;
    proxy.lock().await.restore();
}

fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::Kill { .. } => "kill -9",
        Fault::Replace { .. } => "SIGTERM",
        Fault::Freeze { .. } => "SIGSTOP",
        Fault::Database { .. } => "database connection",
        Fault::Clients { .. } => "client connection",
        Fault::RestartPostgres { .. } => "postgres restart",
        Fault::CrashBackend => "postgres crash",
        Fault::TerminateBackends(_) => "terminate backends",
        Fault::Exhaust { .. } => "exhaust",
        Fault::FillDisk { .. } => "full disk",
    }
}
