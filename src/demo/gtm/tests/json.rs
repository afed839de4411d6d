//! The two JSON endpoints on the same small site.
//! It must not repeat what the stream's tests say about walking a site.

use super::{Site, post_to};
use serde_json::{Value, json};
use tokio::net::TcpListener;

async fn answer(path: &str, body: Value) -> Value {
    let (status, text) = post_to(path, body).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &answer["success"], &answer["simulated"]), (200, &json!(true), &json!(true)), "{text}");
    answer
}

#[tokio::test]
async fn a_brand_is_extracted_from_the_page_and_its_style() {
    let site = Site::start().await;
    let answer = answer("api/extract-brand", json!({"url": site.at("/"), "includeScreenshot": true})).await;
    assert_eq!((site.asked("/"), site.asked("/style.css"), site.asked("/about")), (1, 1, 0));
    let brand = &answer["brand"];
    assert_eq!(brand["url"], site.at("/"));
    let found: Vec<(&Value, &Value)> =
        brand["colors"]["palette"].as_array().unwrap().iter().map(|swatch| (&swatch["hex"], &swatch["role"])).collect();
    assert_eq!(found, [(&json!("#1E40AF"), &json!("primary")), (&json!("#ABCDEF"), &json!("secondary"))]);
    assert_eq!(brand["typography"]["display"]["family"], "Playfair");
    assert_eq!(
        (&brand["typography"]["body"]["family"], &brand["typography"]["body"]["avgSize"]),
        (&json!("Inter"), &json!(16.0))
    );
    assert_eq!(brand["logos"]["primary"]["src"], site.at("/img/logo.png"));
    assert_eq!(brand["logos"]["favicons"][0]["src"], site.at("/icon.svg"));
    assert_eq!((&brand["metadata"]["success"], &brand["screenshot"]["type"]), (&json!(true), &json!("image/svg+xml")));
    assert!(chrono::DateTime::parse_from_rfc3339(brand["timestamp"].as_str().unwrap()).is_ok());
    assert_eq!(answer["summary"]["primaryColor"]["hex"], "#1E40AF");
    assert!((1..=100).contains(&answer["summary"]["confidence"].as_u64().unwrap()), "{}", answer["summary"]);
}

#[tokio::test]
async fn there_is_no_screenshot_unless_it_is_asked_for() {
    let site = Site::start().await;
    let answer = answer("api/extract-brand", json!({"url": site.at("/"), "includeScreenshot": false})).await;
    assert_eq!(answer["brand"]["screenshot"], Value::Null);
}

#[tokio::test]
async fn pages_are_discovered_and_judged() {
    let site = Site::start().await;
    let answer = answer(
        "api/discover-brand-pages",
        json!({"url": site.at("/"), "maxPages": 20, "includeScraping": true, "includeImages": true}),
    )
    .await;
    let pages = answer["pages"].as_array().unwrap();
    let told: Vec<(&str, &str)> =
        pages.iter().map(|page| (page["url"].as_str().unwrap(), page["category"].as_str().unwrap())).collect();
    let (home, about, deep) = (site.at("/"), site.at("/about"), site.at("/deep"));
    assert_eq!(told, [(about.as_str(), "about"), (home.as_str(), "home"), (deep.as_str(), "other")]);
    assert_eq!((&pages[0]["relevanceScore"], &pages[0]["title"]), (&json!(0.95), &json!("About | Acme Shoes")));
    assert_eq!((&pages[0]["headings"], &pages[0]["fetchMethod"]), (&json!(["Who we are"]), &json!("http")));
    assert!(pages[0]["reason"].as_str().unwrap().starts_with("Simulated analysis: Company overview"));
    assert!(pages[0]["textContent"].as_str().unwrap().contains("Twelve people."));
    let logo = &pages[1]["images"][0];
    assert_eq!((&logo["url"], &logo["contentType"]), (&json!(site.at("/img/logo.png")), &json!("image/png")));
    assert_eq!(pages[1]["imageCount"], 1);
    assert_eq!(answer["discoveryMetadata"]["totalPagesFound"], 7, "those that turned out to be none among them");
    let insights = &answer["insights"];
    assert_eq!(insights["recommendedForAnalysis"], json!([about, home]));
    assert_eq!(
        (&insights["coverage"]["hasCompanyOverview"], &insights["coverage"]["hasTeam"]),
        (&json!(true), &json!(false))
    );
}

#[tokio::test]
async fn text_and_pictures_of_pages_are_optional() {
    let site = Site::start().await;
    let body = json!({"url": site.at("/"), "maxPages": 1, "includeImages": false});
    let answer = answer("api/discover-brand-pages", body).await;
    let page = &answer["pages"][0];
    assert_eq!((answer["pages"].as_array().unwrap().len(), &page["title"]), (1, &json!("Acme Shoes | Run further")));
    for member in ["textContent", "scrapedAt", "images"] {
        assert_eq!(page[member], Value::Null, "{member}");
    }
    assert_eq!(answer["insights"]["successfulScrapes"], 0);
}

#[tokio::test]
async fn a_site_that_cannot_be_read_and_a_senseless_request_are_refused_with_the_reason() {
    let site = Site::start().await;
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    for path in ["api/extract-brand", "api/discover-brand-pages"] {
        for (body, status) in [
            (json!({"url": format!("http://{closed}/")}), 400),
            (json!({"url": site.at("/nothing-here")}), 404),
            (json!({"url": site.at("/data")}), 400),
            (json!({"url": "example.com"}), 400),
            (json!({}), 400),
        ] {
            let (own, text) = post_to(path, body.clone()).await;
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((own, &answer["success"]), (status, &json!(false)), "{path} {body}: {text}");
            assert!(answer["error"].as_str().unwrap().starts_with("Simulated analysis: "), "{text}");
        }
    }
    for (path, member) in [
        ("api/extract-brand", "includeScreenshot"),
        ("api/discover-brand-pages", "includeScraping"),
        ("api/discover-brand-pages", "maxPages"),
    ] {
        let (status, text) = post_to(path, json!({"url": site.at("/"), (member): "perhaps"})).await;
        assert!(status == 400 && text.contains(member), "{text}");
    }
}
