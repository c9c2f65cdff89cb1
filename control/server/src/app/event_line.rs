//! One event of the log as one readable line.

use std::time::Duration;

use domain::{Callee, SessionEvent as E, TurnId};

use crate::app::audio;
use crate::app::summary::{ms, reason_text};

/// Type as in the log, turn, and what a person wants to read.
pub(crate) fn describe(event: &E) -> (String, Option<TurnId>, String) {
    let (kind, turn, text) = parts(event);
    (kind.to_owned(), turn, text)
}

fn parts(event: &E) -> (&'static str, Option<TurnId>, String) {
    match event {
        E::Started => ("started", None, "media flows both ways".to_owned()),
        E::StateChanged { state } => {
            ("state_changed", None, format!("the agent is {state:?}").to_lowercase())
        }
        E::CallerSpeaking { speaking: true } => {
            ("caller_speaking", None, "the caller's voice began".to_owned())
        }
        E::CallerSpeaking { speaking: false } => {
            ("caller_speaking", None, "the caller's voice paused".to_owned())
        }
        E::Heard { transcript } if transcript.is_final() => {
            ("heard", None, format!("final: {}", transcript.text))
        }
        E::Heard { transcript } => ("heard", None, format!("partial: {}", transcript.text)),
        E::CallerTurn { turn, text, typed: false } => ("caller_turn", Some(*turn), text.clone()),
        E::CallerTurn { turn, text, typed: true } => ("caller_turn", Some(*turn), format!("typed: {text}")),
        E::AgentSaying { turn, text } => ("agent_saying", Some(*turn), text.clone()),
        E::AgentTurn { turn, text, interrupted: false } => ("agent_turn", Some(*turn), text.clone()),
        E::AgentTurn { turn, text, interrupted: true } => {
            ("agent_turn", Some(*turn), format!("heard until interrupted: {text}"))
        }
        E::Ducked { turn } => {
            ("ducked", Some(*turn), "lowered: the caller may be taking the floor".to_owned())
        }
        E::Resumed { turn, why } => ("resumed", Some(*turn), why.clone()),
        E::Interrupted { turn } => ("interrupted", Some(*turn), "the caller took the floor".to_owned()),
        E::Nudged { count } => ("nudged", None, format!("the caller is silent, reminder {count}")),
        E::Pressed { digit } => ("pressed", None, format!("key {}", char::from(*digit))),
        E::Node { turn, node } => ("node", Some(*turn), node.clone()),
        E::Noted { name, value } if name == "sip" => {
            let way = if value["sent"] == true { "sent" } else { "received" };
            ("noted", None, format!("sip: {way} {}", value["what"].as_str().unwrap_or_default()))
        }
        E::Noted { name, value } => ("noted", None, format!("{name}: {value}")),
        E::TurnFinished { timeline } => (
            "turn_finished",
            Some(timeline.turn),
            match timeline.answer() {
                Some(parts) => format!("answered after {}", span(parts.response)),
                None => "nothing to answer".to_owned(),
            },
        ),
        E::Quality { turn, quality } => ("quality", *turn, audio::line(quality)),
        E::Greeted { turn, first_audible, clipped, talked_over } => {
            ("greeted", Some(*turn), greeted(*first_audible, *clipped, *talked_over))
        }
        E::DeadAir { turn, cause, length } => {
            ("dead_air", *turn, format!("{} of silence, cause: {cause:?}", span(*length)).to_lowercase())
        }
        E::Failed { turn, code, message, .. } => ("failed", *turn, format!("{code}: {message}")),
        E::Recorded { leg, part, length, complete, .. } => {
            let cut = if *complete { "" } else { ", not all of it" };
            let line = format!("{leg:?} recorded, part {part}: {}{cut}", span(*length));
            ("recorded", None, line.to_lowercase())
        }
        E::Screened { callee, by, after } => (
            "screened",
            None,
            format!("{} answered, known by {by:?} after {}", of_callee(*callee), span(*after)).to_lowercase(),
        ),
        E::MessageBegins { beep, after } => {
            let sign = if *beep { "its beep" } else { "it fell silent, without a beep" };
            (
                "message_begins",
                None,
                format!("the machine takes its message: {sign}, {} after it answered", span(*after)),
            )
        }
        E::Detached => ("detached", None, "the connection was lost; waiting for the caller".to_owned()),
        E::Reattached { gap, transport, after_crash } => {
            ("reattached", None, reattached(*gap, transport, *after_crash))
        }
        E::Ended { reason } => ("ended", None, reason_text(*reason).to_owned()),
    }
}

const fn of_callee(callee: Callee) -> &'static str {
    match callee {
        Callee::Human => "a person",
        Callee::Machine => "a machine",
        Callee::Unknown => "nobody knows who",
    }
}

fn reattached(gap: Duration, transport: &str, after_crash: bool) -> String {
    let over = if transport.is_empty() { String::new() } else { format!(", over {transport}") };
    let why = if after_crash { "; the server had died" } else { "" };
    format!("the caller is back after {}{over}{why}", span(gap))
}

fn greeted(first_audible: Option<Duration>, clipped: bool, talked_over: bool) -> String {
    let Some(after) = first_audible else { return "the greeting was not heard".to_owned() };
    let to_the_end = match (clipped, talked_over) {
        (true, _) => "its beginning may be lost",
        (false, true) => "the caller talked over it",
        (false, false) => "to its end",
    };
    format!("the greeting was heard {} after media flowed, {to_the_end}", span(after))
}

fn span(length: Duration) -> String {
    format!("{:.0} ms", ms(length))
}

#[cfg(test)]
mod tests {
    use domain::{Mark, TurnTimeline};

    use super::*;

    #[test]
    fn a_line_carries_the_type_that_the_raw_log_has() {
        let events = [
            E::Started,
            E::Detached,
            E::Nudged { count: 1 },
            E::Interrupted { turn: TurnId(1) },
            E::Node { turn: TurnId(1), node: "a".into() },
            E::Screened { callee: Callee::Machine, by: domain::Tell::Beep, after: Duration::ZERO },
            E::MessageBegins { beep: true, after: Duration::ZERO },
            E::Greeted { turn: TurnId(1), first_audible: None, clipped: false, talked_over: false },
        ];
        for event in events {
            let tag = serde_json::to_value(&event).expect("serialises")["type"].clone();
            assert_eq!(describe(&event).0, tag.as_str().expect("tagged"));
        }
    }

    #[test]
    fn a_return_says_over_what_and_whether_the_server_had_died() {
        let line = |transport: &str, after_crash| {
            let gap = Duration::from_secs(12);
            describe(&E::Reattached { gap, transport: transport.to_owned(), after_crash }).2
        };
        assert_eq!(
            line("websocket", true),
            "the caller is back after 12000 ms, over websocket; the server had died"
        );
        assert_eq!(line("webrtc", false), "the caller is back after 12000 ms, over webrtc");
        assert_eq!(line("", false), "the caller is back after 12000 ms");
    }

    #[test]
    fn what_was_typed_was_answered_too() {
        let mut timeline = TurnTimeline::new(TurnId(2));
        let line = |timeline: &TurnTimeline| describe(&E::TurnFinished { timeline: timeline.clone() }).2;
        timeline.mark(Mark::Written, Duration::from_millis(1_000));
        assert_eq!(line(&timeline), "nothing to answer");
        timeline.mark(Mark::AgentStarted, Duration::from_millis(1_320));
        assert_eq!(line(&timeline), "answered after 320 ms");
    }
}
