//! The rules on every edge of every range, on the odd forms of numbers, and on names that are really looked up.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is no address"))
}

/// First and last address of each range, the neighbour before, and the one after; a dash where the neighbour is no
/// public address either.
const RANGES: &[(&str, &str, &str, &str)] = &[
    ("-", "0.0.0.0", "0.255.255.255", "1.0.0.0"),
    ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
    ("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
    ("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
    ("168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"),
    ("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
    ("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
    ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
    ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
    ("192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"),
    ("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
    ("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
    ("198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"),
    ("203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"),
    ("223.255.255.255", "224.0.0.0", "239.255.255.255", "-"),
    ("-", "240.0.0.0", "255.255.255.255", "-"),
    // Below 2000::/3: unspecified, loopback, compatible and mapped forms, NAT64 of private addresses, local NAT64.
    ("-", "::", "::ffff:ffff", "-"),
    ("-", "::ffff:0.0.0.0", "::ffff:255.255.255.255", "-"),
    ("-", "64:ff9b::10.0.0.0", "64:ff9b::10.255.255.255", "64:ff9b::11.0.0.0"),
    ("64:ff9b::8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::1.1.1.1"),
    ("-", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "-"),
    ("-", "100::", "100::ffff:ffff:ffff:ffff", "-"),
    ("-", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"),
    ("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
    ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"),
    ("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"),
    ("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
    ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"),
    ("-", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"),
    ("-", "fd00:ec2::254", "fd00:ec2::254", "-"),
    ("-", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"),
    ("-", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"),
];

#[test]
fn every_range_is_refused_from_its_first_address_to_its_last_and_no_further() {
    for (before, first, last, after) in RANGES {
        for inside in [first, last] {
            assert!(!is_public(ip(inside)), "{inside}");
        }
        for outside in [before, after].into_iter().filter(|outside| **outside != "-") {
            assert!(is_public(ip(outside)), "{outside}");
        }
    }
}

#[test]
fn public_addresses_are_permitted() {
    for address in ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::200e", "2001:4860::8888"]
    {
        assert!(is_public(ip(address)), "{address}");
    }
}

#[test]
fn odd_forms_of_private_addresses_are_seen_through() {
    for text in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://0/",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "http://%31%32%37.0.0.1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::127.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "http://[fd00:ec2::254]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://app.localhost/",
        "http://ⓛocalhost/",
        "http:127.0.0.1/",
        "http:\\\\127.0.0.1\\",
        "ht\ntp://127.0.0.1/",
    ] {
        let url = web_address(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert!(matches!(Reach::Public.check_unseen(&url), Err(Unreachable::Private { .. })), "{text} is {url}");
        assert!(Reach::Everywhere.check_unseen(&url).is_ok(), "{text}");
    }
}

#[test]
fn what_is_no_web_address_is_refused_in_words() {
    for (text, problem) in [
        ("", "must begin with"),
        ("example.com", "must begin with"),
        ("//example.com", "must begin with"),
        ("ftp://example.com", "must begin with"),
        ("file:///etc/passwd", "must begin with"),
        ("gopher://127.0.0.1:6379/", "must begin with"),
        ("javascript:alert(1)", "must begin with"),
        ("http://", "is not an address"),
        ("http://[::1", "is not an address"),
        ("http://1.2.3.4.5/", "is not an address"),
        ("http://256.1.1.1/", "is not an address"),
        ("http://exa mple.com/", "is not an address"),
        ("http://example.com:99999/", "is not an address"),
        ("http://me@example.com/", "must not contain a user"),
        ("http://me:secret@example.com/", "must not contain a user"),
        ("http://:secret@example.com/", "must not contain a user"),
        ("http://example.com@127.0.0.1/", "must not contain a user"),
    ] {
        let refused = web_address(text).expect_err(text);
        assert!(refused.starts_with(problem), "{text}: {refused}");
    }
    assert!(web_address(&format!("http://example.com/{}", "x".repeat(LONGEST))).is_err());
}

#[test]
fn names_of_all_scripts_are_accepted_in_their_ascii_form() {
    for (text, host) in [
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://EXAMPLE.com./", "example.com."),
        ("https://例え.テスト/", "xn--r8jz45g.xn--zckzah"),
        ("https://1.2.3.4.example/", "1.2.3.4.example"),
    ] {
        let url = web_address(text).unwrap();
        assert_eq!(url.host_str(), Some(host));
        assert!(Reach::Public.check_unseen(&url).is_ok(), "{text}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_leads_to() {
    let url = Url::parse("http://localhost:8080/").unwrap();
    assert!(matches!(Reach::Public.look_up(&url).await, Err(Unreachable::Private { .. })));
    let own: SocketAddr = "127.0.0.1:8080".parse().unwrap();
    let found = Reach::PublicAnd(vec![own]).look_up(&url).await.unwrap();
    assert_eq!(found, [own], "and nothing else that the name leads to");
    let another_port = Url::parse("http://localhost:8081/").unwrap();
    assert!(Reach::PublicAnd(vec![own]).look_up(&another_port).await.is_err());
    let nowhere = Url::parse("http://nowhere.invalid/").unwrap();
    assert!(matches!(Reach::Public.look_up(&nowhere).await, Err(Unreachable::Unknown { .. })));
}

/// Names are not looked up again: with the addresses that were checked, even a name that does not exist is reached.
#[tokio::test]
async fn a_client_connects_to_what_was_checked_whatever_the_name_says_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let checked = Url::parse(&format!("http://localhost:{}/", address.port())).unwrap();
    let builder = Reach::PublicAnd(vec![address]).pin(reqwest::Client::builder(), &checked).await.unwrap();
    let client = builder.build().unwrap();
    let url = format!("http://rebound.invalid:{}/", address.port());
    let (response, ()) = tokio::join!(client.get(url).timeout(Duration::from_secs(20)).send(), async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let length = socket.read(&mut request).await.unwrap();
        assert!(String::from_utf8_lossy(&request[..length]).to_lowercase().contains("host: rebound.invalid"));
        socket.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await.unwrap();
    });
    assert_eq!(response.unwrap().status(), 204);
}
