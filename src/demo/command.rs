//! `jobcast demo`: points a server's settings at the stand-ins, and says what is simulated.
//! Must not start anything.

use std::net::SocketAddr;

use super::StandIns;
use crate::config::{Config, DatabaseUrl};
use crate::upstream::ApiKey;

/// The demo's own file, so that its made-up results never end up among real ones.
const DATABASE: &str = "sqlite://jobcast-demo.db";

/// The settings with the stand-ins as upstreams, and a database of the demo's own unless another one was named.
pub fn configured(mut config: Config, stand_ins: &StandIns) -> Config {
    config.gtm_base_url = stand_ins.gtm.base_url();
    config.anthropic_base_url = stand_ins.claude.base_url();
    config.anthropic_api_key = Some(ApiKey::new("simulated"));
    if config.database_url == DatabaseUrl::default() {
        config.database_url = DatabaseUrl::new(DATABASE);
    }
    config
}

/// What the person who started the demo reads first.
pub fn banner(address: SocketAddr) -> String {
    format!(
        r#"
  jobcast demo: open http://{address}/

  Simulated on this machine: the brand-analysis API, the ad library and Claude.
  Real: everything else. Pages of the site you name are fetched, and the result is about that site.

  Start a job from another terminal (it analyses this very dashboard):

    curl -s http://{address}/api/jobs/start -H 'Content-Type: application/json' -d '{{
      "brand_id": "7b0d7c1e-2f5a-4c7e-9d52-3c0f4a1b2c3d", "job_type": "brand_intelligence",
      "input_data": {{"url": "http://{address}/"}}}}'

  and follow it with the job_id from the answer:

    curl -N http://{address}/api/jobs/JOB_ID/events

  Ctrl-C stops the demo.
"#
    )
}
