//! Conversations with a language model: talk, tools, thinking ahead, failures. Time is virtual.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agents_graph::ToolError;
use agents_run::tools::{Appointments, Builtin};
use agents_run::{Agent, AskedAhead, ChatUsed, Conversation, Meter, Ports, Step, ToolCall, Tools};
use domain::{SessionId, Source, TurnId};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use providers_api::{Error, Llm, LlmRequest, LlmStream, Message, ProviderInfo};
use providers_fake::{Answer, Call, FakeLlm, Fault, LlmOptions};
use runtime::tasks::Tasks;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::dialogues::Monday;

/// Notes what is asked, and how many answers are under way.
struct Model {
    inner: FakeLlm,
    asked: Mutex<Vec<LlmRequest>>,
    open: Arc<AtomicUsize>,
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Llm for Model {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        self.asked.lock().unwrap().push(request.clone());
        self.open.fetch_add(1, Ordering::SeqCst);
        let open = Open(Arc::clone(&self.open));
        async move {
            // So that the script can tell a question for a value from one for words.
            let mut request = request;
            if request.output.is_some() {
                request.messages = [caller("give the value")].into();
            }
            let stream = self.inner.chat(request).await?;
            Ok(stream.inspect(move |_| _ = &open).boxed())
        }
        .boxed()
    }
}

/// Answers after a while; notes when each call began and ended.
struct Lab {
    begun: Instant,
    log: Mutex<Vec<(String, u128)>>,
}

impl Tools for Lab {
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolError>> {
        let at = self.begun.elapsed().as_millis();
        self.log.lock().unwrap().push((call.name.clone(), at));
        async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if call.name == "fail" {
                return Err(ToolError { code: "TOOL_FAILED".into(), message: "no paper left".into() });
            }
            Ok(json!(format!("{} of {}", call.name, call.args["what"].as_str().unwrap_or_default())))
        }
        .boxed()
    }
}

#[derive(Default)]
struct Books(Mutex<Vec<ChatUsed>>);

impl Meter for Books {
    fn chat(&self, used: ChatUsed) {
        self.0.lock().unwrap().push(used);
    }
}

struct Bench {
    agent: Arc<Agent>,
    model: Arc<Model>,
    lab: Arc<Lab>,
    books: Arc<Books>,
    conversation: Conversation,
}

fn definition() -> Value {
    json!({
        "name": "talker", "version": 1, "entry": "talk", "greeting": ["Hello."],
        "state": {"order": {"type": "object"}},
        "tools": {
            "look": {"description": "Looks.", "effects": false}, "search": {"description": "Searches.", "effects": false},
            "fail": {"description": "Fails.", "effects": false},
            "buy": {"description": "Buys."}, "sell": {"description": "Sells."},
        },
        "speculation": {"max_wasted": 0.5, "window": 10, "pause_ms": 60_000},
        "nodes": {
            "talk": {"kind": "llm", "instructions": "You serve.", "tools": ["look", "search", "fail", "buy", "sell"], "sorry": ["Sorry."],
                "exits": {"done": {"description": "All is said."}, "order": {"description": "Sum up."}}},
            "sum": {"kind": "llm", "instructions": "Sum up.", "into": "order", "prompt": ["Let me see."],
                "output": {"type": "object", "required": ["many"]}},
            "told": {"kind": "say", "text": ["That makes {order.many}."]},
            "bye": {"kind": "end", "text": ["Goodbye."]},
        },
        "edges": [
            {"from": "talk", "on": "done", "to": "bye"}, {"from": "talk", "on": "order", "to": "sum"},
            {"from": "sum", "to": "told"}, {"from": "sum", "on": "error", "to": "bye"},
        ],
    })
}

fn answer(to: &str, text: &str, calls: &[(&str, &str)]) -> Answer {
    let calls =
        calls.iter().map(|(name, what)| Call { name: (*name).into(), arguments: json!({"what": what}) });
    Answer { to: to.into(), text: text.into(), calls: calls.collect() }
}

/// A model that takes 50 ms to its first word and 10 ms for each.
fn options() -> LlmOptions {
    let answers = vec![
        answer("greet", "Good day to you. How are things with you today?", &[]),
        answer("look of tea", "There is **tea**.", &[]),
        answer("stock", "Let me look.", &[("look", "tea")]),
        answer("both", "", &[("look", "tea"), ("search", "milk"), ("buy", "tea"), ("sell", "milk")]),
        answer("sell of milk", "All done.", &[]),
        answer("broken", "Let me try.", &[("fail", "x")]),
        answer("no paper", "That did not work.", &[]),
        answer("bye now", "It was nice.", &[("done", "")]),
        answer("total", "", &[("order", "")]),
        answer("give the value", "{\"many\": 3}", &[]),
    ];
    LlmOptions { answers, ..LlmOptions::default() }
}

async fn bench_of(definition: &Value, options: LlmOptions) -> Bench {
    let agent = Arc::new(Agent::load(&definition.to_string(), None).await.unwrap());
    bench_on(agent, options)
}

async fn bench() -> Bench {
    bench_of(&definition(), options()).await
}

fn bench_on(agent: Arc<Agent>, options: LlmOptions) -> Bench {
    let model =
        Arc::new(Model { inner: FakeLlm::new(options), asked: Mutex::default(), open: Arc::default() });
    let lab = Arc::new(Lab { begun: Instant::now(), log: Mutex::default() });
    let books = Arc::new(Books::default());
    let ports = ports(&model, &lab, &books);
    let conversation = Conversation::new(Arc::clone(&agent), ports, SessionId::generate(), 1);
    Bench { agent, model, lab, books, conversation }
}

fn ports(model: &Arc<Model>, lab: &Arc<Lab>, books: &Arc<Books>) -> Ports {
    Ports {
        llm: Some(Arc::clone(model) as Arc<dyn Llm>),
        meter: Some(Arc::clone(books) as Arc<dyn Meter>),
        tools: Arc::clone(lab) as Arc<dyn Tools>,
        clock: Arc::new(Monday),
        tasks: Arc::new(Tasks::new()),
        bridges: None,
    }
}

impl Bench {
    fn asked(&self) -> usize {
        self.model.asked.lock().unwrap().len()
    }

    fn last(&self) -> Vec<Message> {
        self.model.asked.lock().unwrap().last().unwrap().messages.to_vec()
    }

    async fn say(&mut self, turn: u32, text: &str) -> Vec<Step> {
        let steps: Vec<Step> = self.conversation.commit(TurnId(turn), text).collect().await;
        self.conversation.heard(TurnId(turn), &words(&steps), false);
        steps
    }
}

fn words(steps: &[Step]) -> String {
    let texts =
        steps.iter().filter_map(|step| if let Step::Text(text) = step { Some(text.as_str()) } else { None });
    texts.collect()
}

fn failure(steps: &[Step]) -> Option<(&'static str, Source)> {
    steps.iter().find_map(|step| match step {
        Step::Failed { failure, .. } => Some((failure.code.0, failure.source)),
        _ => None,
    })
}

/// Takes from a stream until it has given this text.
async fn until(stream: &mut BoxStream<'static, Step>, text: &str) -> String {
    let mut so_far = String::new();
    while !so_far.contains(text) {
        match stream.next().await {
            Some(Step::Text(more)) => so_far.push_str(&more),
            Some(_) => {}
            None => unreachable!("it ended with {so_far:?}"),
        }
    }
    so_far
}

fn caller(text: &str) -> Message {
    Message::Caller(text.to_owned())
}

fn agent(text: &str) -> Message {
    Message::Agent { text: text.to_owned(), calls: Vec::new() }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_told_to_the_model_and_spoken_as_it_comes() {
    let mut bench = bench().await;
    let _: Vec<Step> = bench.conversation.greet(TurnId(0)).collect().await;
    let begun = Instant::now();
    let mut reply = bench.conversation.commit(TurnId(1), "please greet me");
    until(&mut reply, "Good").await;
    assert_eq!(begun.elapsed().as_millis(), 50, "the first word is spoken when it comes");
    let _: Vec<Step> = reply.collect().await;
    bench.conversation.heard(TurnId(1), "Good day to you. How are things with you today?", false);
    assert_eq!(words(&bench.say(2, "well").await), "You said: well.");
    let wanted = [
        agent("Hello."),
        caller("please greet me"),
        agent("Good day to you. How are things with you today?"),
        caller("well"),
    ];
    assert_eq!(bench.last(), wanted);
    assert_eq!(bench.model.open.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_tool_is_called_and_its_result_answered_without_markup() {
    let mut bench = bench().await;
    let steps = bench.say(1, "what is in stock").await;
    assert_eq!(words(&steps), "Let me look. There is tea.");
    assert_eq!(bench.lab.log.lock().unwrap().len(), 1);
    let last = bench.last();
    assert!(
        matches!(&last[1], Message::Agent { text, calls } if text == "Let me look." && calls[0].name == "look")
    );
    let result = Message::ToolResult {
        id: "call-0".into(),
        name: "look".into(),
        content: "look of tea".into(),
        is_error: false,
    };
    assert_eq!(last[2], result);
}

/// A caller who hears nothing for 2.6 s hears the apology in place of the answer.
#[tokio::test(start_paused = true)]
async fn an_answer_with_two_rounds_of_tools_is_bridged_by_a_word() {
    let answers = vec![
        answer("far", "", &[("look", "tea")]),
        answer("look of tea", "", &[("search", "milk")]),
        answer("search of milk", "There it is.", &[]),
    ];
    let slow = LlmOptions { answers, first_token_ms: 700, ..options() };
    let mut bench = bench_of(&definition(), slow).await;
    let begun = Instant::now();
    let mut reply = bench.conversation.commit(TurnId(1), "how far is it");
    let first = reply.next().await;
    assert_eq!(begun.elapsed().as_millis(), 1_200);
    let Some(Step::Text(first)) = first else { unreachable!("{first:?}") };
    assert!(["One moment.", "Let me see."].contains(&first.as_str()), "{first}");
    let rest = words(&reply.collect::<Vec<Step>>().await);
    assert_eq!(rest, " There it is.", "once, and apart");
    assert!(begun.elapsed().as_millis() > 2_500, "it took long");
    bench.conversation.heard(TurnId(1), &format!("{first}{rest}"), false);
    bench.say(2, "thanks").await;
    let told = bench.last();
    let said: Vec<&str> = told
        .iter()
        .filter_map(|message| match message {
            Message::Agent { text, .. } if !text.is_empty() => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(said.join(" "), format!("{first}{rest}"), "the model knows of it, once");
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_counts_before_the_deadline_where_nobody_looked() {
    let mut bench = bench().await;
    let mut reply = bench.conversation.commit(TurnId(1), "please greet me");
    assert!(futures::poll!(reply.next()).is_pending());
    tokio::time::advance(Duration::from_secs(5)).await;
    let steps: Vec<Step> = reply.collect().await;
    assert!(words(&steps).starts_with("Good day") && failure(&steps).is_none(), "{steps:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_tool_goes_back_to_the_model() {
    let mut bench = bench().await;
    assert_eq!(words(&bench.say(1, "it is broken").await), "Let me try. That did not work.");
    assert!(
        matches!(&bench.last()[2], Message::ToolResult { is_error: true, content, .. } if content.contains("no paper"))
    );
}

#[tokio::test(start_paused = true)]
async fn tools_without_effects_run_together_and_those_with_effects_one_after_the_other() {
    let mut bench = bench().await;
    assert_eq!(words(&bench.say(1, "both of them").await), "All done.");
    let log = bench.lab.log.lock().unwrap().clone();
    let (names, starts): (Vec<String>, Vec<u128>) = log.into_iter().unzip();
    assert_eq!(names, ["look", "search", "buy", "sell"]);
    assert_eq!(starts.iter().map(|at| at - starts[0]).collect::<Vec<_>>(), [0, 0, 200, 400]);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_cancels_the_model_and_keeps_what_was_heard() {
    let mut bench = bench().await;
    let mut reply = bench.conversation.commit(TurnId(1), "please greet me");
    until(&mut reply, "things").await;
    assert_eq!(bench.model.open.load(Ordering::SeqCst), 1);
    drop(reply);
    assert_eq!(bench.model.open.load(Ordering::SeqCst), 0);
    bench.conversation.heard(TurnId(1), "Good day to", true);
    bench.say(2, "stop").await;
    assert_eq!(bench.last(), [caller("please greet me"), agent("Good day to [interrupted]"), caller("stop")]);
    let used = bench.books.0.lock().unwrap();
    assert!(used[0].usage.estimated && used[0].usage.output_tokens > 0 && used[0].ahead == AskedAhead::No);
    assert!(!used[1].usage.estimated);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_during_a_tool_loses_no_result() {
    let mut bench = bench().await;
    let mut reply = bench.conversation.commit(TurnId(1), "both of them");
    while bench.lab.log.lock().unwrap().len() < 3 {
        let _step = tokio::time::timeout(Duration::from_millis(10), reply.next()).await;
    }
    drop(reply);
    bench.conversation.heard(TurnId(1), "", true);
    let steps = bench.say(2, "greet").await;
    assert!(words(&steps).starts_with("Good day"), "{steps:?}");
    assert_eq!(bench.lab.log.lock().unwrap().len(), 4, "no tool ran twice");
    let last = bench.last();
    let results =
        last.iter().filter(|message| matches!(message, Message::ToolResult { is_error: false, .. })).count();
    assert_eq!((results, last.last()), (4, Some(&caller("greet"))));
}

#[tokio::test(start_paused = true)]
async fn a_guess_is_adopted_and_the_model_asked_once() {
    let mut bench = bench().await;
    let mut guess = bench.conversation.speculate(TurnId(1), "please greet me");
    let ahead = until(&mut guess, "to").await;
    let begun = Instant::now();
    let mut reply = bench.conversation.commit(TurnId(1), "please greet me");
    assert_eq!(guess.next().await, None, "what was asked belongs to the reply now");
    let again = until(&mut reply, "to").await;
    assert!(again.starts_with(&ahead), "{ahead:?} {again:?}");
    assert_eq!(begun.elapsed().as_millis(), 0, "what was given ahead is given at once");
    let rest: Vec<Step> = reply.collect().await;
    assert_eq!(again + &words(&rest), "Good day to you. How are things with you today?");
    assert_eq!(bench.asked(), 1);
    let counts = bench.agent.speculations();
    assert_eq!((counts.started, counts.adopted, counts.discarded, counts.wasted_tokens), (1, 1, 0, 0));
    assert_eq!(bench.books.0.lock().unwrap()[0].ahead, AskedAhead::Adopted);
}

#[tokio::test(start_paused = true)]
async fn a_guess_that_was_complete_is_said_without_waiting() {
    let mut bench = bench().await;
    let guess: Vec<Step> = bench.conversation.speculate(TurnId(1), "please greet me").collect().await;
    let begun = Instant::now();
    let reply: Vec<Step> = bench.conversation.commit(TurnId(1), "please greet me").collect().await;
    assert_eq!((words(&guess), begun.elapsed().as_millis(), bench.asked()), (words(&reply), 0, 1));
}

#[tokio::test(start_paused = true)]
async fn another_text_drops_the_guess_and_asks_anew() {
    let mut bench = bench().await;
    let mut guess = bench.conversation.speculate(TurnId(1), "please greet");
    until(&mut guess, "Good").await;
    let reply: Vec<Step> = bench.conversation.commit(TurnId(1), "please do not").collect().await;
    assert_eq!((words(&reply).as_str(), bench.asked()), ("You said: please do not.", 2));
    let counts = bench.agent.speculations();
    assert_eq!((counts.started, counts.adopted, counts.discarded), (1, 0, 1));
    assert!(counts.wasted_tokens > 0);
    assert_eq!(
        bench.books.0.lock().unwrap().iter().filter(|used| used.ahead == AskedAhead::InVain).count(),
        1
    );
    assert_eq!(bench.last(), [caller("please do not")], "the guess left no trace");
}

#[tokio::test(start_paused = true)]
async fn a_discarded_guess_cancels_the_model() {
    let mut bench = bench().await;
    let mut guess = bench.conversation.speculate(TurnId(1), "please greet me");
    until(&mut guess, "Good").await;
    bench.conversation.discard(TurnId(1));
    assert_eq!(bench.model.open.load(Ordering::SeqCst), 0);
    assert_eq!(guess.next().await, None);
    assert_eq!(bench.agent.speculations().discarded, 1);
}

#[tokio::test(start_paused = true)]
async fn a_discarded_guess_does_not_end_the_reply_before_it() {
    let mut bench = bench().await;
    let mut reply = bench.conversation.commit(TurnId(1), "please greet me");
    until(&mut reply, "Good").await;
    let guess = bench.conversation.speculate(TurnId(2), "mhm");
    bench.conversation.discard(TurnId(2));
    drop(guess);
    assert!(words(&reply.collect::<Vec<Step>>().await).ends_with("today?"));
}

#[tokio::test(start_paused = true)]
async fn a_guess_stops_before_a_tool_and_the_commit_runs_it() {
    let mut bench = bench().await;
    let guess: Vec<Step> = bench.conversation.speculate(TurnId(1), "what is in stock").collect().await;
    assert_eq!(words(&guess), "Let me look.");
    assert!(bench.lab.log.lock().unwrap().is_empty());
    let reply: Vec<Step> = bench.conversation.commit(TurnId(1), "what is in stock").collect().await;
    assert_eq!(words(&reply), "Let me look. There is tea.");
    assert_eq!((bench.lab.log.lock().unwrap().len(), bench.asked()), (1, 2));
    assert_eq!(bench.agent.speculations().adopted, 1);
}

#[tokio::test(start_paused = true)]
async fn a_guess_that_fails_says_nothing_and_the_commit_asks_again() {
    let faults = vec![Fault::Unreachable];
    let mut bench = bench_of(&definition(), LlmOptions { faults, ..options() }).await;
    let guess: Vec<Step> = bench.conversation.speculate(TurnId(1), "please greet me").collect().await;
    assert_eq!(guess, []);
    assert!(words(&bench.say(1, "please greet me").await).starts_with("Good day"));
}

#[tokio::test(start_paused = true)]
async fn what_was_heard_meanwhile_makes_it_another_question() {
    let mut bench = bench().await;
    let mut first = bench.conversation.commit(TurnId(1), "please greet me");
    until(&mut first, "How").await;
    let guess: Vec<Step> = bench.conversation.speculate(TurnId(2), "stop").collect().await;
    assert_eq!(words(&guess), "You said: stop.");
    drop(first);
    bench.conversation.heard(TurnId(1), "Good", true);
    bench.say(2, "stop").await;
    assert_eq!(bench.last(), [caller("please greet me"), agent("Good [interrupted]"), caller("stop")]);
    assert_eq!((bench.asked(), bench.agent.speculations().discarded), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn too_many_guesses_in_vain_begin_a_pause() {
    let mut bench = bench().await;
    for turn in 1..=20 {
        let guess = bench.conversation.speculate(TurnId(turn), "please greet me");
        let _: Vec<Step> = guess.collect().await;
        bench.conversation.discard(TurnId(turn));
    }
    let counts = bench.agent.speculations();
    assert_eq!((counts.started, counts.pauses, bench.asked()), (8, 1, 8));
    assert!(words(&bench.say(21, "please greet me").await).starts_with("Good day"), "answers go on");
    tokio::time::advance(Duration::from_secs(60)).await;
    let _: Vec<Step> = bench.conversation.speculate(TurnId(22), "please greet me").collect().await;
    assert_eq!(bench.agent.speculations().started, 9);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_dropped_cancels_what_it_asked_ahead() {
    let mut bench = bench().await;
    let mut guess = bench.conversation.speculate(TurnId(1), "please greet me");
    until(&mut guess, "Good").await;
    let open = Arc::clone(&bench.model.open);
    drop(bench.conversation);
    assert_eq!(open.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn an_exit_says_what_the_model_said_and_goes_along_its_edge() {
    let mut bench = bench().await;
    let steps = bench.say(1, "bye now").await;
    assert_eq!(words(&steps), "It was nice. Goodbye.");
    assert!(matches!(steps.last(), Some(Step::End(_))));
}

#[tokio::test(start_paused = true)]
async fn a_value_goes_into_the_state_and_not_into_the_ear() {
    let mut bench = bench().await;
    assert_eq!(words(&bench.say(1, "what is the total").await), "Let me see. That makes 3.");
    let request = bench.model.asked.lock().unwrap()[1].clone();
    assert!(request.output.is_some() && request.tools.is_empty());
    assert_eq!(bench.conversation.snapshot().channels["order"], json!({"many": 3}));
    assert!(words(&bench.say(2, "please greet me").await).starts_with("Good day"), "and the talk goes on");
}

#[tokio::test(start_paused = true)]
async fn without_a_model_the_agent_says_which_key_is_missing() {
    let bench = bench().await;
    let ports = Ports { llm: None, ..ports(&bench.model, &bench.lab, &bench.books) };
    let mut conversation = Conversation::new(Arc::clone(&bench.agent), ports, SessionId::generate(), 1);
    let guess: Vec<Step> = conversation.speculate(TurnId(1), "hello").collect().await;
    assert_eq!(guess, []);
    let steps: Vec<Step> = conversation.commit(TurnId(1), "hello").collect().await;
    assert_eq!(failure(&steps), Some(("LLM_MISSING", Source::Platform)));
    assert!(
        steps
            .iter()
            .any(|step| matches!(step, Step::Failed { message, .. } if message.contains("OPENAI_API_KEY")))
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_first_word_is_heard_as_the_nodes_sorry() {
    for fault in [Fault::Refuse, Fault::Unreachable, Fault::Garbage, Fault::Empty, Fault::Mute, Fault::Hang] {
        let mut bench = bench_of(&definition(), LlmOptions { faults: vec![fault], ..options() }).await;
        let steps = bench.say(1, "please greet me").await;
        assert_eq!(words(&steps), "Sorry.", "{fault:?}");
        assert!(steps.iter().any(|step| matches!(step, Step::Noted { name, .. } if name == "chat_failed")));
        let troubles = steps.iter().filter_map(|step| match step {
            Step::Trouble { failure, .. } => Some((failure.source, failure.code.0.starts_with("LLM_"))),
            _ => None,
        });
        assert_eq!(troubles.collect::<Vec<_>>(), [(Source::Provider, true)], "{fault:?}");
        assert!(words(&bench.say(2, "please greet me").await).starts_with("Good day"), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_a_wording_is_the_vendors_and_for_the_session_to_apologise() {
    let mut curt = definition();
    curt["nodes"]["talk"]["sorry"] = json!([]);
    for (fault, code) in
        [(Fault::Refuse, "LLM_UNAUTHORIZED"), (Fault::Mute, "LLM_TIMED_OUT"), (Fault::Empty, "LLM_SILENT")]
    {
        let mut bench = bench_of(&curt, LlmOptions { faults: vec![fault], ..options() }).await;
        let begun = Instant::now();
        assert_eq!(failure(&bench.say(1, "please greet me").await), Some((code, Source::Provider)));
        assert!(begun.elapsed() <= Duration::from_millis(2_001), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_mid_sentence_keeps_what_was_said_and_is_owned_up_to() {
    for fault in [Fault::CloseAfter { after_ms: 80 }, Fault::Stall { after_ms: 80, for_ms: 60_000 }] {
        let mut bench = bench_of(&definition(), LlmOptions { faults: vec![fault], ..options() }).await;
        let said = words(&bench.say(1, "please greet me").await);
        assert!(said.starts_with("Good day to") && said.ends_with(" Sorry."), "{fault:?}: {said:?}");
        bench.say(2, "go on").await;
        assert_eq!(bench.last(), [caller("please greet me"), agent(&said), caller("go on")]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_taken_up_while_a_model_was_asked_asks_it_again() {
    let mut bench = bench().await;
    let mut reply = bench.conversation.commit(TurnId(1), "please greet me");
    until(&mut reply, "day").await;
    let snapshot = serde_json::to_string(&bench.conversation.snapshot()).unwrap();
    drop(reply);
    let ports = ports(&bench.model, &bench.lab, &bench.books);
    let snapshot = serde_json::from_str(&snapshot).unwrap();
    let mut again =
        Conversation::resume(Arc::clone(&bench.agent), ports, SessionId::generate(), snapshot).unwrap();
    let steps: Vec<Step> = again.returned(TurnId(2)).collect().await;
    assert_eq!(words(&steps), "Sorry, we were cut off. Good day to you. How are things with you today?");
    assert_eq!(bench.last(), [caller("please greet me")]);
}

#[tokio::test(start_paused = true)]
async fn the_assistant_looks_things_up_and_says_goodbye() {
    let json = agents_graph::LIBRARY.iter().find(|(name, _)| *name == "assistant").unwrap().1;
    let agent = Arc::new(Agent::load(json, None).await.unwrap());
    let call = |name: &str, arguments: Value| Call { name: name.into(), arguments };
    let answers = vec![
        Answer {
            to: "19:30".into(),
            text: "It is half past seven in the evening there.".into(),
            calls: Vec::new(),
        },
        Answer {
            to: "tokyo".into(),
            text: String::new(),
            calls: vec![call("current_time", json!({"zone": "Asia/Tokyo"}))],
        },
        Answer {
            to: "write it down".into(),
            text: String::new(),
            calls: vec![call(
                "book_call",
                json!({"date": "2026-11-24", "time": "10:00", "name": "Maria", "phone": "5550142"}),
            )],
        },
        Answer { to: "\"booked\"".into(), text: "You're booked.".into(), calls: Vec::new() },
        Answer { to: "that was all".into(), text: String::new(), calls: vec![call("goodbye", json!({}))] },
    ];
    let mut bench = bench_on(Arc::clone(&agent), LlmOptions { answers, ..LlmOptions::default() });
    let directory = tempfile::tempdir().unwrap();
    let tasks = Arc::new(Tasks::new());
    let appointments = Appointments::new(directory.path().join("appointments.jsonl"), Arc::new(Monday));
    let tools = Arc::new(Builtin::new(appointments, Arc::clone(&tasks)));
    let ports = Ports { tools, tasks, ..ports(&bench.model, &bench.lab, &bench.books) };
    bench.conversation = Conversation::new(agent, ports, SessionId::generate(), 1);
    let _: Vec<Step> = bench.conversation.greet(TurnId(0)).collect().await;
    let said = words(&bench.say(1, "what time is it in Tokyo").await);
    let bridges = ["Let me check. ", "One moment. "];
    let answer = bridges.iter().find_map(|bridge| said.strip_prefix(bridge));
    assert_eq!(answer, Some("It is half past seven in the evening there."), "{said:?}");
    let request = bench.model.asked.lock().unwrap()[0].clone();
    assert!(
        request.instructions.ends_with("Today is Monday, November twenty-third (2026-11-23)."),
        "{}",
        request.instructions
    );
    let steps = bench.say(2, "please write it down").await;
    assert!(words(&steps).ends_with("You're booked."), "{steps:?}");
    assert_eq!(
        steps.iter().filter(|step| matches!(step, Step::Noted { name, .. } if name == "tool")).count(),
        1
    );
    let line = std::fs::read_to_string(directory.path().join("appointments.jsonl")).unwrap();
    assert!(line.contains("\"service\":\"call\"") && line.contains("Maria"), "{line}");
    let steps = bench.say(3, "that was all I had").await;
    assert!(matches!(steps.last(), Some(Step::End(_))), "{steps:?}");
    assert!(words(&steps).to_lowercase().contains("bye"));
}
