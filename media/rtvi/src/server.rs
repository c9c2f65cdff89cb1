//! The server's side of RTVI: what to do with a client's message, and what to tell it of a session's event.

use domain::{
    AgentState, Digit, EndReason, Latencies, MediaTime, SessionEvent, Transcript, TurnId, TurnTimeline,
};
use serde_json::{Map, Value, json};

use crate::incoming::{self, Incoming};
use crate::moment::rfc3339;
use crate::notices;
use crate::options::Options;
use crate::outgoing::Writer;
use crate::version::{OURS, Version};

/// What the session is to do about a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    Send(String),
    /// The client can play and hear: media may begin.
    Ready,
    /// The caller typed this.
    Text(String),
    Dtmf(Digit),
    /// The caller hung up.
    HangUp,
}

/// One client of one session. A client that comes back sends `client-ready` again and is told the state anew.
#[derive(Debug)]
pub struct Server {
    options: Options,
    writer: Writer,
    /// Of the client, once it is ready. Before that it is told nothing: it has no handlers yet.
    client: Option<Version>,
    state: AgentState,
    reply: Option<Reply>,
    /// Counts sentences over the whole session: the `segment_id` of `bot-output`.
    sentences: u64,
    /// How far the caller's track is known: the time of what has no place on it, such as typed text.
    latest: MediaTime,
}

/// The agent's turn that is being said.
#[derive(Debug)]
struct Reply {
    turn: TurnId,
    segments: Vec<(u64, String)>,
}

impl Server {
    #[must_use]
    pub fn new(options: Options) -> Self {
        let writer = Writer::default();
        Self {
            options,
            writer,
            client: None,
            state: AgentState::Initializing,
            reply: None,
            sentences: 0,
            latest: MediaTime::ZERO,
        }
    }

    /// The version of the client's protocol, once it said so.
    #[must_use]
    pub const fn client(&self) -> Option<Version> {
        self.client
    }

    /// A message from the client. Never panics, and answers nonsense with an `error-response` that has a code.
    pub fn message(&mut self, text: &str) -> Vec<Reaction> {
        let Some(message) = incoming::read(text, self.options.longest_message) else { return Vec::new() };
        match message.body {
            Ok(Incoming::Ready { version }) => self.ready(&message.id, version),
            Ok(Incoming::Text(text)) => vec![Reaction::Text(text)],
            Ok(Incoming::Digits(digits)) => digits.into_iter().map(Reaction::Dtmf).collect(),
            Ok(Incoming::Request { t, d }) => vec![Reaction::Send(self.respond(&message.id, &t, d))],
            Ok(Incoming::Disconnect) => vec![Reaction::HangUp],
            Ok(Incoming::Nothing) => Vec::new(),
            Err(error) => vec![Reaction::Send(self.writer.refuse(&message.id, &error))],
        }
    }

    fn ready(&mut self, id: &str, version: Option<Version>) -> Vec<Reaction> {
        let client = version.unwrap_or(OURS);
        self.client = Some(client);
        let about = json!({ "library": "agent-foundry", "library_version": env!("CARGO_PKG_VERSION") });
        let ready = json!({ "version": client.answer().to_string(), "about": about });
        let mut sent = vec![self.writer.answer("bot-ready", id, ready)];
        if let Some(session_id) = &self.options.session_id {
            let within = self.options.resume_within.map(|within| within.as_millis() as u64);
            let session = json!({
                "session_id": session_id,
                "resume_token": self.options.resume_token,
                "resume_within_ms": within,
            });
            sent.push(self.writer.notice(notices::SESSION, session));
        }
        sent.push(self.agent_state());
        let mut reactions: Vec<_> = sent.into_iter().map(Reaction::Send).collect();
        reactions.push(Reaction::Ready);
        reactions
    }

    /// Answers the requests we know.
    fn respond(&mut self, id: &str, t: &str, d: Value) -> String {
        match t {
            "ping" => self.writer.answer("server-response", id, json!({ "t": t, "d": d })),
            notices::AGENT_STATE => {
                let state = json!({ "t": t, "d": { "state": self.state } });
                self.writer.answer("server-response", id, state)
            }
            unknown => {
                self.writer.refuse(id, &incoming::Error::UnknownType(format!("client-message {unknown}")))
            }
        }
    }

    fn agent_state(&mut self) -> String {
        self.writer.notice(notices::AGENT_STATE, json!({ "state": self.state }))
    }

    /// What the client is to be told of an event, as messages in order. Nothing before it is ready.
    pub fn event(&mut self, event: &SessionEvent) -> Vec<String> {
        let before = self.state;
        if let SessionEvent::StateChanged { state } = event {
            self.state = *state;
        }
        let Some(client) = self.client else { return Vec::new() };
        match event {
            SessionEvent::StateChanged { state } => self.state_changed(before, *state),
            SessionEvent::CallerSpeaking { speaking: true } => {
                vec![self.writer.plain("user-started-speaking")]
            }
            SessionEvent::CallerSpeaking { speaking: false } => {
                vec![self.writer.plain("user-stopped-speaking")]
            }
            SessionEvent::Heard { transcript } => self.heard(client, transcript),
            SessionEvent::CallerTurn { turn, text, typed } => self.caller_turn(client, *turn, text, *typed),
            SessionEvent::AgentSaying { turn, text } => self.agent_saying(client, *turn, text),
            SessionEvent::AgentTurn { turn, text, interrupted } => {
                self.agent_turn(client, *turn, text, *interrupted)
            }
            SessionEvent::Interrupted { .. } => vec![self.writer.plain("bot-interrupted")],
            SessionEvent::Noted { name, value } => {
                vec![self.writer.notice(notices::NOTED, json!({ "name": name, "value": value }))]
            }
            SessionEvent::TurnFinished { timeline } => self.finished(timeline),
            SessionEvent::Failed { code, message, .. } => vec![self.error(message, code, false)],
            SessionEvent::Reattached { gap, .. } => {
                vec![self.writer.notice(notices::REATTACHED, json!({ "gap_ms": gap.as_millis() as u64 }))]
            }
            SessionEvent::Ended { reason } => self.ended(*reason),
            // Decisions that the client hears, or sees by their effect.
            SessionEvent::Started
            | SessionEvent::Ducked { .. }
            | SessionEvent::Resumed { .. }
            | SessionEvent::Nudged { .. }
            | SessionEvent::Pressed { .. }
            | SessionEvent::Node { .. }
            | SessionEvent::Quality { .. }
            | SessionEvent::Greeted { .. }
            | SessionEvent::DeadAir { .. }
            | SessionEvent::Recorded { .. }
            | SessionEvent::Screened { .. }
            | SessionEvent::MessageBegins { .. }
            | SessionEvent::Detached => Vec::new(),
        }
    }

    fn state_changed(&mut self, before: AgentState, state: AgentState) -> Vec<String> {
        let mut told = Vec::new();
        if state != before && state == AgentState::Speaking {
            told.push(self.writer.plain("bot-started-speaking"));
        } else if state != before && before == AgentState::Speaking {
            told.push(self.writer.plain("bot-stopped-speaking"));
        }
        told.push(self.agent_state());
        told
    }

    fn heard(&mut self, client: Version, transcript: &Transcript) -> Vec<String> {
        self.latest = self.latest.max(transcript.to);
        if transcript.text.is_empty() {
            return Vec::new();
        }
        let timestamp = rfc3339(self.options.started, transcript.from.as_duration());
        let (text, complete) = (&transcript.text, transcript.is_final());
        let said = json!({ "text": text, "user_id": "", "timestamp": timestamp, "final": complete });
        let mut told = vec![self.writer.say("user-transcription", said)];
        if client.knows_user_input() {
            let input = json!({ "text": text, "input_type": "transcription", "timestamp": timestamp, "final": complete });
            told.push(self.writer.say("user-input", input));
        }
        told
    }

    fn caller_turn(&mut self, client: Version, turn: TurnId, text: &str, typed: bool) -> Vec<String> {
        let mut told = Vec::new();
        if typed && client.knows_user_input() {
            let timestamp = rfc3339(self.options.started, self.latest.as_duration());
            let input = json!({ "text": text, "input_type": "chat", "timestamp": timestamp, "final": true });
            told.push(self.writer.say("user-input", input));
        }
        told.push(self.writer.say("user-llm-text", json!({ "text": text })));
        told.push(
            self.writer.notice(notices::CALLER_TURN, json!({ "turn": turn, "text": text, "typed": typed })),
        );
        told
    }

    fn agent_saying(&mut self, client: Version, turn: TurnId, text: &str) -> Vec<String> {
        let mut told = Vec::new();
        if self.reply.as_ref().is_none_or(|reply| reply.turn != turn) {
            told.extend(self.close_reply());
            told.push(self.writer.plain("bot-llm-started"));
            told.push(self.writer.plain("bot-tts-started"));
            self.reply = Some(Reply { turn, segments: Vec::new() });
        }
        self.sentences += 1;
        let segment = self.sentences;
        if let Some(reply) = &mut self.reply {
            reply.segments.push((segment, text.to_owned()));
        }
        told.push(self.writer.say("bot-llm-text", json!({ "text": text })));
        told.push(self.writer.say("bot-output", bot_output(client, segment, text, "")));
        told.push(self.writer.say("bot-transcription", json!({ "text": text })));
        told.push(self.writer.say("bot-tts-text", json!({ "text": text })));
        told
    }

    fn agent_turn(&mut self, client: Version, turn: TurnId, heard: &str, interrupted: bool) -> Vec<String> {
        let mut told = Vec::new();
        if self.reply.as_ref().is_some_and(|reply| reply.turn == turn) {
            if !client.is_legacy() {
                told.extend(self.progress(client, heard, interrupted));
            }
            told.extend(self.close_reply());
        }
        let said = json!({ "turn": turn, "text": heard, "interrupted": interrupted });
        told.push(self.writer.notice(notices::AGENT_TURN, said));
        told
    }

    /// How much of each sentence was heard: all of it, up to the word where the caller took the floor, or nothing.
    fn progress(&mut self, client: Version, heard: &str, interrupted: bool) -> Vec<String> {
        let segments =
            self.reply.as_mut().map(|reply| std::mem::take(&mut reply.segments)).unwrap_or_default();
        let mut rest = heard.trim_start();
        let mut told = Vec::new();
        for (segment, text) in &segments {
            let spoken = if interrupted { spoken_part(text, rest) } else { text };
            if spoken.is_empty() {
                break;
            }
            rest = rest.get(spoken.len()..).unwrap_or_default().trim_start();
            told.push(self.writer.say("bot-output", bot_output(client, *segment, text, spoken)));
        }
        told
    }

    fn close_reply(&mut self) -> Vec<String> {
        if self.reply.take().is_none() {
            return Vec::new();
        }
        vec![self.writer.plain("bot-llm-stopped"), self.writer.plain("bot-tts-stopped")]
    }

    fn finished(&mut self, timeline: &TurnTimeline) -> Vec<String> {
        let marks: Map<_, _> =
            timeline.marks().iter().map(|(mark, at)| (name_of(mark), json!(at.as_millis() as u64))).collect();
        let mut finished = json!({ "turn": timeline.turn, "marks_ms": marks });
        let mut told = Vec::new();
        if let Some(latencies) = timeline.latencies() {
            told.push(self.writer.say("metrics", metrics(&latencies)));
            finished["latencies_ms"] = named(&latencies, 1_000.0).into_iter().collect();
        }
        told.push(self.writer.notice(notices::TURN_FINISHED, finished));
        told
    }

    fn error(&mut self, message: &str, code: &str, fatal: bool) -> String {
        let data = json!({ "error": message, "message": message, "code": code, "fatal": fatal });
        self.writer.say("error", data)
    }

    fn ended(&mut self, reason: EndReason) -> Vec<String> {
        let mut told = self.close_reply();
        if reason == EndReason::ProviderFailed {
            told.push(self.error(
                "a provider this agent needs has failed; the call ends",
                "PROVIDER_FAILED",
                true,
            ));
        }
        told.push(self.writer.notice(notices::CALL_ENDED, json!({ "reason": reason })));
        told
    }
}

/// The beginning of `text` that the caller heard: as far as `heard` says the same.
fn spoken_part<'a>(text: &'a str, heard: &str) -> &'a str {
    let common = text.bytes().zip(heard.bytes()).take_while(|(a, b)| a == b).count();
    let end = (0..=common).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].trim_end()
}

/// `spoken` is how much of `text` was heard; empty when it is new.
fn bot_output(client: Version, segment: u64, text: &str, spoken: &str) -> Value {
    if client.is_legacy() {
        return json!({ "text": text, "spoken": true, "aggregated_by": "sentence" });
    }
    let remaining = text.get(spoken.len()..).unwrap_or_default();
    let status = match (spoken.is_empty(), remaining.trim().is_empty()) {
        (true, _) => "new",
        (false, true) => "completed",
        (false, false) => "in-progress",
    };
    json!({
        "text": text,
        // The name of this field changed twice in 2.x; clients read the one they know.
        "output_type": "sentence", "text_type": "sentence", "aggregated_by": "sentence",
        "segment_id": segment,
        "will_be_spoken": true,
        "spoken_status": status,
        "spoken_progress": { "accumulated_text": spoken, "remaining_text": remaining },
    })
}

/// In seconds, as RTVI wants them.
fn metrics(latencies: &Latencies) -> Value {
    let of = |processor: &str, at: std::time::Duration| json!({ "processor": processor, "value": at.as_secs_f64() });
    let processing: Vec<_> = named(latencies, 1.0)
        .into_iter()
        .map(|(name, value)| json!({ "processor": name, "value": value }))
        .collect();
    json!({ "ttfb": [of("dialogue", latencies.thinking), of("tts", latencies.synthesis)], "processing": processing })
}

fn named(latencies: &Latencies, per_second: f64) -> Vec<(String, Value)> {
    let Latencies { endpointing, thinking, sentence, synthesis, playout, response } = *latencies;
    let parts = [
        ("endpointing", endpointing),
        ("thinking", thinking),
        ("sentence", sentence),
        ("synthesis", synthesis),
        ("playout", playout),
        ("response", response),
    ];
    parts.into_iter().map(|(name, part)| (name.to_owned(), json!(part.as_secs_f64() * per_second))).collect()
}

fn name_of(mark: &domain::Mark) -> String {
    match serde_json::to_value(mark) {
        Ok(Value::String(name)) => name,
        _ => format!("{mark:?}"),
    }
}

#[cfg(test)]
mod tests;
