//! What a run happens in: a database, upstreams, a site and servers, kept from one round to the next.
//! Must not know what goes wrong.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::cluster::Cluster;
use super::driver::Driver;
use super::evidence::Witness;
use super::plan::JobPlan;
use super::servers::Servers;
use super::story::Story;
use super::upstreams::Upstreams;
use super::users::Reach;
use crate::databases::TestDatabase;
use crate::harness::Site;

/// The database that the servers work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Sqlite,
}

pub struct World {
    pub upstreams: Arc<Upstreams>,
    pub servers: Arc<Servers>,
    pub driver: Arc<Driver>,
    pub witness: Witness,
    pub story: Story,
    site: Site,
    // Dropped last: the servers use it.
    _cluster: Option<Arc<Mutex<Cluster>>>,
}

impl World {
    pub async fn start(kind: Kind, servers: usize, story: Story) -> World {
        let cluster = match kind {
            Kind::Postgres => Some(Arc::new(Mutex::new(Cluster::start().await))),
            Kind::Sqlite => None,
        };
        let (database, witnessed) = match &cluster {
            Some(cluster) => {
                let cluster = cluster.lock().await;
                (TestDatabase::on_own_server(cluster.url()), TestDatabase::on_own_server(cluster.admin_url()))
            }
            None => {
                let database = TestDatabase::sqlite().await;
                let url = database.url.clone();
                (TestDatabase::on_own_server(url), database)
            }
        };
        let upstreams = Arc::new(Upstreams::start(story.clone()).await);
        let servers = Arc::new(Servers::start(servers, &database.url, upstreams.clone(), &story).await);
        let driver = Driver { servers: servers.clone(), cluster: cluster.clone(), story: story.clone() };
        World {
            upstreams,
            driver: Arc::new(driver),
            witness: Witness::new(witnessed).await,
            servers,
            story,
            site: Site::start().await,
            _cluster: cluster,
        }
    }

    /// How clients reach the servers.
    pub fn reach(&self) -> Reach {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let fronts = self.servers.places.iter().map(|place| place.url.clone()).collect();
        Reach { http, fronts: Arc::new(fronts), site: self.site.url.clone(), story: self.story.clone() }
    }

    /// What must be there before the jobs are started.
    pub async fn prepare(&self, jobs: &[JobPlan]) {
        for job in jobs.iter().filter(|job| job.needs_intelligence()) {
            let name = format!("Northwind {}", super::calls::mark(job.case));
            self.witness.add_intelligence(job.brand_id, &name).await;
        }
    }
}
