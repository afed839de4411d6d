//! The receiver of webhooks: a server of the test that keeps what it is told and answers as it is asked to.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::eventually;

/// Gone when dropped.
pub struct Receiver {
    pub url: String,
    shared: Arc<Shared>,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Shared {
    calls: Mutex<Vec<Call>>,
    /// How the next calls are answered; then 200.
    script: Mutex<VecDeque<Reply>>,
    /// Whether held calls may be answered.
    released: watch::Sender<bool>,
}

/// How a call is answered.
#[derive(Clone, Copy)]
pub enum Reply {
    Status(u16),
    /// Not before [`Receiver::release`].
    Held,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    /// As it came.
    pub text: String,
    pub body: Value,
}

impl Receiver {
    pub async fn start() -> Receiver {
        Receiver::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// A port on which nobody listens until [`Receiver::at`] does, and that nobody else is given.
    pub fn reserve() -> (String, TcpSocket) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        (format!("http://{}/hook", socket.local_addr().unwrap()), socket)
    }

    pub fn at(socket: TcpSocket) -> Receiver {
        Receiver::on(socket.listen(64).unwrap())
    }

    fn on(listener: TcpListener) -> Receiver {
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let shared = Arc::<Shared>::default();
        let received = shared.clone();
        let hook = post(move |headers: HeaderMap, text: String| answer(received.clone(), headers, text));
        let router = Router::new().route("/hook", hook);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Receiver { url, shared, _serving: AbortOnDropHandle::new(serving) }
    }

    pub fn script(&self, replies: &[Reply]) {
        self.shared.script.lock().unwrap().extend(replies);
    }

    /// Answers the calls that are held.
    pub fn release(&self) {
        self.shared.released.send_replace(true);
    }

    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// Waits until there have been so many calls.
    pub async fn called(&self, times: usize) -> Vec<Call> {
        eventually(&format!("call {times}"), || async { Some(self.calls()).filter(|calls| calls.len() >= times) }).await
    }
}

async fn answer(shared: Arc<Shared>, headers: HeaderMap, text: String) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let call = Call {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body: serde_json::from_str(&text).expect("the body is JSON"),
        text,
    };
    assert_eq!(header("content-type"), "application/json");
    shared.calls.lock().unwrap().push(call);
    let reply = shared.script.lock().unwrap().pop_front();
    match reply {
        None => StatusCode::OK,
        Some(Reply::Status(status)) => StatusCode::from_u16(status).unwrap(),
        Some(Reply::Held) => {
            let _ = shared.released.subscribe().wait_for(|released| *released).await;
            StatusCode::OK
        }
    }
}

impl Call {
    /// Computes the signature anew, with another program's cryptography, and looks at the time.
    pub fn assert_signed_with(&self, secret: &str) {
        const PROGRAM: &str = "const [secret, id, timestamp, text] = JSON.parse(process.argv[1]); \
            const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret); \
            const mac = require('node:crypto').createHmac('sha256', key).update(`${id}.${timestamp}.${text}`); \
            process.stdout.write('v1,' + mac.digest('base64'))";
        let arguments = json!([secret, self.id, self.timestamp, self.text]).to_string();
        let computed = Command::new("node").args(["-e", PROGRAM, &arguments]).output().expect("Node.js is there");
        assert_eq!(String::from_utf8_lossy(&computed.stdout), self.signature, "{computed:?}");
        let age = chrono::Utc::now().timestamp() - self.timestamp.parse::<i64>().expect("seconds since 1970");
        assert!((0..=120).contains(&age), "{age} s old");
    }
}
