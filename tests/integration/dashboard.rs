//! The dashboard in Chromium where more is needed than the demo: a server that dies, a webhook, a browser that is offline.
//! Must not look into the page: the programs of `tests/browser` do, and say what is wrong.

use jobcast::demo::{Behaviour, Gate, StandIns};
use serde_json::json;

use crate::clients::{assert_did_well, browser};
use crate::databases::TestDatabase;
use crate::harness::{Demo, Process, Receiver, Site, soon};

const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_job_does_what_it_should_in_chromium() {
    let (demo, site) = (Demo::with(&["--allow-private-sites"]).await, Site::start_held().await);
    let folder = tempfile::tempdir().unwrap();
    let mut driver = browser("job-page.mjs", &demo.url, &site, folder.path());
    driver.prints("open the site").await;
    site.open();
    assert_did_well(driver, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_can_be_read_by_everybody_in_chromium() {
    let (demo, site) = (Demo::with(&["--allow-private-sites"]).await, Site::start().await);
    let folder = tempfile::tempdir().unwrap();
    let driver = browser("reading.mjs", &demo.url, &site, folder.path());
    assert_did_well(driver, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_the_dashboard_is_narrowed_down_in_chromium() {
    let (demo, site) = (Demo::with(&["--allow-private-sites"]).await, Site::start().await);
    let folder = tempfile::tempdir().unwrap();
    let driver = browser("filters.mjs", &demo.url, &site, folder.path());
    assert_did_well(driver, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_job_goes_on_when_the_server_is_killed_and_shows_its_webhook_in_chromium() {
    let (stand_ins, site, gate) = (StandIns::start().await.unwrap(), Site::start().await, Gate::new());
    stand_ins.claude.script(Behaviour::HoldAfter { events: 12, gate: gate.clone() });
    let (database, receiver) = (TestDatabase::sqlite().await, Receiver::start().await);
    let flags = ["--lease-seconds", "1", "--allow-private-webhooks", "--webhook-secret", WEBHOOK_SECRET];
    let mut process = Process::start(&database.url, &stand_ins, &flags);
    let client = process.client();
    let (brand_id, input_data) = (client.brand_id, json!({"url": site.url}));
    let body = json!({"brand_id": brand_id, "job_type": "brand_intelligence", "input_data": input_data, "webhook_url": receiver.url});
    let (_, started) = client.start_with(&body).await;
    let page = process.url.join(&format!("/#/jobs/{}", started["job_id"].as_str().unwrap())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut driver = browser("restart.mjs", &page, &site, folder.path());
    driver.prints("reads the text").await;
    soon("the model writes", gate.reached()).await;
    process.kill();

    driver.prints("lost the server").await;
    let _process = process.start_again(&database.url, &stand_ins, &flags);
    assert_did_well(driver, folder.path()).await;
    receiver.called(1).await;
}
