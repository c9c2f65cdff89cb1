//! What servers tell each other of vendors that fail, through a Redis that all of them reach.
//!
//! One sorted set holds each open breaker by when it ends, on the clock of Redis: those of the servers need not agree, and whoever looks
//! drops what is over. Never on the path of a call; while Redis is away each server goes by its own.

use std::time::Duration;

use domain::Secret;
use futures::FutureExt;
use futures::future::BoxFuture;
use providers_api::Ability;
use providers_route::Key;
use providers_route::shared::{Open, Shared, Unavailable};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, TlsCertificates};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

/// How often servers tell and ask.
pub(crate) const EVERY: Duration = Duration::from_secs(1);
/// To connect, and for each answer.
const WITHIN: Duration = Duration::from_secs(1);
/// The set goes by itself when no server is left, in s: longer than any breaker is open.
const KEPT_S: i64 = 3_600;

pub(crate) struct Redis {
    client: Client,
    /// Of the set.
    name: String,
    /// One exchange at a time; none after a failure, so that the next begins anew.
    connection: Mutex<Option<MultiplexedConnection>>,
}

/// An open breaker as it lies in Redis.
#[derive(Serialize, Deserialize)]
struct Member {
    tenant: String,
    ability: String,
    provider: String,
    model: String,
    region: String,
}

impl Redis {
    /// `namespace` stands before every name: several installations may share one Redis. Over TLS (`rediss`) its certificate is to be
    /// signed by `root`, in PEM, where that is given, and else by one that the machine trusts.
    ///
    /// # Errors
    /// When the address is none, or the root no certificate.
    pub(crate) fn new(url: &Secret<String>, namespace: &str, root: Option<Vec<u8>>) -> Result<Self, String> {
        let root_cert = root.filter(|_| url.expose().starts_with("rediss:"));
        let has_root = root_cert.is_some();
        let client = match root_cert {
            None => Client::open(url.expose().as_str()),
            root_cert => {
                Client::build_with_tls(url.expose().as_str(), TlsCertificates { client_tls: None, root_cert })
            }
        };
        let client = client.map_err(|_| {
            let or = if has_root { ", or the root certificate (store.redis_ca) cannot be used" } else { "" };
            format!("is no address such as redis://user:password@host:6379/0, or rediss:// for TLS{or}")
        })?;
        Ok(Self { client, name: format!("{namespace}:breakers"), connection: Mutex::default() })
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(WITHIN))
            .set_response_timeout(Some(WITHIN));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Asks on the connection that is there, or a new one.
    async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T, Unavailable> {
        let mut kept = self.connection.lock().await;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => self.connect().await.map_err(unavailable)?,
        };
        let answer = question(&mut connection).await.map_err(unavailable)?;
        *kept = Some(connection);
        Ok(answer)
    }
}

impl Shared for Redis {
    fn publish(&self, open: Vec<Open>) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.ask(async move |connection| {
            let now = now_ms(connection).await?;
            let mut pipe = redis::pipe();
            for Open { key, lasts } in open {
                let until = now + lasts.as_millis() as u64;
                pipe.cmd("ZADD").arg(&self.name).arg("GT").arg(until).arg(member(&key)).ignore();
            }
            pipe.cmd("EXPIRE").arg(&self.name).arg(KEPT_S).ignore();
            pipe.query_async::<()>(connection).await
        })
        .boxed()
    }

    fn fetch(&self) -> BoxFuture<'_, Result<Vec<Open>, Unavailable>> {
        self.ask(async move |connection| {
            let now = now_ms(connection).await?;
            let mut pipe = redis::pipe();
            pipe.cmd("ZREMRANGEBYSCORE").arg(&self.name).arg("-inf").arg(now).ignore();
            pipe.cmd("ZRANGEBYSCORE").arg(&self.name).arg(now).arg("+inf").arg("WITHSCORES");
            let (open,): (Vec<(String, f64)>,) = pipe.query_async(connection).await?;
            // What another version wrote is passed over.
            let open = open.into_iter().filter_map(|(member, until)| {
                let lasts = Duration::from_millis((until as u64).checked_sub(now)?);
                Some(Open { key: key(&member)?, lasts }).filter(|_| !lasts.is_zero())
            });
            Ok(open.collect())
        })
        .boxed()
    }
}

async fn now_ms(connection: &mut MultiplexedConnection) -> Result<u64, RedisError> {
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(connection).await?;
    Ok(seconds * 1_000 + micros / 1_000)
}

/// Without the address, which may hold a password.
fn unavailable(error: RedisError) -> Unavailable {
    Unavailable(format!("Redis: {}", error.category()))
}

fn member(key: &Key) -> String {
    let Key { tenant, ability, provider, model, region } = key.clone();
    let ability = named(ability).to_owned();
    let member = Member { tenant: tenant.to_string(), ability, provider, model, region };
    serde_json::to_string(&member).expect("texts alone are always JSON")
}

fn key(member: &str) -> Option<Key> {
    let Member { tenant, ability, provider, model, region } = serde_json::from_str(member).ok()?;
    let abilities = [Ability::Stt, Ability::Tts, Ability::Llm, Ability::Embed];
    let ability = abilities.into_iter().find(|known| named(*known) == ability)?;
    Some(Key { tenant: tenant.into(), ability, provider, model, region })
}

const fn named(ability: Ability) -> &'static str {
    match ability {
        Ability::Stt => "stt",
        Ability::Tts => "tts",
        Ability::Llm => "llm",
        Ability::Embed => "embed",
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;

    use providers_api::{Llm, LlmRequest, Message};
    use providers_fake::{FakeLlm, Fault, LlmOptions};
    use providers_route::breaker::{self, Standing};
    use providers_route::{Alternative, Health, LlmRoute, Nobody, Options, Setting, shared};
    use runtime::Tasks;
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// A server of its own, gone with the test.
    struct Server {
        child: Child,
        port: u16,
        _directory: tempfile::TempDir,
    }

    impl Server {
        fn start(port: Option<u16>) -> Self {
            Self::begin(port, "--port", &[])
        }

        /// On a port of this kind alone.
        fn begin(port: Option<u16>, kind: &str, more: &[&str]) -> Self {
            let port = port.unwrap_or_else(|| {
                let free = TcpListener::bind("127.0.0.1:0").expect("loopback is free");
                free.local_addr().expect("bound").port()
            });
            let directory = tempfile::tempdir().expect("a directory");
            let child = Command::new("redis-server")
                .args([kind, &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
                .args(if kind == "--port" { &[] } else { &["--port", "0"][..] })
                .args(more)
                .current_dir(directory.path())
                .stdout(Stdio::null())
                .spawn()
                .expect("redis-server is installed by scripts/setup.sh test");
            Self { child, port, _directory: directory }
        }

        fn store(&self) -> Redis {
            let url = Secret::new(format!("redis://127.0.0.1:{}/0", self.port));
            Redis::new(&url, "test", None).expect("an address")
        }

        async fn is_there(&self) {
            let store = self.store();
            let there = async {
                while store.fetch().await.is_err() {
                    sleep(Duration::from_millis(20)).await;
                }
            };
            timeout(LONG, there).await.expect("the server answers");
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _gone = self.child.kill();
            let _waited = self.child.wait();
        }
    }

    /// One server of ours: a route whose first model refuses the key, and its health.
    struct House {
        route: LlmRoute,
        health: Arc<Health>,
        tasks: Tasks,
    }

    impl House {
        fn new(store: Redis) -> Self {
            let health = Arc::new(Health::new(breaker::Options::default(), Arc::new(Nobody)));
            let bad = LlmOptions { always: Fault::Refuse, ..LlmOptions::default() };
            let models = [(bad, "one"), (LlmOptions::default(), "two")];
            let ways =
                models.map(|(model, tenant)| Alternative::new(Arc::new(FakeLlm::new(model)) as _, tenant));
            let observer = Arc::new(Nobody);
            let setting = Setting { options: Options::llm(), health: health.clone(), observer, pace: None };
            let route = LlmRoute::new(ways.into(), setting).expect("valid");
            let tasks = Tasks::new();
            let every = Duration::from_millis(50);
            shared::keep_in_step(Arc::clone(&health), Arc::new(store), every, &tasks);
            Self { route, health, tasks }
        }

        async fn asks(&self) {
            let asked = vec![Message::Caller("hello".to_owned())];
            let request = LlmRequest::new(domain::SessionId::generate(), "Be brief.", asked);
            drop(self.route.chat(request).await.expect("the second model is well"));
        }

        fn standing(&self) -> Standing {
            let info = FakeLlm::new(LlmOptions::default()).info().clone();
            self.health.standing(&Key::new("one".into(), Ability::Llm, &info), Instant::now())
        }

        async fn learns(&self) {
            let learned = async {
                while self.standing() != Standing::Open {
                    sleep(Duration::from_millis(20)).await;
                }
            };
            timeout(LONG, learned).await.expect("told by the other");
        }
    }

    #[tokio::test]
    async fn what_one_server_found_out_the_other_learns_through_redis_and_without_it_calls_go_on() {
        let server = Server::start(None);
        server.is_there().await;
        let (one, other) = (House::new(server.store()), House::new(server.store()));
        one.asks().await;
        other.learns().await;
        // Redis goes away: each goes by its own, and nobody waits for it.
        let port = server.port;
        drop(server);
        sleep(Duration::from_millis(200)).await;
        timeout(Duration::from_secs(2), other.asks()).await.expect("calls do not wait for Redis");
        assert_eq!(other.standing(), Standing::Open);
        // Another that comes later, on a Redis that has lost everything, learns as well.
        let server = Server::start(Some(port));
        server.is_there().await;
        let third = House::new(server.store());
        third.learns().await;
        for house in [one, other, third] {
            house.tasks.shutdown().await;
        }
    }

    #[tokio::test]
    async fn what_is_over_is_forgotten_and_the_longer_of_two_stands() {
        let server = Server::start(None);
        server.is_there().await;
        let (store, other) = (server.store(), server.store());
        let open = |provider: &str, ms| {
            let key = Key {
                tenant: "org_1/main".into(),
                ability: Ability::Tts,
                provider: provider.to_owned(),
                model: "m \"quoted\"".to_owned(),
                region: "eu".to_owned(),
            };
            Open { key, lasts: Duration::from_millis(ms) }
        };
        store.publish(vec![open("short", 30), open("long", 60_000)]).await.expect("there");
        other.publish(vec![open("long", 5_000)]).await.expect("there");
        sleep(Duration::from_millis(60)).await;
        let found = other.fetch().await.expect("there");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].key, open("long", 0).key);
        assert!(found[0].lasts > Duration::from_secs(50), "{:?}", found[0].lasts);
        let elsewhere =
            Redis::new(&Secret::new(format!("redis://127.0.0.1:{}/0", server.port)), "another", None);
        assert_eq!(elsewhere.expect("an address").fetch().await, Ok(vec![]), "installations are apart");
    }

    #[tokio::test]
    async fn servers_tell_each_other_over_tls_and_trust_no_other_certificate() {
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let made = || {
            let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            rcgen::generate_simple_self_signed(names).expect("a certificate")
        };
        let (own, other) = (made(), made());
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: String| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let (cert, key) =
            (write("cert.pem", own.cert.pem()), write("key.pem", own.signing_key.serialize_pem()));
        let tls = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-auth-clients", "no"];
        let server = Server::begin(None, "--tls-port", &tls);
        let url = Secret::new(format!("rediss://127.0.0.1:{}/0", server.port));
        let store = |root: String| Redis::new(&url, "test", Some(root.into_bytes())).expect("an address");
        let trusting = store(own.cert.pem());
        let there = async {
            while trusting.fetch().await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, there).await.expect("the server answers over TLS");
        assert!(store(other.cert.pem()).fetch().await.is_err(), "signed by somebody else");
        assert!(
            Redis::new(&url, "test", None).expect("an address").fetch().await.is_err(),
            "by nobody known"
        );
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_showing_it() {
        let wrong = Redis::new(&Secret::new("http://user:secret@host".to_owned()), "x", None)
            .err()
            .expect("no Redis");
        assert!(!wrong.contains("secret"), "{wrong}");
    }
}
