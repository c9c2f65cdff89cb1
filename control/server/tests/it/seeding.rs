//! What a server begins with, and what later starts change.

use control_api::provider_account::{AccountOptions, Vendor};
use control_server::{Definition, GivenAccount, Source, Vault, seed, seed_accounts};
use control_store::{Db, Reason, agent, serving};
use domain::{OrgId, Secret};
use serde_json::json;

use crate::plane::{Plane, database, front_desk};

fn definition(title: &str, source: Source) -> Definition {
    let json = json!({"name": "desk", "title": title, "entry": "a", "version": 1, "nodes": {}});
    Definition { name: "desk".into(), title: "Desk".into(), json: json.to_string(), source }
}

/// Number of the latest version, and what prod serves.
async fn served(db: &Db, org: OrgId) -> (Option<i32>, Option<i32>) {
    let mut tx = db.org_tx(org).await.expect("a transaction");
    let agent = agent::find(&mut tx, None, "desk").await.expect("answered").expect("there");
    assert!(!agent.draft_differs);
    (agent.latest, agent.aliases.get("prod").copied())
}

#[tokio::test]
async fn a_file_of_the_folder_that_changed_is_a_new_version_and_one_that_did_not_is_none() {
    let db = database().await;
    let start = async |title: &str, source| seed(&db, vec![definition(title, source)]).await.expect("seeded");
    let org = start("One", Source::Shipped).await;
    assert_eq!(served(&db, org).await, (Some(1), Some(1)));
    assert_eq!(start("One", Source::Shipped).await, org);
    assert_eq!(served(&db, org).await, (Some(1), Some(1)));
    start("Two", Source::Shipped).await;
    assert_eq!(served(&db, org).await, (Some(2), Some(2)));
    start("Three", Source::Folder).await;
    assert_eq!(served(&db, org).await, (Some(3), Some(3)));
    start("Three", Source::Folder).await;
    assert_eq!(served(&db, org).await, (Some(3), Some(3)));
    // What ships is not renewed over what somebody made of it.
    start("Four", Source::Shipped).await;
    assert_eq!(served(&db, org).await, (Some(3), Some(3)));
    // A file that says again what it said before leads back to that version.
    start("Five", Source::Folder).await;
    start("Three", Source::Folder).await;
    let mut tx = db.org_tx(org).await.expect("a transaction");
    let agent = agent::find(&mut tx, None, "desk").await.expect("answered").expect("there");
    assert_eq!((agent.latest, agent.aliases.get("prod").copied()), (Some(4), Some(3)));
}

#[tokio::test]
async fn two_servers_may_begin_at_once() {
    let db = database().await;
    let both = futures::future::join(seed(&db, vec![front_desk()]), seed(&db, vec![front_desk()])).await;
    assert_eq!(both.0.expect("seeded"), both.1.expect("seeded"));
}

#[tokio::test]
async fn what_was_published_by_people_stays_when_the_server_starts_again() {
    let plane = Plane::new().await;
    plane.publish("front-desk", "Ours").await;
    seed(&plane.db, vec![front_desk()]).await.expect("seeded");
    assert_eq!(plane.get("/v1/agents/front-desk").await["aliases"], json!({"prod": 2}));
    let mut tx = plane.db.system_tx(Reason::LoadAgents).await.expect("a transaction");
    let served = serving::all(&mut tx).await.expect("answered");
    assert_eq!(served.first().map(|served| served.version), Some(2));
}

#[tokio::test]
async fn a_key_of_the_environment_that_the_api_would_refuse_makes_no_account_and_the_others_are_made() {
    let db = database().await;
    let org = seed(&db, vec![front_desk()]).await.expect("seeded");
    let vault = Vault::new(&Secret::new("a master key that is long enough to be one".to_owned()));
    let given = |name: &str, key: &str, url: Option<&str>| GivenAccount {
        name: name.to_owned(),
        vendor: Vendor::Openai,
        options: AccountOptions { base_url: url.map(str::to_owned), ..AccountOptions::default() },
        key: Secret::new(key.to_owned()),
    };
    let accounts = [
        given("broken", "sk-1\u{7}", None),
        given("elsewhere", "sk-1", Some("https://user:word@vendor.example/?x")),
        given("Named Badly", "sk-1", None),
        given("openai", "sk-1", Some("https://vendor.example/v1")),
    ];
    let made = seed_accounts(&db, org, &vault, &accounts).await.expect("answered");
    assert_eq!(made, ["openai"]);
}
