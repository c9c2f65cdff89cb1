//! Accounts at vendors, whose places exactly timed servers take that speak the vendors' own protocols: what callers hear of them, and of
//! their outages.

use std::net::SocketAddr;
use std::time::Duration;

use loadtest_vendors::{Delays, Stage};
use providers_api::conformance::Adversity;
use runtime::Tasks;
use serde_json::{Value, json};
use testkit::phone::{Phone, address_in};
use testkit::{Server, process};
use tokio::time::Instant;

use crate::agents::with;
use crate::house;
use crate::realtime::speak;
use crate::typing::Caller;

/// The vendors' side of the world, on a thread of its own.
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
    _tasks: Tasks,
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with(Delays::default())
    }

    pub(crate) fn with(delays: Delays) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (stage, tasks) = (Stage::new(delays), Tasks::new());
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let address =
            runtime.block_on(loadtest_vendors::serve(loopback, stage.clone(), &tasks)).expect("a port");
        Self { stage, address, _runtime: runtime, _tasks: tasks }
    }

    pub(crate) fn asked(&self) -> usize {
        self.stage.seen().iter().filter(|seen| seen.what == "request").count()
    }
}

pub(crate) fn account(server: &Server, body: &Value) -> Value {
    let made = with(server, &server.token(), "POST", "/v1/provider-accounts", body);
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

pub(crate) fn model(server: &Server, name: &str, world: &World) -> Value {
    account(
        server,
        &json!({
            "name": name, "vendor": "openai_compatible", "key": format!("key-of-{name}-0123456789"),
            "options": {"base_url": format!("http://{}/openai/v1", world.address), "llm_model": "compat-small"},
        }),
    )
}

pub(crate) fn voices(server: &Server, world: &World) -> Value {
    account(
        server,
        &json!({
            "name": "voices", "vendor": "elevenlabs", "key": "key-of-voices-0123456789",
            "options": {"base_url": format!("http://{}/elevenlabs", world.address)},
        }),
    )
}

/// A change of accounts is seen a moment later.
pub(crate) fn assistant_can_be_called(server: &Server) {
    process::wait_for("an assistant to choose", Duration::from_secs(10), || {
        let shown = with(server, &server.token(), "GET", "/v1/widget/agents", &Value::Null).text();
        shown.contains("assistant").then_some(())
    });
}

#[test]
fn the_assistant_thinks_with_the_first_account_that_answers_and_no_outage_is_heard() {
    let _quiet = house::among_others();
    let (first, second) = (World::start(), World::start());
    let server = house::timed("", &[]);
    let shown = || with(&server, &server.token(), "GET", "/v1/widget/agents", &Value::Null).text();
    assert!(!shown().contains("assistant"), "nobody thinks for it yet");
    let one = model(&server, "one", &first);
    model(&server, "two", &second);
    process::wait_for("an assistant to choose", Duration::from_secs(10), || {
        shown().contains("assistant").then_some(())
    });

    let tried = format!("/v1/provider-accounts/{}/test", one["id"].as_str().expect("an id"));
    let tried = with(&server, &server.token(), "POST", &tried, &json!({"ability": "llm"})).json();
    assert_eq!(tried["ok"], true, "{tried}");
    assert!(tried["first_ms"].as_f64().is_some_and(|first| first >= 50.0), "{tried}");

    let mut caller = Caller::connect(&server, "/ws?agent=assistant");
    caller.answered();
    caller.say("I grow basil indoors");
    caller.told("you said i grow basil indoors");
    caller.until("the end of the reply", |message| message["type"] == "bot-stopped-speaking");
    let (asked_first, asked_second) = (first.asked(), second.asked());
    assert!(asked_first > 0 && asked_second == 0, "{asked_first} {asked_second}");

    for (outage, question) in [
        (Adversity::Exhausted, "It has no credit left"),
        (Adversity::Mute, "It says nothing any more"),
        (Adversity::Hang, "It does not even answer"),
    ] {
        first.stage.always(Some(outage));
        let asked = Instant::now();
        caller.say(question);
        caller.told(&format!("you said {}", question.to_lowercase()));
        let waited = asked.elapsed();
        assert!(waited < Duration::from_secs(4), "{outage:?}: the answer came after {waited:?}");
        caller.until("the end of the reply", |message| message["type"] == "bot-stopped-speaking");
    }
    assert!(second.asked() > asked_second, "the second account answered");
    let metrics = server.read("/metrics").text();
    assert!(metrics.contains("provider_attempts_total{provider=\"openai_compatible\""), "{metrics}");
    assert!(!metrics.contains("\"one\""), "accounts are no closed set of labels: {metrics}");
    let costs = process::wait_for("the requests on record", Duration::from_secs(20), || {
        let costs = with(&server, &server.token(), "GET", "/v1/costs?group_by=provider", &Value::Null).json();
        costs.to_string().contains("\"two\"").then_some(costs)
    });
    assert!(costs.to_string().contains("\"one\""), "{costs}");
    let by_agent = with(&server, &server.token(), "GET", "/v1/costs?group_by=agent", &Value::Null).json();
    let parts = by_agent["breakdown"].as_array().cloned().unwrap_or_default();
    let trials =
        parts.iter().find(|part| part["key"].is_null()).expect("the trial is on record, for no agent");
    assert_eq!(trials["requests"], 1, "{by_agent}");
    for secret in ["key-of-one-0123456789", "key-of-two-0123456789", "basil"] {
        assert!(!server.log().contains(secret), "the log says {secret:?}");
    }
}

/// Whoever asks again and again is told to wait a minute.
const LIMITED: Duration = Duration::from_secs(150);

#[test]
fn a_call_in_which_every_model_failed_is_found_among_those_with_problems() {
    let _quiet = house::among_others();
    let world = World::start();
    let server = house::timed("", &[]);
    model(&server, "one", &world);
    assistant_can_be_called(&server);
    world.stage.always(Some(Adversity::Exhausted));
    let mut caller = Caller::connect(&server, "/ws?agent=assistant");
    caller.answered();
    caller.say("I grow basil indoors");
    caller.answered();
    drop(caller);
    let call = process::wait_for("the call among those with problems", LIMITED, || {
        let found = server.read("/v1/sessions?problems=true").json();
        found["data"].as_array()?.iter().find(|call| call["outcome"].is_string()).cloned()
    });
    assert_eq!((&call["failures"], &call["outcome"]), (&json!(1), &json!("failed")), "{call}");
    let page = format!("/v1/sessions/{}", call["id"].as_str().expect("an id"));
    let problem = process::wait_for("the call's page", LIMITED, || {
        Some(server.read(&page).json()["problems"][0].clone()).filter(Value::is_object)
    });
    assert_eq!((&problem["source"], &problem["turn"]), (&json!("provider"), &json!(1)), "{problem}");
    let code = problem["code"].as_str().filter(|code| code.starts_with("LLM_")).expect("a model's");
    process::wait_for("the failure among those that are counted by type", LIMITED, || {
        server.read("/v1/activity?window=1h").text().contains(code).then_some(())
    });
}

#[test]
fn a_voice_that_is_gone_is_followed_by_the_next_and_the_caller_hears_the_whole_sentence() {
    let _quiet = house::among_others();
    let world = World::start();
    let server = house::timed("", &[]);
    voices(&server, &world);
    let token = server.token();
    let draft = with(&server, &token, "GET", "/v1/agents/front-desk/draft", &Value::Null);
    let mut definition = draft.json()["definition"].clone();
    definition["options"]["providers"] = json!({"tts": [{"provider": "voices"}, {"provider": "built-in"}]});
    save(&server, "front-desk", &definition, &draft.json()["revision"]);
    let mut caller = trying(&server, "front-desk");
    caller.answered();
    let spoken = world.stage.seen().iter().filter(|seen| seen.vendor == "elevenlabs").count();
    assert!(spoken > 0, "the vendor's voice spoke the greeting");
    for outage in [Adversity::Unauthorized, Adversity::Mute, Adversity::Empty] {
        world.stage.always(Some(outage));
        let asked = Instant::now();
        caller.say("Where are you?");
        caller.told("maple street");
        let waited = asked.elapsed();
        assert!(waited < Duration::from_secs(6), "{outage:?}: {waited:?}");
        caller.until("the end of the reply", |message| message["type"] == "bot-stopped-speaking");
    }
    assert!(!caller.said().iter().any(|said| said.contains("technical problem")), "{:?}", caller.said());
}

/// A caller of an agent's draft.
fn trying(server: &Server, agent: &str) -> Caller {
    let permit = json!({"agent": format!("{agent}@draft")});
    let permit = with(server, &server.token(), "POST", "/v1/widget/token", &permit).json()["token"].clone();
    let permit = permit.as_str().expect("a token");
    Caller::connect(server, &format!("/ws?agent={agent}@draft&token={permit}"))
}

#[test]
fn a_call_says_turn_by_turn_who_served_it_what_it_cost_and_how_many_tokens_it_took() {
    let _quiet = house::among_others();
    let (world, other) = (World::start(), World::start());
    let server = house::timed("", &[]);
    let get = |path: &str| with(&server, &server.token(), "GET", path, &Value::Null).json();
    // Two accounts at one address with one model: whoever is asked is charged.
    for (name, world) in [("spare", &world), ("chosen", &world), ("second", &other)] {
        model(&server, name, world);
    }
    for (unit, nano) in [("input_token", 1_000), ("cached_token", 1_000), ("output_token", 5_000)] {
        let price = json!({"vendor": "openai_compatible", "model": "compat-*", "unit": unit, "price_nano_usd": nano, "per": 1});
        assert_eq!(with(&server, &server.token(), "POST", "/v1/prices", &price).status, 201);
    }
    let draft = get("/v1/agents/assistant/draft");
    let mut definition = draft["definition"].clone();
    definition["options"]["providers"] = json!({"llm": [{"provider": "chosen"}, {"provider": "second"}]});
    save(&server, "assistant", &definition, &draft["revision"]);
    let mut caller = trying(&server, "assistant");
    caller.answered();
    for (question, outage) in [("I grow basil", None), ("It has no credit", Some(Adversity::Exhausted))] {
        world.stage.always(outage);
        caller.say(question);
        caller.told(&format!("you said {}", question.to_lowercase()));
        caller.until("the end of the reply", |message| message["type"] == "bot-stopped-speaking");
    }
    let call = get("/v1/sessions?limit=1")["data"][0]["id"].as_str().expect("an id").to_owned();
    let turn_of = |found: &Value, words: &str| {
        let turns = found["turns_detail"].as_array().into_iter().flatten();
        turns.clone().find(|turn| turn["caller_text"] == words).cloned().unwrap_or_default()
    };
    // The refused attempt, the one that served, and the voice; the call goes on meanwhile.
    let found = process::wait_for("both turns on record", Duration::from_secs(20), || {
        let found = get(&format!("/v1/sessions/{call}"));
        let last = turn_of(&found, "It has no credit");
        let whole = last["cost"]["requests"].as_i64() >= Some(3) && last["served_by"]["voice"][0].is_object();
        whole.then_some(found)
    });
    assert_eq!(found["providers"], json!(["built-in", "chosen", "second"]));
    for (words, account) in [("I grow basil", "chosen"), ("It has no credit", "second")] {
        let turn = turn_of(&found, words);
        let served = &turn["served_by"];
        assert_eq!(served["thinking"], json!([{"account": account, "model": "compat-small"}]), "{turn}");
        assert_eq!(served["voice"][0]["account"], "built-in");
        assert_eq!(served["recognition"], json!([]), "it was typed");
        let cost = &turn["cost"];
        assert!(cost["cost_nano_usd"].as_i64().is_some_and(|cost| cost > 0), "{turn}");
        assert_eq!(cost["unpriced"], 0, "the built-in voice is known to cost nothing: {turn}");
    }

    let requests = get(&format!("/v1/sessions/{call}/costs"))["requests"].clone();
    let requests = requests.as_array().expect("requests");
    let of = |account: &str, field: &str| -> i64 {
        let of_one = requests.iter().filter(|one| one["ability"] == "llm" && one["provider"] == account);
        of_one.filter_map(|one| one["usage"][field].as_i64()).sum()
    };
    assert!(of("chosen", "input_tokens") > 0 && of("second", "output_tokens") > 0, "{requests:?}");
    assert_eq!(of("spare", "input_tokens"), 0, "it was not asked");
    let voice = requests.iter().find(|one| one["ability"] == "tts").expect("the built-in voice is on record");
    assert_eq!((&voice["provider"], &voice["cost_nano_usd"]), (&json!("built-in"), &json!(0)), "{voice}");
    for (account, filter) in [("chosen", "&provider=chosen"), ("second", "&provider=second")] {
        let totals = get(&format!("/v1/activity?window=24h{filter}"))["totals"].clone();
        assert_eq!(totals["tokens_in"], of(account, "input_tokens"), "{account}");
        assert_eq!(totals["tokens_out"], of(account, "output_tokens"), "{account}");
        assert_eq!(totals["calls"], 1);
    }
    let all = get("/v1/activity?window=24h");
    assert_eq!(all["totals"]["tokens_in"], of("chosen", "input_tokens") + of("second", "input_tokens"));
    assert_eq!(all["providers"], json!(["built-in", "chosen", "second"]));
}

pub(crate) fn save(server: &Server, agent: &str, definition: &Value, revision: &Value) {
    let (bearer, revision) = (format!("Bearer {}", server.token()), format!("\"{revision}\""));
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("if-match", revision.as_str()),
    ];
    let body = json!({"definition": definition}).to_string();
    let saved = testkit::http::request(
        server.url(),
        "PUT",
        &format!("/v1/agents/{agent}/draft"),
        &headers,
        body.as_bytes(),
    )
    .expect("the server answers");
    assert_eq!(saved.status, 200, "{}", saved.text());
    // An account that was made in the same moment is in use within a second.
    process::wait_for("a draft that is fit", Duration::from_secs(20), || {
        let draft = server.read(&format!("/v1/agents/{agent}/draft")).json();
        (draft["problems"] == json!([])).then_some(())
    });
}

/// Sets the budget of the month.
fn budget(server: &Server, dollars: f64, revision: u32) {
    let (bearer, revision) = (format!("Bearer {}", server.token()), format!("\"{revision}\""));
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("if-match", revision.as_str()),
    ];
    let nano = (dollars * 1e9).round();
    let body = json!({"monthly_limit_nano_usd": nano as i64, "hard_stop": true}).to_string();
    let set = testkit::http::request(server.url(), "PUT", "/v1/budget", &headers, body.as_bytes());
    let set = set.expect("the server answers");
    assert_eq!(set.status, 200, "{}", set.text());
}

#[test]
fn a_spent_budget_ends_a_call_after_its_sentence_and_takes_no_new_one_until_it_is_raised() {
    let _quiet = house::among_others();
    let world = World::start();
    let server = house::timed("", &["--sip-listen", "127.0.0.1:0", "--sip-open"]);
    model(&server, "dear", &world);
    assistant_can_be_called(&server);
    for unit in ["input_token", "cached_token", "output_token"] {
        let price = json!({"vendor": "openai_compatible", "model": "*", "unit": unit, "price_nano_usd": 1_000_000_000});
        let made = with(&server, &server.token(), "POST", "/v1/prices", &price);
        assert_eq!(made.status, 201, "{}", made.text());
    }
    budget(&server, 1.0, 0);
    let mut caller = Caller::connect(&server, "/ws?agent=assistant");
    caller.answered();
    caller.say("I grow basil indoors");
    caller.told("you said i grow basil indoors");
    // What that came to is more than the budget: the agent says goodbye after it, in whole sentences.
    caller.told("i have to end the call here");
    caller.ends();
    let calls = with(&server, &server.token(), "GET", "/v1/sessions", &Value::Null).json();
    let id = calls["data"][0]["id"].as_str().expect("the call").to_owned();
    let record = process::wait_for("the call's end on record", Duration::from_secs(10), || {
        let record = server.read(&format!("/v1/sessions/{id}")).json();
        (record["end_reason"] == "budget_spent").then_some(record)
    });
    let cut = record["transcript"].as_array().into_iter().flatten().any(|line| !line["unheard"].is_null());
    assert!(!cut, "a sentence was cut off: {}", record["transcript"]);

    let start =
        |server: &Server| with(server, &server.token(), "POST", "/start", &json!({"transport": "webrtc"}));
    let refused = start(&server);
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (402, &json!("BUDGET_SPENT")),
        "{}",
        refused.text()
    );
    let mut phone = Phone::new(address_in(&server.log()).expect("the server says where it is called"));
    assert_eq!(phone.call("assistant").status(), Some(480));
    assert_eq!(phone.progress(), [100], "nothing rings for who is refused");
    let alerts = process::wait_for("the alert", Duration::from_secs(10), || {
        let alerts = with(&server, &server.token(), "GET", "/v1/alerts", &Value::Null).json();
        alerts.to_string().contains("budget_exceeded").then_some(alerts)
    });
    assert!(alerts.to_string().contains("new calls are refused"), "{alerts}");
    budget(&server, 1_000_000.0, 1);
    process::wait_for("calls to be taken again", Duration::from_secs(10), || {
        (start(&server).status == 200).then_some(())
    });
}

#[test]
fn an_account_outside_of_the_regions_is_never_asked_and_refused_in_a_draft() {
    let _quiet = house::among_others();
    let (abroad, home) = (World::start(), World::start());
    let server = house::timed("", &[]);
    let token = server.token();
    let made = |name: &str, region: &str, world: &World| {
        account(
            &server,
            &json!({
                "name": name, "vendor": "openai_compatible", "key": "key-0123456789",
                "options": {"base_url": format!("http://{}/openai/v1", world.address), "llm_model": "compat-small", "region": region},
            }),
        )
    };
    made("abroad", "us-east1", &abroad);
    made("home", "europe-west4", &home);
    let org = with(&server, &token, "GET", "/v1/about", &Value::Null).json()["organization"].clone();
    let own = format!("/v1/organizations/{}", org["id"].as_str().expect("an id"));
    let changed = with(&server, &token, "PATCH", &own, &json!({"residency": ["europe-*"]}));
    assert_eq!(changed.status, 200, "{}", changed.text());
    process::wait_for("an assistant to choose", Duration::from_secs(10), || {
        let agents = with(&server, &token, "GET", "/v1/widget/agents", &Value::Null).text();
        (agents.contains("assistant") && server.log().contains("outside of the organization's regions"))
            .then_some(())
    });
    // The only one that is left fails, and still nobody else is asked.
    home.stage.always(Some(Adversity::Exhausted));
    let mut caller = Caller::connect(&server, "/ws?agent=assistant");
    caller.answered();
    caller.say("I grow basil indoors");
    caller.answered();
    assert!(home.asked() > 0 && abroad.asked() == 0, "{} {}", home.asked(), abroad.asked());

    let draft = with(&server, &token, "GET", "/v1/agents/assistant/draft", &Value::Null).json();
    let mut definition = draft["definition"].clone();
    definition["options"]["providers"] = json!({"llm": [{"provider": "home"}, {"provider": "abroad"}, {"provider": "nobody"}], "residency": ["europe-west4"]});
    let (bearer, revision) = (format!("Bearer {token}"), format!("\"{}\"", draft["revision"]));
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("if-match", revision.as_str()),
    ];
    let body = json!({"definition": definition}).to_string();
    let saved =
        testkit::http::request(server.url(), "PUT", "/v1/agents/assistant/draft", &headers, body.as_bytes())
            .expect("the server answers")
            .json();
    let found: Vec<(&str, &str)> = saved["problems"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|problem| Some((problem["pointer"].as_str()?, problem["severity"].as_str()?)))
        .collect();
    assert_eq!(
        found,
        [("/options/providers/llm/1/provider", "error"), ("/options/providers/llm/2/provider", "warning")],
        "{saved}"
    );
}

#[test]
fn a_spoken_turn_is_asked_ahead_and_the_activity_says_what_that_came_to() {
    let _quiet = house::among_others();
    let world = World::start();
    let server = house::timed("", &[]);
    let ears = json!({
        "name": "ears", "vendor": "deepgram", "key": "key-0123456789-0123456789",
        "options": {"base_url": format!("http://{}", world.address)},
    });
    account(&server, &ears);
    model(&server, "one", &world);
    let path = "/v1/agents/assistant/draft";
    let draft = with(&server, &server.token(), "GET", path, &Value::Null).json();
    let mut definition = draft["definition"].clone();
    definition["options"]["providers"] = json!({"stt": [{"provider": "ears"}]});
    save(&server, "assistant", &definition, &draft["revision"]);
    let mut caller = trying(&server, "assistant");
    caller.answered();
    speak(&mut caller);
    caller.told("you said");
    let told = process::wait_for("the question on record", Duration::from_secs(20), || {
        let path = "/v1/activity?window=1h&agent=assistant";
        let activity = with(&server, &server.token(), "GET", path, &Value::Null).json();
        activity["speculation"].get(0).cloned()
    });
    let of = |name: &str| told[name].as_i64().unwrap_or(-1);
    assert!(told["agent"] == "assistant" && of("adopted") + of("discarded") > 0, "{told}");
    assert_eq!(of("wasted_tokens") > 0, of("discarded") > 0, "{told}");
}
