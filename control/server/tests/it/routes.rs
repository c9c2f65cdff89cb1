//! Routes: made and changed, tried before they are saved, and no number of two organizations.

use axum::http::Method;
use domain::OrgId;
use serde_json::{Value, json};

use crate::fake::{ask, post};
use crate::plane::{Plane, text};

struct Led {
    plane: Plane,
    agent: String,
    environment: String,
}

impl Led {
    async fn new() -> Self {
        let plane = Plane::new().await;
        let agent = text(&plane.get("/v1/agents/front-desk").await["id"]);
        let environments = plane.get("/v1/environments").await;
        let all = environments["data"].as_array().expect("a list");
        let prod = all.iter().find(|one| one["name"] == "prod").expect("prod is there");
        let environment = text(&prod["id"]);
        Self { plane, agent, environment }
    }

    fn body(&self, conditions: Value) -> Value {
        let mut body = json!({"agent_id": self.agent, "environment_id": self.environment});
        let parts = conditions.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(parts);
        body
    }

    async fn make(&self, conditions: Value) -> Value {
        self.plane.post("/v1/routes", self.body(conditions)).await.json()
    }

    async fn test(&self, asked: Value) -> Value {
        self.plane.post("/v1/routes/test", asked).await.json()
    }
}

/// Another organization with an agent of its own.
struct Others {
    org: OrgId,
    key: String,
    agent: String,
    environment: String,
}

impl Others {
    async fn beside(plane: &Plane) -> Self {
        let (org, key) = plane.other("other").await;
        let agent = json!({"name": "theirs", "template": "front-desk"});
        let agent = ask(Method::POST, "/v1/agents").json(&agent).key(&key).of(&plane.router).await.json();
        let environments = crate::fake::get("/v1/environments").key(&key).of(&plane.router).await.json();
        Self { agent: text(&agent["id"]), environment: text(&environments["data"][0]["id"]), org, key }
    }

    fn body(&self, conditions: Value) -> Value {
        let mut body = json!({"agent_id": self.agent, "environment_id": self.environment});
        body.as_object_mut().expect("an object").extend(conditions.as_object().expect("an object").clone());
        body
    }
}

#[tokio::test]
async fn a_route_is_made_changed_and_removed_and_all_of_it_is_on_record() {
    let led = Led::new().await;
    let made = led
        .plane
        .post("/v1/routes", led.body(json!({"number": "0041 44 123 45 67", "trunk": "carrier"})))
        .await;
    assert_eq!((made.status.as_u16(), made.header("etag")), (201, Some("\"1\"")));
    let made = made.json();
    assert_eq!(
        (&made["number"], &made["enabled"]),
        (&json!("+41441234567"), &json!(true)),
        "as numbers are written"
    );
    let path = format!("/v1/routes/{}", text(&made["id"]));
    assert_eq!(led.plane.get(&path).await, made);
    assert_eq!(led.plane.get("/v1/routes").await["data"], json!([made]));
    let changed =
        led.plane.patch(&path, json!({"trunk": null, "schedule": {"holidays": "never"}})).await.json();
    assert_eq!(
        (&changed["trunk"], &changed["revision"], &changed["number"]),
        (&Value::Null, &json!(2), &made["number"])
    );
    let stale = ask(Method::PATCH, &path).json(&json!({"title": "x"})).header("if-match", "\"1\"");
    assert_eq!(led.plane.send(stale).await.is_problem(412, "PRECONDITION_FAILED")["current"], changed);
    assert_eq!(led.plane.delete(&path).await.status.as_u16(), 204);
    led.plane.send(crate::fake::get(&path)).await.is_problem(404, "NOT_FOUND");
    let audit = led.plane.get("/v1/audit?limit=3").await;
    let actions: Vec<_> =
        audit["data"].as_array().expect("a list").iter().map(|one| &one["action"]).collect();
    assert_eq!(actions, ["route.delete", "route.update", "route.create"]);
}

#[tokio::test]
async fn what_cannot_be_a_route_is_told_at_its_field() {
    let led = Led::new().await;
    for (conditions, pointer) in [
        (json!({"number": "*"}), "/number"),
        (json!({"number": "a b"}), "/number"),
        (json!({"room": "Zürich"}), "/room"),
        (json!({"host": "a b"}), "/host"),
        (json!({"trunk": "Main trunk"}), "/trunk"),
        (json!({"headers": [{"name": "X Line", "value": ""}]}), "/headers/0/name"),
        (json!({"schedule": {"time_zone": "Mars/Olympus"}}), "/schedule/time_zone"),
        (json!({"schedule": {"windows": [{"from": "8", "to": "18:00"}]}}), "/schedule/windows/0/from"),
    ] {
        let refused =
            led.plane.post("/v1/routes", led.body(conditions)).await.is_problem(422, "BODY_INVALID");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    for given in [json!({"host": "voice.example.com"}), json!({"number": "+41*"}), json!({"room": "a*"})] {
        let body = led.body(given.clone());
        led.plane.post("/v1/routes", body.clone()).await.is_problem(403, "OPERATOR_ONLY");
        assert_eq!(
            post("/v1/routes", body).operator().of(&led.plane.router).await.status.as_u16(),
            201,
            "{given}"
        );
    }
}

#[tokio::test]
async fn a_call_is_tried_and_every_route_says_why() {
    let led = Led::new().await;
    let town = led.make(json!({"number": "+414412*", "title": "Town"})).await;
    let desk = led.make(json!({"number": "+41441234567", "title": "Desk", "schedule": {"windows": [{"days": ["sun"], "from": "08:00", "to": "12:00"}]}})).await;
    led.make(json!({"number": "+41441234567", "enabled": false})).await;
    let trunk = led.make(json!({"trunk": "carrier", "title": "Trunk"})).await;
    let call = |at: &str| json!({"call": {"number": "41441234567", "at": at}});
    let monday = led.test(call("2026-11-30T09:00:00Z")).await;
    let reached = &monday["reached"];
    assert_eq!((&reached["route_id"], &reached["agent"]), (&town["id"], &json!("front-desk")), "{monday}");
    assert_eq!((&reached["environment"], &reached["version"]), (&json!("prod"), &json!(1)));
    assert_eq!(
        (&monday["number"], &monday["local_time"]),
        (&json!("+41441234567"), &json!("Monday 2026-11-30 09:00 UTC"))
    );
    let why: Vec<_> = monday["considered"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (text(&one["title"]), one["chosen"] == true, text(&one["why"])))
        .collect();
    let line = |title: &str, chosen, why: &str| (title.to_owned(), chosen, why.to_owned());
    assert_eq!(
        why,
        [
            line("Town", true, "fits by the first 7 characters of the number"),
            line("Desk", false, "closed on Monday at 09:00"),
            line(
                "Trunk",
                false,
                "names no number, room or hostname, and the call comes in by no trunk or account of the organization"
            ),
        ],
        "one that is off takes no call"
    );
    assert_eq!(led.test(call("2026-11-29T09:00:00Z")).await["reached"]["route_id"], desk["id"]);
    let by_trunk = led.test(json!({"call": {"number": "+15550100", "trunk": "carrier"}})).await;
    assert_eq!(by_trunk["reached"]["route_id"], trunk["id"]);
    assert_eq!(led.test(json!({"call": {"number": "+15550100"}})).await["reached"], Value::Null);
}

#[tokio::test]
async fn a_route_is_tried_before_it_is_saved_and_nothing_of_it_stays() {
    let led = Led::new().await;
    let others = Others::beside(&led.plane).await;
    let desk = led.make(json!({"number": "+41441234567"})).await;
    let asked = |draft: Value, replaces: Option<&Value>| json!({"call": {"number": "+15550100"}, "draft": led.body(draft), "replaces": replaces});
    let tried = led.test(asked(json!({"number": "+15550100"}), None)).await;
    assert_eq!(
        (&tried["reached"]["route_id"], &tried["reached"]["agent"]),
        (&Value::Null, &json!("front-desk"))
    );
    assert_eq!((&tried["refusal"], tried["considered"].as_array().map(Vec::len)), (&Value::Null, Some(2)));
    let instead = led.test(asked(json!({"number": "+15550100"}), Some(&desk["id"]))).await;
    assert_eq!(
        instead["considered"].as_array().map(Vec::len),
        Some(1),
        "it stands for the one that it replaces"
    );
    let theirs = others.body(json!({"number": "+15550100"}));
    let made = ask(Method::POST, "/v1/routes").json(&theirs).key(&others.key).of(&led.plane.router).await;
    assert_eq!(made.status.as_u16(), 201, "what was tried has claimed nothing: {}", made.text);
    let refused = led.test(asked(json!({"number": "+15550100"}), None)).await;
    assert!(text(&refused["refusal"]).starts_with("another organization has a route"), "{refused}");
    assert_eq!(led.plane.get("/v1/routes").await["data"], json!([desk]), "nothing was stored");
}

#[tokio::test]
async fn a_number_is_one_organizations_alone_until_it_lets_go() {
    let led = Led::new().await;
    let others = Others::beside(&led.plane).await;
    let theirs = async |conditions: Value| {
        let body = others.body(conditions);
        ask(Method::POST, "/v1/routes").json(&body).key(&others.key).of(&led.plane.router).await
    };
    let desk = led.make(json!({"number": "+41441234567", "room": "lobby"})).await;
    led.make(json!({"number": "+41441234567", "trunk": "carrier"})).await;
    let block = led.make(json!({"number": "+4131123*"})).await;
    for taken in ["+41441234567", "+4144123*", "+41311230000", "+4131123*", "+413112345*"] {
        theirs(json!({"number": taken})).await.is_problem(409, "ROUTE_TAKEN");
    }
    // Even where the operator would give it.
    let given = async |conditions: Value| {
        let ask = ask(Method::POST, "/v1/routes").json(&others.body(conditions)).operator();
        ask.header("foundry-organization", &others.org.to_string()).of(&led.plane.router).await
    };
    given(json!({"room": "lobby"})).await.is_problem(409, "ROUTE_TAKEN");
    for free in ["+41441234568", "+414412345678", "+4131124*", "lobby"] {
        assert_eq!(theirs(json!({"number": free})).await.status.as_u16(), 201, "{free}");
    }
    // One that is off keeps its number; one of several that goes leaves it to the other.
    let block = format!("/v1/routes/{}", text(&block["id"]));
    led.plane.patch(&block, json!({"enabled": false})).await.json();
    theirs(json!({"number": "+41311230000"})).await.is_problem(409, "ROUTE_TAKEN");
    led.plane.patch(&block, json!({"number": "+41311239999"})).await.json();
    assert_eq!(theirs(json!({"number": "+41311230000"})).await.status.as_u16(), 201);
    led.plane.patch(&block, json!({"number": "+4131123*"})).await.is_problem(409, "ROUTE_TAKEN");
    assert_eq!(led.plane.get(&block).await["number"], "+41311239999", "nothing of a refused change stays");
    led.plane.delete(&format!("/v1/routes/{}", text(&desk["id"]))).await;
    theirs(json!({"number": "+41441234567"})).await.is_problem(409, "ROUTE_TAKEN");
    assert_eq!(given(json!({"room": "lobby"})).await.status.as_u16(), 201);
}

#[tokio::test]
async fn rooms_of_others_are_claimed_by_nobody_and_names_of_nobody_are_given_by_the_operator() {
    let led = Led::new().await;
    let others = Others::beside(&led.plane).await;
    let (third, _) = led.plane.other("third").await;
    let org = others.org;
    let ask = async |path: &str, conditions: Value, operator: bool| {
        let ask = ask(Method::POST, path).json(&others.body(conditions));
        let ask = if operator {
            ask.operator().header("foundry-organization", &org.to_string())
        } else {
            ask.key(&others.key)
        };
        ask.of(&led.plane.router).await
    };
    let channel = |room: &str| json!({"kind": "room", "address": room});
    // The rooms of another organization, or of several: not even by the operator.
    for room in ["org_*", "org*", "o*", &format!("{third}/*"), &format!("{third}/desk"), &format!("{org}*")] {
        for operator in [false, true] {
            let refused = ask("/v1/routes", json!({"room": room}), operator).await;
            let refused = refused.is_problem(409, "ROUTE_TAKEN");
            assert_eq!(refused["errors"][0]["pointer"], "/room", "{refused}");
        }
    }
    let refused = ask("/v1/channels", channel(&format!("{third}/desk")), true).await;
    assert_eq!(refused.is_problem(409, "ROUTE_TAKEN")["errors"][0]["pointer"], "/address");
    // The default organization has none of them either.
    for room in ["org_*".to_owned(), format!("{third}/desk"), format!("{org}/*")] {
        led.plane.post("/v1/routes", led.body(json!({"room": room}))).await.is_problem(409, "ROUTE_TAKEN");
        led.plane.post("/v1/channels", led.body(channel(&room))).await.is_problem(409, "ROUTE_TAKEN");
    }
    // Names that the default organization uses without a route, too.
    for room in ["desk", "support-*", "supports"] {
        ask("/v1/routes", json!({"room": room}), false).await.is_problem(403, "OPERATOR_ONLY");
        ask("/v1/channels", channel(room), false).await.is_problem(403, "OPERATOR_ONLY");
    }
    let draft = json!({"call": {"room": "desk"}, "draft": others.body(json!({"room": "desk"}))});
    let tried = crate::fake::ask(Method::POST, "/v1/routes/test").json(&draft).key(&others.key);
    let tried = tried.of(&led.plane.router).await.json();
    assert_eq!(tried["refusal_code"], "OPERATOR_ONLY", "{tried}");
    // Its own, and what lies in what it was given.
    assert_eq!(ask("/v1/routes", json!({"room": format!("{org}/*")}), false).await.status.as_u16(), 201);
    let own = ask("/v1/channels", channel(&format!("{org}/desk")), false).await;
    assert_eq!(own.status.as_u16(), 201, "{}", own.text);
    assert_eq!(ask("/v1/routes", json!({"room": "support-*"}), true).await.status.as_u16(), 201);
    for inside in ["support-vip", "support-de-*"] {
        assert_eq!(ask("/v1/routes", json!({"room": inside}), false).await.status.as_u16(), 201, "{inside}");
    }
    assert_eq!(ask("/v1/channels", channel("support-1"), false).await.status.as_u16(), 201);
    ask("/v1/routes", json!({"room": "suppo*"}), false).await.is_problem(403, "OPERATOR_ONLY");
}

/// Claims that are older than the rule become rooms of their organization's own.
#[tokio::test]
async fn rooms_that_were_claimed_before_are_ones_own_afterwards() {
    let led = Led::new().await;
    let others = Others::beside(&led.plane).await;
    let (third, third_key) = led.plane.other("third").await;
    let org = others.org;
    let make = async |conditions: Value| {
        let ask = ask(Method::POST, "/v1/routes").json(&others.body(conditions)).operator();
        let made = ask.header("foundry-organization", &org.to_string()).of(&led.plane.router).await;
        text(&made.json()["id"])
    };
    let (desk, wide) = (make(json!({"room": "desk"})).await, make(json!({"room": "support-*"})).await);
    let long = make(json!({"room": "x".repeat(100)})).await;
    let kept = make(json!({"number": "+41441234567"})).await;
    let lobby = led.make(json!({"room": "lobby"})).await;
    let old = |id: &str, room: &str| {
        let id = id.rsplit('_').next().expect("an id");
        format!("update app.routes set room = '{room}' where id = '{id}';")
    };
    let statements = old(&wide, "org_*");
    led.plane.sql(&statements).await;
    let (agent, environment) = (&others.agent["agt_".len()..], &others.environment["env_".len()..]);
    let owner = org.as_uuid();
    led.plane
        .sql(&format!(
            "insert into app.channels (id, org_id, kind, address, agent_id, environment_id)
             values (gen_random_uuid(), '{owner}', 'room', '{third}/desk', '{agent}', '{environment}');
             delete from app.route_claims where starts_with(lower(places), 'room:');
             insert into app.route_claims (org_id, places)
             select '{owner}', app.places_of(place) from unnest(array['room:desk', 'room:org_*']) as place;"
        ))
        .await;
    let migration = include_str!("../../../store/migrations/0017_rooms_of_ones_own.sql");
    led.plane.sql(&format!("begin; {migration} commit;")).await;
    let theirs = async |id: &str| {
        let path = format!("/v1/routes/{id}");
        crate::fake::get(&path).key(&others.key).of(&led.plane.router).await.json()
    };
    assert_eq!(theirs(&desk).await["room"], format!("{org}/desk"));
    assert_eq!(theirs(&wide).await["room"], format!("{org}/org_*"));
    let long = theirs(&long).await;
    assert_eq!((&long["room"], &long["enabled"]), (&Value::Null, &json!(false)));
    assert_eq!(theirs(&kept).await["number"], "+41441234567");
    let channels = crate::fake::get("/v1/channels").key(&others.key).of(&led.plane.router).await.json();
    assert_eq!(channels["data"][0]["address"], format!("{org}/{third}/desk"), "{channels}");
    assert_eq!(led.plane.get(&format!("/v1/routes/{}", text(&lobby["id"]))).await, lobby);
    let claims = "select string_agg(lower(places), ' ' order by places) from app.route_claims where starts_with(lower(places), 'room:')";
    let mut claimed = [
        "room:lobby".to_owned(),
        format!("room:{org}/desk"),
        // The channel lies in it.
        format!("room:{org}/org_"),
    ];
    claimed.sort();
    assert_eq!(led.plane.sql(claims).await, claimed.join(" "));
    // The third may have a route for its own rooms again.
    let agent = ask(Method::POST, "/v1/agents").json(&json!({"name": "free", "template": "front-desk"}));
    let agent = agent.key(&third_key).of(&led.plane.router).await.json();
    let environments =
        crate::fake::get("/v1/environments").key(&third_key).of(&led.plane.router).await.json();
    let free = json!({"room": format!("{third}/*"), "agent_id": agent["id"], "environment_id": environments["data"][0]["id"]});
    let free = ask(Method::POST, "/v1/routes").json(&free).key(&third_key).of(&led.plane.router).await;
    assert_eq!(free.status.as_u16(), 201, "{}", free.text);
}

#[tokio::test]
async fn a_call_begins_at_a_node_that_the_served_version_has_or_the_route_is_refused() {
    let led = Led::new().await;
    let body = led.body(json!({"number": "+41441234567", "node": "nowhere"}));
    let refused = led.plane.post("/v1/routes", body).await.is_problem(422, "ROUTE_NODE_UNKNOWN");
    assert_eq!(refused["errors"][0]["pointer"], "/node", "{refused}");
    assert!(
        text(&refused["detail"]).contains("it has ") && text(&refused["detail"]).contains("booking"),
        "{refused}"
    );
    let made = led.make(json!({"number": "+41441234567", "node": "booking", "title": "Bookings"})).await;
    assert_eq!(made["node"], "booking", "{made}");
    let call = json!({"number": "+41441234567"});
    let reached = led.test(json!({"call": call})).await["reached"].clone();
    assert_eq!((&reached["node"], &reached["node_missing"]), (&json!("booking"), &json!(false)), "{reached}");
    let path = format!("/v1/routes/{}", text(&made["id"]));
    led.plane.patch(&path, json!({"node": "nowhere"})).await.is_problem(422, "ROUTE_NODE_UNKNOWN");
    let draft = led.body(json!({"number": "+41441234567", "node": "nowhere"}));
    let tried = led.test(json!({"call": call, "draft": draft, "replaces": made["id"]})).await;
    assert_eq!(tried["refusal_code"], "ROUTE_NODE_UNKNOWN", "{tried}");
    assert_eq!(
        (&tried["reached"]["node"], &tried["reached"]["node_missing"]),
        (&json!("nowhere"), &json!(true))
    );
    // Nothing is published to the other environments, so that no node of it is known.
    let environments = led.plane.get("/v1/environments").await;
    let dev = environments["data"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["name"] == "dev")
        .expect("dev is there");
    let unserved = led.plane.patch(&path, json!({"environment_id": dev["id"]})).await;
    assert!(text(&unserved.is_problem(422, "ROUTE_NODE_UNKNOWN")["detail"]).contains("publish it first"));
    assert_eq!(led.plane.patch(&path, json!({"title": "x"})).await.json()["node"], "booking", "it stays");
    assert_eq!(led.plane.patch(&path, json!({"node": null})).await.json()["node"], Value::Null);
}

#[tokio::test]
async fn a_version_that_has_lost_the_node_is_told_of_where_it_is_published_and_the_call_is_tried() {
    let led = Led::new().await;
    let publish = async |lobby: bool| {
        let draft = led.plane.get("/v1/agents/front-desk/draft").await;
        let mut definition = draft["definition"].clone();
        let nodes = definition["nodes"].as_object_mut().expect("nodes");
        match lobby {
            true => drop(nodes.insert("lobby".to_owned(), json!({"kind": "say", "text": ["Welcome."]}))),
            false => drop(nodes.remove("lobby")),
        }
        let at = |revision: &Value| format!("\"{revision}\"");
        let put = ask(Method::PUT, "/v1/agents/front-desk/draft").json(&json!({"definition": definition}));
        let saved = led.plane.send(put.header("if-match", &at(&draft["revision"]))).await.json();
        let body = json!({"note": "", "environment": "prod"});
        let published =
            post("/v1/agents/front-desk/publish", body).header("if-match", &at(&saved["revision"]));
        let published = led.plane.send(published).await;
        assert!(published.status.is_success(), "{}", published.text);
        published.json()
    };
    publish(true).await;
    let made = led.make(json!({"number": "+41441234567", "node": "lobby", "title": "Lobby"})).await;
    led.make(json!({"number": "+41441234568", "node": "booking"})).await;
    led.make(json!({"number": "+41441234569", "node": "lobby", "enabled": false})).await;
    assert_eq!(publish(true).await["routes_without_node"], json!([]), "all nodes are there");
    // What was published first, again.
    let published = publish(false).await;
    assert_eq!(published["number"], 1, "{published}");
    assert_eq!(
        published["routes_without_node"],
        json!([{"id": made["id"], "title": "Lobby", "node": "lobby"}]),
        "{published}"
    );
    // The second has it: whoever moves there is told nothing, and whoever goes back is told the same.
    let lost = json!([{"id": made["id"], "title": "Lobby", "node": "lobby"}]);
    let put = async |version: i64| {
        let put = ask(Method::PUT, "/v1/agents/front-desk/aliases/prod").json(&json!({"version": version}));
        let moved = led.plane.send(put).await.json();
        assert_eq!(moved["version"], version, "{moved}");
        moved["routes_without_node"].clone()
    };
    assert_eq!(put(2).await, json!([]));
    let back = led.plane.post("/v1/agents/front-desk/rollback", json!({"environment": "prod"})).await.json();
    assert_eq!((&back["version"], &back["routes_without_node"]), (&json!(1), &lost), "{back}");
    assert_eq!(put(1).await, lost, "one that is there already is told of too");
    let reached = led.test(json!({"call": {"number": "+41441234567"}})).await["reached"].clone();
    assert_eq!(
        (&reached["version"], &reached["node"], &reached["node_missing"]),
        (&json!(1), &json!("lobby"), &json!(true)),
        "{reached}"
    );
}

#[tokio::test]
async fn a_channel_leads_its_number_by_itself_and_no_other_organization_has_it() {
    let led = Led::new().await;
    let others = Others::beside(&led.plane).await;
    let channel = led.body(json!({"kind": "number", "address": "+41441234567"}));
    let channel = led.plane.post("/v1/channels", channel).await.json();
    let call = json!({"call": {"number": "0041 44 123 45 67"}});
    let led_by = led.test(call.clone()).await;
    assert_eq!(
        (&led_by["reached"]["channel_id"], &led_by["reached"]["route_id"], &led_by["reached"]["agent"]),
        (&channel["id"], &Value::Null, &json!("front-desk")),
        "{led_by}"
    );
    assert_eq!(led_by["considered"][0]["channel_id"], channel["id"]);
    let theirs = async |path: &str, conditions: Value| {
        ask(Method::POST, path).json(&others.body(conditions)).key(&others.key).of(&led.plane.router).await
    };
    theirs("/v1/routes", json!({"number": "+4144123*"})).await.is_problem(409, "ROUTE_TAKEN");
    let same = json!({"kind": "number", "address": "+41441234567"});
    theirs("/v1/channels", same.clone()).await.is_problem(409, "ROUTE_TAKEN");
    let route = led.make(json!({"number": "+41441234567", "title": "Desk"})).await;
    assert_eq!(led.test(call.clone()).await["reached"]["route_id"], route["id"], "a route for it goes first");
    led.plane.delete(&format!("/v1/routes/{}", text(&route["id"]))).await;
    let closed = json!({"enabled": false});
    led.plane.patch(&format!("/v1/channels/{}", text(&channel["id"])), closed).await.json();
    assert_eq!(led.test(call).await["reached"], Value::Null, "one that is closed leads nowhere");
    theirs("/v1/channels", same.clone()).await.is_problem(409, "ROUTE_TAKEN");
    led.plane.delete(&format!("/v1/channels/{}", text(&channel["id"]))).await;
    assert_eq!(theirs("/v1/channels", same).await.status.as_u16(), 201, "its number is anybody's again");
    // A room's star is a letter of its name, and no beginning of others.
    let room = led.body(json!({"kind": "room", "address": "lob*"}));
    assert_eq!(led.plane.post("/v1/channels", room).await.status.as_u16(), 201);
    let route = ask(Method::POST, "/v1/routes").json(&others.body(json!({"room": "lobby"}))).operator();
    let route = route.header("foundry-organization", &others.org.to_string()).of(&led.plane.router).await;
    assert_eq!(route.status.as_u16(), 201, "{}", route.text);
}

#[tokio::test]
async fn a_routes_trunk_is_one_that_the_organization_has() {
    let led = Led::new().await;
    let unknown = |reply: Value, has: &str| {
        let error = &reply["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!("/trunk"), &json!("unknown")), "{reply}");
        assert!(text(&error["detail"]).contains(has), "{reply}");
    };
    let by = |trunk: &str| led.body(json!({"number": "+41441234567", "trunk": trunk}));
    let refused = led.plane.post("/v1/routes", by("carier")).await.is_problem(422, "REFERENCE_UNKNOWN");
    unknown(refused, "it has carrier");
    // An account at a carrier is one, and an account that hears or speaks is none.
    for (name, vendor, options) in [
        ("twilio", "twilio", json!({"account_sid": format!("AC{}", "0".repeat(32))})),
        ("ears", "deepgram", json!({})),
    ] {
        let account = json!({"name": name, "vendor": vendor, "key": "a-key-of-a-vendor", "options": options});
        let made = led.plane.post("/v1/provider-accounts", account).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    }
    let made = led.plane.post("/v1/routes", by("twilio")).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    let path = format!("/v1/routes/{}", text(&made.json()["id"]));
    for none in ["ears", "main"] {
        let refused = led.plane.patch(&path, json!({"trunk": none})).await;
        unknown(refused.is_problem(422, "REFERENCE_UNKNOWN"), "it has carrier, twilio");
    }
    // What is gone since stays until it is changed.
    led.plane.sql("delete from app.provider_accounts where name = 'twilio'").await;
    let changed = led.plane.patch(&path, json!({"title": "Reception", "trunk": "twilio"})).await;
    assert_eq!(changed.status.as_u16(), 200, "{}", changed.text);
    // Trunks are the default organization's.
    let others = Others::beside(&led.plane).await;
    let body = others.body(json!({"number": "+41441234568", "trunk": "carrier"}));
    let refused = post("/v1/routes", body).key(&others.key).of(&led.plane.router).await;
    unknown(refused.is_problem(422, "REFERENCE_UNKNOWN"), "it has none");
}

#[tokio::test]
async fn a_route_that_would_never_be_reached_is_not_taken() {
    let led = Led::new().await;
    let number = json!({"number": "+41441234567", "title": "Reception"});
    let first = led.make(number).await;
    let again = led.body(json!({"number": "+41 44 123 45 67"}));
    let refused = led.plane.post("/v1/routes", again.clone()).await.is_problem(409, "CONFLICT");
    assert!(refused["detail"].to_string().contains("Reception"), "{refused}");
    // One that is off takes no call, and one with more conditions takes others.
    let mut off = again;
    off["enabled"] = json!(false);
    let off = led.plane.post("/v1/routes", off).await.json();
    led.make(json!({"number": "+41441234567", "trunk": "carrier"})).await;
    let path = format!("/v1/routes/{}", text(&off["id"]));
    led.plane.patch(&path, json!({"enabled": true})).await.is_problem(409, "CONFLICT");
    let first = format!("/v1/routes/{}", text(&first["id"]));
    led.plane.patch(&first, json!({"title": "Front desk"})).await.json();
    led.plane.patch(&first, json!({"enabled": false})).await.json();
    led.plane.patch(&path, json!({"enabled": true})).await.json();
}
