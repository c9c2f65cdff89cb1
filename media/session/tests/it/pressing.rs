//! Keys that the agent presses: after what it said, whatever the other side says meanwhile, and what becomes of the talk then.

use std::sync::{Arc, Mutex};

use domain::{EndReason, Keys, SessionEvent};
use futures::FutureExt;
use futures::future::BoxFuture;
use media_core::LegEvent;
use media_session::Said;
use media_session::ports::{Keypad, NotPressed};
use tokio::time::Instant;

use crate::dialogue::{Step, Told, say};
use crate::sim::{Setup, Sim, ms, plain, wait};

/// A line that takes keys, and the time that they need.
#[derive(Default)]
struct Line {
    pressed: Mutex<Vec<(String, Instant)>>,
    hangs: bool,
    fails: Option<NotPressed>,
    /// Gone when it is given up.
    alive: Arc<()>,
}

struct Pad(Arc<Line>);

impl Keypad for Pad {
    fn press(&self, keys: &Keys) -> BoxFuture<'static, Result<(), NotPressed>> {
        let line = &self.0;
        line.pressed.lock().expect("not poisoned").push((keys.to_string(), Instant::now()));
        let (length, hangs, fails, alive) =
            (keys.length(), line.hangs, line.fails.clone(), Arc::clone(&line.alive));
        async move {
            let _alive = alive;
            tokio::time::sleep(length).await;
            if hangs {
                std::future::pending::<()>().await;
            }
            fails.map_or(Ok(()), Err)
        }
        .boxed()
    }
}

/// The first turn is answered with keys, after these words; then the script goes on.
fn pressing(keys: &str, words: Option<&str>, line: &Arc<Line>) -> Setup {
    let mut setup = plain();
    setup.options.turn.idle.after_ms = 3_000;
    let mut reply: Vec<Step> = words.map(say).into_iter().collect();
    reply.push(Step::Say(Said::Press(keys.parse().expect("keys"))));
    setup.replies = vec![reply];
    setup.keypad = Some(Arc::new(Pad(Arc::clone(line))));
    setup
}

fn noted(event: &SessionEvent, wanted: &str) -> bool {
    matches!(event, SessionEvent::Noted { name, value } if name == "keys" && value["state"] == wanted)
}

#[tokio::test(start_paused = true)]
async fn keys_follow_what_was_said_and_a_dialogue_without_a_word_leaves_the_floor_to_the_menu() {
    let line = Arc::new(Line::default());
    let sim = Sim::start(pressing("1w2#", Some("One moment."), &line)).await;
    wait(300).await;
    sim.caller.say("for sales press one").await;
    let done = sim.until(10_000, |event| noted(event, "done")).await;
    let (keys, at) = line.pressed.lock().expect("not poisoned")[0].clone();
    assert_eq!(keys, "1w2#");
    assert!(sim.caller.last_sound().is_some_and(|last| last <= at), "what was said is over");
    assert_eq!(done - at, ms(3 * 160 + 500));
    wait(1_000).await;
    let told = sim.dialogue.told();
    let order = [Told::Pressing, Told::Pressed(Ok(())), Told::AfterKeys];
    let mut at = told.iter();
    assert!(order.iter().all(|wanted| at.any(|told| told == wanted)), "{told:?}");
    sim.caller.say("which number please").await;
    assert_eq!(sim.agent_turn(2).await.0, "You said which number please indeed.");
    assert!(!sim.saw(|event| matches!(event, SessionEvent::Failed { .. })), "nothing to apologise for");
    assert_eq!(sim.handle.status().ended, None);
}

#[tokio::test(start_paused = true)]
async fn what_the_dialogue_has_to_say_to_its_keys_is_said_and_an_answer_goes_before_it() {
    let line = Arc::new(Line::default());
    let mut setup = pressing("1", None, &line);
    setup.after_keys = vec![say("I have pressed it.")];
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.caller.say("for sales press one").await;
    assert_eq!(sim.agent_turn(1).await.0, "I have pressed it.");

    let line = Arc::new(Line::default());
    let mut setup = pressing("1wwww2", None, &line);
    setup.after_keys = vec![say("I have pressed it.")];
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.caller.say("for sales press one").await;
    sim.until(10_000, |event| noted(event, "begun")).await;
    wait(1_500).await;
    // Spoken while the keys come to their end: the answer to it is the dialogue's way on.
    sim.caller.say("you are now being connected with the sales department of our house").await;
    sim.until(10_000, |event| noted(event, "done")).await;
    assert!(sim.agent_turn(1).await.0.starts_with("You said you are now"), "{:?}", sim.agent_turns());
    wait(3_000).await;
    assert!(!sim.dialogue.told().contains(&Told::AfterKeys), "it has gone on already");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_takes_keys_the_dialogue_is_told_and_where_they_do_not_go_out_too() {
    let line = Arc::new(Line::default());
    let mut setup = pressing("1", None, &line);
    setup.keypad = None;
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.caller.say("for sales press one").await;
    sim.until(5_000, |event| noted(event, "failed")).await;
    assert!(sim.dialogue.told().contains(&Told::Pressed(Err("KEYS_UNSUPPORTED"))));

    let line = Arc::new(Line { hangs: true, ..Line::default() });
    let sim = Sim::start(pressing("1w", None, &line)).await;
    wait(300).await;
    sim.caller.say("for sales press one").await;
    let begun = sim.until(5_000, |event| noted(event, "begun")).await;
    let failed = sim.until(20_000, |event| noted(event, "failed")).await;
    assert_eq!(failed - begun, ms(660 + 10_000));
    assert!(sim.dialogue.told().contains(&Told::Pressed(Err("KEYS_FAILED"))));
    assert_eq!(Arc::strong_count(&line.alive), 1, "nobody waits for them any more");
    assert!(!sim.dialogue.told().contains(&Told::Nudge(1)), "no machine is asked whether it is there");
}

#[tokio::test(start_paused = true)]
async fn whoever_hangs_up_while_keys_are_pressed_has_left() {
    let line = Arc::new(Line { hangs: true, ..Line::default() });
    let sim = Sim::start(pressing("1", None, &line)).await;
    wait(300).await;
    sim.caller.say("for sales press one").await;
    sim.until(5_000, |event| noted(event, "begun")).await;
    sim.caller.event(LegEvent::Closed).await;
    assert_eq!(sim.ended().await, EndReason::CallerLeft);
    wait(20).await;
    assert_eq!(Arc::strong_count(&line.alive), 1);
}
