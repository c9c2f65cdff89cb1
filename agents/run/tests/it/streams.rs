//! Streams of a conversation: thinking ahead, tools only after the commit, taking over from a dropped reply.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agents_graph::ToolError;
use agents_run::tools::{Appointments, Builtin};
use agents_run::{Agent, Conversation, Permit, Ports, Step, ToolCall, Tools};
use domain::{SessionId, Source, TurnId};
use futures::StreamExt;
use futures::future::BoxFuture;
use runtime::tasks::Tasks;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::dialogues::Monday;

/// Answers when it is allowed to.
#[derive(Default)]
struct Slow {
    calls: AtomicUsize,
    go: Arc<Notify>,
    /// Takes its permit at once and is long in taking effect.
    takes_effect: AtomicBool,
    permit: Mutex<Option<Permit>>,
}

impl Tools for Slow {
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let go = Arc::clone(&self.go);
        if self.takes_effect.load(Ordering::SeqCst) {
            assert!(call.permit.take());
        }
        *self.permit.lock().unwrap() = Some(call.permit.clone());
        Box::pin(async move {
            go.notified().await;
            Ok(json!({"status": "booked", "key": call.key}))
        })
    }
}

const ALL: &str = "I'd like to book a haircut next Tuesday at three in the afternoon, my name is Maria Lopez and my number is 555 0142";

async fn conversation() -> (Conversation, Arc<Slow>) {
    with(agents_graph::LIBRARY[1].1).await
}

async fn with(definition: &str) -> (Conversation, Arc<Slow>) {
    let agent = Arc::new(Agent::load(definition, None).await.unwrap());
    let tools = Arc::new(Slow::default());
    let ports = Ports {
        llm: None,
        meter: None,
        tools: Arc::clone(&tools) as Arc<dyn Tools>,
        clock: Arc::new(Monday),
        tasks: Arc::new(Tasks::new()),
        bridges: None,
    };
    (Conversation::new(agent, ports, SessionId::generate(), 1), tools)
}

fn text(steps: &[Step]) -> String {
    steps
        .iter()
        .filter_map(|step| if let Step::Text(text) = step { Some(text.as_str()) } else { None })
        .collect()
}

#[tokio::test]
async fn a_guess_says_what_the_commit_says_and_leaves_no_trace() {
    let (mut conversation, _) = conversation().await;
    let before = conversation.snapshot();
    let guess: Vec<Step> = conversation.speculate(TurnId(1), ALL).collect().await;
    assert_eq!(conversation.snapshot(), before);
    assert!(guess.iter().all(|step| matches!(step, Step::Text(_))));
    let reply: Vec<Step> = conversation.commit(TurnId(1), ALL).collect().await;
    assert_eq!(text(&guess), text(&reply));
    assert!(!text(&reply).is_empty());
}

#[tokio::test]
async fn a_graph_that_goes_round_is_not_the_callers_fault() {
    let graph = json!({
        "name": "round", "version": 1, "entry": "desk", "greeting": ["Hello."],
        "state": {"order": {"type": "object", "reducer": "merge"}},
        "nodes": {
            "desk": {"kind": "intent", "intents": {"loop": {"examples": ["round and round"]}}, "unknown": ["What?"]},
            "around": {"kind": "say"}, "turn": {"kind": "router"},
        },
        "edges": [
            {"from": "desk", "on": "loop", "to": "around"}, {"from": "around", "to": "turn"},
            {"from": "turn", "when": "not exists order.stop", "to": "around"}, {"from": "turn", "to": "desk"},
        ],
    });
    let (mut conversation, _) = with(&graph.to_string()).await;
    let steps: Vec<Step> = conversation.commit(TurnId(1), "round and round").collect().await;
    let failure = steps.iter().find_map(|step| match step {
        Step::Failed { failure, .. } => Some((failure.code.0, failure.source)),
        _ => None,
    });
    assert_eq!(failure, Some(("AGENT_LOOP", Source::Platform)));
}

#[tokio::test]
async fn no_tool_runs_before_the_commit() {
    let (mut conversation, tools) = conversation().await;
    let _: Vec<Step> = conversation.commit(TurnId(1), ALL).collect().await;
    let _: Vec<Step> = conversation.speculate(TurnId(2), "yes").collect().await;
    conversation.discard(TurnId(2));
    assert_eq!(tools.calls.load(Ordering::SeqCst), 0);
    tools.go.notify_one();
    let reply: Vec<Step> = conversation.commit(TurnId(2), "yes").collect().await;
    assert_eq!(tools.calls.load(Ordering::SeqCst), 1);
    assert!(text(&reply).contains("Maria"), "{reply:?}");
}

#[tokio::test]
async fn a_reply_cut_off_during_a_tool_does_not_run_it_twice() {
    let (mut conversation, tools) = conversation().await;
    let _: Vec<Step> = conversation.commit(TurnId(1), ALL).collect().await;
    let mut first = conversation.commit(TurnId(2), "yes");
    while tools.calls.load(Ordering::SeqCst) == 0 {
        futures::future::poll_immediate(first.next()).await;
    }
    drop(first);
    tools.go.notify_one();
    let reply: Vec<Step> = conversation.commit(TurnId(3), "what?").collect().await;
    assert_eq!(tools.calls.load(Ordering::SeqCst), 1);
    assert!(text(&reply).contains("Maria"), "{reply:?}");
    assert_eq!(conversation.snapshot().receipts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_hangs_takes_its_error_edge() {
    let (mut conversation, tools) = conversation().await;
    let _: Vec<Step> = conversation.commit(TurnId(1), ALL).collect().await;
    let reply: Vec<Step> = conversation.commit(TurnId(2), "yes").collect().await;
    assert!(text(&reply).contains("couldn't save"), "{reply:?}");
    let permit = tools.permit.lock().unwrap().take().unwrap();
    assert!(!permit.take(), "what the caller was told must stay true");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_is_taking_effect_at_the_deadline_is_waited_for() {
    let (mut conversation, tools) = conversation().await;
    tools.takes_effect.store(true, Ordering::SeqCst);
    let _: Vec<Step> = conversation.commit(TurnId(1), ALL).collect().await;
    let reply = conversation.commit(TurnId(2), "yes").collect::<Vec<Step>>();
    let late = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        tools.go.notify_one();
    };
    let (reply, ()) = tokio::join!(reply, late);
    assert!(text(&reply).contains("Maria") && !text(&reply).contains("couldn't"), "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn of_a_tool_that_never_comes_to_an_end_nothing_is_claimed() {
    let (mut conversation, tools) = conversation().await;
    tools.takes_effect.store(true, Ordering::SeqCst);
    let _: Vec<Step> = conversation.commit(TurnId(1), ALL).collect().await;
    let reply: Vec<Step> = conversation.commit(TurnId(2), "yes").collect().await;
    assert!(text(&reply).contains("can't tell") && !text(&reply).contains("couldn't"), "{reply:?}");
}

/// Another process holds the file while the caller waits.
#[tokio::test(start_paused = true)]
async fn a_booking_that_was_told_to_have_failed_is_never_stored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("appointments.jsonl");
    let other = std::fs::File::create(&path).unwrap();
    other.lock().unwrap();
    let agent = Arc::new(Agent::load(agents_graph::LIBRARY[1].1, None).await.unwrap());
    let tasks = Arc::new(Tasks::new());
    let appointments = Appointments::new(path.clone(), Arc::new(Monday));
    let tools = Arc::new(Builtin::new(appointments, Arc::clone(&tasks)));
    let ports = Ports {
        llm: None,
        meter: None,
        tools,
        clock: Arc::new(Monday),
        tasks: Arc::clone(&tasks),
        bridges: None,
    };
    let mut conversation = Conversation::new(agent, ports, SessionId::generate(), 1);
    let _: Vec<Step> = conversation.commit(TurnId(1), ALL).collect().await;
    let reply = conversation.commit(TurnId(2), "yes").collect::<Vec<Step>>();
    // The clock does not run by itself while a thread is blocked.
    let (reply, ()) = tokio::join!(reply, async {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(6)).await;
    });
    assert!(text(&reply).contains("couldn't save"), "{reply:?}");
    other.unlock().unwrap();
    tasks.shutdown().await;
    assert_eq!(std::fs::read_to_string(path).unwrap(), "");
}

#[tokio::test]
async fn a_conversation_is_taken_up_from_its_snapshot() {
    let (mut conversation, tools) = conversation().await;
    let _: Vec<Step> = conversation.commit(TurnId(1), ALL).collect().await;
    let snapshot = serde_json::to_string(&conversation.snapshot()).unwrap();
    let agent = Arc::new(Agent::load(agents_graph::LIBRARY[1].1, None).await.unwrap());
    let ports = Ports {
        llm: None,
        meter: None,
        tools: Arc::clone(&tools) as Arc<dyn Tools>,
        clock: Arc::new(Monday),
        tasks: Arc::new(Tasks::new()),
        bridges: None,
    };
    let mut again =
        Conversation::resume(agent, ports, SessionId::generate(), serde_json::from_str(&snapshot).unwrap())
            .unwrap();
    tools.go.notify_one();
    let reply: Vec<Step> = again.commit(TurnId(2), "yes").collect().await;
    assert!(text(&reply).contains("Maria"), "{reply:?}");
}
