//! From the events of a finished call to what its page shows: transcript as heard, turns, silences, problems.
//! Pure: the same events give the same page.

use std::collections::BTreeMap;
use std::time::Duration;

use control_api::call::{
    Call, CallFailure, CallSummary, Connection, Event, LatenciesMs, Line, MarkAt, Note, ProviderName,
    ServedBy, Silence, Turn,
};
use domain::{EndReason, Latencies, Mark, Role, SessionEvent, TurnId, TurnTimeline};
use serde_json::Value;

use crate::app::audio;
use crate::app::event_line::describe;
use crate::ports::Recorded;

/// The page lists this many events; the raw log has the rest. A call of an hour has fewer.
const EVENTS: usize = 20_000;

/// What was said, as it was heard.
pub(crate) fn transcript(events: &[(Duration, SessionEvent)]) -> Vec<Line> {
    seen(events).transcript()
}

pub(crate) fn turns(events: &[(Duration, SessionEvent)]) -> Vec<Turn> {
    seen(events).finish()
}

fn seen(events: &[(Duration, SessionEvent)]) -> Turns {
    let mut turns = Turns::default();
    events.iter().for_each(|(at, event)| turns.see(ms(*at), event));
    turns
}

/// What carried the call.
fn connections(first: &str, events: &[(Duration, SessionEvent)]) -> Vec<Connection> {
    let began = Connection { at_ms: 0.0, transport: first.to_owned(), gap_ms: 0.0, after_crash: false };
    let back = events.iter().filter_map(|(at, event)| match event {
        SessionEvent::Reattached { gap, transport, after_crash } => Some(Connection {
            at_ms: ms(*at),
            transport: transport.clone(),
            gap_ms: ms(*gap),
            after_crash: *after_crash,
        }),
        _ => None,
    });
    std::iter::once(began).chain(back).collect()
}

/// What came of a call, beside what its events say.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) fields: Value,
    pub(crate) summary_model: Option<String>,
    pub(crate) extracted: Value,
}

pub(crate) fn call(summary: CallSummary, outcome: Outcome, recorded: &Recorded) -> Call {
    let mut turns = seen(&recorded.events);
    if !summary.running {
        turns.saying = None; // its end may lie beyond the events that were read
    }
    let (mut dead_air, mut notes, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for (at, event) in &recorded.events {
        let at_ms = ms(*at);
        match event {
            SessionEvent::DeadAir { turn, cause, length } => {
                dead_air.push(Silence { at_ms, turn: *turn, cause: *cause, length_ms: ms(*length) });
            }
            SessionEvent::Noted { name, value } => {
                notes.push(Note { at_ms, name: name.clone(), value: value.clone() })
            }
            SessionEvent::Failed { turn, source, code, message } => problems.push(CallFailure {
                at_ms,
                turn: *turn,
                source: *source,
                code: code.clone(),
                message: message.clone(),
            }),
            _ => {}
        }
    }
    let events = recorded.events.iter().take(EVENTS).map(|(at, event)| line_of(*at, event)).collect();
    Call {
        summary,
        fields: outcome.fields,
        summary_model: outcome.summary_model,
        extracted: outcome.extracted,
        connections: connections(&recorded.transport, &recorded.events),
        transcript: turns.transcript(),
        turns_detail: turns.finish(),
        quality: audio::of_call(&recorded.events).as_ref().map(audio::shown),
        dead_air,
        notes,
        problems,
        events,
        events_truncated: recorded.events.len() > EVENTS,
    }
}

fn line_of(at: Duration, event: &SessionEvent) -> Event {
    let (kind, turn, text) = describe(event);
    Event { at_ms: ms(at), kind, turn, text }
}

#[derive(Default)]
struct Turns {
    parts: BTreeMap<TurnId, Parts>,
    /// The agent has begun to say it, and nothing tells yet how far it came.
    saying: Option<TurnId>,
}

/// What the events said of one turn.
#[derive(Default)]
struct Parts {
    caller: Option<(f64, String, bool)>,
    /// When the first sentence was given, and all that was to be said.
    said: Option<(f64, String)>,
    /// Absent where the end of the call came before it was known that any of it was heard.
    heard: Option<String>,
    /// The caller took the floor from it. A turn that the end of the call cut off was not interrupted.
    interrupted: bool,
    nodes: Vec<String>,
    timeline: Option<TurnTimeline>,
    quality: Option<domain::Quality>,
}

impl Turns {
    fn see(&mut self, at_ms: f64, event: &SessionEvent) {
        match event {
            SessionEvent::AgentSaying { turn, .. } => self.saying = Some(*turn),
            SessionEvent::AgentTurn { .. } | SessionEvent::Detached | SessionEvent::Ended { .. } => {
                self.saying = None;
            }
            _ => {}
        }
        match event {
            SessionEvent::CallerTurn { turn, text, typed } => {
                self.of(*turn).caller = Some((at_ms, text.clone(), *typed))
            }
            SessionEvent::AgentSaying { turn, text } => {
                let said = &mut self.of(*turn).said.get_or_insert_with(|| (at_ms, String::new())).1;
                if !said.is_empty() && !said.ends_with(char::is_whitespace) {
                    said.push(' ');
                }
                said.push_str(text.trim());
            }
            SessionEvent::AgentTurn { turn, text, .. } => {
                let parts = self.of(*turn);
                parts.said.get_or_insert_with(|| (at_ms, text.clone()));
                parts.heard = Some(text.clone());
            }
            SessionEvent::Interrupted { turn } => self.of(*turn).interrupted = true,
            SessionEvent::Node { turn, node } => self.of(*turn).nodes.push(node.clone()),
            SessionEvent::Quality { turn: Some(turn), quality } => {
                self.of(*turn).quality = Some((**quality).clone())
            }
            SessionEvent::TurnFinished { timeline } => {
                self.of(timeline.turn).timeline = Some(timeline.clone())
            }
            _ => {}
        }
    }

    fn of(&mut self, turn: TurnId) -> &mut Parts {
        self.parts.entry(turn).or_default()
    }

    fn transcript(&self) -> Vec<Line> {
        let lines = |(turn, parts): (&TurnId, &Parts)| parts.lines(*turn, self.saying == Some(*turn));
        let mut lines: Vec<Line> = self.parts.iter().flat_map(lines).collect();
        lines.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
        lines
    }

    fn finish(self) -> Vec<Turn> {
        self.parts.into_iter().map(|(turn, parts)| parts.finish(turn)).collect()
    }
}

impl Parts {
    fn lines(&self, turn: TurnId, saying: bool) -> Vec<Line> {
        let caller = self.caller.as_ref().map(|(at_ms, text, typed)| Line {
            at_ms: *at_ms,
            role: Role::Caller,
            turn,
            text: text.clone(),
            typed: *typed,
            interrupted: false,
            unheard: String::new(),
            saying: false,
        });
        let agent = self.said.as_ref().map(|(at_ms, said)| {
            let heard = if saying { Some(said) } else { self.heard.as_ref() };
            let text = heard.cloned().unwrap_or_default();
            Line {
                at_ms: self.timeline.as_ref().and_then(|line| line.at(Mark::AgentStarted)).map_or(*at_ms, ms),
                role: Role::Agent,
                turn,
                unheard: rest(said, &text).to_owned(),
                text,
                typed: false,
                interrupted: self.interrupted,
                saying,
            }
        });
        caller.into_iter().chain(agent).collect()
    }

    fn finish(self, turn: TurnId) -> Turn {
        let (caller_text, typed) = self.caller.map(|(_, text, typed)| (text, typed)).unwrap_or_default();
        let marks = self.timeline.as_ref().map(marks).unwrap_or_default();
        let latencies = self.timeline.as_ref().and_then(TurnTimeline::answer).map(|parts| in_ms(&parts));
        let served_by = self.timeline.map(|timeline| shown(timeline.served_by)).unwrap_or_default();
        Turn {
            turn,
            caller_text,
            agent_text: self.heard.unwrap_or_default(),
            typed,
            interrupted: self.interrupted,
            nodes: self.nodes,
            marks,
            latencies,
            served_by,
            cost: None,
            quality: self.quality.as_ref().map(audio::shown),
        }
    }
}

fn shown(by: domain::ServedBy) -> ServedBy {
    let names = |names: Vec<domain::ProviderName>| {
        names
            .into_iter()
            .map(|domain::ProviderName { account, model }| ProviderName { account, model })
            .collect()
    };
    ServedBy { recognition: names(by.recognition), thinking: names(by.thinking), voice: names(by.voice) }
}

fn marks(timeline: &TurnTimeline) -> Vec<MarkAt> {
    let mut marks: Vec<_> =
        timeline.marks().iter().map(|(mark, at)| MarkAt { mark: *mark, at_ms: ms(*at) }).collect();
    marks.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms).then(a.mark.cmp(&b.mark)));
    marks
}

fn in_ms(parts: &Latencies) -> LatenciesMs {
    LatenciesMs {
        endpointing_ms: ms(parts.endpointing),
        thinking_ms: ms(parts.thinking),
        sentence_ms: ms(parts.sentence),
        synthesis_ms: ms(parts.synthesis),
        playout_ms: ms(parts.playout),
        response_ms: ms(parts.response),
    }
}

/// The first words of `text` that fit in `most` characters, the ellipsis included; a word that does not fit is cut.
pub(crate) fn opening(text: &str, most: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let end = text.char_indices().nth(most.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    // Up to and with the first character that does not fit: a word that ends right there is whole.
    let reach = text[end..].chars().next().map_or(end, |next| end + next.len_utf8());
    let word = text[..reach].rfind(char::is_whitespace).map(|at| text[..at].trim_end());
    // Scripts without spaces, and one endless word, have no better place.
    let kept = word.filter(|word| word.chars().count() * 2 > most).unwrap_or(&text[..end]);
    format!("{kept}…")
}

/// What of `said` comes after `heard`, where it does; white space apart.
fn rest<'a>(said: &'a str, heard: &str) -> &'a str {
    let mut remaining = said.trim();
    for word in heard.split_whitespace() {
        match remaining.strip_prefix(word) {
            Some(after) => remaining = after.trim_start(),
            None => return "",
        }
    }
    remaining
}

/// Whole microseconds, so that sums in the page are exact to what it shows.
#[expect(clippy::cast_precision_loss, reason = "a call would have to last 285 years")]
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// For the events table.
pub(crate) const fn reason_text(reason: EndReason) -> &'static str {
    match reason {
        EndReason::CallerLeft => "the caller left",
        EndReason::AgentEnded => "the agent said goodbye",
        EndReason::CallerSilent => "the caller stayed silent",
        EndReason::ConnectionLost => "the connection was lost",
        EndReason::ProviderFailed => "a provider failed",
        EndReason::ServerStopping => "the server stopped",
        EndReason::TooLong => "the call reached its longest duration",
        EndReason::BudgetSpent => "the budget was spent",
        EndReason::Interrupted => "the server died",
        EndReason::AnsweredByMachine => "a machine had answered",
        EndReason::Transferred => "the caller was put through to a person",
        EndReason::OperatorEnded => "somebody at the console ended the call",
    }
}

#[cfg(test)]
mod tests;
