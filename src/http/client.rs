//! Where a request comes from, as far as limits go: the client's address, and the token where there is one.
//! Must not decide what a caller may do.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use axum::http::HeaderMap;
use axum::http::request::Parts;

/// Who a request's connection is with; set by the connection loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// A number that stands for a token in this process, the same for every request with that token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenKey(pub(super) u64);

impl TokenKey {
    /// Of the token's text.
    pub(super) fn of(token: &str) -> TokenKey {
        static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        TokenKey(STATE.hash_one(token))
    }
}

/// Who puts the client's address into a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// Nobody: clients connect directly, and such headers are theirs.
    None,
    /// A proxy that appends the address that it was connected from to `X-Forwarded-For`.
    Forwarding,
    /// Fly.io's, which sets `Fly-Client-IP` and overwrites what a client sent there.
    Fly,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client {
    /// The client's address, of IPv6 the network: one client has all of a /64.
    pub(super) address: IpAddr,
    pub(super) token: Option<TokenKey>,
}

impl Client {
    /// A client that connects from this address.
    pub(super) fn at(address: IpAddr) -> Client {
        Client { address: network(address), token: None }
    }

    pub(super) fn of(parts: &Parts, proxy: Proxy, token: Option<TokenKey>) -> Client {
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(peer)| peer.ip());
        let address = proxy.client(&parts.headers).unwrap_or(peer);
        Client { address: network(address), token }
    }
}

impl Proxy {
    /// The client's address as the proxy tells it. Of `X-Forwarded-For` the last entry counts, which the proxy added
    /// itself: those before it may be the client's invention.
    fn client(self, headers: &HeaderMap) -> Option<IpAddr> {
        let value = match self {
            Proxy::None => return None,
            Proxy::Fly => headers.get("fly-client-ip"),
            Proxy::Forwarding => headers.get_all("x-forwarded-for").iter().next_back(),
        };
        let text = value?.to_str().ok()?.rsplit(',').next()?.trim();
        let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
        text.parse().ok().or_else(with_port)
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn address(proxy: Proxy, headers: &[(&str, &str)]) -> String {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(Peer("[::ffff:192.0.2.9]:4711".parse().unwrap()));
        Client::of(&parts, proxy, None).address.to_string()
    }

    #[test]
    fn headers_are_believed_of_the_proxy_alone_that_sets_them() {
        let claims = [("fly-client-ip", "198.51.100.1"), ("x-forwarded-for", "198.51.100.2, 198.51.100.3")];
        assert_eq!(address(Proxy::None, &claims), "192.0.2.9");
        assert_eq!(address(Proxy::Fly, &claims), "198.51.100.1");
        assert_eq!(address(Proxy::Forwarding, &claims), "198.51.100.3");
        let twice = [("x-forwarded-for", "198.51.100.2"), ("x-forwarded-for", "198.51.100.4:80")];
        assert_eq!(address(Proxy::Forwarding, &twice), "198.51.100.4");
        assert_eq!(address(Proxy::Forwarding, &[("x-forwarded-for", "unknown")]), "192.0.2.9");
        assert_eq!(address(Proxy::Fly, &[]), "192.0.2.9");
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let one = address(Proxy::Fly, &[("fly-client-ip", "2001:db8:1:2:3:4:5:6")]);
        assert_eq!(one, address(Proxy::Fly, &[("fly-client-ip", "2001:db8:1:2:ffff::1")]));
        assert_ne!(one, address(Proxy::Fly, &[("fly-client-ip", "2001:db8:1:3::1")]));
    }
}
