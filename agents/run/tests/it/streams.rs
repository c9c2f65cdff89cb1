//! Streams of a conversation: thinking ahead, tools only after the commit, taking over from a dropped reply.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agents_graph::ToolError;
use agents_run::{Agent, Conversation, Ports, Step, ToolCall, Tools};
use domain::{SessionId, TurnId};
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
}

impl Tools for Slow {
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let go = Arc::clone(&self.go);
        Box::pin(async move {
            go.notified().await;
            Ok(json!({"status": "booked", "key": call.key}))
        })
    }
}

const ALL: &str = "I'd like to book a haircut next Tuesday at three in the afternoon, my name is Maria Lopez and my number is 555 0142";

async fn conversation() -> (Conversation, Arc<Slow>) {
    let agent = Arc::new(Agent::load(agents_graph::LIBRARY[1].1, None).await.unwrap());
    let tools = Arc::new(Slow::default());
    let ports = Ports {
        tools: Arc::clone(&tools) as Arc<dyn Tools>,
        clock: Arc::new(Monday),
        tasks: Arc::new(Tasks::new()),
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
    let (mut conversation, _) = conversation().await;
    let _: Vec<Step> = conversation.commit(TurnId(1), ALL).collect().await;
    let reply: Vec<Step> = conversation.commit(TurnId(2), "yes").collect().await;
    assert!(text(&reply).contains("couldn't save"), "{reply:?}");
}

#[tokio::test]
async fn a_conversation_is_taken_up_from_its_snapshot() {
    let (mut conversation, tools) = conversation().await;
    let _: Vec<Step> = conversation.commit(TurnId(1), ALL).collect().await;
    let snapshot = serde_json::to_string(&conversation.snapshot()).unwrap();
    let agent = Arc::new(Agent::load(agents_graph::LIBRARY[1].1, None).await.unwrap());
    let ports = Ports {
        tools: Arc::clone(&tools) as Arc<dyn Tools>,
        clock: Arc::new(Monday),
        tasks: Arc::new(Tasks::new()),
    };
    let mut again =
        Conversation::resume(agent, ports, SessionId::generate(), serde_json::from_str(&snapshot).unwrap())
            .unwrap();
    tools.go.notify_one();
    let reply: Vec<Step> = again.commit(TurnId(2), "yes").collect().await;
    assert!(text(&reply).contains("Maria"), "{reply:?}");
}
