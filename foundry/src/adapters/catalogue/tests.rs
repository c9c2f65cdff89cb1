//! On a real database, with an embedder that takes as long as the test says.

use std::time::Duration;

use control_store::{Access, Db, agent, alias, environment, org as organization, version};
use domain::{AgentVersionId, EnvironmentId};
use futures::FutureExt;
use futures::future::BoxFuture;
use providers_api::{Error, ProviderInfo};
use providers_fake::{EmbedOptions, FakeEmbedder};
use serde_json::json;
use testkit::postgres;
use tokio::sync::Semaphore;

use super::*;

/// Only to end a test that hangs.
const HANGS: Duration = Duration::from_secs(60);

/// Texts that name a hog wait until the test lets them go on.
struct Held {
    fake: FakeEmbedder,
    gate: Semaphore,
}

impl Embedder for Held {
    fn info(&self) -> &ProviderInfo {
        self.fake.info()
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<f32>>, Error>> {
        async move {
            if texts.iter().any(|text| text.contains("hog")) {
                drop(self.gate.acquire().await);
            }
            self.fake.embed(texts).await
        }
        .boxed()
    }
}

#[expect(clippy::disallowed_methods, reason = "it has an owner: the test waits for its end")]
async fn database() -> Db {
    let made = tokio::task::spawn_blocking(|| postgres::copy_of("foundry", |_| {}));
    let url = made.await.expect("it ends");
    Db::open(&Access::url(&url).expect("a URL")).await.expect("migrated")
}

async fn founded(db: &Db, name: &str) -> OrgId {
    let org = OrgId::generate();
    let mut tx = db.system_tx(Reason::Organizations).await.expect("a transaction");
    organization::create(&mut tx, org, name, name, organization::Keep::default()).await.expect("made");
    tx.commit().await.expect("kept");
    let mut tx = db.org_tx(org).await.expect("a transaction");
    environment::create(&mut tx, EnvironmentId::generate(), HOME_ENVIRONMENT, "Production")
        .await
        .expect("made");
    tx.commit().await.expect("kept");
    org
}

/// An agent with one intent that has these words.
async fn publish(db: &Db, org: OrgId, name: &str, words: &str) {
    let definition = json!({
        "name": name, "version": 1, "title": name, "entry": "listen",
        "nodes": {
            "listen": {"kind": "intent", "intents": {"any": {"examples": [words]}}, "unknown": ["What?"]},
            "reply": {"kind": "say", "text": ["Yes."]},
        },
        "edges": [{"from": "listen", "on": "any", "to": "reply"}],
    });
    let mut tx = db.org_tx(org).await.expect("a transaction");
    let (agent, id) = (AgentId::generate(), AgentVersionId::generate());
    agent::create(&mut tx, agent, name, name, None).await.expect("made");
    let new = version::NewVersion { id, definition: &definition.to_string(), note: "", by: "test" };
    version::create(&mut tx, agent, new).await.expect("made");
    let prod = environment::named(&mut tx, HOME_ENVIRONMENT).await.expect("read").expect("made above");
    alias::point(&mut tx, agent, prod.id, id, alias::ReleaseKind::Publish, "test").await.expect("served");
    tx.commit().await.expect("kept");
}

async fn until(catalogue: &Catalogue, name: &str) {
    let mut changes = catalogue.served.subscribe();
    let served = async {
        while catalogue.find(name).is_none() {
            changes.changed().await.expect("the catalogue is there");
        }
    };
    tokio::time::timeout(HANGS, served).await.expect("it is served in time");
}

/// A catalogue in a folder of its own: vectors that an earlier run has left would be found, and nothing would wait.
async fn empty(
    folder: &tempfile::TempDir,
    db: &Db,
    home: OrgId,
    embedder: Option<Arc<dyn Embedder>>,
) -> (Arc<Catalogue>, Arc<Tasks>) {
    let config = Config {
        data_dir: folder.path().to_owned(),
        models_dir: Some(folder.path().to_owned()),
        ..Config::default()
    };
    let tasks = Arc::new(Tasks::new());
    let loaded = Catalogue::load(&config, db.clone(), home, embedder, Arc::clone(&tasks)).await;
    (Arc::new(loaded.expect("nothing is published yet")), tasks)
}

#[tokio::test]
async fn nobody_waits_for_what_another_organization_publishes() {
    let db = database().await;
    let (home, hogs) = (founded(&db, "default").await, founded(&db, "hogs").await);
    let folder = tempfile::tempdir().expect("a folder");
    let held = Arc::new(Held { fake: FakeEmbedder::new(EmbedOptions::default()), gate: Semaphore::new(0) });
    let embedder: Arc<dyn Embedder> = held.clone();
    let (catalogue, tasks) = empty(&folder, &db, home, Some(embedder)).await;
    publish(&db, hogs, "hog", "a hog").await;
    catalogue.reload().await.expect("read");
    publish(&db, home, "quick", "a hare").await;
    catalogue.reload().await.expect("read");
    until(&catalogue, "quick").await;
    let hog = format!("{hogs}/hog");
    assert!(catalogue.find(&hog).is_none(), "it is still being made ready");
    held.gate.add_permits(1_000);
    until(&catalogue, &hog).await;
    assert!(catalogue.find("quick").is_some(), "and takes nobody's place");
    assert_eq!(catalogue.reload().await.map(|()| catalogue.served.borrow().missing).ok(), Some(0));
    tasks.shutdown().await;
}

/// A LiveKit project has one name space of agents: workers are made of what `agents` names, and rooms ask by name.
#[tokio::test]
async fn of_two_organizations_agents_under_one_name_rooms_get_the_default_ones() {
    let db = database().await;
    let (home, other) = (founded(&db, "default").await, founded(&db, "other").await);
    let folder = tempfile::tempdir().expect("a folder");
    let (catalogue, tasks) = empty(&folder, &db, home, None).await;
    publish(&db, other, "twin", "the other").await;
    catalogue.reload().await.expect("read");
    let theirs = format!("{other}/twin");
    until(&catalogue, &theirs).await;
    assert!(catalogue.find("twin").is_none(), "the default organization has none of that name");
    assert!(catalogue.agents(|_| true).is_empty(), "and no room is offered to another's");
    publish(&db, home, "twin", "our own").await;
    catalogue.reload().await.expect("read");
    until(&catalogue, "twin").await;
    let names: Vec<String> = catalogue.agents(|_| true).into_iter().map(|agent| agent.name).collect();
    assert_eq!(names, ["twin"]);
    let org = |name: &str| catalogue.find(name).map(|callable| callable.org);
    assert_eq!((org("twin"), org(&theirs)), (Some(home), Some(other)));
    assert_eq!((catalogue.owner("twin"), catalogue.owner(&theirs)), (Some(home), Some(other)));
    tasks.shutdown().await;
}
