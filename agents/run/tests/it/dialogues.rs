//! Plays `agents/library/eval/dialogues/*.txt` against the front desk.
//!
//! Lines: `caller:` speaks; `agent~ a|b` the reply has one of these, `silent~ a|b` none; `asks: slot`; `state: path = value`; `nostate: path` (or
//! `path = value`) does not hold; `tool: name` was called for this reply; `notool:` none was; `nudge: n`; `hold: seconds`,
//! `nohold:`; `end: reason`; `same:` the reply is the one before; `heard: text` the last reply was cut off after this,
//! `heard-all:` it was not; `history~ text`; `note: name`; `taken: date time` someone has booked it; `broken-tool:` tools fail.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use agents_graph::ToolError;
use agents_run::tools::{Appointments, Builtin};
use agents_run::{Agent, Clock, Conversation, Permit, Ports, Step, ToolCall, Tools};
use domain::{SessionId, TurnId};
use futures::StreamExt;
use futures::future::BoxFuture;
use jiff::Zoned;
use runtime::tasks::Tasks;
use serde_json::{Value, json};

/// A Monday morning.
pub(crate) struct Monday;

impl Clock for Monday {
    fn now(&self) -> Zoned {
        "2026-11-23T10:30:00[UTC]".parse().unwrap()
    }
}

/// Counts calls, and fails them where a dialogue wants it.
struct Watched {
    inner: Builtin,
    calls: Mutex<Vec<String>>,
    broken: Mutex<bool>,
}

impl Tools for Watched {
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<Value, ToolError>> {
        self.calls.lock().unwrap().push(call.name.clone());
        if *self.broken.lock().unwrap() {
            return Box::pin(async {
                Err(ToolError { code: "TOOL_FAILED".into(), message: "the disk is full".into() })
            });
        }
        self.inner.call(call)
    }
}

pub(crate) fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../library")
}

struct Play {
    conversation: Conversation,
    tools: Arc<Watched>,
    turn: u32,
    reply: String,
    before: String,
    steps: Vec<Step>,
    called: Vec<String>,
}

impl Play {
    async fn take(&mut self, stream: futures::stream::BoxStream<'static, Step>) {
        self.tools.calls.lock().unwrap().clear();
        self.steps = stream.collect().await;
        self.called = self.tools.calls.lock().unwrap().clone();
        self.before = std::mem::take(&mut self.reply);
        for step in &self.steps {
            if let Step::Text(text) = step {
                self.reply.push_str(text);
            }
        }
    }

    fn value(&self, path: &str) -> Value {
        let snapshot = serde_json::to_value(self.conversation.snapshot()).unwrap();
        let mut value = &snapshot["channels"];
        for part in path.split('.') {
            value = &value[part];
        }
        value.clone()
    }

    fn asked(&self) -> String {
        let snapshot = serde_json::to_value(self.conversation.snapshot()).unwrap();
        let collects = snapshot["collects"].as_object().unwrap().clone();
        collects.values().filter_map(|collect| collect["asked"].as_str()).collect::<Vec<_>>().join(" ")
    }

    async fn line(&mut self, line: &str) -> Result<(), String> {
        let at = line.find([':', '~']).ok_or("what is this line?")?;
        let (command, rest) = (&line[..=at], line[at + 1..].trim());
        let expect = |holds: bool, why: String| if holds { Ok(()) } else { Err(why) };
        match command {
            "caller:" => {
                self.turn += 1;
                let stream = self.conversation.commit(TurnId(self.turn), rest);
                self.take(stream).await;
                Ok(())
            }
            "nudge:" => {
                self.turn += 1;
                let stream =
                    self.conversation.nudge(TurnId(self.turn), rest.parse().map_err(|_| "no number")?);
                self.take(stream).await;
                Ok(())
            }
            "agent~" => {
                let reply = self.reply.to_lowercase();
                expect(
                    rest.to_lowercase().split('|').any(|part| reply.contains(part.trim())),
                    "is not in the reply".into(),
                )
            }
            "silent~" => {
                let reply = self.reply.to_lowercase();
                let said = rest.split('|').find(|part| reply.contains(&part.trim().to_lowercase()));
                expect(said.is_none(), format!("\"{}\" is in the reply", said.unwrap_or_default()))
            }
            "asks:" => expect(self.asked().contains(rest), format!("it asks for \"{}\"", self.asked())),
            "state:" => {
                let (path, wanted) = rest.split_once('=').ok_or("path = value")?;
                let value = self.value(path.trim());
                let found = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                expect(found == wanted.trim(), format!("it is {found}"))
            }
            "nostate:" => match rest.split_once('=') {
                Some((path, value)) => {
                    let found = self.value(path.trim()).to_string();
                    expect(found.as_str() != value.trim(), "it is".into())
                }
                None => expect(self.value(rest).is_null(), format!("it is {}", self.value(rest))),
            },
            "tool:" => {
                expect(self.called.iter().any(|name| name == rest), format!("called: {:?}", self.called))
            }
            "notool:" => expect(self.called.is_empty(), format!("called: {:?}", self.called)),
            "hold:" => {
                let seconds: u64 = rest.parse().map_err(|_| "no number")?;
                expect(
                    self.steps
                        .iter()
                        .any(|step| matches!(step, Step::Hold(time) if time.as_secs() == seconds)),
                    format!("{:?}", self.steps),
                )
            }
            "nohold:" => {
                expect(!self.steps.iter().any(|step| matches!(step, Step::Hold(_))), "it holds".into())
            }
            "end:" => {
                let reason = self.steps.iter().find_map(|step| {
                    if let Step::End(reason) = step { serde_json::to_value(reason).ok() } else { None }
                });
                expect(reason == Some(json!(rest)), format!("{reason:?}"))
            }
            "same:" => {
                expect(self.reply.ends_with(&self.before), format!("before it was \"{}\"", self.before))
            }
            "heard:" => {
                self.conversation.heard(TurnId(self.turn), rest, true);
                Ok(())
            }
            "heard-all:" => {
                let reply = self.reply.clone();
                self.conversation.heard(TurnId(self.turn), &reply, false);
                Ok(())
            }
            "history~" => {
                let history = self.conversation.snapshot().history;
                expect(history.last().is_some_and(|spoken| spoken.text == rest), format!("{history:?}"))
            }
            "note:" => expect(
                self.steps.iter().any(|step| matches!(step, Step::Noted { name, .. } if name == rest)),
                format!("{:?}", self.steps),
            ),
            "taken:" => {
                let (date, time) = rest.split_once(' ').ok_or("date time")?;
                let args = json!({"service": "haircut", "date": date, "time": time, "name": "Other", "phone": "5559999", "minutes": 45});
                let call = ToolCall {
                    name: "appointments.book".into(),
                    args,
                    session: "other".into(),
                    key: "other".into(),
                    permit: Permit::default(),
                };
                self.tools.inner.call(call).await.map(|_| ()).map_err(|error| error.message)
            }
            "broken-tool:" => {
                *self.tools.broken.lock().unwrap() = true;
                Ok(())
            }
            other => Err(format!("\"{other}\" is no command")),
        }
    }
}

async fn play(agent: Arc<Agent>, text: &str) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(Monday);
    let tasks = Arc::new(Tasks::new());
    let appointments = Appointments::new(directory.path().join("appointments.jsonl"), Arc::clone(&clock));
    let inner = Builtin::new(appointments, Arc::clone(&tasks));
    let tools = Arc::new(Watched { inner, calls: Mutex::default(), broken: Mutex::default() });
    let ports = Ports {
        llm: None,
        meter: None,
        tools: Arc::clone(&tools) as Arc<dyn Tools>,
        clock,
        tasks,
        bridges: None,
    };
    let conversation = Conversation::new(agent, ports, SessionId::generate(), 7);
    let mut play = Play {
        conversation,
        tools,
        turn: 0,
        reply: String::new(),
        before: String::new(),
        steps: Vec::new(),
        called: Vec::new(),
    };
    let greeting = play.conversation.greet(TurnId(0));
    play.take(greeting).await;
    for (number, line) in
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
    {
        play.line(line).await.map_err(|why| {
            format!("line {}: {line}\n      {why}\n      reply: \"{}\"", number + 1, play.reply)
        })?;
    }
    Ok(())
}

async fn play_all(agent: Arc<Agent>) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(library().join("eval/dialogues"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 40, "only {} dialogues", files.len());
    let mut failed = Vec::new();
    for file in &files {
        if let Err(why) = play(Arc::clone(&agent), &std::fs::read_to_string(file).unwrap()).await {
            failed.push(format!("{}: {why}", file.file_stem().unwrap().to_string_lossy()));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} dialogues went otherwise:\n{}",
        failed.len(),
        files.len(),
        failed.join("\n")
    );
}

#[tokio::test]
async fn every_scripted_dialogue_goes_as_written_with_embeddings() {
    play_all(Arc::new(
        Agent::load(agents_graph::LIBRARY[1].1, Some(crate::evaluation::embedder())).await.unwrap(),
    ))
    .await;
}

#[tokio::test]
async fn every_scripted_dialogue_goes_as_written() {
    play_all(Arc::new(Agent::load(agents_graph::LIBRARY[1].1, None).await.unwrap())).await;
}
