use std::sync::Arc;

use jiff::Zoned;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::walk::{Action, INTERRUPTED, Need, ToolError, Walk};
use crate::{Call, ChatCall, ChatEnd, ChatError, ChatMessage, ChatRequest, Compiled, compile, parse};

fn now() -> Zoned {
    "2026-11-23T10:30:00[UTC]".parse().unwrap()
}

fn definition() -> Value {
    json!({
        "name": "talker", "version": 1, "entry": "talk", "greeting": ["Hello."], "facts": {"shop": "Oak"},
        "state": {"order": {"type": "object"}},
        "tools": {
            "look": {"tool": "stock.look", "description": "Looks.", "effects": false, "args": {"shop": "= facts.shop"}},
            "buy": {"tool": "stock.buy", "description": "Buys.", "says": ["One moment."]},
        },
        "manners": {"goodbye": "bye", "repeat": ["Again:"]},
        "nodes": {
            "talk": {"kind": "llm", "instructions": "You serve {facts.shop}.\nBe   brief.", "tools": ["look", "buy"], "rounds": 2,
                "exits": {"done": {"description": "All is said."}, "order": {"description": "Sum up."}}, "sorry": ["Sorry."]},
            "sum": {"kind": "llm", "instructions": "Sum up.", "into": "order", "prompt": ["Let me see."],
                "output": {"type": "object", "properties": {"many": {"type": "integer"}}, "required": ["many"]}},
            "told": {"kind": "say", "text": ["That makes {order.many}."]},
            "failed": {"kind": "say", "text": ["No order: {error.code}."]},
            "bye": {"kind": "end", "text": ["Goodbye."]},
        },
        "edges": [
            {"from": "talk", "on": "done", "to": "bye"}, {"from": "talk", "on": "order", "to": "sum"},
            {"from": "sum", "to": "told"}, {"from": "sum", "on": "error", "to": "failed"},
            {"from": "told", "to": "talk", "when": "false"},
        ],
    })
}

fn graph(value: &Value) -> Arc<Compiled> {
    Arc::new(compile(parse(&value.to_string()).unwrap()).unwrap())
}

fn walk() -> Walk {
    let mut walk = Walk::new(graph(&definition()), 1);
    walk.start(0, &now());
    walk.heard(0, "Hello.", false);
    walk
}

fn said(actions: &[Action]) -> String {
    let texts = actions.iter().filter_map(|action| match action {
        Action::Say(text) | Action::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("|")
}

fn asked(actions: &[Action]) -> (String, Arc<ChatRequest>) {
    match actions.last() {
        Some(Action::Need(Need::Chat { key, request })) => (key.clone(), Arc::clone(request)),
        _ => unreachable!("{actions:?}"),
    }
}

fn wanted(actions: &[Action]) -> Vec<Call> {
    match actions.last() {
        Some(Action::Need(Need::Tools { calls })) => calls.clone(),
        _ => unreachable!("{actions:?}"),
    }
}

fn call(id: &str, name: &str) -> ChatCall {
    ChatCall { id: id.to_owned(), name: name.to_owned(), args: json!({"what": "tea"}) }
}

fn caller(text: &str) -> ChatMessage {
    ChatMessage::Caller(text.to_owned())
}

fn agent(text: &str) -> ChatMessage {
    ChatMessage::Agent { text: text.to_owned(), calls: Vec::new() }
}

/// The whole answer of a model.
fn answer(walk: &mut Walk, actions: &[Action], text: &str) -> Vec<Action> {
    let (key, _) = asked(actions);
    walk.chat_text(&key, text, &now());
    walk.chat_done(&key, ChatEnd::Stop, &now())
}

#[test]
fn a_turn_asks_the_model_with_the_talk_so_far_and_streams_what_it_says() {
    let mut walk = walk();
    let actions = walk.caller(1, "hi there", &now());
    let (key, request) = asked(&actions);
    assert_eq!(request.instructions, "You serve Oak.\nBe brief.");
    assert_eq!(request.messages, [agent("Hello."), caller("hi there")]);
    let names: Vec<&str> = request.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["look", "buy", "done", "order"]);
    let actions = walk.chat_text(&key, "Good ", &now());
    assert_eq!((said(&actions).as_str(), asked(&actions).0 == key), ("Good ", true));
    walk.chat_text(&key, "day.", &now());
    assert_eq!(walk.chat_done(&key, ChatEnd::Stop, &now()), [Action::Wait]);
    walk.heard(1, "Good day.", false);
    let (_, request) = asked(&walk.caller(2, "and", &now()));
    assert_eq!(request.messages[2..], [agent("Good day."), caller("and")]);
    assert_eq!(said(&walk.caller(3, "what?", &now())), "Again:|Good day.");
}

#[test]
fn a_wait_that_grows_long_is_bridged_once_and_where_nothing_was_said() {
    let mut walk = walk();
    let (key, _) = asked(&walk.caller(1, "tea", &now()));
    let calls = wanted(&walk.chat_tool_calls(&key, vec![call("a", "look")], &now()));
    let bridged = walk.working(&now());
    assert!(["One moment.", "Let me see."].contains(&said(&bridged).as_str()), "{bridged:?}");
    assert_eq!(wanted(&bridged), calls, "the same is needed as before");
    assert_eq!(said(&walk.working(&now())), "");
    let (again, request) = asked(&walk.tool_done(&calls[0].key, Ok(json!("green")), &now()));
    assert_eq!(said(&walk.working(&now())), "", "said in this turn");
    assert_eq!(asked(&walk.working(&now())).1, request);
    walk.chat_text(&again, "Green.", &now());
    walk.chat_done(&again, ChatEnd::Stop, &now());
    let (key, _) = asked(&walk.caller(2, "and", &now()));
    walk.chat_text(&key, "Well.", &now());
    assert_eq!(said(&walk.working(&now())), "", "it is speaking");
}

#[test]
fn an_answer_to_another_question_changes_nothing() {
    let mut walk = walk();
    let (old, _) = asked(&walk.caller(1, "hi there", &now()));
    let (new, _) = asked(&walk.caller(2, "hello again", &now()));
    assert_ne!(old, new);
    let before = walk.snapshot().clone();
    for actions in [walk.chat_text(&old, "x", &now()), walk.chat_done(&old, ChatEnd::Stop, &now())] {
        assert_eq!(asked(&actions).0, new);
    }
    assert_eq!(*walk.snapshot(), before);
}

#[test]
fn tools_are_called_with_what_the_graph_adds_and_their_results_go_back_in_order() {
    let mut walk = walk();
    let (key, _) = asked(&walk.caller(1, "tea please", &now()));
    walk.chat_text(&key, "Let me look.", &now());
    let actions =
        walk.chat_tool_calls(&key, vec![call("a", "look"), call("b", "nonsense"), call("c", "buy")], &now());
    let calls = wanted(&actions);
    assert_eq!(calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["stock.look", "stock.buy"]);
    assert_eq!(calls[0].args, json!({"what": "tea", "shop": "Oak"}));
    assert_eq!((calls[0].effects, calls[1].effects), (false, true));
    assert!(actions.iter().any(|action| matches!(action, Action::Note { name, .. } if name == "tool")));
    let left = wanted(&walk.tool_done(&calls[0].key, Ok(json!({"tea": 3})), &now()));
    assert_eq!(left, calls[1..]);
    let error = ToolError { code: "TOOL_FAILED".into(), message: "no".into() };
    let actions = walk.tool_done(&calls[1].key, Err(error), &now());
    let (key, request) = asked(&actions);
    let result = |id: &str, name: &str, content: &str, is_error| ChatMessage::Result {
        id: id.into(),
        name: name.into(),
        content: content.into(),
        is_error,
    };
    assert_eq!(
        request.messages[2..],
        [
            ChatMessage::Agent {
                text: "Let me look.".into(),
                calls: vec![call("a", "look"), call("b", "nonsense"), call("c", "buy")]
            },
            result("a", "look", "{\"tea\":3}", false),
            result("b", "nonsense", "TOOL_UNKNOWN: there is no tool \"nonsense\"", true),
            result("c", "buy", "TOOL_FAILED: no", true),
        ]
    );
    walk.chat_text(&key, "It failed.", &now());
    walk.chat_done(&key, ChatEnd::Stop, &now());
    walk.heard(1, "Let me look. It", true);
    let (_, request) = asked(&walk.caller(2, "and now", &now()));
    assert_eq!(request.messages.len(), 8);
    assert_eq!(request.messages[6..], [agent(&format!("It {INTERRUPTED}")), caller("and now")]);
}

#[test]
fn a_model_that_calls_without_a_word_has_the_tools_words_said() {
    let mut walk = walk();
    let (key, _) = asked(&walk.caller(1, "tea please", &now()));
    assert_eq!(
        said(&walk.chat_tool_calls(&key, vec![call("", "look"), call("", "buy")], &now())),
        "One moment."
    );
}

#[test]
fn after_its_rounds_a_model_must_use_words() {
    let mut walk = walk();
    let mut actions = walk.caller(1, "tea please", &now());
    for _ in 0..2 {
        let (key, request) = asked(&actions);
        assert!(!request.words_only);
        let calls = wanted(&walk.chat_tool_calls(&key, vec![call("same", "look")], &now()));
        actions = walk.tool_done(&calls[0].key, Ok(json!(1)), &now());
    }
    let (key, request) = asked(&actions);
    assert!(request.words_only);
    let ids: Vec<&String> = request
        .messages
        .iter()
        .filter_map(|message| if let ChatMessage::Result { id, .. } = message { Some(id) } else { None })
        .collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
    // It calls all the same: nobody waits for that.
    assert_eq!(said(&walk.chat_tool_calls(&key, vec![call("x", "look")], &now())), "Sorry.");
}

#[test]
fn an_interruption_loses_no_result_and_the_next_answer_is_to_what_was_said_meanwhile() {
    let mut walk = walk();
    let (key, _) = asked(&walk.caller(1, "buy tea", &now()));
    walk.chat_text(&key, "I am buying it now.", &now());
    let calls = wanted(&walk.chat_tool_calls(&key, vec![call("a", "buy")], &now()));
    walk.heard(1, "I am", true);
    assert_eq!(wanted(&walk.caller(2, "make it two", &now())), calls);
    let (_, request) = asked(&walk.tool_done(&calls[0].key, Ok(json!("bought")), &now()));
    assert_eq!(
        request.messages[1..],
        [
            caller("buy tea"),
            ChatMessage::Agent { text: format!("I am {INTERRUPTED}"), calls: vec![call("a", "buy")] },
            ChatMessage::Result {
                id: "a".into(),
                name: "buy".into(),
                content: "bought".into(),
                is_error: false
            },
            caller("make it two"),
        ]
    );
}

#[test]
fn what_was_never_heard_is_never_told_to_the_model() {
    let mut walk = walk();
    let (key, _) = asked(&walk.caller(1, "I would like", &now()));
    walk.chat_text(&key, "What would you", &now());
    walk.heard(1, "", true);
    let (_, request) = asked(&walk.caller(2, "some tea", &now()));
    assert_eq!(request.messages, [agent("Hello."), caller("I would like some tea")]);
}

#[test]
fn a_turn_that_was_none_leaves_no_trace() {
    let mut walk = walk();
    let (key, _) = asked(&walk.caller(1, "I would", &now()));
    walk.chat_text(&key, "Yes?", &now());
    walk.discarded(1);
    assert_eq!(walk.pending(), None);
    let (_, request) = asked(&walk.caller(2, "I would like tea", &now()));
    assert_eq!(request.messages, [agent("Hello."), caller("I would like tea")]);
}

#[test]
fn an_exit_leads_along_its_edge_after_what_was_said_and_called() {
    let mut walk = walk();
    let (key, _) = asked(&walk.caller(1, "nothing else", &now()));
    walk.chat_text(&key, "Fine.", &now());
    let actions = walk.chat_tool_calls(&key, vec![call("a", "done"), call("b", "buy")], &now());
    let calls = wanted(&actions);
    let actions = walk.tool_done(&calls[0].key, Ok(json!(1)), &now());
    assert_eq!(said(&actions), "Goodbye.");
    assert!(matches!(actions.last(), Some(Action::End(_))));
    assert!(actions.iter().any(|action| matches!(action, Action::Note { name, .. } if name == "exit")));
}

#[test]
fn a_value_is_asked_for_checked_and_written() {
    for (text, end, told) in [
        ("{\"many\": 2}", ChatEnd::Stop, "That makes 2."),
        ("{\"many\": \"two\"}", ChatEnd::Stop, "No order: LLM_OUTPUT."),
        ("{}", ChatEnd::Stop, "No order: LLM_OUTPUT."),
        ("two", ChatEnd::Stop, "No order: LLM_OUTPUT."),
        ("{\"many\": 2}", ChatEnd::Length, "No order: LLM_OUTPUT."),
    ] {
        let mut walk = walk();
        let (key, _) = asked(&walk.caller(1, "two teas", &now()));
        let actions = walk.chat_tool_calls(&key, vec![call("a", "order")], &now());
        assert_eq!(said(&actions), "Let me see.");
        let (key, request) = asked(&actions);
        assert!(request.output.is_some() && request.functions.is_empty());
        assert_eq!(said(&walk.chat_text(&key, text, &now())), "", "a value is not spoken");
        let actions = walk.chat_done(&key, end, &now());
        assert_eq!(said(&actions), told, "{text}");
        assert_eq!(actions.last(), Some(&Action::Wait));
        assert_eq!(walk.snapshot().channels["order"] == json!({"many": 2}), told.contains("makes"));
        assert_eq!(walk.snapshot().at, "talk");
    }
}

#[test]
fn a_model_without_functions_is_told_of_calls_in_words() {
    let mut walk = walk();
    let (key, _) = asked(&walk.caller(1, "tea please", &now()));
    let calls = wanted(&walk.chat_tool_calls(&key, vec![call("a", "look")], &now()));
    let (key, _) = asked(&walk.tool_done(&calls[0].key, Ok(json!(3)), &now()));
    let (_, request) = asked(&walk.chat_tool_calls(&key, vec![call("a", "order")], &now()));
    let known = request.messages.iter().any(|message| {
        matches!(message, ChatMessage::Agent { text, calls } if calls.is_empty() && text.contains("\"look\" gave: 3"))
    });
    assert!(known, "{:?}", request.messages);
    assert!(matches!(request.messages.last(), Some(ChatMessage::Caller(_))));
}

fn error(code: &'static str) -> ChatError {
    ChatError { code, message: "acme: closed".to_owned() }
}

#[test]
fn a_failure_is_never_silence() {
    let fail = |definition: &Value, code, text: &str| {
        let mut walk = Walk::new(graph(definition), 1);
        let (key, _) = asked(&walk.caller(1, "hi there", &now()));
        walk.chat_text(&key, text, &now());
        walk.chat_failed(&key, &error(code), &now())
    };
    for text in ["", "Well, I"] {
        let actions = fail(&definition(), "LLM_CLOSED", text);
        assert_eq!((said(&actions).as_str(), actions.last()), ("Sorry.", Some(&Action::Wait)));
    }
    let failed = |actions: &[Action], wanted: &str| {
        actions.iter().any(|action| matches!(action, Action::Fail { code, .. } if *code == wanted))
    };
    assert!(failed(&fail(&definition(), "LLM_MISSING", ""), "LLM_MISSING"), "no wording hides a missing key");
    let mut curt = definition();
    curt["nodes"]["talk"]["sorry"] = json!([]);
    let actions = fail(&curt, "LLM_CLOSED", "");
    assert!(failed(&actions, "LLM_CLOSED") && actions.last() == Some(&Action::Wait));
    let mut led = definition();
    led["edges"].as_array_mut().unwrap().push(json!({"from": "talk", "on": "error", "to": "failed"}));
    assert_eq!(said(&fail(&led, "LLM_CLOSED", "")), "No order: LLM_CLOSED.");
    // Observers are told once of each, whoever finds the words.
    for (definition, trouble) in [(definition(), true), (led, true), (curt.clone(), false)] {
        let actions = fail(&definition, "LLM_CLOSED", "");
        let told =
            actions.iter().filter(|action| matches!(action, Action::Trouble { code: "LLM_CLOSED", .. }));
        assert_eq!((told.count() == 1, failed(&actions, "LLM_CLOSED")), (trouble, !trouble), "{actions:?}");
    }
    let mut silent = Walk::new(graph(&curt), 1);
    let (key, _) = asked(&silent.caller(1, "hi there", &now()));
    assert!(failed(&silent.chat_done(&key, ChatEnd::Stop, &now()), "LLM_SILENT"));
}

#[test]
fn an_answer_that_cannot_be_heard_is_none() {
    let mut walk = Walk::new(graph(&definition()), 1);
    let (key, _) = asked(&walk.caller(1, "hi there", &now()));
    walk.chat_text(&key, "\u{1f600}\u{1f600}\u{200b}", &now());
    walk.chat_text(&key, " ***\n", &now());
    assert_eq!(said(&walk.chat_done(&key, ChatEnd::Stop, &now())), "Sorry.");
}

#[test]
fn models_that_lead_to_each_other_are_stopped() {
    let mut round = definition();
    round["edges"][0]["to"] = json!("talk");
    let mut walk = Walk::new(graph(&round), 1);
    let mut actions = walk.caller(1, "hi there", &now());
    let mut times = 0;
    while let Some(Action::Need(Need::Chat { key, .. })) = actions.last() {
        times += 1;
        assert!(times < 100);
        actions = walk.chat_tool_calls(key, vec![call("", "done")], &now());
    }
    assert!(actions.iter().any(|action| matches!(action, Action::Fail { code: "AGENT_LOOP", .. })));
    asked(&walk.caller(2, "hi again", &now()));
}

#[test]
fn a_walk_taken_up_while_a_model_was_asked_asks_again() {
    let mut walk = walk();
    let (key, request) = asked(&walk.caller(1, "hi there", &now()));
    walk.chat_text(&key, "Good", &now());
    let written = serde_json::to_string(walk.snapshot()).unwrap();
    let mut again = Walk::restore(graph(&definition()), serde_json::from_str(&written).unwrap()).unwrap();
    assert_eq!(again.pending(), Some(Need::Chat { key: key.clone(), request: Arc::clone(&request) }));
    let actions = again.returned(2, &now());
    assert_eq!(said(&actions), "Sorry, we were cut off.");
    assert_eq!(asked(&actions).1.messages, request.messages);
    assert_eq!(answer(&mut again, &actions, "Good day."), [Action::Wait]);
    // And while tools were called: the same calls with the same keys.
    let (key, _) = asked(&walk.caller(2, "buy tea", &now()));
    let calls = wanted(&walk.chat_tool_calls(&key, vec![call("a", "buy"), call("b", "look")], &now()));
    walk.tool_done(&calls[0].key, Ok(json!("bought")), &now());
    let written = serde_json::to_string(walk.snapshot()).unwrap();
    let mut again = Walk::restore(graph(&definition()), serde_json::from_str(&written).unwrap()).unwrap();
    assert_eq!(wanted(&again.returned(3, &now())), calls[1..]);
    let (_, request) = asked(&again.tool_done(&calls[1].key, Ok(json!(1)), &now()));
    assert!(
        request
            .messages
            .iter()
            .any(|message| matches!(message, ChatMessage::Result { content, .. } if content == "bought"))
    );
}

#[test]
fn the_model_is_told_of_the_last_turns_only() {
    let mut short = definition();
    short["nodes"]["talk"]["history"] = json!(2);
    let mut walk = Walk::new(graph(&short), 1);
    for turn in 1..5 {
        let actions = walk.caller(turn, &format!("say number {turn} now"), &now());
        let answered = format!("Number {turn}.");
        answer(&mut walk, &actions, &answered);
        walk.heard(turn, &answered, false);
    }
    let (_, request) = asked(&walk.caller(5, "the end of it", &now()));
    assert_eq!(request.messages, [caller("say number 4 now"), agent("Number 4."), caller("the end of it")]);
}

#[test]
fn only_the_plainest_requests_are_ours() {
    let mut walk = walk();
    let actions = walk.caller(1, "wait a moment", &now());
    assert!(actions.iter().any(|action| matches!(action, Action::Hold(_))));
    for text in [
        "goodbye",
        "nothing else",
        "never mind",
        "can you wait a moment while I fetch my diary",
        "what is goodbye in french",
    ] {
        asked(&walk.caller(3, text, &now()));
    }
    let mut plain = definition();
    plain["nodes"]["talk"]["exits"] = json!({});
    plain["edges"].as_array_mut().unwrap().drain(..2);
    let mut walk = Walk::new(graph(&plain), 1);
    assert!(matches!(walk.caller(1, "goodbye", &now()).last(), Some(Action::End(_))));
}

#[test]
fn every_mistake_names_node_and_field() {
    let spoil = |path: &str, value: Value| {
        let mut definition = definition();
        *definition.pointer_mut(path).unwrap_or_else(|| unreachable!("{path}")) = value;
        let invalid = match parse(&definition.to_string()) {
            Err(invalid) => invalid,
            Ok(definition) => compile(definition).map(|_| ()).unwrap_err(),
        };
        let problem = invalid.problems.first().unwrap().clone();
        (problem.node.unwrap_or_default(), problem.field)
    };
    for (path, value, node, field) in [
        ("/entry", json!("sum"), "", "entry"),
        ("/nodes/talk/instructions", json!(" "), "talk", "instructions"),
        ("/nodes/talk/instructions", json!("{nothing.here}"), "talk", "instructions"),
        ("/nodes/talk/tools", json!(["look", "fly"]), "talk", "tools[1]"),
        ("/nodes/talk/rounds", json!(0), "talk", "rounds"),
        ("/nodes/talk/exits/done", json!({"description": ""}), "talk", "exits.done.description"),
        ("/nodes/talk/exits", json!({"leave": {"description": "x"}}), "talk", "exits.leave"),
        ("/nodes/talk/sorry", json!(["{oops"]), "talk", "sorry[0]"),
        ("/nodes/sum/into", json!("nowhere"), "sum", "into"),
        ("/nodes/sum/output", json!("text"), "sum", "output"),
        ("/tools/look/parameters", json!({"type": "string"}), "", "tools.look.parameters"),
        ("/tools/look/description", json!(""), "", "tools.look.description"),
        ("/tools/look/args", json!({"shop": "= 1 =="}), "", "tools.look.args.shop"),
        ("/edges/3", json!({"from": "talk", "on": "done", "to": "bye"}), "sum", "edges"),
    ] {
        let mut whole = definition();
        whole["tools"]["look"]["parameters"] = json!({"type": "object"});
        if path.ends_with("parameters") {
            let mut spoiled = whole.clone();
            spoiled["tools"]["look"]["parameters"] = value;
            let invalid = compile(parse(&spoiled.to_string()).unwrap()).map(|_| ()).unwrap_err();
            assert_eq!(invalid.problems[0].field, field);
            continue;
        }
        assert_eq!(spoil(path, value), (node.to_owned(), field.to_owned()), "{path}");
    }
}

#[test]
fn a_diff_names_what_changed_for_the_model() {
    let mut changed = definition();
    changed["tools"]["look"]["description"] = json!("Looks closely.");
    changed["nodes"]["talk"]["exits"]["done"]["description"] = json!("Enough.");
    changed["speculation"] = json!({"max_wasted": 0.2});
    let (before, after) = (parse(&definition().to_string()).unwrap(), parse(&changed.to_string()).unwrap());
    let paths: Vec<String> = crate::diff(&before, &after).into_iter().map(|change| change.path).collect();
    assert_eq!(paths, ["nodes.talk.exits.done.description", "speculation", "tools.look.description"]);
}

#[derive(Debug, Clone)]
enum Input {
    Caller(usize),
    Model(usize),
    Tool(bool),
    Heard(usize, bool),
    Discard,
    Nudge,
    Again,
}

const PHRASES: [&str; 6] = ["hello there", "buy some tea", "what?", "wait a moment", "", "sum it up"];

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        3 => (0..PHRASES.len()).prop_map(Input::Caller),
        6 => (0..8usize).prop_map(Input::Model),
        3 => any::<bool>().prop_map(Input::Tool),
        2 => (0..5usize, any::<bool>()).prop_map(|(words, cut)| Input::Heard(words, cut)),
        1 => Just(Input::Discard),
        1 => Just(Input::Nudge),
        1 => Just(Input::Again),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever comes in whatever order: every call in a question has exactly one result, right behind it, no id is there twice, and
    /// the question ends with something to answer.
    #[test]
    fn every_question_is_one_that_vendors_take(inputs in proptest::collection::vec(input(), 1..40)) {
        let graph = graph(&definition());
        let mut walk = Walk::new(Arc::clone(&graph), 7);
        let mut turn = 0;
        for input in inputs {
            let pending = walk.pending();
            let actions = match (&input, pending) {
                (Input::Caller(at), _) => { turn += 1; walk.caller(turn, PHRASES[*at], &now()) }
                (Input::Model(what), Some(Need::Chat { key, .. })) => match what {
                    0..=2 => walk.chat_text(&key, "Some words to say. ", &now()),
                    3 => walk.chat_done(&key, ChatEnd::Stop, &now()),
                    4 => walk.chat_failed(&key, &error("LLM_CLOSED"), &now()),
                    5 => walk.chat_tool_calls(&key, vec![call("a", "look"), call("a", "buy")], &now()),
                    6 => walk.chat_tool_calls(&key, vec![call("", "order")], &now()),
                    _ => walk.chat_tool_calls(&key, vec![call("c", "none")], &now()),
                },
                (Input::Tool(fine), Some(Need::Tools { calls })) => {
                    let failed = ToolError { code: "TOOL_FAILED".into(), message: "x".into() };
                    walk.tool_done(&calls[0].key, if *fine { Ok(json!(1)) } else { Err(failed) }, &now())
                }
                (Input::Heard(words, cut), _) => {
                    walk.heard(turn, &["Some", "words", "to", "say."][..(*words).min(4)].join(" "), *cut);
                    continue;
                }
                (Input::Discard, _) => { walk.discarded(turn); continue }
                (Input::Nudge, _) => { turn += 1; walk.nudge(turn, 1, &now()) }
                (Input::Again, _) => {
                    let written = serde_json::to_string(walk.snapshot()).unwrap();
                    walk = Walk::restore(Arc::clone(&graph), serde_json::from_str(&written).unwrap()).unwrap();
                    continue;
                }
                _ => continue,
            };
            prop_assert!(matches!(actions.last(), Some(Action::Wait | Action::Need(_) | Action::End(_))), "{input:?}: {actions:?}");
            let ends = actions.iter().filter(|action| matches!(action, Action::Wait | Action::Need(_) | Action::End(_)));
            prop_assert_eq!(ends.count(), 1, "{:?}: {:?}", input, actions);
            let Some(Action::Need(Need::Chat { request, .. })) = actions.last() else { continue };
            let mut ids = std::collections::BTreeSet::new();
            let mut open: Vec<String> = Vec::new();
            for message in &request.messages {
                match message {
                    ChatMessage::Result { id, .. } => {
                        prop_assert_eq!(Some(id), open.first());
                        open.remove(0);
                    }
                    other => {
                        prop_assert!(open.is_empty(), "{:?}", request.messages);
                        if let ChatMessage::Agent { text, calls } = other {
                            prop_assert!(!text.is_empty() || !calls.is_empty());
                            for call in calls {
                                prop_assert!(ids.insert(call.id.clone()), "{} twice", call.id);
                                open.push(call.id.clone());
                            }
                        }
                    }
                }
            }
            prop_assert!(open.is_empty());
            let own = matches!(request.messages.last(), None | Some(ChatMessage::Agent { .. }));
            prop_assert!(!own, "{:?}", request.messages);
        }
    }
}

#[test]
fn a_whisper_is_in_the_next_question_and_in_no_later_one() {
    let mut walk = walk();
    assert!(walk.whisper(" Offer the red one. "));
    let actions = walk.caller(1, "what do you have", &now());
    let (_, request) = asked(&actions);
    assert!(
        request.instructions.ends_with("do not mention it: Offer the red one."),
        "{}",
        request.instructions
    );
    let mut silent = (*request).clone();
    silent.whispers.clear();
    assert!(!request.asks_the_same(&silent), "what was asked ahead without it is no answer");
    answer(&mut walk, &actions, "The red one is fine.");
    let (_, request) = asked(&walk.caller(2, "and else", &now()));
    assert!(!request.instructions.contains("red") && request.whispers.is_empty());
}

#[test]
fn a_whisper_into_an_answer_is_for_the_next() {
    let mut walk = walk();
    let actions = walk.caller(1, "hello", &now());
    let (key, _) = asked(&actions);
    walk.chat_text(&key, "Hello", &now());
    walk.whisper("Say the price.");
    walk.chat_done(&key, ChatEnd::Stop, &now());
    let (_, request) = asked(&walk.caller(2, "so", &now()));
    assert_eq!(request.whispers, ["Say the price."]);
}

#[test]
fn words_that_are_prompted_are_said_and_remembered() {
    let mut walk = walk();
    assert_eq!(said(&walk.prompted(1, "We close early today.", &now())), "We close early today.");
    walk.heard(1, "We close early today.", false);
    let (_, request) = asked(&walk.caller(2, "why", &now()));
    assert!(request.messages.contains(&agent("Hello. We close early today.")), "{:?}", request.messages);
}
