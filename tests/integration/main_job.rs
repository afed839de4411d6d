//! The main job: from the start request to the result, over real sockets.

use jobcast::demo::StandIns;
use jobcast::job::JobId;
use serde_json::json;

use crate::databases::TestDatabase;
use crate::harness::{Server, Site, assert_complete, on_both_databases, open, stored};

on_both_databases!(the_whole_job_is_what_the_store_holds);

async fn the_whole_job_is_what_the_store_holds(database: TestDatabase) {
    let (stand_ins, site) = (StandIns::start().await.unwrap(), Site::start().await);
    let server = Server::start(&database.url, &stand_ins).await;
    let client = server.client();

    let id = client.start(&site.url).await;
    let mut reader = client.events(&id, None).await;
    assert_eq!(reader.status, 200);
    assert_eq!(reader.headers["content-type"], "text/event-stream");
    assert_eq!(reader.headers["cache-control"], "no-cache, no-transform");
    assert_eq!(reader.headers["x-accel-buffering"], "no");
    assert!(!reader.headers.contains_key("content-encoding"));
    let sync = reader.sync().await;
    assert_eq!((sync.id, &sync.data["resume"]), (0, &json!("start")));
    assert_eq!(sync.data["job"]["id"], id.as_str());
    assert!(reader.retry.is_some());
    let received = reader.rest().await;

    let store = open(&database).await;
    let job_id = JobId(id.parse().unwrap());
    assert_complete(&received, &stored(store.as_ref(), job_id).await);
    assert_eq!(received.first().unwrap().event, "queued");
    let last = received.last().unwrap();
    assert_eq!((last.event.as_str(), &last.data["progress"]), ("completed", &json!(100)));
    let steps: Vec<&str> = received.iter().filter_map(|event| event.data["current_step"].as_str()).collect();
    for step in ["Step 1/3: ", "Step 2/3: ", "Step 3/3: "] {
        assert!(steps.iter().any(|text| text.starts_with(step)), "{step} in {steps:?}");
    }
    assert!(received.iter().any(|event| event.event == "delta"), "the model's text was shown");
    let progress: Vec<i64> = received.iter().filter_map(|event| event.data["progress"].as_i64()).collect();
    assert!(progress.is_sorted(), "{progress:?}");

    let job = client.job(&id).await;
    assert_eq!((&job["status"], &job["last_seq"]), (&json!("completed"), &json!(last.id)));
    assert_eq!(job["result_id"], last.data["result_id"]);
    let (status, result) = client.get(last.data["result_url"].as_str().unwrap()).await;
    assert_eq!(status, 200, "{result}");
    assert_eq!(result["result_id"], last.data["result_id"]);
    let result_data = &result["result_data"];
    assert!(result_data["brand_name"].as_str().unwrap().contains("Northwind"), "{result_data}");
    assert_eq!(result_data["pages_analyzed"], 3);
    assert_eq!(result_data["raw_analysis"]["url"], site.url.as_str());
    assert_eq!((stand_ins.gtm.calls(), stand_ins.claude.calls()), (1, 1));

    let asked = &stand_ins.gtm.requests()[0].body;
    let expected = json!({
        "url": site.url, "maxPages": 15, "includeScreenshots": false, "includeScraping": true, "includeImages": false,
    });
    assert_eq!(asked, &expected);
}
