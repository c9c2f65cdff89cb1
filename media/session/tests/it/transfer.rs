//! Callers who are put through: sent elsewhere, or connected here with a person who was asked before; and those who are not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{EndReason, SessionEvent, Transfer, TransferMode};
use futures::FutureExt;
use futures::future::BoxFuture;
use media_core::LegEvent;
use media_session::Said;
use media_session::ports::{Consult, Leg, NotTransferred, Refer};
use runtime::Tasks;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::caller::Caller;
use crate::dialogue::{Step, Told, say};
use crate::net::Net;
use crate::sim::{Setup, Sim, ms, plain, wait};

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_joined_with_the_person_elsewhere_is_over_here() {
    let mut setup = wanting(TransferMode::Warm);
    setup.consult = Some(Box::new(Fate::new(2_000, Ok(None::<Leg>))));
    let sim = asking(setup).await;
    sim.until(10_000, |event| state(event, "done")).await;
    assert_eq!(sim.ended().await, EndReason::Transferred);
    assert!(!sim.saw(|event| state(event, "connected")), "nobody is connected here");
}

const NOBODY: &str = "Nobody can take your call now.";

/// A network, or a person: says how it went after so long.
struct Fate<T> {
    after: Duration,
    outcome: Mutex<Option<Result<T, NotTransferred>>>,
    /// Gone when it is given up.
    alive: Arc<()>,
}

impl<T: Send + 'static> Fate<T> {
    fn new(after_ms: u64, outcome: Result<T, NotTransferred>) -> Self {
        Self { after: ms(after_ms), outcome: Mutex::new(Some(outcome)), alive: Arc::default() }
    }

    fn come(&self) -> BoxFuture<'static, Result<T, NotTransferred>> {
        let (after, alive) = (self.after, Arc::clone(&self.alive));
        let outcome = self.outcome.lock().expect("not poisoned").take().expect("asked once");
        async move {
            let _alive = alive;
            tokio::time::sleep(after).await;
            outcome
        }
        .boxed()
    }
}

impl Refer for Fate<()> {
    fn refer(&self, transfer: &Transfer) -> BoxFuture<'static, Result<(), NotTransferred>> {
        assert_eq!(transfer.to, "+49301");
        self.come()
    }
}

impl Consult for Fate<Option<Leg>> {
    fn consult(&self, transfer: &Transfer) -> BoxFuture<'static, Result<Option<Leg>, NotTransferred>> {
        assert_eq!(transfer.briefing, "A caller.");
        self.come()
    }
}

/// The agent answers the first turn with a transfer.
fn wanting(mode: TransferMode) -> Setup {
    let mut setup = plain();
    let transfer = Transfer {
        mode,
        to: "+49301".to_owned(),
        briefing: "A caller.".to_owned(),
        by: None,
        from: None,
        ask: "Yes?".to_owned(),
        ring_s: 20,
    };
    let announced = [Said::Interruptible(false), Said::Text("I put you through.".to_owned())];
    let mut reply: Vec<Step> = announced.into_iter().map(Step::Say).collect();
    reply.extend([Step::Say(Said::Interruptible(true)), Step::Say(Said::Transfer(transfer))]);
    setup.replies = vec![reply];
    setup
}

async fn asking(setup: Setup) -> Sim {
    let sim = Sim::start(setup).await;
    wait(300).await;
    sim.caller.say("a person please").await;
    sim
}

fn state(event: &SessionEvent, wanted: &str) -> bool {
    matches!(event, SessionEvent::Noted { name, value } if name == "transfer" && value["state"] == wanted)
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_elsewhere_has_heard_the_announcement_and_the_call_says_so() {
    let mut setup = wanting(TransferMode::Cold);
    setup.refer = Some(Arc::new(Fate::new(1_500, Ok(()))));
    let sim = asking(setup).await;
    let begun = sim.until(10_000, |event| state(event, "begun")).await;
    assert_eq!(sim.caller.heard(), "I put you through.");
    assert_eq!(sim.ended().await, EndReason::Transferred);
    assert!(begun.elapsed() >= ms(1_500));
    assert!(sim.dialogue.told().contains(&Told::Transferring));
}

/// Whoever was sent away hangs up here, often before anybody says how it went.
#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_while_it_is_tried_has_left() {
    let fate = Fate::new(5_000, Ok(()));
    let alive = Arc::downgrade(&fate.alive);
    let mut setup = wanting(TransferMode::Cold);
    setup.refer = Some(Arc::new(fate));
    let sim = asking(setup).await;
    sim.until(10_000, |event| state(event, "begun")).await;
    sim.caller.event(LegEvent::Closed).await;
    assert_eq!(sim.ended().await, EndReason::CallerLeft);
    wait(20).await;
    assert_eq!(alive.strong_count(), 0, "nothing is tried for a caller who left");
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_is_refused_comes_back_to_the_agent_and_the_talk_goes_on() {
    let mut setup = wanting(TransferMode::Cold);
    setup.refer = Some(Arc::new(Fate::new(800, Err(NotTransferred::refused("busy")))));
    let sim = asking(setup).await;
    sim.until(10_000, |event| state(event, "failed")).await;
    assert_eq!(sim.agent_turn(2).await.0, NOBODY);
    assert!(sim.dialogue.told().contains(&Told::NotTransferred("TRANSFER_REFUSED")));
    sim.caller.say("then tell me when you open").await;
    assert_eq!(sim.agent_turn(3).await.0, "You said then tell me when you open indeed.");
    assert_eq!(sim.handle.status().ended, None);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_way_the_agent_is_told_at_once() {
    for mode in [TransferMode::Cold, TransferMode::Warm] {
        let sim = asking(wanting(mode)).await;
        assert_eq!(sim.agent_turn(2).await.0, NOBODY);
        assert!(sim.dialogue.told().contains(&Told::NotTransferred("TRANSFER_UNSUPPORTED")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_that_never_says_how_it_went_is_not_waited_for_for_ever() {
    let mut setup = wanting(TransferMode::Cold);
    setup.refer = Some(Arc::new(Fate::new(3_600_000, Ok(()))));
    let sim = asking(setup).await;
    let begun = sim.until(10_000, |event| state(event, "begun")).await;
    let failed = sim.until(60_000, |event| state(event, "failed")).await;
    assert_eq!(failed - begun, Duration::from_secs(40));
    assert_eq!(sim.agent_turn(2).await.0, NOBODY);
    assert!(
        !sim.saw(|event| matches!(event, SessionEvent::Nudged { .. })),
        "nobody is asked whether they are there"
    );
}

#[tokio::test(start_paused = true)]
async fn a_person_who_takes_the_call_talks_with_the_caller_and_hanging_up_ends_it() {
    let tasks = Tasks::new();
    let (person, leg) = Caller::connect(&tasks, Net::default(), 9);
    let mut setup = wanting(TransferMode::Warm);
    setup.consult = Some(Box::new(Fate::new(6_000, Ok(Some(leg)))));
    let sim = asking(setup).await;
    let begun = sim.until(10_000, |event| state(event, "begun")).await;
    wait(5_000).await;
    let tone = sim.caller.first_sound_after(begun).expect("the line is not dead while it rings");
    assert!(tone - begun < Duration::from_secs(3), "{:?}", tone - begun);
    let connected = sim.until(10_000, |event| state(event, "connected")).await;
    wait(300).await;
    sim.caller.say("hello i have a question about parking").await;
    wait(500).await;
    person.say("we have a garden and parking").await;
    wait(800).await;
    assert_eq!(person.heard_since(connected), "hello i have a question about parking");
    assert_eq!(sim.caller.heard_since(connected), "we have a garden and parking");
    assert!(
        sim.caller_turns().len() == 1,
        "nobody thinks about what two people say: {:?}",
        sim.caller_turns()
    );
    person.event(LegEvent::Closed).await;
    assert_eq!(sim.ended().await, EndReason::Transferred);
    wait(20).await;
    assert!(sim.caller.state.lock().expect("not poisoned").closed.is_some(), "the caller is hung up on");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_on_the_person_ends_both_legs() {
    let tasks = Tasks::new();
    let (person, leg) = Caller::connect(&tasks, Net::default(), 9);
    let mut setup = wanting(TransferMode::Warm);
    setup.consult = Some(Box::new(Fate::new(500, Ok(Some(leg)))));
    let sim = asking(setup).await;
    sim.until(10_000, |event| state(event, "connected")).await;
    wait(60_000).await;
    assert_eq!(sim.handle.status().ended, None, "two people may be silent for as long as they like");
    let said = sim.handle.prompt("We close early today.".to_owned()).await.expect("alive");
    assert!(!said, "the agent has no part in it, and whoever wants it to is told so");
    sim.caller.event(LegEvent::Closed).await;
    assert_eq!(sim.ended().await, EndReason::Transferred);
    wait(20).await;
    assert!(person.state.lock().expect("not poisoned").closed.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_speaks_while_it_rings_is_answered_and_a_refusal_still_comes_back() {
    let mut setup = wanting(TransferMode::Warm);
    setup.consult = Some(Box::new(Fate::new(9_000, Err(NotTransferred::refused("no")))));
    let sim = asking(setup).await;
    sim.until(10_000, |event| state(event, "begun")).await;
    wait(1_000).await;
    sim.caller.say("are you still there").await;
    assert_eq!(sim.agent_turn(2).await.0, "You said are you still there indeed.");
    assert_eq!(sim.agent_turn(3).await.0, NOBODY);
    let back = Instant::now();
    wait(3_500).await;
    let tones = sim.caller.sounds().into_iter().filter(|at| *at > back + ms(500)).count();
    assert_eq!(tones, 0, "the tone of the wait is over");
}

/// The call with the person: its leg goes to whoever asked, and is not hung up.
/// A refusal that comes while the caller speaks, and an operator's words that come then too, before it or after it.
async fn both_come_while_the_caller_speaks(words_after_ms: u64) {
    const WORDS: &str = "We close early today.";
    let mut setup = wanting(TransferMode::Warm);
    setup.consult = Some(Box::new(Fate::new(3_000, Err::<Option<Leg>, _>(NotTransferred::refused("busy")))));
    let sim = asking(setup).await;
    sim.until(10_000, |event| state(event, "begun")).await;
    wait(2_600).await;
    sim.caller.begin("when are you open on the day after tomorrow");
    wait(words_after_ms).await;
    sim.handle.prompt(WORDS.to_owned()).await.expect("alive");
    sim.until(10_000, |event| state(event, "failed")).await;
    wait(9_000).await;
    let turns: Vec<String> = sim.agent_turns().into_iter().map(|(text, _)| text).collect();
    let place = |text: &str| turns.iter().position(|said| said == text);
    let (nobody, words) = (place(NOBODY), place(WORDS));
    assert!(nobody.is_some() && words > nobody, "{words_after_ms}: {turns:?}");
}

#[tokio::test(start_paused = true)]
async fn neither_a_refusal_nor_an_operators_words_are_lost_where_both_wait_for_the_caller() {
    both_come_while_the_caller_speaks(200).await;
    both_come_while_the_caller_speaks(900).await;
}

#[tokio::test(start_paused = true)]
async fn the_leg_of_a_call_that_is_handed_over_goes_to_its_heir() {
    let (heir, mut leg) = oneshot::channel();
    let mut setup = plain();
    setup.replies = vec![vec![say("Thank you."), Step::Say(Said::End(EndReason::Transferred))]];
    setup.heir = Some(heir);
    let sim = asking(setup).await;
    assert_eq!(sim.ended().await, EndReason::Transferred);
    let mut leg = leg.try_recv().expect("handed over");
    assert_eq!(sim.caller.state.lock().expect("not poisoned").closed, None);
    assert!(leg.events.recv().await.is_some(), "the caller is still on it");
    assert_eq!(sim.caller.heard(), "Thank you.");
}
