//! Where the site analysis goes when it may not go everywhere.
//! It must not look at what a site says: it counts who was asked for anything.

use super::Site;
use crate::demo::gtm::Gtm;
use crate::demo::stand_in::StandIn;
use crate::upstream::Reach;
use axum::Router;
use axum::extract::Query;
use axum::response::Redirect;
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// What the analysis says of an address when it may reach public addresses and `also`.
async fn analysed(url: &str, also: &[SocketAddr]) -> String {
    let stand_in = StandIn::<Gtm>::start().await.unwrap();
    if !also.is_empty() {
        stand_in.set_reach(Reach::PublicAnd(also.to_vec()));
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let endpoint = stand_in.base_url().join("api/extract-brand").unwrap();
    let response = client.post(endpoint).json(&json!({"url": url})).send().await.unwrap();
    let answer: Value = response.json().await.unwrap();
    if answer["success"] == true { "success".to_owned() } else { answer["error"].as_str().unwrap().to_owned() }
}

fn address(site: &Site) -> SocketAddr {
    site.url.socket_addrs(|| None).unwrap()[0]
}

/// A server that redirects `/?to=…` there.
async fn redirecting() -> (SocketAddr, AbortOnDropHandle<()>) {
    let to = |Query(query): Query<HashMap<String, String>>| async move { Redirect::temporary(&query["to"]) };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(to));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, AbortOnDropHandle::new(serving))
}

#[tokio::test]
async fn unless_it_is_told_otherwise_nothing_private_is_asked() {
    let site = Site::start().await;
    let port = address(&site).port();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "0x7f.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "0",
    ] {
        let said = analysed(&format!("http://{host}:{port}/"), &[]).await;
        assert!(said.contains("private or reserved"), "{host}: {said}");
    }
    assert_eq!(site.asked("/"), 0);
}

#[tokio::test]
async fn what_is_allowed_by_name_and_port_is_read_and_its_neighbours_are_not() {
    let (own, other) = (Site::start().await, Site::start().await);
    let allowed = [address(&own)];
    assert_eq!(analysed(&own.at("/"), &allowed).await, "success");
    let by_name = format!("http://localhost:{}/", allowed[0].port());
    assert_eq!(analysed(&by_name, &allowed).await, "success");
    assert!(analysed(&other.at("/"), &allowed).await.contains("private or reserved"));
    assert_eq!(other.asked("/"), 0);
}

#[tokio::test]
async fn every_redirect_is_checked() {
    let (secret, (own, _serving)) = (Site::start().await, redirecting().await);
    let port = address(&secret).port();
    let from_own = |to: &str| {
        let mut url = url::Url::parse(&format!("http://{own}/")).unwrap();
        url.query_pairs_mut().append_pair("to", to);
        url.to_string()
    };
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"] {
        let said = analysed(&from_own(&format!("http://{host}:{port}/")), &[own]).await;
        assert!(said.contains("private or reserved"), "{host}: {said}");
    }
    let at_the_end_of_a_chain = from_own(&from_own(&from_own(&secret.at("/"))));
    assert!(analysed(&at_the_end_of_a_chain, &[own]).await.contains("private or reserved"));
    for (to, problem) in [
        ("http://me:secret@example.com/".to_owned(), "must not contain a user"),
        ("file:///etc/passwd".to_owned(), "must begin with http"),
        ("gopher://127.0.0.1/".to_owned(), "must begin with http"),
    ] {
        let said = analysed(&from_own(&to), &[own]).await;
        assert!(said.contains(problem), "{to}: {said}");
    }
    assert_eq!(secret.asked("/"), 0);
    assert_eq!(analysed(&from_own(&secret.at("/")), &[own, address(&secret)]).await, "success");
    assert_eq!(secret.asked("/"), 1, "the same way leads there when it is allowed");
}
