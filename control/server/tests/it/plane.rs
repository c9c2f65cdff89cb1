//! A control plane on a database of the test's own, and two organizations with a key each.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use control_server::{Definition, Options, Source, Store};
use control_store::{Access, Db};
use domain::{OrgId, Secret};
use serde_json::{Value, json};
use testkit::postgres;

use crate::fake::{Ask, Reply, SECRET, World, ask, get};

pub(crate) struct Plane {
    pub(crate) world: Arc<World>,
    pub(crate) router: Router,
    pub(crate) db: Db,
    url: String,
    pub(crate) org: OrgId,
    /// Of the default organization.
    pub(crate) key: String,
}

impl Plane {
    pub(crate) async fn new() -> Self {
        Self::with(1_000_000).await
    }

    pub(crate) async fn with(requests_per_minute: u32) -> Self {
        Self::on(Options { requests_per_minute, ..Options::default() }).await
    }

    pub(crate) async fn on(options: Options) -> Self {
        let (db, url) = opened().await;
        Self::over(db, url, options).await
    }

    /// Over a database that is open.
    pub(crate) async fn over(db: Db, url: String, options: Options) -> Self {
        let org = control_server::seed(&db, vec![front_desk()]).await.expect("seeded");
        let world = World::new();
        *world.home.lock().expect("no panic") = Some(org);
        let operator_token = Some(Secret::new(SECRET.into()));
        let options = Options { operator_token, ..options };
        let router = world.router_on(options, Store::of(db.clone(), org));
        let mut plane = Self { world, router, db, url, org, key: String::new() };
        plane.key = plane.key_of(org).await;
        plane
    }

    /// A new key of an organization, made by the operator.
    pub(crate) async fn key_of(&self, org: OrgId) -> String {
        let made = ask(Method::POST, "/v1/api-keys")
            .json(&json!({"name": "test"}))
            .operator()
            .header("foundry-organization", &org.to_string())
            .of(&self.router)
            .await;
        made.json()["key"].as_str().expect("shown once").to_owned()
    }

    /// Another organization, and a key of it.
    pub(crate) async fn other(&self, name: &str) -> (OrgId, String) {
        let made = ask(Method::POST, "/v1/organizations")
            .json(&json!({"name": name}))
            .operator()
            .of(&self.router)
            .await;
        let org: OrgId = made.json()["id"].as_str().expect("an id").parse().expect("an id");
        (org, self.key_of(org).await)
    }

    /// What the superuser sees.
    pub(crate) async fn sql(&self, statement: &str) -> String {
        let (url, statement) = (self.url.clone(), statement.to_owned());
        apart(move || postgres::sql(&url, &statement)).await
    }

    pub(crate) async fn send(&self, ask: Ask) -> Reply {
        ask.key(&self.key).of(&self.router).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send(get(path)).await.json()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(ask(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(ask(Method::PATCH, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(ask(Method::DELETE, path)).await
    }

    /// Saves a draft as of its present revision, and publishes it.
    pub(crate) async fn publish(&self, agent: &str, title: &str) -> Value {
        let path = format!("/v1/agents/{agent}/draft");
        let draft = self.get(&path).await;
        let mut definition = draft["definition"].clone();
        definition["title"] = title.into();
        let saved = self.save(agent, draft["revision"].as_i64().expect("a number"), &definition).await;
        let revision = saved.header("etag").expect("a revision").to_owned();
        self.send(
            ask(Method::POST, &format!("/v1/agents/{agent}/publish"))
                .json(&json!({"note": title}))
                .header("if-match", &revision),
        )
        .await
        .json()
    }

    pub(crate) async fn save(&self, agent: &str, revision: i64, definition: &Value) -> Reply {
        let path = format!("/v1/agents/{agent}/draft");
        let put = ask(Method::PUT, &path).json(&json!({"definition": definition}));
        self.send(put.header("if-match", &format!("\"{revision}\""))).await
    }
}

pub(crate) fn front_desk() -> Definition {
    let (name, json) = agents_graph::LIBRARY.iter().find(|(name, _)| *name == "front-desk").expect("shipped");
    Definition {
        name: (*name).to_owned(),
        title: "Front desk".into(),
        json: (*json).to_owned(),
        source: Source::Shipped,
    }
}

pub(crate) async fn database() -> Db {
    opened().await.0
}

async fn opened() -> (Db, String) {
    let url = apart(|| {
        postgres::copy_of("control", |url| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                Db::open(&Access::url(url).expect("a URL")).await.expect("migrated").close().await;
            });
        })
    });
    let url = url.await;
    (Db::open(&Access::url(&url).expect("a URL")).await.expect("opened"), url)
}

/// Work that blocks, and is waited for.
#[expect(clippy::disallowed_methods, reason = "it has an owner: the test waits for its end")]
pub(crate) async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("it ends")
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
