//! Ports that remember what they were asked and answer as told; a client that speaks to the router without a socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use control_api::health::{Check, Readiness};
use control_api::offer::Candidate;
use control_server::ports::{
    Accept, Answer, CallLog, CallRequest, Calls, Clock, Framing, Health, LogError, Metrics, Offer, RawLog,
    Recorded, Refusal, Renegotiation,
};
use control_server::{Options, Ports, Server};
use domain::{Secret, SessionId};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) const HOST: &str = "127.0.0.1:8080";
pub(crate) const OWN_PAGE: &str = "http://127.0.0.1:8080";
pub(crate) const SHOP: &str = "https://shop.example";
/// What `operated` servers know their operator by.
pub(crate) const SECRET: &str = "correct horse battery";
pub(crate) const LONGEST_MESSAGE: usize = 64 * 1024;
pub(crate) const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\n";

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) offers: Vec<Offer>,
    pub(crate) renegotiations: Vec<Renegotiation>,
    pub(crate) candidates: Vec<(String, Vec<Candidate>)>,
    pub(crate) sockets: Vec<(CallRequest, Framing)>,
}

/// The whole world behind the router.
pub(crate) struct World {
    pub(crate) seen: Mutex<Seen>,
    pub(crate) refuse: Mutex<Option<Refusal>>,
    /// Offers are never answered.
    pub(crate) hang: Mutex<bool>,
    pub(crate) logs: Mutex<BTreeMap<SessionId, Recorded>>,
    pub(crate) broken: Mutex<Option<SessionId>>,
    pub(crate) running: Mutex<Option<SessionId>>,
    pub(crate) loads: Mutex<usize>,
    pub(crate) now: Mutex<Timestamp>,
    pub(crate) ready: Mutex<bool>,
}

impl World {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::default(),
            refuse: Mutex::default(),
            hang: Mutex::default(),
            logs: Mutex::default(),
            broken: Mutex::default(),
            running: Mutex::default(),
            loads: Mutex::default(),
            now: Mutex::new(Timestamp::from_second(1_800_000_000).expect("in range")),
            ready: Mutex::new(true),
        })
    }

    pub(crate) fn router(self: &Arc<Self>, options: Options) -> Router {
        let ports = Ports {
            calls: self.clone(),
            log: self.clone(),
            health: self.clone(),
            metrics: self.clone(),
            clock: self.clone(),
        };
        Server::new(options, ports).expect("options are valid")
    }

    pub(crate) fn pass(&self, seconds: i64) {
        let mut now = self.now.lock().expect("no panic");
        *now = now.checked_add(jiff::SignedDuration::from_secs(seconds)).expect("in range");
    }

    pub(crate) fn refuse(&self, refusal: Refusal) {
        *self.refuse.lock().expect("no panic") = Some(refusal);
    }

    fn admission(&self, agent: &str) -> Result<(), Refusal> {
        if let Some(refusal) = self.refuse.lock().expect("no panic").clone() {
            return Err(refusal);
        }
        if agent != "front-desk" {
            return Err(Refusal::AgentUnknown { agent: agent.to_owned() });
        }
        Ok(())
    }
}

impl Calls for World {
    fn agents(&self) -> Vec<control_api::Agent> {
        vec![control_api::Agent {
            name: "front-desk".into(),
            title: "Front desk".into(),
            description: String::new(),
            suggestions: vec!["When are you open?".into()],
        }]
    }

    fn start(&self, agent: &str) -> Result<(), Refusal> {
        self.admission(agent)
    }

    fn offer(&self, offer: Offer) -> BoxFuture<'_, Result<Answer, Refusal>> {
        async move {
            if *self.hang.lock().expect("no panic") {
                std::future::pending::<()>().await;
            }
            self.admission(&offer.call.agent)?;
            self.seen.lock().expect("no panic").offers.push(offer);
            Ok(Answer { sdp: "v=0\r\nanswer".into(), peer: "peer-1".into() })
        }
        .boxed()
    }

    fn renegotiate(&self, change: Renegotiation) -> BoxFuture<'_, Result<Answer, Refusal>> {
        let peer = change.peer.clone();
        self.seen.lock().expect("no panic").renegotiations.push(change);
        async move {
            if peer == "peer-1" {
                Ok(Answer { sdp: "v=0\r\nanother".into(), peer })
            } else {
                Err(Refusal::SessionUnknown)
            }
        }
        .boxed()
    }

    fn candidates(&self, peer: &str, candidates: Vec<Candidate>) -> BoxFuture<'_, Result<(), Refusal>> {
        let known = peer == "peer-1";
        self.seen.lock().expect("no panic").candidates.push((peer.to_owned(), candidates));
        async move { if known { Ok(()) } else { Err(Refusal::SessionUnknown) } }.boxed()
    }

    fn socket(&self, call: CallRequest, framing: Framing) -> Result<Accept, Refusal> {
        self.admission(&call.agent)?;
        self.seen.lock().expect("no panic").sockets.push((call, framing));
        Ok(Box::new(|mut socket| {
            async move {
                while let Some(Ok(message)) = socket.recv().await {
                    if socket.send(message).await.is_err() {
                        break;
                    }
                }
            }
            .boxed()
        }))
    }

    fn knows(&self, session: SessionId) -> bool {
        *self.running.lock().expect("no panic") == Some(session)
    }

    fn longest_message_bytes(&self) -> usize {
        LONGEST_MESSAGE
    }
}

impl CallLog for World {
    fn recent(
        &self,
        before: Option<SessionId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<SessionId>, LogError>> {
        let logs = self.logs.lock().expect("no panic");
        let ids = logs
            .keys()
            .rev()
            .filter(|id| before.is_none_or(|before| **id < before))
            .take(limit)
            .copied()
            .collect();
        async move { Ok(ids) }.boxed()
    }

    fn load(&self, id: SessionId) -> BoxFuture<'_, Result<Option<Recorded>, LogError>> {
        *self.loads.lock().expect("no panic") += 1;
        let found = self.logs.lock().expect("no panic").get(&id).cloned();
        let broken = *self.broken.lock().expect("no panic") == Some(id);
        async move {
            if broken {
                Err(LogError { id: Some(id), reason: "cut".into(), source: None })
            } else {
                Ok(found)
            }
        }
        .boxed()
    }

    fn raw(&self, id: SessionId) -> BoxFuture<'_, Result<Option<RawLog>, LogError>> {
        let known = self.logs.lock().expect("no panic").contains_key(&id);
        let bytes = || {
            futures::StreamExt::boxed(futures::stream::iter([
                Ok("{\"a\":1}\n".into()),
                Ok("{\"b\":2}\n".into()),
            ]))
        };
        async move { Ok(known.then(|| RawLog { bytes: bytes(), length: Some(16) })) }.boxed()
    }
}

impl Health for World {
    fn readiness(&self) -> Readiness {
        let ready = *self.ready.lock().expect("no panic");
        let check = Check { name: "models".into(), ok: ready, detail: String::new() };
        Readiness { ready, checks: vec![check], calls_active: 1, calls_capacity: 4 }
    }
}

impl Metrics for World {
    fn render(&self) -> String {
        "# TYPE foundry_calls gauge\nfoundry_calls 1\n".into()
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        *self.now.lock().expect("no panic")
    }
}

/// A request in the making.
pub(crate) struct Ask {
    request: axum::http::request::Builder,
    body: Body,
}

/// From a program on the server's own machine.
pub(crate) fn ask(method: Method, path: &str) -> Ask {
    let request = Request::builder().method(method).uri(path).header("host", HOST);
    Ask { request, body: Body::empty() }.from("127.0.0.1:50000")
}

pub(crate) fn get(path: &str) -> Ask {
    ask(Method::GET, path)
}

pub(crate) fn post(path: &str, body: Value) -> Ask {
    ask(Method::POST, path).json(&body)
}

impl Ask {
    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = Body::from(body.to_string());
        self.header("content-type", "application/json")
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if name == "host" {
            self.request.headers_mut().expect("valid so far").remove("host");
        }
        self.request = self.request.header(name, value);
        self
    }

    /// From another address.
    pub(crate) fn from(mut self, peer: &str) -> Self {
        let peer: SocketAddr = peer.parse().expect("an address");
        self.request = self.request.extension(ConnectInfo(peer));
        self
    }

    pub(crate) fn operator(self) -> Self {
        self.header("authorization", &format!("Bearer {SECRET}"))
    }

    pub(crate) fn on_page(self, origin: &str) -> Self {
        self.header("origin", origin)
    }

    pub(crate) async fn of(self, router: &Router) -> Reply {
        let response = router
            .clone()
            .oneshot(self.request.body(self.body).expect("a request"))
            .await
            .expect("infallible");
        let (head, body) = response.into_parts();
        let text = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        Reply {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8_lossy(&text).into_owned(),
        }
    }
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        serde_json::from_str(&self.text).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Asserts a complete problem document of this status and code.
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem: Value = serde_json::from_str(&self.text).expect("JSON");
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["docs"], format!("/docs/errors/{code}"));
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
        problem
    }
}

pub(crate) fn embedding() -> Options {
    Options { allowed_origins: vec![SHOP.into()], ..Options::default() }
}

pub(crate) fn operated() -> Options {
    Options { operator_token: Some(Secret::new(SECRET.into())), ..Options::default() }
}

pub(crate) fn offer_body() -> Value {
    serde_json::json!({"sdp": SDP, "type": "offer", "pc_id": null, "restart_pc": false})
}

pub(crate) const RETRY: Duration = Duration::from_secs(7);
