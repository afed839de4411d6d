//! Everything that a run decides, drawn from its seed before it begins: faults, jobs, viewers.
//! Must not depend on what happens in the run, so that a seed means the same decisions again.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use uuid::Uuid;

use super::calls::mark;

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct FaultRun {
    pub seed: u64,
    /// How long faults come.
    pub storm: Duration,
    pub jobs: usize,
    pub viewers: usize,
    /// 1 on SQLite.
    pub servers: usize,
}

/// The decisions of a run.
#[derive(Debug)]
pub struct Plan {
    pub faults: Vec<(Duration, Fault)>,
    pub jobs: Vec<JobPlan>,
    pub viewers: Vec<ViewerPlan>,
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// kill -9, and a start some time later.
    Kill {
        server: usize,
        down: Duration,
    },
    /// SIGTERM, and a new process: before the old one ends, or after.
    Replace {
        server: usize,
        overlapping: bool,
    },
    /// SIGSTOP, SIGCONT.
    Freeze {
        server: usize,
        lasting: Duration,
    },
    /// What goes wrong between a server and its database.
    Database {
        server: usize,
        trouble: Trouble,
        lasting: Duration,
    },
    /// What goes wrong between clients and a server.
    Clients {
        server: usize,
        trouble: Trouble,
        lasting: Duration,
    },
    RestartPostgres {
        immediately: bool,
    },
    /// kill -9 of one of PostgreSQL's processes, after which it recovers by itself.
    CrashBackend,
    TerminateBackends(Which),
    Exhaust {
        what: What,
        lasting: Duration,
    },
    FillDisk {
        lasting: Duration,
    },
}

impl Fault {
    /// How long nothing else can be done to the same process.
    fn lasting(&self) -> Duration {
        match *self {
            Fault::Kill { down: lasting, .. } | Fault::Freeze { lasting, .. } | Fault::FillDisk { lasting } => lasting,
            Fault::Replace { .. } => Duration::from_secs(1),
            _ => Duration::ZERO,
        }
    }
}

/// What goes wrong on the way.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// Connections are closed and refused.
    Cut,
    /// Connections stay, and no byte passes.
    Stall,
    Delay(Duration),
    /// Connections are cut at random bytes, so far apart on average.
    CutAtRandom {
        seed: u64,
        mean: usize,
    },
    /// Every so many answers to COMMIT are lost.
    LoseCommitAnswers {
        every: usize,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum Which {
    All,
    /// Those that listen for other instances' commits.
    Listeners,
    Half,
}

#[derive(Clone, Copy, Debug)]
pub enum What {
    Connections,
    /// The lock under which jobs are claimed.
    Claims,
    JobRows,
    BrandRows,
    EventTable,
}

/// A job, and what its user does.
#[derive(Clone, Debug)]
pub struct JobPlan {
    pub case: usize,
    pub at: Duration,
    pub brand_id: Uuid,
    pub job_type: &'static str,
    pub input_data: Value,
    pub key: String,
    /// Whether the start is sent twice at once.
    pub twice: bool,
    pub cancel_after: Option<Duration>,
    /// Whether the user tries again if it fails or was cancelled.
    pub retries: bool,
}

impl JobPlan {
    /// Whether the brand must have brand intelligence, which tells the calls of this job from others'.
    pub fn needs_intelligence(&self) -> bool {
        ["products_services", "campaigns"].contains(&self.job_type)
    }
}

/// A viewer, who draws further from a seed of its own.
#[derive(Clone, Copy, Debug)]
pub struct ViewerPlan {
    pub watches: Watches,
    pub begins: Begins,
    /// After the job is known.
    pub after: Duration,
    pub pace: Pace,
    pub seed: u64,
}

#[derive(Clone, Copy, Debug)]
pub enum Watches {
    Case(usize),
    Brand(Uuid),
}

#[derive(Clone, Copy, Debug)]
pub enum Begins {
    Start,
    /// A cursor that somebody else has read up to, as a share of what there is.
    Known(f64),
    Tail,
}

#[derive(Clone, Copy, Debug)]
pub enum Pace {
    Fast,
    /// So long for each event.
    Slow(Duration),
    /// Now and then stops reading for so long.
    Stalling(Duration),
    /// Leaves after so many events and comes back.
    Leaving(usize),
}

/// How many brands share most of the jobs.
const BRANDS: usize = 4;

impl FaultRun {
    pub fn plan(&self) -> Plan {
        let mut random = StdRng::seed_from_u64(self.seed);
        let brands: Vec<Uuid> = (0..BRANDS).map(|_| random_id(&mut random)).collect();
        let jobs: Vec<JobPlan> = (0..self.jobs).map(|case| self.job(case, &brands, &mut random)).collect();
        let viewers = (0..self.viewers).map(|number| self.viewer(number, &brands, &mut random)).collect();
        Plan { faults: self.faults(&mut random), jobs, viewers }
    }

    fn job(&self, case: usize, brands: &[Uuid], random: &mut StdRng) -> JobPlan {
        let name = mark(case);
        let (job_type, input_data) = match random.random_range(0..10) {
            0..3 => ("brand_intelligence", json!({"url": format!("SITE?{name}")})),
            3..5 => ("competitor_analysis", json!({"competitor_name": format!("Acme {name}")})),
            5..7 => ("target_audiences", json!({"audience_description": format!("People who drink tea, {name}")})),
            7 => ("products_services", json!({})),
            8 => ("campaigns", json!({})),
            _ if random.random() => ("brand_extraction", json!({"url": format!("SITE?{name}")})),
            _ => ("page_discovery", json!({"url": format!("SITE?{name}")})),
        };
        let mut job = JobPlan {
            case,
            // Most of them early, so that faults meet them.
            at: self.storm.mul_f64(random.random_range(0.0..0.8)),
            brand_id: *brands.choose(random).expect("there are brands"),
            job_type,
            input_data,
            key: format!("{:x}-{name}", self.seed),
            twice: random.random_bool(0.3),
            cancel_after: random.random_bool(0.2).then(|| milliseconds(random, 0, 5000)),
            retries: random.random_bool(0.5),
        };
        if job.needs_intelligence() {
            job.brand_id = random_id(random);
        }
        job
    }

    fn viewer(&self, number: usize, brands: &[Uuid], random: &mut StdRng) -> ViewerPlan {
        let of_brand = number.is_multiple_of(10);
        let watches = if of_brand {
            Watches::Brand(*brands.choose(random).expect("there are brands"))
        } else {
            Watches::Case(number % self.jobs)
        };
        let begins = match random.random_range(0..6) {
            0..3 => Begins::Start,
            3..5 => Begins::Known(random.random()),
            _ => Begins::Tail,
        };
        let pace = match random.random_range(0..6) {
            0..2 => Pace::Fast,
            2 => Pace::Slow(milliseconds(random, 5, 60)),
            3 => Pace::Stalling(milliseconds(random, 500, 4000)),
            _ => Pace::Leaving(random.random_range(1..20)),
        };
        let latest = if of_brand { self.storm.as_millis() as u64 / 2 } else { 5000 };
        ViewerPlan { watches, begins, after: milliseconds(random, 0, latest), pace, seed: random.random() }
    }

    fn faults(&self, random: &mut StdRng) -> Vec<(Duration, Fault)> {
        let mut faults = Vec::new();
        let mut at = milliseconds(random, 500, 1500);
        while at < self.storm {
            let fault = if self.servers == 1 { on_sqlite(random) } else { self.on_postgres(random) };
            faults.push((at, fault));
            at += milliseconds(random, 100, 900);
            if self.servers == 1 {
                // There is but one process to do something to.
                at += fault.lasting();
            }
        }
        faults
    }

    fn on_postgres(&self, random: &mut StdRng) -> Fault {
        let server = random.random_range(0..self.servers);
        match random.random_range(0..20) {
            0..2 => Fault::Kill { server, down: milliseconds(random, 0, 3000) },
            2..4 => Fault::Replace { server, overlapping: random.random_bool(0.7) },
            4..8 => Fault::Freeze { server, lasting: freezing(random) },
            8 => Fault::RestartPostgres { immediately: random.random() },
            9 => Fault::CrashBackend,
            10..12 => Fault::TerminateBackends(*[Which::All, Which::Listeners, Which::Half].choose(random).unwrap()),
            12..14 => {
                let kinds = [What::Connections, What::Claims, What::JobRows, What::BrandRows, What::EventTable];
                Fault::Exhaust { what: *kinds.choose(random).unwrap(), lasting: milliseconds(random, 300, 2500) }
            }
            14..18 => {
                let lose = Trouble::LoseCommitAnswers { every: random.random_range(2..10) };
                let trouble = if random.random_bool(0.4) { lose } else { trouble(random) };
                Fault::Database { server, trouble, lasting: disconnecting(random) }
            }
            _ => Fault::Clients { server, trouble: trouble(random), lasting: milliseconds(random, 200, 3000) },
        }
    }
}

fn on_sqlite(random: &mut StdRng) -> Fault {
    let server = 0;
    match random.random_range(0..10) {
        0..2 => Fault::Kill { server, down: milliseconds(random, 0, 1500) },
        2 => Fault::Replace { server, overlapping: false },
        3..5 => Fault::Freeze { server, lasting: freezing(random) },
        5..8 => Fault::FillDisk { lasting: milliseconds(random, 300, 2500) },
        _ => Fault::Clients { server, trouble: trouble(random), lasting: milliseconds(random, 200, 2000) },
    }
}

/// Shorter or longer than the lease, which is 2 s.
fn freezing(random: &mut StdRng) -> Duration {
    if random.random() { milliseconds(random, 200, 1500) } else { milliseconds(random, 2500, 5000) }
}

/// The same for a server that works on without its database and finds its jobs taken over.
fn disconnecting(random: &mut StdRng) -> Duration {
    if random.random_bool(0.6) { milliseconds(random, 200, 2000) } else { milliseconds(random, 3000, 5000) }
}

fn trouble(random: &mut StdRng) -> Trouble {
    match random.random_range(0..5) {
        0 => Trouble::Cut,
        1 => Trouble::Stall,
        2 => Trouble::Delay(milliseconds(random, 5, 300)),
        _ => Trouble::CutAtRandom { seed: random.random(), mean: random.random_range(500..40_000) },
    }
}

fn milliseconds(random: &mut StdRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(random.random_range(from..=to))
}

fn random_id(random: &mut StdRng) -> Uuid {
    uuid::Builder::from_random_bytes(random.random()).into_uuid()
}
