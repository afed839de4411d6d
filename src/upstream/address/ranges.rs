//! Which IP addresses belong to the public internet, by IANA's special-purpose registries.
//! It looks nothing up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 network: its first address and how many bits it fixes.
type V4 = (Ipv4Addr, u32);
/// An IPv6 network.
type V6 = (Ipv6Addr, u32);

/// IPv4 networks that are not the public internet (IANA, "IPv4 Special-Purpose Address Registry").
const NOT_PUBLIC_V4: &[V4] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network, unspecified
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private, RFC 1918
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // shared by carriers, RFC 6598; clouds put services there
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // Azure's own services for its machines, on a public number
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local; 169.254.169.254 is the metadata of most clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private, RFC 1918
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation, RFC 5737
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // relays of 6to4, given up by RFC 7526
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private, RFC 1918
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarking, RFC 2544
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved, broadcast
];

/// All that is assigned to the public internet in IPv6 (RFC 4291, section 2.4). What lies outside is refused: loopback,
/// mapped and compatible forms of IPv4, unique local addresses (fd00:ec2::254 is metadata), link-local, multicast.
const GLOBAL_UNICAST: V6 = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Networks within it that are something else (IANA, "IPv6 Special-Purpose Address Registry").
const NOT_PUBLIC_V6: &[V6] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, benchmarking, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, which holds an IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation, RFC 9637
];

/// NAT64 (RFC 6052): the last 32 bits are an IPv4 address, reached through the network's translator.
const NAT64: V6 = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether an address belongs to the public internet, and to nothing with a special purpose.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) if holds_v6(NAT64, address) => is_public_v4(last_32_bits(address)),
        IpAddr::V6(address) => {
            holds_v6(GLOBAL_UNICAST, address) && !NOT_PUBLIC_V6.iter().any(|network| holds_v6(*network, address))
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !NOT_PUBLIC_V4.iter().any(|network| holds_v4(*network, address))
}

fn holds_v4((first, bits): V4, address: Ipv4Addr) -> bool {
    (first.to_bits() ^ address.to_bits()) >> (32 - bits) == 0
}

fn holds_v6((first, bits): V6, address: Ipv6Addr) -> bool {
    (first.to_bits() ^ address.to_bits()) >> (128 - bits) == 0
}

fn last_32_bits(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}
