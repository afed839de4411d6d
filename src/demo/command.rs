//! `jobcast demo`: points a server's settings at the stand-ins, and says what is simulated.
//! Must not start anything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::StandIns;
use crate::config::{Config, DatabaseUrl};
use crate::upstream::{ApiKey, Reach};

/// The demo's own file, so that its made-up results never end up among real ones.
const DATABASE: &str = "sqlite://jobcast-demo.db";

/// Any key will do for the stand-ins. It is struck from what a person reads, so it is no word that is used there.
const KEY: &str = "key-of-no-worth";

/// What is said where a secret is set, and what the commands need then.
const NEEDS_TOKEN: &str = r"
  AUTH_SECRET is set, so everything needs a token. Where it is set too, make one:

    export JOBCAST_TOKEN=$(jobcast token --brands '*')
";
const BEARER: &str = r#" -H "Authorization: Bearer $JOBCAST_TOKEN""#;

/// The settings with the stand-ins as upstreams, and a database of the demo's own unless another one was named.
pub fn configured(mut config: Config, stand_ins: &StandIns) -> Config {
    config.gtm_base_url = stand_ins.gtm.base_url();
    config.anthropic_base_url = stand_ins.claude.base_url();
    config.anthropic_api_key = Some(ApiKey::new(KEY));
    config.foreplay_base_url = stand_ins.foreplay.base_url();
    config.foreplay_api_key = Some(ApiKey::new(KEY));
    if config.database_url == DatabaseUrl::default() {
        config.database_url = DatabaseUrl::new(DATABASE);
    }
    config
}

/// The sites that a demo reads: public ones and the page that it serves itself, unless all are allowed.
pub fn sites_within_reach(address: SocketAddr, allow_private_sites: bool) -> Reach {
    if allow_private_sites { Reach::Everywhere } else { Reach::PublicAnd(vec![reachable(address)]) }
}

/// What the person who started the demo reads first.
pub fn banner(address: SocketAddr, config: &Config) -> String {
    let server = format!("http://{}", reachable(address));
    let place = config.database_url.place();
    let kept = place.strip_prefix("sqlite://").unwrap_or(&place);
    let (needs_token, bearer) = match &config.auth_secret {
        Some(secret) if !secret.is_empty() => (NEEDS_TOKEN, BEARER),
        _ => ("", ""),
    };
    format!(
        r#"
  jobcast demo

    {server}/

  Open that in a browser, name a web site, and watch the job.

  Simulated, on this machine: the brand-analysis API, the ad library and Claude.
  Real: everything else. The pages of the site are fetched, and the result is about that site.
  Sites of private networks are read with --allow-private-sites alone; the page above always is.
  Jobs are kept in {kept}.
{needs_token}
  From another terminal, start a job that analyses the page above:

    curl -s {server}/api/jobs/start{bearer} -H 'Content-Type: application/json' -d '{{
      "brand_id": "7b0d7c1e-2f5a-4c7e-9d52-3c0f4a1b2c3d", "job_type": "brand_intelligence",
      "input_data": {{"url": "{server}/"}}}}'

  and follow it, with the job_id of the answer in place of JOB_ID:

    curl -N {server}/api/jobs/JOB_ID/events{bearer}
    jobcast watch JOB_ID --server {server}
    {server}/#/jobs/JOB_ID (in a browser)

  The simulated APIs can be made to fail: name the site {server}/?fault=gtm:no-complete*1 and the first try ends
  early. docs/FAULTS.md has all of it; each API lists its own:

    curl {gtm}_faults
    curl {foreplay}_faults
    curl {claude}_faults

  Ctrl-C stops the demo.
"#,
        gtm = config.gtm_base_url,
        foreplay = config.foreplay_base_url,
        claude = config.anthropic_base_url,
    )
}

/// An address that a browser on this machine can open: a server that listens on all of them is on loopback too.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_shown_can_be_opened() {
        for (address, shown) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("192.0.2.7:8080", "192.0.2.7:8080"),
        ] {
            assert_eq!(reachable(address.parse().unwrap()).to_string(), shown);
        }
    }
}
