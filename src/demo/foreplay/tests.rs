//! Every fault of the ad library as it stands on the wire.
//! It must not know how a fault is made.

use super::Foreplay;
use crate::demo::heard::{End, Heard};
use crate::demo::stand_in::{Api, StandIn};
use chrono::Utc;
use serde_json::{Value, json};

async fn heard(stand_in: &StandIn<Foreplay>, query: &str, fault: &str) -> Heard {
    let mut url = stand_in.base_url().join("api/discovery/ads").unwrap();
    url.set_query(Some(query));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(url).header("authorization", "key").header("x-stand-in-fault", fault);
    Heard::of(request, (fault == "silence").then_some(0)).await
}

fn ads(heard: &Heard) -> Vec<Value> {
    heard.json()["data"].as_array().unwrap().clone()
}

fn is_error(heard: &Heard, status: u16) -> bool {
    let body = heard.json();
    let metadata = &body["metadata"];
    let message = metadata["message"].as_str().unwrap_or_default();
    (heard.status, &metadata["status_code"], &metadata["success"], &body["data"])
        == (status, &json!(status), &json!(false), &Value::Null)
        && message.starts_with("Simulated: ")
}

const QUERY: &str = "query=acme&limit=5&languages=english";

/// `asked` is what further pages are asked for with.
async fn is_as_told(stand_in: &StandIn<Foreplay>, name: &str, asked: &str, heard: &Heard) -> bool {
    match name {
        "unauthorized" => is_error(heard, 401),
        "no-credits" => is_error(heard, 402),
        "not-found" => is_error(heard, 404),
        "rate-limited" => is_error(heard, 429) && heard.header("retry-after") == "1",
        "rate-limited-silent" => is_error(heard, 429) && heard.header("retry-after").is_empty(),
        "server-error" => is_error(heard, 500),
        "null-fields" => {
            let ads = ads(heard);
            let is_poor = |ad: &Value| {
                let members = ad.as_object().unwrap();
                let stated: Vec<&String> =
                    members.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name).collect();
                stated == ["id", "ad_id", "name"]
            };
            let sizes: Vec<usize> = ads.iter().take(2).map(|ad| ad.as_object().unwrap().len()).collect();
            ads.len() == 5 && ads.iter().all(is_poor) && sizes[0] > 20 && sizes[1] == 3
        }
        "no-ads" => {
            let body = heard.json();
            (heard.status, &body["data"], &body["metadata"]["cursor"]) == (200, &json!([]), &Value::Null)
        }
        "all-old" => {
            let limit = (Utc::now() - chrono::Duration::days(2 * 365)).timestamp_millis();
            let is_old = |ad: &Value| ad["started_running"].as_i64().unwrap() < limit && ad["live"] == false;
            ads(heard).len() == 5 && ads(heard).iter().all(is_old)
        }
        "repeated-cursor" => repeats_its_cursor(stand_in, asked, heard).await,
        "not-json" => {
            let is_json = serde_json::from_str::<Value>(&heard.text()).is_ok();
            (heard.status, heard.header("content-type"), is_json) == (200, "application/json", false)
        }
        "html" => heard.status == 200 && heard.header("content-type").starts_with("text/html"),
        "silence" => heard.end == End::Silent && heard.text().is_empty(),
        "reset" => heard.end == End::Reset,
        _ => panic!("{name} is not tested"),
    }
}

async fn repeats_its_cursor(stand_in: &StandIn<Foreplay>, asked: &str, first: &Heard) -> bool {
    let cursor = |heard: &Heard| heard.json()["metadata"]["cursor"].as_str().unwrap().to_owned();
    let next = async |after: &Heard| {
        let query = format!("query=acme&limit=5&languages=english&cursor={}", cursor(after));
        heard(stand_in, &query, asked).await
    };
    let second = next(first).await;
    let third = next(&second).await;
    cursor(first) == cursor(&second)
        && cursor(&second) == cursor(&third)
        && ads(&second) == ads(&third)
        && ads(&second).len() == 5
}

#[tokio::test]
async fn each_fault_is_what_its_name_says() {
    let stand_in = StandIn::<Foreplay>::start().await.unwrap();
    let normal = heard(&stand_in, QUERY, "html*0").await;
    for note in Foreplay::faults() {
        assert!(!is_as_told(&stand_in, note.name, "html*0", &normal).await, "{} would pass as it is not", note.name);
        let heard = heard(&stand_in, QUERY, note.name).await;
        assert!(
            is_as_told(&stand_in, note.name, note.name, &heard).await,
            "{}: {:.3000}",
            note.name,
            format!("{heard:?}")
        );
    }
}

#[tokio::test]
async fn a_fault_in_the_name_is_no_part_of_it() {
    let stand_in = StandIn::<Foreplay>::start().await.unwrap();
    let url =
        stand_in.base_url().join("api/discovery/ads?query=Acme%20Shoes%20fault%3Dforeplay%3Arate-limited*1").unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = || Heard::of(client.get(url.clone()).header("authorization", "key"), None);
    assert!(is_error(&ask().await, 429));
    let answered = ask().await;
    assert!(ads(&answered).iter().all(|ad| ad["name"] == "Acme Shoes"), "{answered:?}");
    let unknown = client.get(stand_in.base_url().join("api/discovery/ads?query=x+fault=foreplay:nonsense").unwrap());
    let unknown = Heard::of(unknown.header("authorization", "key"), None).await;
    let names: Vec<&str> = Foreplay::faults().iter().map(|note| note.name).collect();
    assert_eq!((unknown.status, &unknown.json()["known_faults"]), (400, &json!(names)));
}
