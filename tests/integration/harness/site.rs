//! A small web site to analyse.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// A site with a front page and two more; gone when dropped.
pub struct Site {
    pub url: String,
    is_open: watch::Sender<bool>,
    _serving: AbortOnDropHandle<()>,
}

const FRONT: &str = r##"<!doctype html><html lang="en"><head><title>Northwind Kettles – tea without hurry</title>
<meta name="description" content="Northwind makes kettles that last a lifetime.">
<meta property="og:site_name" content="Northwind Kettles">
<style>body{color:#1e40af;font-family:Inter,sans-serif} a{color:#10b981}</style></head>
<body><img src="/logo.svg" alt="Northwind logo"><h1>Tea without hurry</h1>
<p>Our kettles are repaired, not replaced.</p><a href="/about">About</a> <a href="/shop">Shop</a>
<a href="https://elsewhere.example/">Elsewhere</a></body></html>"##;
const ABOUT: &str = "<!doctype html><title>About Northwind</title><h1>Made in Bergen</h1><p>We began in 1921.</p>";
const SHOP: &str =
    "<!doctype html><title>Shop</title><h1>Kettles</h1><p>Copper, steel, glass.</p><a href=\"/\">Home</a>";

impl Site {
    pub async fn start() -> Site {
        let site = Site::start_held().await;
        site.open();
        site
    }

    /// A site that shows nothing but its front page until it is opened.
    pub async fn start_held() -> Site {
        let is_open = watch::Sender::new(false);
        let page = |html: &'static str| {
            let is_open = is_open.clone();
            get(async move || {
                // The channel cannot close: the page holds its sender.
                let _ = is_open.subscribe().wait_for(|is_open| *is_open).await;
                Html(html)
            })
        };
        let pages =
            Router::new().route("/", get(async || Html(FRONT))).route("/about", page(ABOUT)).route("/shop", page(SHOP));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, pages).await.unwrap() });
        Site { url, is_open, _serving: AbortOnDropHandle::new(serving) }
    }

    /// Shows all pages from now on.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }
}
