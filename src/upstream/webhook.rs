//! Calls a user's webhook: one signed POST in the form of Standard Webhooks, to a public address, within bounds.
//! It sends each call once, follows no redirect, and does not decide whether another try is made.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use sha2::Sha256;
use url::Url;

use super::address::{self, Reach, Unreachable};

/// The shortest secret, in bytes; Standard Webhooks asks for 24 to 64.
const SHORTEST_SECRET: usize = 16;

/// How much is read of what a receiver answers, so that it can end its answer; nothing of it is kept.
const ANSWER_BYTES: usize = 4096;
const BODY_TIME: Duration = Duration::from_secs(1);

/// What calls are signed with: `whsec_` and base64, as Standard Webhooks writes it, or any other text as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// Spaces and line ends around the secret are dropped. It is not checked.
    pub fn new(secret: impl AsRef<str>) -> WebhookSecret {
        WebhookSecret(secret.as_ref().trim().to_owned())
    }

    /// Whether there is nothing in it, as where a variable is set to nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether calls can be signed with it.
    ///
    /// # Errors
    /// What is wrong with it, to be read after its name; the secret is not repeated.
    pub fn check(&self) -> Result<(), &'static str> {
        self.key().map(|_| ())
    }

    fn key(&self) -> Result<Vec<u8>, &'static str> {
        let key = match self.0.strip_prefix("whsec_") {
            Some(encoded) => {
                BASE64_STANDARD.decode(encoded).map_err(|_| "begins with whsec_ and is not base64 then")?
            }
            None => self.0.clone().into_bytes(),
        };
        if key.len() < SHORTEST_SECRET { Err("is shorter than 16 bytes") } else { Ok(key) }
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WebhookSecret(••••)")
    }
}

/// Makes calls to webhooks; cheap to clone.
#[derive(Clone)]
pub struct WebhookClient {
    key: Vec<u8>,
    reach: Reach,
    patience: Duration,
}

/// What came of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookAnswer {
    /// The receiver confirmed it with a 2xx.
    Accepted,
    /// The receiver wants no more such calls (410).
    Gone,
    /// Anything else, in words that name no address: another try may succeed.
    Failed(String),
}

impl WebhookClient {
    /// A client that signs with the secret, goes where it may, and gives each call this long.
    ///
    /// # Errors
    /// As [`WebhookSecret::check`].
    pub fn new(secret: &WebhookSecret, reach: Reach, patience: Duration) -> Result<WebhookClient, &'static str> {
        Ok(WebhookClient { key: secret.key()?, reach, patience })
    }

    /// The longest that a call takes.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Reads an address that a user wants to be called. A name is not looked up before the call.
    ///
    /// # Errors
    /// What is wrong with it, to be read after the name of the member.
    pub fn accept(&self, text: &str) -> Result<Url, String> {
        let url = address::web_address(text)?;
        let private = "must not lead to a private or reserved address";
        self.reach.check_unseen(&url).map_err(|_| private.to_owned()).map(|()| url)
    }

    /// Makes one call: `id` names the event and is the same at every try, so that the receiver can drop doubles.
    pub async fn call(&self, url: &str, id: &str, body: &str) -> WebhookAnswer {
        let answer = tokio::time::timeout(self.patience, self.send(url, id, body));
        match answer.await {
            Ok(Ok(status)) if status.is_success() => WebhookAnswer::Accepted,
            Ok(Ok(StatusCode::GONE)) => WebhookAnswer::Gone,
            Ok(Ok(status)) if status.is_redirection() => {
                WebhookAnswer::Failed(format!("it redirects ({}), which is not followed", status.as_u16()))
            }
            Ok(Ok(status)) => WebhookAnswer::Failed(format!("it answered with status {}", status.as_u16())),
            Ok(Err(why)) => WebhookAnswer::Failed(why),
            Err(_) => {
                WebhookAnswer::Failed(format!("it did not answer within {} seconds", self.patience.as_secs_f64()))
            }
        }
    }

    async fn send(&self, url: &str, id: &str, body: &str) -> Result<StatusCode, String> {
        let url = address::web_address(url).map_err(|problem| format!("its address {problem}"))?;
        let timestamp = Utc::now().timestamp();
        let request = self
            .client(&url)
            .await?
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature(&self.key, id, timestamp, body)?)
            .body(body.to_owned());
        let response = request.send().await.map_err(connection)?;
        let status = response.status();
        // What it says is not needed: an answer whose body does not end is one all the same.
        let _ = tokio::time::timeout(BODY_TIME, read_through(response)).await;
        Ok(status)
    }

    /// A client of its own for each call: the name is looked up anew, and nothing is left open.
    async fn client(&self, url: &Url) -> Result<Client, String> {
        let builder = Client::builder()
            .user_agent(concat!("jobcast/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0);
        let builder = self.reach.pin(builder, url).await.map_err(|error| match error {
            // The same words for both: which names there are inside is nobody's business outside.
            Unreachable::Private { .. } | Unreachable::Unknown { .. } => {
                "its name leads to no public address".to_owned()
            }
        })?;
        builder.build().map_err(connection)
    }
}

/// Version 1 of the scheme: HMAC-SHA256 over `id.timestamp.body` (standardwebhooks.com, "Signature scheme").
fn signature(key: &[u8], id: &str, timestamp: i64, body: &str) -> Result<String, String> {
    // HMAC takes keys of every length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|error| error.to_string())?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Ok(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
}

async fn read_through(mut response: Response) {
    let mut length = 0;
    while length < ANSWER_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        length += chunk.len();
    }
}

/// The innermost cause tells most ("Connection refused"); the address, which may hold a token, is left out.
fn connection(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let what = if error.is_connect() { "no connection could be made" } else { "the connection failed" };
    format!("{what}: {cause}")
}

#[cfg(test)]
mod tests {
    use super::super::raw_server::{RawServer, Script, within_deadline};
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn client(reach: Reach) -> WebhookClient {
        WebhookClient::new(&WebhookSecret::new(SECRET), reach, Duration::from_secs(20)).unwrap()
    }

    /// The example of the scheme's own libraries.
    #[test]
    fn the_signature_is_that_of_the_standard() {
        let key = WebhookSecret::new(SECRET).key().unwrap();
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_checked_and_never_printed() {
        for (secret, fine) in [
            (SECRET, true),
            (" sixteen bytes or more\n", true),
            ("whsec_not base64", false),
            ("whsec_c2hvcnQ=", false),
            ("short", false),
            ("", false),
        ] {
            assert_eq!(WebhookSecret::new(secret).check().is_ok(), fine, "{secret:?}");
        }
        assert_eq!(format!("{:?}", WebhookSecret::new(SECRET)), "WebhookSecret(••••)");
    }

    #[test]
    fn private_addresses_are_accepted_on_request_alone() {
        for text in ["http://10.1.2.3/hook", "http://localhost/", "http://[::1]/", "http://0x7f.1/"] {
            assert!(client(Reach::Public).accept(text).is_err(), "{text}");
            assert!(client(Reach::Everywhere).accept(text).is_ok(), "{text}");
        }
        assert!(client(Reach::Everywhere).accept("https://me:pw@example.com/").is_err());
        assert!(client(Reach::Public).accept("https://hooks.example.com/x?y=z").is_ok());
    }

    #[tokio::test]
    async fn a_private_address_is_not_called() {
        let server = RawServer::start(Script::new("200 OK", &[])).await;
        let port = server.url().port().unwrap();
        for host in ["127.0.0.1", "localhost"] {
            let answer = client(Reach::Public).call(&format!("http://{host}:{port}/"), "id.1", "{}").await;
            assert_eq!(answer, WebhookAnswer::Failed("its name leads to no public address".to_owned()));
        }
    }

    #[tokio::test]
    async fn an_answer_whose_body_does_not_end_is_one() {
        let script = Script::new("200 OK", &[("content-length", "100")]);
        let server = RawServer::start(script.then_hold()).await;
        let answer = within_deadline(client(Reach::Everywhere).call(server.url().as_str(), "id.1", "{}")).await;
        assert_eq!(answer, WebhookAnswer::Accepted);
    }

    #[tokio::test]
    async fn every_status_has_its_meaning() {
        let failed = |why: &str| WebhookAnswer::Failed(why.to_owned());
        for (status, expected) in [
            ("200 OK", WebhookAnswer::Accepted),
            ("204 No Content", WebhookAnswer::Accepted),
            ("410 Gone", WebhookAnswer::Gone),
            ("307 Temporary Redirect", failed("it redirects (307), which is not followed")),
            ("404 Not Found", failed("it answered with status 404")),
            ("500 Internal Server Error", failed("it answered with status 500")),
        ] {
            let script = Script::new(status, &[("location", "http://127.0.0.1:9/"), ("content-length", "0")]);
            let server = RawServer::start(script).await;
            let call = client(Reach::Everywhere);
            let url = server.url();
            assert_eq!(within_deadline(call.call(url.as_str(), "id.1", "{}")).await, expected, "{status}");
            assert_eq!(server.requests().await.len(), 1, "{status}");
        }
    }
}
