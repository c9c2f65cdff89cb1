//! What a conversation leaves in the logs: one span for the session, each turn and each attempt of a provider, and nothing of
//! what was said.

use std::io;
use std::sync::{Arc, Mutex};

use domain::SessionEvent;
use media_core::LegEvent;
use providers_fake::Fault;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::dialogue::say;
use crate::sim::{Setup, Sim, plain, wait};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Everything at every level from here on, on this thread.
    fn open(&self) -> (tracing::Dispatch, tracing::subscriber::DefaultGuard) {
        // While there is one subscriber only, `tracing` asks that of whichever thread meets a line of code first, which may be
        // another test's, and remembers that nobody wants it.
        let second = tracing::Dispatch::new(tracing_subscriber::registry());
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_span_events(FmtSpan::NEW)
            .with_writer(move || log.clone())
            .finish();
        (second, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("not poisoned")).into_owned()
    }

    /// The spans that were begun, each as the path that leads to it: `session/turn/tts.attempt`.
    fn spans(&self) -> Vec<String> {
        let names = |path: &str| -> String {
            let mut depth = 0;
            let outside = path.chars().filter(|c| {
                depth += i32::from(*c == '{');
                let is_outside = depth == 0;
                depth -= i32::from(*c == '}');
                is_outside
            });
            let path: String = outside.collect();
            path.replace(':', "/").replace("task/", "")
        };
        let text = self.text();
        // "<time> <level> session{..}:turn{..}: media_session::reply: new"
        let begun = text.lines().filter_map(|line| line.strip_suffix(": new")?.rsplit_once(": "));
        let path = |before: &str| {
            let levels = ["TRACE ", "DEBUG ", " INFO "];
            levels
                .iter()
                .find_map(|level| before.split_once(level))
                .map_or(String::new(), |(_, path)| names(path))
        };
        begun.map(|(before, _)| path(before)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn session_turn_and_each_attempt_of_a_provider_have_a_span() {
    let log = Log::default();
    let _open = log.open();
    let sim = Sim::start(plain()).await;
    wait(300).await;
    sim.stt.push(Fault::None);
    sim.tts.push(Fault::Unreachable);
    sim.caller.say("what are your opening hours").await;
    sim.agent_turn(1).await;
    sim.caller.event(LegEvent::Closed).await;
    sim.ended().await;
    let spans = log.spans();
    let count = |path: &str| spans.iter().filter(|span| *span == path).count();
    assert_eq!(count("session"), 1, "{spans:#?}");
    assert_eq!(count("session/turn"), 2, "the greeting, which is empty, and the answer: {spans:#?}");
    assert_eq!(count("session/turn/tts.attempt"), 2, "{spans:#?}");
    assert_eq!(count("session/stt.attempt"), 1, "{spans:#?}");
    let text = log.text();
    for field in ["agent=\"test\"", "turn{id=turn_1", "tts.attempt{provider=\"fake\" number=2}"] {
        assert!(text.contains(field), "no {field} in:\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_was_said_typed_or_keyed_in_is_in_the_logs_at_any_level() {
    let log = Log::default();
    let _open = log.open();
    let mut setup = Setup { greeting: vec![say("Hello this is the front desk.")], ..plain() };
    setup.options.turn.speculation.enabled = true;
    let sim = Sim::start(setup).await;
    sim.agent_turn(1).await;
    wait(300).await;
    sim.caller.say("what are your opening hours").await;
    sim.agent_turn(2).await;
    sim.stt.push(Fault::Unreachable);
    sim.tts.push(Fault::Garbage);
    sim.caller.event(LegEvent::Message("text I am Maria Lopez".to_owned())).await;
    sim.agent_turn(3).await;
    sim.caller.event(LegEvent::Message("key 9021060711#".to_owned())).await;
    sim.agent_turn(4).await;
    sim.caller.event(LegEvent::Closed).await;
    sim.ended().await;
    assert!(sim.saw(|e| matches!(e, SessionEvent::CallerTurn { text, .. } if text.contains("9021060711"))));
    let text = log.text();
    assert!(text.contains("CallerTurn") && text.contains("[pii]"), "observers logged their events: {text}");
    for said in ["opening", "hours", "Maria", "maria", "Lopez", "9021060711", "front desk", "You said"] {
        assert!(!text.contains(said), "{said:?} is in the logs:\n{text}");
    }
}
