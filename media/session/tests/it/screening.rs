//! Calls of ours: people are greeted once they are known to be people, machines are hung up on or left a message.

use domain::{AtMachine, Callee, EndReason, SessionEvent};
use media_session::Screened;
use tokio::time::Instant;

use crate::sim::{GREETING, Setup, Sim, ms, wait};

const MESSAGE: &str = "Please call the front desk back.";

fn dialled(at_machine: AtMachine) -> Setup {
    Setup { at_machine: Some(at_machine), ..Setup::default() }
}

fn leaving() -> Setup {
    dialled(AtMachine::LeaveMessage(MESSAGE.to_owned()))
}

fn said(sim: &Sim) -> Vec<String> {
    sim.agent_turns().into_iter().map(|(text, _)| text).collect()
}

async fn known(sim: &Sim) -> (Callee, Instant) {
    let at = sim.until(20_000, |event| matches!(event, SessionEvent::Screened { .. })).await;
    let callee = sim.events().into_iter().find_map(|event| match event {
        SessionEvent::Screened { callee, .. } => Some(callee),
        _ => None,
    });
    (callee.expect("it was awaited"), at)
}

#[tokio::test(start_paused = true)]
async fn a_person_is_greeted_after_their_hello_which_is_no_turn() {
    let sim = Sim::start(dialled(AtMachine::HangUp)).await;
    wait(800).await;
    sim.caller.say("hello").await;
    let hello = Instant::now();
    let (callee, at) = known(&sim).await;
    assert_eq!(callee, Callee::Human);
    assert!(at - hello < ms(1_000), "{:?} after the hello", at - hello);
    assert_eq!(sim.agent_turn(1).await.0, GREETING);
    assert!(sim.caller.first_sound_after(sim.started).expect("greeted") > hello + ms(600));
    // Who was screened is heard as everybody.
    sim.caller.say("what are your opening hours").await;
    sim.until(5_000, |event| matches!(event, SessionEvent::CallerTurn { .. })).await;
    assert_eq!(sim.caller_turns(), ["what are your opening hours"]);
    assert_eq!(sim.handle.status().screened, Some(Screened { callee: Callee::Human, message: None }));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_greeted_after_a_while() {
    let sim = Sim::start(dialled(AtMachine::HangUp)).await;
    let (callee, at) = known(&sim).await;
    assert_eq!(callee, Callee::Unknown);
    assert!((3_900..4_300).contains(&(at - sim.started).as_millis()), "{:?}", at - sim.started);
    assert_eq!(sim.agent_turn(1).await.0, GREETING);
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_hung_up_on_unheard() {
    let sim = Sim::start(dialled(AtMachine::HangUp)).await;
    wait(500).await;
    sim.caller.begin("you have reached the office of doctor miller we are closed today and tomorrow");
    assert_eq!(sim.ended().await, EndReason::AnsweredByMachine);
    assert_eq!(known(&sim).await.0, Callee::Machine);
    assert_eq!((said(&sim), sim.caller.heard()), (Vec::new(), String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_left_its_message_after_the_beep_and_that_is_all() {
    let sim = Sim::start(leaving()).await;
    wait(500).await;
    sim.caller
        .say("you have reached the office of doctor miller please leave a message after the tone")
        .await;
    assert_eq!(known(&sim).await.0, Callee::Machine);
    wait(900).await;
    let length = sim.caller.beep(1_000, 500);
    wait(100).await;
    assert_eq!(sim.caller.heard(), "", "nothing is said before the beep");
    let beeped = Instant::now() + length;
    assert_eq!(sim.ended().await, EndReason::AnsweredByMachine);
    let first = sim.caller.first_sound_after(sim.started).expect("the message");
    assert!(first > beeped && first < beeped + ms(1_000), "{:?} after the beep", first - beeped);
    assert_eq!((said(&sim), sim.caller.heard()), (vec![MESSAGE.to_owned()], MESSAGE.to_owned()));
    assert!(sim.saw(|event| matches!(event, SessionEvent::MessageBegins { beep: true, .. })));
    let screened = sim.handle.status().screened;
    assert_eq!(screened, Some(Screened { callee: Callee::Machine, message: Some(true) }));
    assert!(!sim.saw(|event| matches!(event, SessionEvent::CallerTurn { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_does_not_beep_is_left_its_message_in_its_silence() {
    let sim = Sim::start(leaving()).await;
    wait(500).await;
    sim.caller.say("you have reached the office of doctor miller we are closed today and tomorrow").await;
    let over = Instant::now();
    assert_eq!(sim.ended().await, EndReason::AnsweredByMachine);
    let first = sim.caller.first_sound_after(sim.started).expect("the message");
    assert!(first - over > ms(2_500), "{:?}", first - over);
    assert!(sim.saw(|event| matches!(event, SessionEvent::MessageBegins { beep: false, .. })));
}
