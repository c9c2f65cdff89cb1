//! Keys, the operator, and how many requests they may make.

use axum::http::Method;
use control_server::{AdminLink, Options, Store};
use serde_json::json;

use crate::fake::{Ask, OWN_PAGE, Reply, SHOP, World, ask, get, offer_body, post};
use crate::plane::{Plane, text};

#[tokio::test]
async fn without_a_key_or_with_a_bad_one_nothing_is_answered() {
    let plane = Plane::new().await;
    let none = get("/v1/agents").of(&plane.router).await;
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));
    none.is_problem(401, "CREDENTIAL_REQUIRED");
    let unknown = control_server::NewKey::generate().secret.expose().clone();
    let mut mistyped = plane.key.clone();
    mistyped.pop();
    for key in ["x", "fdy_", mistyped.as_str(), unknown.as_str(), ""] {
        get("/v1/agents").key(key).of(&plane.router).await.is_problem(401, "CREDENTIAL_INVALID");
    }
    // Before the database is there, too.
    let early = World::new().router_on(Options::default(), Store::absent());
    get("/v1/agents").key(&plane.key).of(&early).await.is_problem(503, "STORE_UNAVAILABLE");
}

#[tokio::test]
async fn a_key_is_shown_once_rotated_with_grace_and_dies_at_once() {
    let plane = Plane::new().await;
    let expires = "2027-06-01T00:00:00Z";
    let made = plane.post("/v1/api-keys", json!({"name": "ci", "expires_at": expires})).await.json();
    let (id, first) = (text(&made["id"]), text(&made["key"]));
    assert!(first.starts_with("fdy_") && text(&made["hint"]).ends_with(&first[first.len() - 4..]));
    let path = format!("/v1/api-keys/{id}");
    let found = plane.get(&path).await;
    assert!(found.get("key").is_none() && found["expires_at"] == expires);
    let works = async |key: &str| get("/v1/domains").key(key).of(&plane.router).await.status.as_u16();
    assert_eq!(works(&first).await, 200);
    let rotate = format!("{path}/rotate");
    let second = text(&plane.post(&rotate, json!({"grace_seconds": 3600})).await.json()["key"]);
    assert_eq!((works(&first).await, works(&second).await), (200, 200));
    plane.world.pass(3601);
    assert_eq!((works(&first).await, works(&second).await), (401, 200));
    let third = text(&plane.post(&rotate, json!({"grace_seconds": 0})).await.json()["key"]);
    assert_eq!((works(&second).await, works(&third).await), (401, 200));
    assert!(plane.get(&path).await["last_used_at"].is_string());
    assert_eq!(plane.delete(&path).await.status.as_u16(), 204);
    assert_eq!(works(&third).await, 401);
    assert!(plane.get(&path).await["revoked_at"].is_string());
    plane.post(&rotate, json!({})).await.is_problem(409, "CONFLICT");
    for body in [
        json!({"name": ""}),
        json!({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}),
        json!({"name": "x", "expires_at": "soon"}),
    ] {
        plane.post("/v1/api-keys", body).await.is_problem(422, "BODY_INVALID");
    }
}

#[tokio::test]
async fn a_key_ends_when_it_expires() {
    let plane = Plane::new().await;
    let now = *plane.world.now.lock().expect("no panic");
    let expires = now.checked_add(jiff::SignedDuration::from_secs(60)).expect("in range").to_string();
    let made = plane.post("/v1/api-keys", json!({"name": "short", "expires_at": expires})).await.json();
    let key = text(&made["key"]);
    assert_eq!(get("/v1/domains").key(&key).of(&plane.router).await.status.as_u16(), 200);
    plane.world.pass(60);
    get("/v1/domains").key(&key).of(&plane.router).await.is_problem(401, "CREDENTIAL_INVALID");
}

#[tokio::test]
async fn the_operator_acts_in_the_organization_they_name_and_alone_makes_new_ones() {
    let plane = Plane::new().await;
    plane.post("/v1/organizations", json!({"name": "mine"})).await.is_problem(403, "OPERATOR_ONLY");
    let (other, key) = plane.other("other").await;
    let of = |org: &str| get("/v1/about").operator().header("foundry-organization", org);
    assert_eq!(of(&other.to_string()).of(&plane.router).await.json()["organization"]["name"], "other");
    assert_eq!(get("/v1/about").operator().of(&plane.router).await.json()["organization"]["name"], "default");
    for unknown in ["org_00000000000070008000000000000000", "nonsense"] {
        of(unknown).of(&plane.router).await.is_problem(404, "NOT_FOUND");
    }
    let all = get("/v1/organizations").operator().of(&plane.router).await.json();
    assert_eq!(all["data"].as_array().expect("a list").len(), 2);
    let own = get("/v1/organizations").key(&key).of(&plane.router).await.json();
    assert_eq!(
        (own["data"].as_array().expect("a list").len(), &own["data"][0]["name"]),
        (1, &json!("other"))
    );
    let change = json!({"title": "Other", "recordings_keep_days": 30});
    let changed = ask(Method::PATCH, &format!("/v1/organizations/{other}"))
        .json(&change)
        .key(&key)
        .of(&plane.router)
        .await
        .json();
    assert_eq!((&changed["title"], &changed["recordings_keep_days"]), (&json!("Other"), &json!(30)));
    let kept = ask(Method::PATCH, &format!("/v1/organizations/{other}"))
        .json(&json!({"recordings_keep_days": null}));
    assert_eq!(kept.key(&key).of(&plane.router).await.json()["recordings_keep_days"], json!(null));
    let environments = get("/v1/environments").key(&key).of(&plane.router).await.json();
    assert_eq!(environments["data"].as_array().expect("a list").len(), 3);
}

#[tokio::test]
async fn the_cookie_changes_things_from_our_own_pages_alone_and_a_code_signs_in_once() {
    let plane = Plane::new().await;
    let code = plane.world.code.shown().expect("there is one");
    plane.world.code.note(&plane.db, plane.org).await.expect("in the audit log");
    let signed =
        post("/v1/operator/session", json!({"code": code})).on_page(OWN_PAGE).of(&plane.router).await;
    assert_eq!(signed.status.as_u16(), 204);
    let cookie = signed.header("set-cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
    let tied = "select string_agg(actor, ' then ' order by id) from app.audit_log where action like 'admin_link.%' group by target";
    assert_eq!(plane.sql(tied).await, "server then operator", "the link was made, and used");
    let spent = post("/v1/operator/session", json!({"code": code})).of(&plane.router).await;
    let spent = text(&spent.is_problem(403, "ADMIN_LINK_SPENT")["detail"]);
    assert!(spent.contains("used already") && spent.contains("`foundry admin-link`"), "{spent}");
    for body in [json!({}), json!({"code": "x", "token": "y"})] {
        post("/v1/operator/session", body).of(&plane.router).await.is_problem(400, "BODY_INVALID");
    }
    let read = get("/v1/domains").header("cookie", &cookie);
    assert_eq!(read.of(&plane.router).await.status.as_u16(), 200);
    let create = |name: &str| post("/v1/domains", json!({"name": name})).header("cookie", &cookie);
    assert_eq!(create("a").on_page(OWN_PAGE).of(&plane.router).await.status.as_u16(), 201);
    create("b").on_page(SHOP).of(&plane.router).await.is_problem(403, "ORIGIN_FORBIDDEN");
    create("b").of(&plane.router).await.is_problem(403, "ORIGIN_FORBIDDEN");
    get("/v1/domains")
        .header("cookie", &cookie)
        .on_page(SHOP)
        .of(&plane.router)
        .await
        .is_problem(403, "ORIGIN_FORBIDDEN");
    let out = ask(Method::DELETE, "/v1/operator/session").of(&plane.router).await;
    assert!(out.status.as_u16() == 204 && out.header("set-cookie").expect("a cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn each_answer_says_how_many_requests_are_left_and_what_is_over_is_refused() {
    let plane = Plane::with(5).await;
    let mut left = Vec::new();
    for _ in 0..5 {
        let reply = plane.send(get("/v1/domains")).await;
        assert_eq!(reply.header("ratelimit-policy"), Some("\"default\";q=5;w=60"));
        assert_eq!(reply.header("x-ratelimit-limit"), Some("5"));
        left.push(reply.header("x-ratelimit-remaining").expect("said").to_owned());
    }
    assert_eq!(left, ["4", "3", "2", "1", "0"]);
    let refused = plane.send(get("/v1/domains")).await;
    refused.is_problem(429, "RATE_LIMITED");
    assert!(
        refused
            .header("retry-after")
            .is_some_and(|wait| (1..=12).contains(&wait.parse::<u32>().expect("seconds")))
    );
    assert!(refused.header("ratelimit").is_some_and(|said| said.starts_with("\"default\";r=0;t=")));
    let operator = get("/v1/domains").operator().of(&plane.router).await;
    assert_eq!(operator.status.as_u16(), 200, "each has a bucket of their own");
}

#[tokio::test]
async fn drafts_and_versions_by_number_are_called_by_those_who_make_agents() {
    let plane = Plane::new().await;
    let (_, other) = plane.other("other").await;
    let start = |agent: &str| post("/start", json!({"body": {"agent": agent}}));
    let token = |agent: &str| post("/v1/widget/token", json!({"agent": agent}));
    for agent in ["front-desk@draft", "front-desk@3"] {
        start(agent).of(&plane.router).await.is_problem(401, "TOKEN_REQUIRED");
        start(&format!("{}/{agent}", plane.org))
            .key(&other)
            .of(&plane.router)
            .await
            .is_problem(404, "AGENT_UNKNOWN");
        token(agent).of(&plane.router).await.is_problem(403, "OPERATOR_ONLY");
        let seen = plane.world.prepared.lock().expect("no panic").iter().any(|known| known == agent);
        assert!(!seen, "{agent} is not made ready for strangers");
        // There is a draft and no third version.
        let (status, code) =
            if agent.ends_with("draft") { (200, None) } else { (404, Some("AGENT_UNKNOWN")) };
        for reply in [
            start(agent).key(&plane.key).of(&plane.router).await,
            start(agent).operator().of(&plane.router).await,
            token(agent).key(&plane.key).of(&plane.router).await,
        ] {
            assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
            code.map(|code| reply.is_problem(status, code));
        }
    }
    let given = token("front-desk@draft").key(&plane.key).of(&plane.router).await.json();
    let given = post("/start", json!({"body": {"agent": "front-desk@draft", "token": given["token"]}}));
    assert_eq!(given.of(&plane.router).await.status.as_u16(), 200);
    assert_eq!(start("front-desk").key(&plane.key).of(&plane.router).await.status.as_u16(), 200);
    start("front-desk@staging").of(&plane.router).await.is_problem(404, "AGENT_UNKNOWN");
}

#[tokio::test]
async fn an_organizations_agents_are_called_by_name_with_its_key_and_by_whom_it_gives_a_token() {
    let plane = Plane::new().await;
    let (org, key) = plane.other("other").await;
    let theirs = format!("{org}/front-desk");
    let start = |body: serde_json::Value| post("/start", json!({"body": body}));
    let called = async |ask: Ask| {
        let reply = ask.of(&plane.router).await;
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
        let asked = reply.json()["sessionId"].as_str().expect("a session").to_owned();
        let offer = post(&format!("/sessions/{asked}/api/offer"), offer_body());
        assert_eq!(offer.of(&plane.router).await.status.as_u16(), 200);
        plane.world.seen.lock().expect("no panic").offers.pop().expect("it came").call.agent
    };
    assert_eq!(called(start(json!({"agent": "front-desk"})).key(&key)).await, theirs);
    assert_eq!(called(start(json!({"agent": "front-desk"})).key(&plane.key)).await, "front-desk");
    let operator = start(json!({"agent": "front-desk"})).operator();
    assert_eq!(called(operator.header("foundry-organization", &org.to_string())).await, theirs);

    let given =
        post("/v1/widget/token", json!({"agent": "front-desk"})).key(&key).of(&plane.router).await.json();
    let with_token = start(json!({"agent": "front-desk", "token": given["token"]}));
    assert_eq!(called(with_token).await, theirs, "the token says whose");

    start(json!({"agent": theirs})).of(&plane.router).await.is_problem(401, "TOKEN_REQUIRED");
    start(json!({"agent": theirs})).key(&plane.key).of(&plane.router).await.is_problem(404, "AGENT_UNKNOWN");
    post("/v1/widget/token", json!({"agent": theirs}))
        .of(&plane.router)
        .await
        .is_problem(403, "OPERATOR_ONLY");
}

#[tokio::test]
async fn links_of_the_command_sign_in_once_and_in_time_and_say_why_they_do_not() {
    let plane = Plane::new().await;
    let now = *plane.world.now.lock().expect("no panic");
    let link = async |life_s: i64| {
        let link = AdminLink::generate();
        let mut tx = plane.db.org_tx(plane.org).await.expect("a transaction");
        let until = now.checked_add(jiff::SignedDuration::from_secs(life_s)).expect("in range");
        control_store::admin_link::create(&mut tx, &link.hash, until).await.expect("made");
        tx.commit().await.expect("committed");
        link.code.expose().clone()
    };
    let open = async |code: &str| {
        post("/v1/operator/session", json!({"code": code})).on_page(OWN_PAGE).of(&plane.router).await
    };
    let said = |reply: Reply| text(&reply.is_problem(403, "ADMIN_LINK_SPENT")["detail"]);
    let (first, second) = (link(3600).await, link(3600).await);
    let two = tokio::join!(open(&first), open(&first));
    let mut statuses = [two.0.status.as_u16(), two.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 403], "of two at once one is let in");
    let used = said(open(&first).await);
    assert!(used.starts_with("this link was used already, 20"), "{used}");
    assert!(used.contains("`foundry admin-link`"), "{used}");
    plane.world.pass(3601);
    let late = said(open(&second).await);
    assert!(late.starts_with("this link was good until 20"), "{late}");
    let none = said(open("0123456789abcdef0123456789abcdef").await);
    assert!(none.starts_with("this link is of an earlier start of the server, or of none"), "{none}");
    let log = plane.sql("select count(*) from app.audit_log where action = 'admin_link.use'").await;
    assert_eq!(log, "1");
    let named = "select count(*) from app.audit_log a join app.admin_links l on l.id::text = a.target where l.used_at is not null and a.action = 'admin_link.use'";
    assert_eq!(plane.sql(named).await, "1", "by the link's id");
}

#[tokio::test]
async fn who_calls_with_a_key_is_told_what_is_wrong_with_key_or_name() {
    let plane = Plane::new().await;
    let (org, key) = plane.other("other").await;
    let environments = plane.get("/v1/environments").await;
    let agent = plane.get("/v1/agents/front-desk").await["id"].clone();
    let channel = json!({"kind": "widget", "address": "shop", "agent_id": agent, "environment_id": environments["data"][0]["id"]});
    let channel = text(&plane.post("/v1/channels", channel).await.json()["id"]);
    let start = |agent: &str| post("/start", json!({"body": {"agent": agent}}));
    let said = |reply: Reply, status: u16, code: &str| text(&reply.is_problem(status, code)["detail"]);

    let foreign = said(start(&channel).key(&key).of(&plane.router).await, 404, "AGENT_UNKNOWN");
    assert!(foreign.contains("is not of the organization of the API key"), "{foreign}");
    assert!(foreign.contains(&channel) && !foreign.contains("token"), "{foreign}");
    let none = said(start("front-desk").key("fdy_none").of(&plane.router).await, 401, "CREDENTIAL_INVALID");
    assert!(none.contains("API key"), "{none}");

    let unknown = said(start("nobody").key(&key).of(&plane.router).await, 404, "AGENT_UNKNOWN");
    assert!(unknown.contains(&format!("the organization {org} has no agent \"nobody\"")), "{unknown}");
    assert!(unknown.contains("GET /v1/agents ") && !unknown.contains("/v1/widget/agents"), "{unknown}");
    let home = said(start("nobody").key(&plane.key).of(&plane.router).await, 404, "AGENT_UNKNOWN");
    assert!(home.contains("GET /v1/widget/agents"), "{home}");
}
