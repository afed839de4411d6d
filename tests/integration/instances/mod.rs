//! Several servers on one PostgreSQL: any of them runs any job and serves any stream, and a viewer cannot tell.

use jobcast::app::AppOptions;
use jobcast::demo::{Behaviour, Gate, StandIns};
use jobcast::job::JobId;

use crate::databases::TestDatabase;
use crate::harness::{Reader, Received, Server, Site, assert_complete, eventually, open, soon, stored};

mod commands;
mod fan_out;
mod rolling_restart;

/// One instance that runs a job, and another that only serves.
struct Pair {
    stand_ins: StandIns,
    site: Site,
    runs: Server,
    serves: Server,
    /// Opened to let the job's model go on.
    gate: Gate,
    id: String,
}

impl Pair {
    /// A job whose model is silent in the middle of its answer, on the first instance.
    async fn start(database: &TestDatabase) -> Pair {
        Pair::with(database, &[]).await
    }

    /// The same with further flags for the second instance.
    async fn with(database: &TestDatabase, flags: &[&str]) -> Pair {
        let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
        stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
        let runs = Server::start(&database.url, &stand_ins).await;
        let id = runs.client().start(&site.url).await;
        soon("the model writes", gate.reached()).await;
        // Started only now, so that it is the first one that has claimed the job.
        let serves = Server::with(&database.url, &stand_ins, flags, AppOptions::default()).await;
        Pair { stand_ins, site, runs, serves, gate, id }
    }

    /// A viewer of the job on the instance that does not run it, who has seen what there is so far.
    async fn viewer(&self) -> (Reader, Vec<Received>) {
        let mut reader = self.serves.client().events(&self.id, None).await;
        reader.sync().await;
        let history = reader.until("delta").await;
        (reader, history)
    }

    async fn assert_complete(&self, database: &TestDatabase, history: &[Received]) {
        assert_complete(history, &stored(open(database).await.as_ref(), self.job_id()).await);
    }

    fn job_id(&self) -> JobId {
        JobId(self.id.parse().unwrap())
    }
}
