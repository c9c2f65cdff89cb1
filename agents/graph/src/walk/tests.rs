use std::sync::Arc;

use jiff::Zoned;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{compile, parse};

fn now() -> Zoned {
    "2026-11-23T10:30:00[UTC]".parse().unwrap()
}

fn graph(value: &Value) -> Arc<Compiled> {
    Arc::new(compile(parse(&value.to_string()).unwrap()).unwrap())
}

fn small() -> Value {
    json!({
        "name": "small", "version": 3, "entry": "desk", "greeting": ["Hello."],
        "state": {"order": {"type": "object", "reducer": "merge"}, "receipt": {"type": "object"}, "count": {"type": "number", "reducer": "count"}},
        "nodes": {
            "desk": {"kind": "intent", "intents": {"order": {"examples": ["order", "buy"]}, "loop": {"examples": ["loop", "round"]}}, "unknown": ["What?", "Pardon?"]},
            "asking": {"kind": "collect", "into": "order", "slots": [{"name": "many", "type": "number", "label": "how many", "ask": ["How many?"], "min": 1, "max": 9}]},
            "pay": {"kind": "tool", "tool": "pay", "args": {"many": "= order.many"}, "into": "receipt", "text": ["One moment."]},
            "paid": {"kind": "say", "text": ["Paid {receipt.sum}."], "set": {"count": 1}},
            "sorry": {"kind": "say", "text": ["Sorry: {error.code}."]},
            "around": {"kind": "say"},
            "turn": {"kind": "router"},
        },
        "edges": [
            {"from": "desk", "on": "order", "to": "asking"}, {"from": "desk", "on": "loop", "to": "around"},
            {"from": "asking", "on": "done", "to": "pay"}, {"from": "pay", "to": "paid"}, {"from": "pay", "on": "error", "to": "sorry"},
            {"from": "around", "to": "turn"}, {"from": "turn", "when": "not exists order.stop", "to": "around"}, {"from": "turn", "to": "desk"},
        ],
    })
}

fn scores(intent: &str) -> Scores {
    Scores { method: Method::Embedding, intents: vec![Scored { intent: intent.to_owned(), score: 0.9 }] }
}

fn said(actions: &[Action]) -> String {
    let texts = actions
        .iter()
        .filter_map(|action| if let Action::Say(text) = action { Some(text.as_str()) } else { None });
    texts.collect::<Vec<_>>().join(" ")
}

/// A walk that waits for the tool.
fn at_the_tool() -> (Walk, String) {
    let mut walk = Walk::new(graph(&small()), 1);
    walk.caller(1, "order", &now());
    assert_eq!(said(&walk.classified(&scores("order"), &now())), "How many?");
    let actions = walk.caller(2, "four", &now());
    assert_eq!(said(&actions), "One moment.");
    let Some(Action::Need(Need::Tool { key, name, args })) = actions.last() else {
        unreachable!("{actions:?}")
    };
    assert_eq!((name.as_str(), args), ("pay", &json!({"many": 4})));
    let key = key.clone();
    (walk, key)
}

#[test]
fn a_tool_runs_once_and_its_outcome_is_kept() {
    let (mut walk, key) = at_the_tool();
    assert_eq!(said(&walk.tool_done(&key, Ok(json!({"sum": 8})), &now())), "Paid 8.");
    let again = walk.tool_done(&key, Ok(json!({"sum": 9})), &now());
    assert_eq!(again, [Action::Wait]);
    assert_eq!(walk.snapshot().receipts.len(), 1);
    assert_eq!(walk.snapshot().channels["count"], json!(1));
}

#[test]
fn a_walk_taken_up_during_a_tool_asks_for_it_with_the_same_key() {
    let (walk, key) = at_the_tool();
    let written = serde_json::to_string(walk.snapshot()).unwrap();
    let mut again = Walk::restore(graph(&small()), serde_json::from_str(&written).unwrap()).unwrap();
    assert!(matches!(again.pending(), Some(Need::Tool { key: known, .. }) if known == key));
    assert_eq!(said(&again.tool_done(&key, Ok(json!({"sum": 8})), &now())), "Paid 8.");
}

#[test]
fn words_during_a_tool_wait_until_it_is_done() {
    let (mut walk, key) = at_the_tool();
    let actions = walk.caller(3, "what?", &now());
    assert!(matches!(actions.as_slice(), [Action::Need(Need::Tool { .. })]));
    let actions = walk.tool_done(&key, Ok(json!({"sum": 8})), &now());
    assert_eq!(said(&actions), "Paid 8. Paid 8.");
    assert_eq!(actions.last(), Some(&Action::Wait));
}

#[test]
fn all_words_during_a_tool_are_kept_and_read_together() {
    let (mut walk, key) = at_the_tool();
    walk.caller(3, "could you", &now());
    walk.caller(4, "repeat that", &now());
    let actions = walk.tool_done(&key, Ok(json!({"sum": 8})), &now());
    assert_eq!(said(&actions), "Paid 8. Paid 8.");
    let last = walk.snapshot().history.iter().rev().find(|spoken| spoken.role == Role::Caller).unwrap();
    assert_eq!((last.turn, last.text.as_str()), (4, "could you repeat that"));
}

#[test]
fn words_wait_through_every_tool_of_a_row() {
    let mut definition = small();
    definition["nodes"]["send"] = json!({"kind": "tool", "tool": "send", "into": "receipt"});
    definition["edges"][3] = json!({"from": "pay", "to": "send"});
    definition["edges"].as_array_mut().unwrap().extend([
        json!({"from": "send", "to": "paid"}),
        json!({"from": "send", "on": "error", "to": "sorry"}),
    ]);
    let mut walk = Walk::new(graph(&definition), 1);
    walk.caller(1, "order", &now());
    walk.classified(&scores("order"), &now());
    let actions = walk.caller(2, "four", &now());
    let Some(Action::Need(Need::Tool { key, .. })) = actions.last() else { unreachable!("{actions:?}") };
    walk.caller(3, "what?", &now());
    let actions = walk.tool_done(key, Ok(json!({})), &now());
    let Some(Action::Need(Need::Tool { key, .. })) = actions.last() else { unreachable!("{actions:?}") };
    assert_eq!(said(&walk.tool_done(key, Ok(json!({"sum": 8})), &now())), "Paid 8. Paid 8.");
}

#[test]
fn a_failed_tool_takes_its_edge() {
    let (mut walk, key) = at_the_tool();
    let error = ToolError { code: "TOOL_FAILED".into(), message: "no".into() };
    assert_eq!(said(&walk.tool_done(&key, Err(error), &now())), "Sorry: TOOL_FAILED.");
}

#[test]
fn a_loop_that_does_not_wait_is_cut() {
    let mut walk = Walk::new(graph(&small()), 1);
    walk.caller(1, "loop", &now());
    let actions = walk.classified(&scores("loop"), &now());
    assert!(actions.iter().any(|action| matches!(action, Action::Fail { code: "AGENT_LOOP", .. })));
    assert_eq!(actions.last(), Some(&Action::Wait));
    assert_eq!(walk.snapshot().at, "desk");
}

#[test]
fn a_snapshot_of_another_version_is_refused() {
    let walk = Walk::new(graph(&small()), 1);
    let mut newer = small();
    newer["version"] = json!(4);
    let refused = Walk::restore(graph(&newer), walk.snapshot().clone());
    assert!(matches!(refused, Err(RestoreError::OtherAgent { .. })));
}

#[test]
fn wordings_take_turns_and_the_seed_chooses_the_first() {
    let unknown = |seed: u64| {
        let mut walk = Walk::new(graph(&small()), seed);
        (0..4)
            .map(|turn| {
                walk.caller(turn, "blah", &now());
                said(&walk.classified(&scores("none"), &now()))
            })
            .collect::<Vec<_>>()
    };
    let first = unknown(1);
    assert!(first.windows(2).all(|pair| pair[0] != pair[1]), "{first:?}");
    assert_eq!(first, unknown(1));
    assert!((0..20).any(|seed| unknown(seed)[0] != first[0]));
}

#[test]
fn the_memory_keeps_what_was_heard() {
    let mut walk = Walk::new(graph(&small()), 1);
    walk.start(0, &now());
    walk.heard(0, "Hel", true);
    assert_eq!(walk.snapshot().history[0].text, "Hel");
    assert!(walk.snapshot().history[0].interrupted);
    walk.caller(1, "order", &now());
    walk.classified(&scores("order"), &now());
    walk.heard(1, "", true);
    let texts: Vec<&str> = walk.snapshot().history.iter().map(|spoken| spoken.text.as_str()).collect();
    assert_eq!(texts, ["Hel", "order"]);
}

#[test]
fn what_the_caller_talked_over_unheard_is_said_again_when_they_only_agree() {
    for (heard, agreed, again) in [
        ("", "That is correct.", true),
        ("Paid", "That is correct.", true),
        ("Paid eight, and thank you", "That is correct.", false),
        ("", "That is wrong.", false),
    ] {
        let mut home = small();
        home["nodes"]["paid"]["text"] = json!(["Paid {receipt.sum}, and thank you very much for it."]);
        home["edges"].as_array_mut().unwrap().push(json!({"from": "paid", "to": "desk"}));
        let (walk, key) = at_the_tool();
        let mut walk = Walk::restore(graph(&home), walk.snapshot().clone()).unwrap();
        let outcome = said(&walk.tool_done(&key, Ok(json!({"sum": 8})), &now()));
        let turn = walk.snapshot().turn;
        walk.heard(turn, heard, true);
        let actions = walk.caller(turn + 1, agreed, &now());
        assert_eq!(said(&actions) == outcome, again, "{heard:?} {agreed:?}: {actions:?}");
    }
}

#[test]
fn the_shipped_agents_are_valid_and_have_no_warnings() {
    for (name, json) in crate::LIBRARY {
        let compiled = compile(parse(json).unwrap()).unwrap();
        assert_eq!(compiled.definition.name, name);
        assert_eq!(compiled.warnings, [], "{name}");
    }
}

#[test]
fn the_example_of_the_documentation_is_valid() {
    let document = include_str!("../../../../docs/agents.md");
    let example = document.split("```json").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let compiled = compile(parse(example).unwrap()).unwrap();
    assert_eq!(compiled.warnings, []);
}

#[test]
fn every_mistake_names_node_and_field() {
    let spoil = |path: &str, value: Value| {
        let mut definition = small();
        *definition.pointer_mut(path).unwrap_or_else(|| unreachable!("{path}")) = value;
        let invalid = match parse(&definition.to_string()) {
            Err(invalid) => invalid,
            Ok(definition) => compile(definition).map(|_| ()).unwrap_err(),
        };
        let problem = invalid.problems.first().unwrap().clone();
        (problem.node.unwrap_or_default(), problem.field)
    };
    for (path, value, node, field) in [
        ("/entry", json!("nowhere"), "", "entry"),
        ("/nodes", json!([]), "", "nodes"),
        ("/nodes", json!(null), "", "nodes"),
        ("/nodes/paid/text", json!(["{oops"]), "paid", "text[0]"),
        ("/nodes/paid/text", json!(["{unknown.channel}"]), "paid", "text[0]"),
        ("/nodes/paid", json!({"kind": "say", "txet": []}), "paid", "txet"),
        ("/nodes/paid", json!({"kind": "sing"}), "paid", "sing"),
        ("/nodes/pay/into", json!("nowhere"), "pay", "into"),
        ("/nodes/pay/args", json!({"a": "= 1 =="}), "pay", "args.a"),
        ("/nodes/asking/into", json!("receipt"), "asking", "into"),
        ("/nodes/asking/slots", json!([]), "asking", "slots"),
        ("/edges/0/to", json!("nowhere"), "desk", "edges[0].to"),
        ("/edges/0/on", json!("odrer"), "desk", "intents.order"),
        ("/edges/6/when", json!("a =="), "turn", "edges[6].when"),
        ("/state/count", json!({"type": "text", "reducer": "count"}), "", "state.count"),
    ] {
        assert_eq!(spoil(path, value), (node.to_owned(), field.to_owned()), "{path}");
    }
}

#[test]
fn what_cannot_be_reached_is_warned_of() {
    let mut definition = small();
    definition["nodes"]["lost"] = json!({"kind": "say", "text": ["x"]});
    let compiled = compile(parse(&definition.to_string()).unwrap()).unwrap();
    let lost: Vec<_> =
        compiled.warnings.iter().filter(|problem| problem.node.as_deref() == Some("lost")).collect();
    assert_eq!(lost.len(), 1);
}

#[test]
fn a_diff_names_nodes_edges_and_fields() {
    let before = parse(&small().to_string()).unwrap();
    let mut changed = small();
    changed["nodes"]["paid"]["text"] = json!(["Done."]);
    changed["nodes"]["extra"] = json!({"kind": "say"});
    changed["edges"][3]["to"] = json!("sorry");
    let paths: Vec<String> = crate::diff(&before, &parse(&changed.to_string()).unwrap())
        .into_iter()
        .map(|change| change.path)
        .collect();
    assert_eq!(
        paths,
        ["edges.pay/next -> paid", "edges.pay/next -> sorry", "nodes.extra", "nodes.paid.text[0]"]
    );
}

fn front_desk() -> Arc<Compiled> {
    Arc::new(compile(parse(crate::LIBRARY[1].1).unwrap()).unwrap())
}

const PHRASES: [&str; 40] = [
    "I'd like to book a haircut",
    "next tuesday",
    "at three",
    "my name is Maria",
    "five five five zero one four two",
    "yes",
    "no",
    "no, thursday",
    "what?",
    "wait a moment",
    "never mind",
    "make it four",
    "how much is it",
    "sunday",
    "in the morning",
    "the phone number is wrong",
    "",
    "...",
    "?",
    "not",
    "not tuesday",
    "from",
    "double",
    "o",
    "the",
    "m a r i a",
    "make it",
    "at",
    "half past",
    "99:99",
    "31/31",
    "555",
    "no no no no",
    "instead of",
    "i mean",
    "a hundred",
    "zwölf Grüße",
    "\u{1F600}",
    "12/5 at 25:61",
    "goodbye",
];

#[derive(Debug, Clone)]
enum Input {
    Caller(String),
    Nudge(u32),
    Heard(String, bool),
    Again,
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        8 => proptest::collection::vec(0..PHRASES.len(), 1..4).prop_map(|picks| Input::Caller(picks.into_iter().map(|at| PHRASES[at]).collect::<Vec<_>>().join(" "))),
        2 => "\\PC{0,30}".prop_map(Input::Caller),
        1 => (0..5u32).prop_map(Input::Nudge),
        1 => ("[a-z ]{0,20}", any::<bool>()).prop_map(|(text, cut)| Input::Heard(text, cut)),
        1 => Just(Input::Again),
    ]
}

/// The last action says what the walk waits for, and a caller who is waited for was told something.
fn settled(actions: &[Action], caller: bool) -> bool {
    let last = matches!(actions.last(), Some(Action::Wait | Action::End(_) | Action::Need(_)));
    let only = actions
        .iter()
        .rev()
        .skip(1)
        .all(|action| !matches!(action, Action::Wait | Action::End(_) | Action::Need(_)));
    let spoke = actions.iter().any(|action| matches!(action, Action::Say(_) | Action::Fail { .. }));
    last && only && (spoke || !caller || !matches!(actions.last(), Some(Action::Wait)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_caller_says_the_walk_answers_and_waits(seed in any::<u64>(), inputs in proptest::collection::vec(input(), 1..25), choices in proptest::collection::vec(0..20usize, 64)) {
        let graph = front_desk();
        let Some(crate::Node::Intent(desk)) = graph.definition.nodes.get("desk") else { unreachable!() };
        let intents: Vec<String> = desk.intents.keys().cloned().chain([BACKGROUND.to_owned()]).collect();
        let mut walk = Walk::new(Arc::clone(&graph), seed);
        let mut chosen = choices.into_iter().cycle();
        let mut told = String::new();
        for (turn, input) in inputs.iter().enumerate() {
            let turn = turn as u32 + 1;
            let mut actions = match input {
                Input::Caller(text) => walk.caller(turn, text, &now()),
                Input::Nudge(count) => walk.nudge(turn, *count, &now()),
                Input::Heard(text, cut) => { walk.heard(turn - 1, text, *cut); continue }
                Input::Again => { walk = Walk::restore(Arc::clone(&graph), serde_json::from_str(&serde_json::to_string(walk.snapshot()).unwrap()).unwrap()).unwrap(); continue }
            };
            let mut all = Vec::new();
            for round in 0.. {
                prop_assert!(round < 8, "needs without end after {input:?}: {told}");
                prop_assert!(actions.len() < 200);
                let needs = match actions.last() { Some(Action::Need(need)) => Some(need.clone()), _ => None };
                prop_assert!(settled(&actions, false), "{input:?}: {actions:?}");
                all.extend(actions.iter().filter(|action| !matches!(action, Action::Need(_))).cloned());
                let pick = chosen.next().unwrap();
                actions = match needs {
                    None => break,
                    Some(Need::Classify { .. }) => walk.classified(&scores(&intents[pick % intents.len()]), &now()),
                    Some(Need::Tool { key, .. }) => {
                        let outcome = match pick % 3 {
                            0 => Ok(json!({"status": "booked"})),
                            1 => Ok(json!({"status": "taken", "next": {"date": "2026-12-01", "time": "10:00"}})),
                            _ => Err(ToolError { code: "TOOL_FAILED".into(), message: "x".into() }),
                        };
                        walk.tool_done(&key, outcome, &now())
                    }
                    Some(Need::Chat { .. } | Need::Tools { .. }) => unreachable!("no model at the front desk"),
                };
            }
            told = format!("{input:?} -> {}", said(&all));
            prop_assert!(settled(&all, matches!(input, Input::Caller(_))), "{input:?}: {all:?}");
        }
    }
}

fn switchboard() -> Value {
    json!({
        "name": "switchboard", "version": 1, "entry": "desk", "greeting": ["Hello."], "facts": {"reception": "+4930123", "line": "+49302"},
        "nodes": {
            "desk": {"kind": "intent", "intents": {"person": {"examples": ["a person", "somebody"]}}, "unknown": ["What?"]},
            "through": {"kind": "transfer", "mode": "warm", "to": "{facts.reception}", "text": ["I put you through."],
                        "briefing": ["A caller says: {heard.text}."], "ask": ["Yes or no?"],
                        "waiting": ["Still ringing."], "ring_s": 20, "by": "carrier", "from": " {facts.line}"},
            "back": {"kind": "say", "text": ["Nobody is there: {error.code}."]},
        },
        "edges": [{"from": "desk", "on": "person", "to": "through"}, {"from": "through", "on": "failed", "to": "back"}],
    })
}

/// A walk that has asked for the transfer.
fn at_the_transfer() -> Walk {
    let mut walk = Walk::new(graph(&switchboard()), 1);
    walk.caller(1, "a person please", &now());
    let actions = walk.classified(&scores("person"), &now());
    assert_eq!(said(&actions), "I put you through.");
    let wanted = Transfer {
        mode: domain::TransferMode::Warm,
        to: "+4930123".to_owned(),
        briefing: "A caller says: a person please.".to_owned(),
        by: Some("carrier".to_owned()),
        from: Some("+49302".to_owned()),
        ask: "Yes or no?".to_owned(),
        ring_s: 20,
    };
    assert_eq!(actions.last(), Some(&Action::Transfer(wanted)));
    assert!(actions.contains(&Action::Interruptible(false)), "what is announced is not talked away");
    walk
}

fn refused() -> ToolError {
    ToolError { code: "TRANSFER_REFUSED".to_owned(), message: "no".to_owned() }
}

#[test]
fn a_transfer_that_fails_takes_its_edge_and_the_talk_goes_on() {
    let mut walk = at_the_transfer();
    walk.transferring();
    let actions = walk.transfer_failed(2, &refused(), &now());
    assert_eq!(said(&actions), "Nobody is there: TRANSFER_REFUSED.");
    assert!(
        actions.iter().any(|action| matches!(action, Action::Note { name, .. } if name == "transfer_failed"))
    );
    assert_eq!(actions.last(), Some(&Action::Wait));
    assert_eq!(walk.transfer_failed(3, &refused(), &now()), [Action::Wait], "it fails once");
    walk.caller(4, "a person", &now());
    assert!(matches!(walk.classified(&scores("person"), &now()).last(), Some(Action::Transfer(_))));
}

#[test]
fn a_caller_who_speaks_while_it_rings_is_answered_and_waits_on() {
    let mut walk = at_the_transfer();
    walk.transferring();
    assert_eq!(said(&walk.caller(2, "are you there", &now())), "Still ringing.");
    assert_eq!(said(&walk.transfer_failed(3, &refused(), &now())), "Nobody is there: TRANSFER_REFUSED.");
}

#[test]
fn a_transfer_that_never_began_is_forgotten_with_the_turn_that_wanted_it() {
    let mut walk = at_the_transfer();
    let actions = walk.caller(2, "how much is it", &now());
    assert!(matches!(actions.as_slice(), [.., Action::Need(Need::Classify { .. })]), "{actions:?}");
    let mut walk = at_the_transfer();
    walk.discarded(1);
    assert_eq!(walk.transfer_failed(2, &refused(), &now()), [Action::Wait]);
    let mut begun = at_the_transfer();
    begun.transferring();
    let mut again = Walk::restore(graph(&switchboard()), begun.snapshot().clone()).unwrap();
    again.returned(2, &now());
    assert_eq!(again.transfer_failed(3, &refused(), &now()), [Action::Wait], "whoever tried it is gone");
}

#[test]
fn a_transfer_that_cannot_be_is_told_of_before_it_is_tried() {
    let mut broken = switchboard();
    broken["nodes"]["through"]["to"] = json!(" ");
    broken["nodes"]["through"]["briefing"] = json!([]);
    broken["nodes"]["through"]["ring_s"] = json!(1);
    broken["edges"].as_array_mut().unwrap().pop();
    let invalid = compile(parse(&broken.to_string()).unwrap()).unwrap_err();
    let fields: Vec<&str> = invalid.problems.iter().map(|problem| problem.field.as_str()).collect();
    for field in ["to", "briefing", "ring_s", "edges"] {
        assert!(fields.contains(&field), "{field}: {invalid}");
    }
}

#[test]
fn a_talk_begins_where_it_is_told_to_with_the_greeting_first() {
    let mut walk = Walk::at_node(graph(&small()), 1, "asking");
    let actions = walk.start(1, &now());
    assert_eq!(said(&actions), "Hello. How many?");
    assert_eq!((actions.last(), walk.snapshot().at.as_str()), (Some(&Action::Wait), "asking"));
    let actions = walk.caller(2, "four", &now());
    assert!(
        matches!(actions.last(), Some(Action::Need(Need::Tool { name, .. })) if name == "pay"),
        "{actions:?}"
    );

    let mut walk = Walk::at_node(graph(&switchboard()), 1, "through");
    let actions = walk.start_with(1, "Good evening.", &now());
    assert_eq!(
        said(&actions),
        "Good evening. I put you through.",
        "in the words that were chosen for the call"
    );
    assert!(matches!(actions.last(), Some(Action::Transfer(_))), "{actions:?}");

    let mut walk = Walk::at_node(graph(&small()), 1, "pay");
    let actions = walk.start(1, &now());
    let Some(Action::Need(Need::Tool { key, .. })) = actions.last() else { unreachable!("{actions:?}") };
    assert_eq!(said(&walk.tool_done(key, Ok(json!({"sum": 8})), &now())), "Paid 8.");
    assert_eq!(walk.snapshot().at, "desk", "a path that ends leads to the entry");
}

#[test]
fn a_beginning_that_the_agent_does_not_have_is_noted_and_the_talk_begins_as_ever() {
    let mut walk = Walk::at_node(graph(&small()), 1, "nowhere");
    let actions = walk.start(1, &now());
    assert_eq!(said(&actions), "Hello.");
    let noted = Action::Note {
        name: "entry_unknown".to_owned(),
        value: json!({"node": "nowhere", "begins_at": "desk"}),
    };
    assert!(actions.contains(&noted) && actions.last() == Some(&Action::Wait), "{actions:?}");
    assert_eq!(walk.snapshot().at, "desk");
}

#[test]
fn a_caller_who_was_cut_off_before_the_greeting_begins_at_the_same_place() {
    let walk = Walk::at_node(graph(&small()), 1, "asking");
    let written = serde_json::to_string(walk.snapshot()).unwrap();
    let mut again = Walk::restore(graph(&small()), serde_json::from_str(&written).unwrap()).unwrap();
    assert_eq!(said(&again.returned(1, &now())), "Hello. How many?");
    assert_eq!(
        Walk::at_node(graph(&small()), 1, "desk").start(1, &now()),
        Walk::new(graph(&small()), 1).start(1, &now())
    );
}

#[test]
fn whom_an_agent_may_put_callers_through_to_is_named_by_its_nodes_and_not_by_a_call() {
    assert_eq!(graph(&switchboard()).destinations(), ["+4930123"]);
    let mut loose = switchboard();
    loose["state"] = json!({"asked": {"type": "text", "initial": "+4930999"}});
    loose["nodes"]["through"]["to"] = json!("{asked}");
    assert!(graph(&loose).destinations().is_empty());
    assert!(graph(&small()).destinations().is_empty());
}

#[test]
fn a_call_that_somebody_ends_is_not_said_to_be_too_long() {
    let words = |language: &str, farewells: Option<Value>, reason| {
        let mut agent = small();
        agent["language"] = json!(language);
        if let Some(farewells) = farewells {
            agent["manners"] = json!({ "farewells": farewells });
        }
        let actions = Walk::new(graph(&agent), 1).farewell(1, reason, &now());
        assert_eq!(actions.last(), Some(&Action::End(reason)));
        said(&actions)
    };
    let too_long = || json!({"too_long": ["The longest time is over."]});
    let plain = "I'm sorry, I have to end the call here. Goodbye.";
    for reason in [EndReason::OperatorEnded, EndReason::BudgetSpent] {
        assert_eq!(words("en", None, reason), plain, "by default");
        assert_eq!(words("en-GB", Some(too_long()), reason), plain);
        assert_eq!(words("de", Some(too_long()), reason), "The longest time is over.", "in its language");
        assert_eq!(words("en", Some(json!({})), reason), "", "who wants no words has none");
        let own = json!({"too_long": ["Too long."], "operator_ended": ["Somebody ends it."]});
        assert_eq!(words("de", Some(own), reason), "Somebody ends it.", "one stands in for the other");
    }
    assert_eq!(words("en", Some(too_long()), EndReason::TooLong), "The longest time is over.");
}

fn menu() -> Value {
    json!({
        "name": "menu", "version": 1, "entry": "hear", "state": {"pin": {"type": "text", "initial": "47-11"}},
        "nodes": {
            "hear": {"kind": "intent", "intents": {"sales": {"examples": ["for sales press one", "sales"]}, "pin": {"examples": ["enter your number", "number"]}}, "unknown": ["I wait."]},
            "one": {"kind": "press", "keys": "1", "patience_s": 90},
            "number": {"kind": "press", "keys": "w{pin}#", "text": ["My number comes."]},
            "gone": {"kind": "say", "text": ["I cannot press here: {error.code}."]},
        },
        "edges": [
            {"from": "hear", "on": "sales", "to": "one"}, {"from": "hear", "on": "pin", "to": "number"},
            {"from": "one", "to": "hear"}, {"from": "one", "on": "failed", "to": "gone"},
            {"from": "number", "to": "hear"}, {"from": "number", "on": "failed", "to": "gone"},
        ],
    })
}

fn keys(text: &str) -> domain::Keys {
    text.parse().unwrap()
}

/// A walk whose keys are being pressed.
fn at_the_keys(of: &Value, said: &str, intent: &str) -> (Walk, Vec<Action>) {
    let mut walk = Walk::new(graph(of), 1);
    walk.caller(1, said, &now());
    let actions = walk.classified(&scores(intent), &now());
    (walk, actions)
}

#[test]
fn keys_are_pressed_after_what_is_said_and_the_talk_goes_on_without_a_word_to_a_menu() {
    let (mut walk, actions) = at_the_keys(&menu(), "enter your number", "pin");
    assert_eq!(said(&actions), "My number comes.");
    assert_eq!(actions.last(), Some(&Action::Press(keys("w4711#"))));
    assert!(!walk.goes_on());
    walk.pressing();
    walk.pressed(Ok(()));
    assert!(walk.goes_on());
    assert_eq!(walk.after_keys(2, &now()), [Action::Node("hear".to_owned()), Action::Wait]);
    assert_eq!(walk.after_keys(3, &now()), [Action::Wait], "once");
    let (mut walk, _) = at_the_keys(&menu(), "for sales press one", "sales");
    walk.pressing();
    walk.pressed(Ok(()));
    let hold = Action::Hold(Duration::from_secs(90));
    assert_eq!(walk.after_keys(2, &now()), [hold, Action::Node("hear".to_owned()), Action::Wait]);
}

#[test]
fn what_a_menu_says_while_keys_are_pressed_is_not_answered_and_what_it_says_then_is() {
    let (mut walk, actions) = at_the_keys(&menu(), "for sales press one", "sales");
    assert_eq!(actions.last(), Some(&Action::Press(keys("1"))));
    walk.pressing();
    assert_eq!(walk.caller(2, "for support press two", &now()), [Action::Wait]);
    walk.pressed(Ok(()));
    let actions = walk.caller(3, "enter your number", &now());
    assert!(matches!(actions.last(), Some(Action::Need(Need::Classify { .. }))), "{actions:?}");
    assert!(!walk.goes_on(), "it has gone on");
    assert_eq!(walk.classified(&scores("pin"), &now()).last(), Some(&Action::Press(keys("w4711#"))));
}

#[test]
fn keys_that_cannot_be_pressed_take_their_edge_and_so_do_those_that_are_none() {
    let (mut walk, _) = at_the_keys(&menu(), "for sales press one", "sales");
    walk.pressing();
    let error = ToolError { code: "KEYS_UNSUPPORTED".to_owned(), message: "no".to_owned() };
    walk.pressed(Err(error));
    assert_eq!(said(&walk.after_keys(2, &now())), "I cannot press here: KEYS_UNSUPPORTED.");
    let mut wrong = menu();
    wrong["state"]["pin"]["initial"] = json!("none");
    let (_, actions) = at_the_keys(&wrong, "enter your number", "pin");
    assert_eq!(said(&actions), "My number comes. I cannot press here: KEYS_INVALID.");
    wrong["nodes"]["one"]["keys"] = json!("1x");
    let invalid = compile(parse(&wrong.to_string()).unwrap()).unwrap_err();
    assert!(invalid.to_string().contains("'x' is no telephone key"), "{invalid}");
}

#[test]
fn keys_that_were_not_begun_are_forgotten_with_their_turn_and_those_of_a_server_that_died() {
    let (mut walk, _) = at_the_keys(&menu(), "for sales press one", "sales");
    walk.discarded(1);
    walk.pressing();
    walk.pressed(Ok(()));
    assert!(!walk.goes_on());
    let (mut begun, _) = at_the_keys(&menu(), "for sales press one", "sales");
    begun.pressing();
    let written = serde_json::to_string(begun.snapshot()).unwrap();
    let mut again = Walk::restore(graph(&menu()), serde_json::from_str(&written).unwrap()).unwrap();
    again.returned(2, &now());
    let actions = again.caller(3, "enter your number", &now());
    assert!(matches!(actions.last(), Some(Action::Need(Need::Classify { .. }))), "{actions:?}");
}

/// The menu, of which a tool is asked before its keys are pressed.
fn asked_menu() -> Value {
    let mut asked = menu();
    asked["nodes"]["ask"] = json!({"kind": "tool", "tool": "ask"});
    asked["edges"][0] = json!({"from": "hear", "on": "sales", "to": "ask"});
    asked["edges"]
        .as_array_mut()
        .unwrap()
        .extend([json!({"from": "ask", "to": "one"}), json!({"from": "ask", "on": "error", "to": "gone"})]);
    asked
}

/// A walk whose tool has led to keys, while which `waiting` was said.
fn from_the_tool_to_keys(waiting: &str) -> Walk {
    let (mut walk, actions) = at_the_keys(&asked_menu(), "for sales press one", "sales");
    let Some(Action::Need(Need::Tool { key, .. })) = actions.last() else { unreachable!("{actions:?}") };
    walk.caller(2, waiting, &now());
    let actions = walk.tool_done(key, Ok(json!({})), &now());
    assert_eq!(actions.last(), Some(&Action::Press(keys("1"))), "{actions:?}");
    walk
}

fn last_words(walk: &Walk) -> (u32, &str) {
    let spoken = walk.snapshot().history.iter().rev().find(|spoken| spoken.role == Role::Caller).unwrap();
    (spoken.turn, spoken.text.as_str())
}

#[test]
fn words_that_waited_for_a_tool_are_over_with_the_keys_that_it_leads_to() {
    let mut walk = from_the_tool_to_keys("for support press two");
    walk.pressing();
    assert_eq!(last_words(&walk), (2, "for support press two"), "they were said all the same");
    walk.pressed(Ok(()));
    assert_eq!(walk.after_keys(3, &now()).last(), Some(&Action::Wait));
    // Nor do they come out of a later tool.
    walk.caller(4, "sales", &now());
    let actions = walk.classified(&scores("sales"), &now());
    let Some(Action::Need(Need::Tool { key, .. })) = actions.last() else { unreachable!("{actions:?}") };
    let error = ToolError { code: "TOOL_FAILED".to_owned(), message: "no".to_owned() };
    assert_eq!(said(&walk.tool_done(key, Err(error), &now())), "I cannot press here: TOOL_FAILED.");
    assert_eq!(last_words(&walk), (4, "sales"));
}

#[test]
fn words_that_waited_are_read_with_those_that_take_the_keys_back() {
    let mut walk = from_the_tool_to_keys("enter your");
    let actions = walk.caller(3, "number please", &now());
    let Some(Action::Need(Need::Classify { texts, .. })) = actions.last() else {
        unreachable!("{actions:?}")
    };
    assert_eq!(texts[0], "enter your number please");
    assert_eq!(last_words(&walk), (3, "enter your number please"));
    assert_eq!(walk.snapshot().queued, None);
}

#[test]
fn words_that_waited_for_a_tool_are_answered_when_the_transfer_that_it_leads_to_has_failed() {
    let mut asked = switchboard();
    asked["nodes"]["ask"] = json!({"kind": "tool", "tool": "ask"});
    asked["edges"][0] = json!({"from": "desk", "on": "person", "to": "ask"});
    asked["edges"].as_array_mut().unwrap().extend([
        json!({"from": "ask", "to": "through"}),
        json!({"from": "ask", "on": "error", "to": "back"}),
    ]);
    let mut walk = Walk::new(graph(&asked), 1);
    walk.caller(1, "a person please", &now());
    let actions = walk.classified(&scores("person"), &now());
    let Some(Action::Need(Need::Tool { key, .. })) = actions.last() else { unreachable!("{actions:?}") };
    walk.caller(2, "when are you open", &now());
    let actions = walk.tool_done(key, Ok(json!({})), &now());
    assert!(matches!(actions.last(), Some(Action::Transfer(_))), "{actions:?}");
    walk.transferring();
    assert_eq!(said(&walk.caller(3, "hello?", &now())), "Still ringing.");
    let actions = walk.transfer_failed(4, &refused(), &now());
    assert_eq!(said(&actions), "Nobody is there: TRANSFER_REFUSED.");
    let Some(Action::Need(Need::Classify { texts, .. })) = actions.last() else {
        unreachable!("{actions:?}")
    };
    assert_eq!(texts[0], "when are you open");
    assert_eq!(walk.snapshot().turn(), 4, "the answer is of the turn that tells of the transfer");
    assert_eq!(said(&walk.classified(&scores("none"), &now())), "What?");
}

#[test]
fn what_a_newer_program_wrote_is_taken_up_as_far_as_it_is_known() {
    let (walk, _) = at_the_tool();
    let mut newer = serde_json::to_value(walk.snapshot()).unwrap();
    newer["mood"] = json!("calm");
    newer["told"] = json!({"caller": {"name": "Maria"}, "session": {}, "room": {"name": "red"}});
    newer["pending"]["tool"]["patience_s"] = json!(9);
    let again = Walk::restore(graph(&small()), serde_json::from_value(newer.clone()).unwrap()).unwrap();
    assert_eq!(again.pending(), walk.pending(), "what it waits for is known");
    newer["pending"] = json!({"sing": {"node": "pay", "song": "a long one"}});
    let mut again = Walk::restore(graph(&small()), serde_json::from_value(newer.clone()).unwrap()).unwrap();
    assert_eq!(again.pending(), None);
    assert_eq!(again.returned(3, &now()).last(), Some(&Action::Wait), "the talk goes on");
    newer["format"] = json!(2);
    let refused = Walk::restore(graph(&small()), serde_json::from_value(newer).unwrap());
    assert!(matches!(refused, Err(RestoreError::Format(2))), "a format that must be known");
}

#[test]
fn what_was_told_of_the_call_reaches_texts_and_ways_and_outlives_a_server() {
    let told = graph(&json!({
        "name": "told", "version": 1, "entry": "desk", "greeting": ["Hello."],
        "nodes": {
            "desk": {"kind": "intent", "intents": {"order": {"examples": ["order", "buy"]}}, "unknown": ["What?"]},
            "which": {"kind": "router"},
            "gold": {"kind": "say", "text": ["Dear {caller.name}, line {session.header_x_line}."]},
            "others": {"kind": "say", "text": ["Hello{if caller.name} {caller.name}{end}."]},
        },
        "edges": [
            {"from": "desk", "on": "order", "to": "which"},
            {"from": "which", "when": "session.tier == \"gold\"", "to": "gold"}, {"from": "which", "to": "others"},
        ],
    }));
    let answer = |mut walk: Walk| {
        walk.caller(1, "order", &now());
        said(&walk.classified(&scores("order"), &now()))
    };
    let tell = |known: &[(&str, &str)]| {
        let mut walk = Walk::new(Arc::clone(&told), 1);
        walk.tell(known.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        walk
    };
    let known = [("caller.name", "Maria"), ("tier", "gold"), ("session.header_x_line", "3")];
    assert_eq!(answer(tell(&known)), "Dear Maria, line 3.");
    let kept = serde_json::to_string(tell(&known).snapshot()).unwrap();
    let back = Walk::restore(Arc::clone(&told), serde_json::from_str(&kept).unwrap()).unwrap();
    assert_eq!(answer(back), "Dear Maria, line 3.");
    assert_eq!(answer(tell(&[])), "Hello.", "nobody said anything of them");
    assert!(!serde_json::to_string(tell(&[]).snapshot()).unwrap().contains("\"told\":"));
}

#[test]
fn a_channel_called_session_stays_what_it_was() {
    let own = graph(&json!({
        "name": "own", "version": 1, "entry": "desk", "greeting": ["Hello."],
        "state": {"session": {"type": "text", "initial": "of the graph"}},
        "nodes": {
            "desk": {"kind": "intent", "intents": {"order": {"examples": ["order", "buy"]}}, "unknown": ["What?"]},
            "say": {"kind": "say", "text": ["{session}."]},
        },
        "edges": [{"from": "desk", "on": "order", "to": "say"}],
    }));
    let mut walk = Walk::new(own, 1);
    walk.tell([("session.due".to_owned(), "Monday".to_owned())]);
    walk.caller(1, "order", &now());
    assert_eq!(said(&walk.classified(&scores("order"), &now())), "of the graph.");
}
