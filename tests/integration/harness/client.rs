//! A client of the JSON routes, as a front-end developer would write one.

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::{Reader, eventually};

pub struct Client {
    pub url: Url,
    pub http: reqwest::Client,
    pub brand_id: Uuid,
}

impl Client {
    pub fn new(url: Url) -> Client {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Client { url, http, brand_id: Uuid::new_v4() }
    }

    /// A client of this brand that sends this token with everything.
    pub fn with_token(url: Url, brand_id: Uuid, token: &str) -> Client {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().expect("a token fits a header"));
        let http = reqwest::Client::builder().no_proxy().default_headers(headers).build().unwrap();
        Client { url, http, brand_id }
    }

    pub fn at(&self, path: &str) -> Url {
        self.url.join(path).unwrap()
    }

    pub async fn send(&self, method: Method, path: &str) -> Response {
        self.http.request(method, self.at(path)).send().await.expect("the server answers")
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.send(Method::GET, path).await).await
    }

    pub async fn post(&self, path: &str) -> (StatusCode, Value) {
        read(self.send(Method::POST, path).await).await
    }

    /// Posts a start request as it is.
    pub async fn start_with(&self, body: &Value) -> (StatusCode, Value) {
        read(self.http.post(self.at("/api/jobs/start")).json(body).send().await.expect("the server answers")).await
    }

    /// Starts a brand-intelligence job for the site; answers its id.
    pub async fn start(&self, site: &str) -> String {
        self.start_job("brand_intelligence", &json!({"url": site})).await
    }

    /// Starts a job for the client's brand; answers its id.
    pub async fn start_job(&self, job_type: &str, input_data: &Value) -> String {
        let body = json!({"brand_id": self.brand_id, "job_type": job_type, "input_data": input_data});
        let (status, answer) = self.start_with(&body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        answer["job_id"].as_str().expect("the answer has an id").to_owned()
    }

    /// The job of `status`.
    pub async fn job(&self, id: &str) -> Value {
        let (status, answer) = self.get(&format!("/api/jobs/{id}/status")).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["job"].clone()
    }

    /// Waits until the job has this status.
    pub async fn until(&self, id: &str, status: &str) -> Value {
        eventually(&format!("status {status}"), || async {
            let job = self.job(id).await;
            (job["status"] == status).then_some(job)
        })
        .await
    }

    /// Opens the event stream after a cursor.
    pub async fn events(&self, id: &str, cursor: Option<i64>) -> Reader {
        Reader::open(&self.http, self.at(&format!("/api/jobs/{id}/events")), cursor).await
    }
}

async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.expect("the answer arrives");
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: not JSON: {text:?}")))
}
