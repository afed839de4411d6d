//! The addresses that users give: which are accepted as text, and where a connection for one may go.
//! It sends no request, and takes no name for what it was at an earlier look-up.

use std::error::Error;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::ClientBuilder;
use reqwest::dns::{Name, Resolve, Resolving};
use url::{Host, Url};

mod ranges;

pub use ranges::is_public;

/// The longest address that is accepted, in bytes.
pub const LONGEST: usize = 2048;

/// Where connections may go that users ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses alone.
    #[default]
    Public,
    /// Public addresses and these, such as where this very server listens.
    PublicAnd(Vec<SocketAddr>),
    /// Every address that this machine can reach, private ones too.
    Everywhere,
}

/// Why no connection is made for an address.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// It leads to where users have no business: this machine, its network, or a cloud's own services.
    #[error("{host} is a private or reserved address")]
    Private {
        /// The name or the address.
        host: String,
    },
    /// The name cannot be looked up.
    #[error("{host} could not be looked up: {error}")]
    Unknown {
        /// The name.
        host: String,
        /// What the system said.
        error: io::Error,
    },
}

/// Reads an address that a user gave: http or https, a host, no user or password, at most 2,048 bytes.
///
/// # Errors
/// What is wrong with it, to be read after the name of the member.
pub fn web_address(text: &str) -> Result<Url, String> {
    if text.len() > LONGEST {
        return Err(format!("must not be longer than {LONGEST} bytes"));
    }
    let url = Url::parse(text.trim()).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => "must begin with http:// or https://".to_owned(),
        error => format!("is not an address ({error}); give one such as https://example.com"),
    })?;
    check(&url)?;
    Ok(url)
}

/// The same for an address that has been parsed, such as the target of a redirect.
///
/// # Errors
/// As [`web_address`].
pub fn check(url: &Url) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("must begin with http:// or https://, not {}:", url.scheme()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("has no host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user name or a password".to_owned());
    }
    Ok(())
}

impl Reach {
    /// Whether a connection may go there.
    pub fn permits(&self, address: SocketAddr) -> bool {
        match self {
            Reach::Everywhere => true,
            Reach::Public => is_public(address.ip()),
            Reach::PublicAnd(also) => is_public(address.ip()) || also.contains(&address),
        }
    }

    /// Refuses an address that is seen to be private without a look-up: a number, or `localhost`.
    ///
    /// # Errors
    /// [`Unreachable::Private`].
    pub fn check_unseen(&self, url: &Url) -> Result<(), Unreachable> {
        let port = url.port_or_known_default().unwrap_or_default();
        let permitted = match url.host() {
            Some(Host::Ipv4(ip)) => self.permits(SocketAddr::new(ip.into(), port)),
            Some(Host::Ipv6(ip)) => self.permits(SocketAddr::new(ip.into(), port)),
            // RFC 6761, section 6.3: loopback, whatever a resolver says.
            Some(Host::Domain(name)) => *self != Reach::Public || !is_localhost(name),
            None => false,
        };
        if permitted { Ok(()) } else { Err(private(url)) }
    }

    /// Looks the host up, once, and answers those of its addresses where a connection may go; at least one.
    ///
    /// It waits as long as the system's resolver does: bound it.
    ///
    /// # Errors
    /// [`Unreachable`] when there is none.
    pub async fn look_up(&self, url: &Url) -> Result<Vec<SocketAddr>, Unreachable> {
        let port = url.port_or_known_default().unwrap_or_default();
        let found: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(ip)) => vec![SocketAddr::new(ip.into(), port)],
            Some(Host::Ipv6(ip)) => vec![SocketAddr::new(ip.into(), port)],
            Some(Host::Domain(name)) => {
                let found = tokio::net::lookup_host((name, port)).await;
                found.map_err(|error| Unreachable::Unknown { host: name.to_owned(), error })?.collect()
            }
            None => Vec::new(),
        };
        let permitted: Vec<SocketAddr> = found.into_iter().filter(|address| self.permits(*address)).collect();
        if permitted.is_empty() { Err(private(url)) } else { Ok(permitted) }
    }

    /// Fits a client for this one address: it connects to what was looked up and checked here and to nothing else,
    /// whatever a second look-up would say. Past a proxy of the environment, which would look the name up by itself.
    ///
    /// With [`Reach::Everywhere`] the builder stays as it is. The client must not follow redirects by itself.
    ///
    /// # Errors
    /// [`Unreachable`].
    pub async fn pin(&self, builder: ClientBuilder, url: &Url) -> Result<ClientBuilder, Unreachable> {
        if *self == Reach::Everywhere {
            return Ok(builder);
        }
        let pinned = Pinned(self.look_up(url).await?);
        Ok(builder.no_proxy().dns_resolver(Arc::new(pinned)))
    }
}

/// Answers every name with the addresses that were checked.
struct Pinned(Vec<SocketAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Box<dyn Iterator<Item = SocketAddr> + Send> = Box::new(self.0.clone().into_iter());
        Box::pin(ready(Ok::<_, Box<dyn Error + Send + Sync>>(addresses)))
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

fn private(url: &Url) -> Unreachable {
    Unreachable::Private { host: url.host_str().unwrap_or_default().to_owned() }
}

#[cfg(test)]
mod tests;
