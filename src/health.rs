//! `jobcast health`: asks a running server whether it lives, for containers that hold no other program.
//! Must not wait long: an answer that comes late is a no.
#![allow(clippy::print_stdout)] // a container's engine keeps what a health check prints

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::StatusCode;

use crate::config::Health;

/// How long the answer may take in all.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks once, and prints that all is well.
///
/// # Errors
/// A sentence that says what was asked, and what came back instead of a yes.
pub async fn ask(command: &Health) -> Result<(), String> {
    let path = if command.ready { "readyz" } else { "healthz" };
    let url = format!("http://{}/{path}", SocketAddr::new(reachable(command.host), command.port));
    // A proxy named in the environment could not reach a server inside this container.
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    let client = client.map_err(|error| format!("cannot prepare the request: {error}"))?;
    match client.get(&url).send().await {
        Ok(response) if response.status() == StatusCode::OK => {
            println!("ok");
            Ok(())
        }
        Ok(response) => Err(format!("{url} answers {}", response.status())),
        Err(error) if error.is_timeout() => Err(format!("{url} does not answer within {} s", PATIENCE.as_secs())),
        Err(error) => Err(format!("cannot reach {url}: {}", cause_of(&error))),
    }
}

/// Loopback for a server that listens on all addresses.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// The innermost cause, such as a refused connection.
fn cause_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_asked_on_loopback() {
        for (host, asked) in
            [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.1", "127.0.0.1"), ("10.1.2.3", "10.1.2.3")]
        {
            assert_eq!(reachable(host.parse().unwrap()), asked.parse::<IpAddr>().unwrap());
        }
    }
}
