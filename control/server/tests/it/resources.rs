//! The dialogue of each resource that is configured.

use axum::http::Method;
use serde_json::{Value, json};

use crate::fake::{ask, get};
use crate::plane::{Plane, text};

#[tokio::test]
async fn a_new_server_has_an_organization_its_environments_and_the_shipped_agent_in_prod() {
    let plane = Plane::new().await;
    let organizations = plane.get("/v1/organizations").await;
    assert_eq!(organizations["data"][0]["name"], "default");
    let names = |list: &Value| -> Vec<String> {
        list["data"].as_array().expect("a list").iter().map(|one| text(&one["name"])).collect()
    };
    assert_eq!(names(&plane.get("/v1/domains").await), ["main"]);
    let mut environments = names(&plane.get("/v1/environments").await);
    environments.sort();
    assert_eq!(environments, ["dev", "prod", "staging"]);
    let agent = plane.get("/v1/agents/front-desk").await;
    assert_eq!(agent["aliases"], json!({"prod": 1}));
    assert_eq!((&agent["latest_version"], &agent["draft_differs"]), (&json!(1), &json!(false)));
    assert_eq!(plane.get(&format!("/v1/agents/{}", text(&agent["id"]))).await, agent);
    let version = plane.get("/v1/agents/front-desk/versions/1").await;
    assert_eq!(version["created_by"], "shipped");
    assert_eq!(version["definition"]["name"], "front-desk");
    let about = plane.get("/v1/about").await;
    assert_eq!(about["organization"]["name"], "default");
    assert_eq!(about["principal"], json!({"kind": "key", "name": "test"}));
    assert_eq!(about["store"]["ready"], true);
    assert_eq!(plane.get("/v1/providers").await["data"][0]["kind"], "stt");
    assert_eq!(plane.get("/v1/templates").await["data"].as_array().expect("a list").len(), 3);
}

#[tokio::test]
async fn domains_and_environments_are_made_changed_and_deleted() {
    let plane = Plane::new().await;
    for (path, prefix) in [("/v1/domains", "dom_"), ("/v1/environments", "env_")] {
        let made = plane.post(path, json!({"name": "sales", "title": "Sales"})).await;
        assert_eq!((made.status.as_u16(), made.header("etag")), (201, Some("\"1\"")));
        let made = made.json();
        let id = text(&made["id"]);
        assert!(id.starts_with(prefix));
        plane.post(path, json!({"name": "sales"})).await.is_problem(409, "CONFLICT");
        let one = format!("{path}/{id}");
        assert_eq!(plane.get(&one).await, made);
        let changed = plane.patch(&one, json!({"title": "Selling"})).await;
        assert_eq!(changed.header("etag"), Some("\"2\""));
        let changed = changed.json();
        assert_eq!((&changed["title"], &changed["name"]), (&json!("Selling"), &json!("sales")));
        let stale = ask(Method::PATCH, &one).json(&json!({"title": "x"})).header("if-match", "\"1\"");
        let problem = plane.send(stale).await.is_problem(412, "PRECONDITION_FAILED");
        assert_eq!(problem["current"], changed);
        let stale = ask(Method::DELETE, &one).header("if-match", "\"1\"");
        plane.send(stale).await.is_problem(412, "PRECONDITION_FAILED");
        let odd = ask(Method::DELETE, &one).header("if-match", "\"one\"");
        plane.send(odd).await.is_problem(400, "PARAMETER_INVALID");
        let fresh = ask(Method::DELETE, &one).header("if-match", "\"2\"");
        assert_eq!(plane.send(fresh).await.status.as_u16(), 204);
        plane.send(get(&one)).await.is_problem(404, "NOT_FOUND");
    }
    let main = text(&plane.get("/v1/domains").await["data"][0]["id"]);
    plane.delete(&format!("/v1/domains/{main}")).await.is_problem(409, "IN_USE");
    let environments = plane.get("/v1/environments").await;
    let prod = environments["data"].as_array().expect("a list").iter().find(|one| one["name"] == "prod");
    let prod = text(&prod.expect("there")["id"]);
    plane.delete(&format!("/v1/environments/{prod}")).await.is_problem(409, "IN_USE");
    plane.patch(&format!("/v1/environments/{prod}"), json!({"name": "live"})).await.is_problem(409, "IN_USE");
    let named = plane
        .patch(&format!("/v1/environments/{prod}"), json!({"name": "prod", "title": "Live"}))
        .await
        .json();
    assert_eq!(named["title"], "Live");
    plane.post("/v1/environments", json!({"name": "draft"})).await.is_problem(422, "BODY_INVALID");
}

#[tokio::test]
async fn an_agent_is_drafted_published_compared_and_rolled_back() {
    let plane = Plane::new().await;
    let made = plane.post("/v1/agents", json!({"name": "sales", "title": "Sales"})).await;
    assert_eq!(made.status.as_u16(), 201);
    let made = made.json();
    assert_eq!((&made["latest_version"], &made["draft_differs"]), (&Value::Null, &json!(true)));
    assert_eq!(made["aliases"], json!({}));
    plane.post("/v1/agents", json!({"name": "sales"})).await.is_problem(409, "CONFLICT");
    let draft = plane.get("/v1/agents/sales/draft").await;
    assert_eq!(
        (&draft["definition"]["name"], &draft["definition"]["title"]),
        (&json!("sales"), &json!("Sales"))
    );
    assert_eq!(draft["problems"], json!([]));

    let first = plane.publish("sales", "One").await;
    assert_eq!((&first["number"], &first["environments"]), (&json!(1), &json!(["prod"])));
    assert!(text(&first["content_hash"]).starts_with("sha256:"));
    let again = ask(Method::POST, "/v1/agents/sales/publish").json(&json!({})).header("if-match", "*");
    let again = plane.send(again).await;
    assert_eq!((again.status.as_u16(), &again.json()["number"]), (200, &json!(1)));
    plane.publish("sales", "Two").await;
    plane.publish("sales", "Three").await;
    assert_eq!(plane.get("/v1/agents/sales").await["aliases"], json!({"prod": 3}));
    assert!(plane.world.published.lock().expect("no panic").contains(&(plane.org, "sales".into())));

    let compared = plane.get("/v1/agents/sales/compare?from=1&to=draft").await;
    assert_eq!(
        compared["changes"][0],
        json!({"pointer": "/title", "kind": "changed", "before": "One", "after": "Three"})
    );
    plane.send(get("/v1/agents/sales/compare?from=0&to=2")).await.is_problem(400, "PARAMETER_INVALID");
    plane.send(get("/v1/agents/sales/compare?from=9&to=2")).await.is_problem(404, "NOT_FOUND");

    let alias = ask(Method::PUT, "/v1/agents/sales/aliases/staging").json(&json!({"version": 2}));
    assert_eq!(plane.send(alias).await.json()["version"], 2);
    let alias = ask(Method::PUT, "/v1/agents/sales/aliases/staging").json(&json!({"version": 9}));
    plane.send(alias).await.is_problem(422, "REFERENCE_UNKNOWN");
    let alias = ask(Method::PUT, "/v1/agents/sales/aliases/moon").json(&json!({"version": 1}));
    plane.send(alias).await.is_problem(404, "NOT_FOUND");
    assert_eq!(plane.get("/v1/agents/sales/aliases").await["data"].as_array().expect("a list").len(), 2);

    // Back twice goes back two releases, and then there is nothing left; the alias says beforehand where a roll back goes to.
    let before = async |environment: &str| {
        let aliases = plane.get("/v1/agents/sales/aliases").await;
        let all = aliases["data"].as_array().expect("a list").clone();
        all.iter().find(|one| one["environment"] == environment).expect("served")["previous_version"].clone()
    };
    assert_eq!((before("prod").await, before("staging").await), (json!(2), Value::Null));
    for (version, then) in [(2, json!(1)), (1, Value::Null)] {
        let back = plane.post("/v1/agents/sales/rollback", json!({})).await.json();
        assert_eq!((&back["version"], &back["previous_version"]), (&json!(version), &then));
        assert_eq!(before("prod").await, then);
    }
    plane.post("/v1/agents/sales/rollback", json!({})).await.is_problem(409, "NOTHING_TO_ROLL_BACK");
    let releases = plane.get("/v1/agents/sales/releases").await;
    let kinds: Vec<String> =
        releases["data"].as_array().expect("a list").iter().map(|one| text(&one["kind"])).collect();
    assert_eq!(kinds, ["rollback", "rollback", "move", "publish", "publish", "publish"]);

    let restore = "/v1/agents/sales/versions/1/restore";
    plane.post(restore, json!({})).await.is_problem(428, "PRECONDITION_REQUIRED");
    let restored = plane.send(ask(Method::POST, restore).header("if-match", "*")).await.json();
    assert_eq!((&restored["definition"]["title"], &restored["base_version"]), (&json!("One"), &json!(1)));

    assert_eq!(plane.delete("/v1/agents/sales").await.status.as_u16(), 204);
    let archived = plane.get("/v1/agents/sales").await;
    assert_eq!((&archived["archived"], &archived["aliases"]), (&json!(true), &json!({})));
    plane.post("/v1/agents", json!({"name": "sales"})).await.is_problem(409, "CONFLICT");
    let alias = ask(Method::PUT, "/v1/agents/sales/aliases/prod").json(&json!({"version": 1}));
    plane.send(alias).await.is_problem(409, "CONFLICT");
    assert_eq!(plane.get("/v1/agents/sales/versions").await["data"].as_array().expect("a list").len(), 3);
    plane.patch("/v1/agents/sales", json!({"archived": true})).await.json();
    let back = plane.patch("/v1/agents/sales", json!({"archived": false})).await.json();
    assert_eq!((&back["archived"], &back["aliases"]), (&json!(false), &json!({})), "nobody is connected yet");
    plane.patch("/v1/agents/sales", json!({"archived": true})).await.is_problem(422, "BODY_INVALID");
    let alias = ask(Method::PUT, "/v1/agents/sales/aliases/prod").json(&json!({"version": 1}));
    assert_eq!(plane.send(alias).await.status.as_u16(), 200);
    assert_eq!(plane.get("/v1/agents/sales").await["aliases"], json!({"prod": 1}));
}

#[tokio::test]
async fn of_two_who_edit_one_draft_the_second_is_told_what_the_first_made_of_it() {
    let plane = Plane::new().await;
    let draft = plane.get("/v1/agents/front-desk/draft").await;
    let revision = draft["revision"].as_i64().expect("a number");
    let (mut mine, mut theirs) = (draft["definition"].clone(), draft["definition"].clone());
    mine["title"] = "Mine".into();
    theirs["title"] = "Theirs".into();
    let saved = plane.save("front-desk", revision, &theirs).await;
    assert_eq!(saved.header("etag"), Some(format!("\"{}\"", revision + 1).as_str()));
    let refused = plane.save("front-desk", revision, &mine).await.is_problem(412, "PRECONDITION_FAILED");
    assert_eq!(refused["current"]["definition"]["title"], "Theirs");
    assert_eq!(refused["current"]["revision"], revision + 1);
    let publish = ask(Method::POST, "/v1/agents/front-desk/publish").json(&json!({}));
    plane.send(publish.header("if-match", "\"1\"")).await.is_problem(412, "PRECONDITION_FAILED");
    let put = ask(Method::PUT, "/v1/agents/front-desk/draft").json(&json!({"definition": mine}));
    plane.send(put).await.is_problem(428, "PRECONDITION_REQUIRED");
    let agent = plane.get("/v1/agents/front-desk").await;
    assert_eq!(agent["draft_differs"], true);
    assert!(text(&agent["updated_at"]) > text(&agent["created_at"]), "a saved draft is a change: {agent}");
}

#[tokio::test]
async fn a_draft_with_mistakes_is_saved_and_names_them_and_is_not_published() {
    let plane = Plane::new().await;
    let draft = plane.get("/v1/agents/front-desk/draft").await;
    let mut definition = draft["definition"].clone();
    definition["entry"] = "nowhere".into();
    definition["edges"][0]["to"] = "nobody".into();
    let saved = plane.save("front-desk", 1, &definition).await.json();
    let pointers: Vec<String> =
        saved["problems"].as_array().expect("a list").iter().map(|one| text(&one["pointer"])).collect();
    assert!(
        pointers.contains(&"/entry".to_owned()) && pointers.iter().any(|at| at.starts_with("/edges/0")),
        "{pointers:?}"
    );
    let publish =
        ask(Method::POST, "/v1/agents/front-desk/publish").json(&json!({})).header("if-match", "\"2\"");
    let refused = plane.send(publish).await.is_problem(422, "AGENT_INVALID");
    assert!(refused["errors"].as_array().expect("a list").iter().any(|error| error["pointer"] == "/entry"));
    for (definition, pointer) in [
        (json!({"name": "other"}), "/definition/name"),
        (json!("text"), "/definition"),
        (json!({"name": "front-desk", "notes": "x".repeat(401 * 1024)}), "/definition"),
    ] {
        let refused = plane.save("front-desk", 2, &definition).await.is_problem(422, "BODY_INVALID");
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
    plane
        .save("front-desk", 2, &json!({"name": "front-desk", "notes": "x".repeat(600 * 1024)}))
        .await
        .is_problem(413, "BODY_TOO_LARGE");
}

#[tokio::test]
async fn channels_lead_to_agents_and_a_hostname_is_of_one_organization() {
    let plane = Plane::new().await;
    let agent = text(&plane.get("/v1/agents/front-desk").await["id"]);
    let environment = text(&plane.get("/v1/environments").await["data"][0]["id"]);
    let body = |kind: &str, address: &str| json!({"kind": kind, "address": address, "agent_id": agent, "environment_id": environment});
    plane.post("/v1/channels", body("host", "voice.example.com")).await.is_problem(403, "OPERATOR_ONLY");
    let given = async |address: &str| {
        crate::fake::post("/v1/channels", body("host", address)).operator().of(&plane.router).await
    };
    let made = given("Voice.Example.com").await.json();
    assert_eq!(made["address"], "voice.example.com");
    given("voice.example.com").await.is_problem(409, "CONFLICT");
    assert_eq!(plane.post("/v1/channels", body("number", "+41441234567")).await.status.as_u16(), 201);
    for (kind, address) in
        [("number", "0441234567"), ("number", "+"), ("host", "a b"), ("widget", ""), ("fax", "1")]
    {
        plane.post("/v1/channels", body(kind, address)).await.is_problem(422, "BODY_INVALID");
    }
    let (_, other) = plane.other("other").await;
    let theirs = get("/v1/agents").key(&other).of(&plane.router).await.json();
    assert_eq!(theirs["data"], json!([]), "a new organization has no agents");
    let one = format!("/v1/channels/{}", text(&made["id"]));
    assert_eq!(plane.patch(&one, json!({"enabled": false})).await.json()["enabled"], false);
    assert_eq!(plane.delete(&one).await.status.as_u16(), 204);
}

#[tokio::test]
async fn every_change_leaves_a_line_in_the_audit_log() {
    let plane = Plane::new().await;
    let made =
        ask(Method::POST, "/v1/domains").json(&json!({"name": "one"})).header("x-request-id", "mine-1");
    let made = plane.send(made).await.json();
    plane.patch(&format!("/v1/domains/{}", text(&made["id"])), json!({"title": "New"})).await.json();
    let audit = plane.get("/v1/audit?limit=2").await;
    let (update, create) = (&audit["data"][0], &audit["data"][1]);
    assert_eq!((&update["action"], &create["action"]), (&json!("domain.update"), &json!("domain.create")));
    assert_eq!((&update["before"]["title"], &update["after"]["title"]), (&json!("one"), &json!("New")));
    assert_eq!((&create["actor"], &create["request_id"]), (&json!("key:test"), &json!("mine-1")));
    assert_eq!((&create["before"], &create["target"]), (&Value::Null, &made["id"]));
    let whole = plane.get("/v1/audit").await.to_string();
    assert!(!whole.contains(&plane.key) && whole.contains("api_key.create"));
}
