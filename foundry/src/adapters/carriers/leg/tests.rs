use std::sync::Mutex;

use ::carriers::leg::Audio;
use domain::{ProviderAccountId, TransferMode};

use super::*;
use crate::adapters::carriers::legs::{Found, Legs, Name};

const RING_S: u32 = 25;
const RING: Duration = Duration::from_secs(25);
/// For an answer of the carrier's.
const ANSWERS: Duration = Duration::from_millis(100);

/// A carrier that does what it is asked, or refuses one thing, and is slow.
#[derive(Clone, Default)]
struct Script {
    asked: Arc<Mutex<Vec<Request>>>,
    /// Whom callers were to be put through to.
    called: Arc<Mutex<Vec<String>>>,
    refuses: Option<Input>,
    /// Beyond its usual time to answer.
    slowness: Duration,
}

impl Carrier for Script {
    fn ask(&self, request: Request, to: Option<&Transfer>) -> BoxFuture<'static, Option<Input>> {
        self.asked.lock().expect("no panic").push(request);
        self.called.lock().expect("no panic").extend(to.map(|to| to.to.clone()));
        let refusal =
            self.refuses.filter(|input| matches!(input, Input::Refused { what, .. } if *what == request));
        let answers = ANSWERS + self.slowness;
        async move {
            tokio::time::sleep(answers).await;
            refusal
        }
        .boxed()
    }

    fn is_ours(&self) {}

    fn keypad(&self) -> Option<Arc<dyn Keypad>> {
        None
    }
}

impl Script {
    fn asked(&self) -> Vec<Request> {
        self.asked.lock().expect("no panic").clone()
    }
}

/// A stream as its socket has it.
struct Socket {
    events: mpsc::Sender<LegEvent>,
    _told: mpsc::Receiver<LegCommand>,
}

fn stream() -> (Peer, Socket) {
    let (socket, events) = mpsc::channel(EVENTS);
    let (commands, told) = mpsc::channel(COMMANDS);
    (Peer { framing: "twilio", codec: Codec::Pcmu, events, commands }, Socket { events: socket, _told: told })
}

struct Trial {
    legs: Legs,
    name: Name,
    carrier: Script,
    leg: Leg,
    socket: Socket,
    _tasks: Tasks,
}

fn claimed() -> (Legs, Name, Claim) {
    let (legs, name) = (Legs::default(), (ProviderAccountId::generate(), "CA1".to_owned()));
    let claim = legs.claim(&name, "front-desk").expect("nobody has it");
    (legs, name, claim)
}

impl Trial {
    fn of(audio: Audio, carrier: Script) -> Self {
        let ((legs, name, claim), (peer, socket)) = (claimed(), stream());
        let mut shell = Shell::of(Machine::came(audio), Box::new(carrier.clone()), true, claim);
        let (leg, tasks) = (shell.join(peer, Codec::Pcmu), Tasks::new());
        tasks.spawn_graceful(LEG, shell.run());
        Self { legs, name, carrier, leg, socket, _tasks: tasks }
    }

    fn refer(&self) -> BoxFuture<'static, Result<(), NotTransferred>> {
        self.refer_to("+49301")
    }

    fn refer_to(&self, to: &str) -> BoxFuture<'static, Result<(), NotTransferred>> {
        let to = Transfer {
            to: to.to_owned(),
            mode: TransferMode::Cold,
            ring_s: RING_S,
            briefing: String::new(),
            by: None,
            from: None,
            ask: String::new(),
        };
        self.leg.refer.as_ref().expect("carriers have it").refer(&to)
    }

    async fn say(&self, input: Input) -> Option<Answer> {
        self.legs.say(&self.name, input).await
    }

    async fn offers(&self) -> Socket {
        let (peer, socket) = stream();
        let Found::Runs(inbox) = self.legs.find(&self.name) else { unreachable!("it runs") };
        inbox.offer(peer, Codec::Pcmu).await;
        socket
    }
}

/// The carrier has been asked for all of it once its answers have come.
async fn settled() {
    tokio::time::sleep(ANSWERS * 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_of_whose_transfer_nothing_is_heard_is_fetched_to_the_same_session() {
    let mut trial = Trial::of(Audio::Leaves, Script::default());
    let begun = Instant::now();
    let mut outcome = trial.refer();
    let tried = async {
        settled().await;
        trial.socket.events.send(LegEvent::Closed).await.expect("it is carried");
        tokio::time::sleep(RING + ::carriers::leg::SILENT).await;
        assert_eq!(trial.carrier.asked(), [Request::Transfer { number: 1 }, Request::Fetch { number: 1 }]);
        assert_eq!(trial.say(Input::Taken { number: 1 }).await, Some(Answer::Nothing), "so late");
        assert_eq!(trial.say(Input::Fetched { number: 1 }).await, Some(Answer::Stream));
        trial.offers().await
    };
    let (outcome, socket) = tokio::join!(&mut outcome, tried);
    assert_eq!(outcome.expect_err("nobody took it").code(), "TRANSFER_UNANSWERED");
    assert!(begun.elapsed() < RING + Duration::from_secs(20), "while the session still waits for it");
    socket.events.send(LegEvent::Active).await.expect("it is carried");
    assert_eq!(trial.leg.events.recv().await, Some(LegEvent::Active), "and nothing else came in between");
    let Trial { legs, name, carrier, leg, .. } = trial;
    drop(leg);
    settled().await;
    assert_eq!(carrier.asked().last(), Some(&Request::HangUp));
    assert!(matches!(legs.find(&name), Found::Past));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_was_taken_is_not_hung_up_on() {
    let trial = Trial::of(Audio::Leaves, Script::default());
    let taken = async {
        settled().await;
        trial.say(Input::Taken { number: 1 }).await
    };
    let (outcome, _) = tokio::join!(trial.refer(), taken);
    assert_eq!(outcome, Ok(()));
    let Trial { legs, name, carrier, leg, .. } = trial;
    drop(leg);
    settled().await;
    assert_eq!(carrier.asked(), [Request::Transfer { number: 1 }]);
    assert!(matches!(legs.find(&name), Found::Past));
}

#[tokio::test(start_paused = true)]
async fn a_caller_whom_the_session_waits_for_no_longer_is_with_the_agent() {
    let mut trial = Trial::of(Audio::Stays, Script::default());
    let given_up = tokio::time::timeout(Duration::from_secs(3), trial.refer()).await;
    assert!(given_up.is_err(), "nothing was heard of it");
    trial.socket.events.send(LegEvent::Active).await.expect("it is carried");
    assert_eq!(trial.leg.events.recv().await, Some(LegEvent::Active));
    trial.socket.events.send(LegEvent::Closed).await.expect("it is carried");
    assert_eq!(trial.leg.events.recv().await, Some(LegEvent::Closed), "they are not away any more");
    assert_eq!(trial.carrier.asked(), [Request::Transfer { number: 1 }]);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_the_carrier_refuses_is_told_at_once() {
    let what = Request::Transfer { number: 1 };
    let refuses = Some(Input::Refused { what, gone: false, unsure: false });
    let mut trial = Trial::of(Audio::Leaves, Script { refuses, ..Script::default() });
    let begun = Instant::now();
    let refused = trial.refer().await.expect_err("it is refused");
    assert_eq!((refused.code(), begun.elapsed()), ("TRANSFER_FAILED", ANSWERS));
    trial.socket.events.send(LegEvent::Active).await.expect("it is carried");
    assert_eq!(trial.leg.events.recv().await, Some(LegEvent::Active), "and the caller is still here");
}

/// The caller is back before the carrier has answered the request to fetch them: it is not waited for, and what it says is not heard.
#[tokio::test(start_paused = true)]
async fn a_caller_who_was_fetched_is_not_fetched_again() {
    let what = Request::Fetch { number: 1 };
    let refuses = Some(Input::Refused { what, gone: false, unsure: true });
    let slowness = Duration::from_secs(5);
    let mut trial = Trial::of(Audio::Leaves, Script { refuses, slowness, ..Script::default() });
    let mut outcome = trial.refer();
    let tried = async {
        tokio::time::sleep(RING + ::carriers::leg::SILENT + ANSWERS).await;
        assert_eq!(trial.say(Input::Fetched { number: 1 }).await, Some(Answer::Stream));
        let began = Instant::now();
        let socket = trial.offers().await;
        (socket, began)
    };
    let (outcome, (socket, began)) = tokio::join!(&mut outcome, tried);
    assert_eq!(outcome.expect_err("nobody took it").code(), "TRANSFER_UNANSWERED");
    // Another request does not have to wait for the answer to the first either.
    let again = tokio::time::timeout(ANSWERS, trial.refer()).await;
    assert!(again.is_err(), "nothing is heard of it yet");
    let transfer = |number| Request::Transfer { number };
    assert_eq!(trial.carrier.asked(), [transfer(1), what, transfer(2)]);
    assert!(began.elapsed() < slowness);
    socket.events.send(LegEvent::Active).await.expect("it is carried");
    assert_eq!(trial.leg.events.recv().await, Some(LegEvent::Active));
}

/// A session that gives one transfer up and asks for another in the same moment is told what becomes of that one.
#[tokio::test(start_paused = true)]
async fn each_transfer_has_its_own_target_and_its_own_outcome() {
    let trial = Trial::of(Audio::Stays, Script::default());
    let mut first = trial.refer_to("+49301");
    assert!(first.as_mut().now_or_never().is_none());
    // Neither has been seen to be given up yet, nor been dialled.
    drop(first);
    let taken = async {
        settled().await;
        trial.say(Input::Taken { number: 2 }).await
    };
    let (outcome, _) = tokio::join!(trial.refer_to("+49302"), taken);
    assert_eq!(outcome, Ok(()));
    settled().await;
    assert_eq!(*trial.carrier.called.lock().expect("no panic"), ["+49301", "+49302"]);
    // While one is waited for another is refused, and takes nothing from it.
    let trial = Trial::of(Audio::Stays, Script::default());
    let second = async {
        settled().await;
        let second = trial.refer_to("+49302").await;
        trial.say(Input::Taken { number: 1 }).await;
        second
    };
    let (first, second) = tokio::join!(trial.refer_to("+49301"), second);
    assert_eq!((first, second.expect_err("one at a time").code()), (Ok(()), "TRANSFER_FAILED"));
    assert_eq!(*trial.carrier.called.lock().expect("no panic"), ["+49301"]);
}

/// A session that ends does not wait for what the carrier was asked for before.
#[tokio::test(start_paused = true)]
async fn an_end_comes_before_what_else_was_asked_for() {
    let trial = Trial::of(Audio::Leaves, Script::default());
    let asked = tokio::time::timeout(Duration::from_millis(10), trial.refer()).await;
    assert!(asked.is_err(), "the carrier has not answered yet");
    let Trial { legs, name, carrier, leg, .. } = trial;
    drop(leg);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(carrier.asked(), [Request::Transfer { number: 1 }, Request::HangUp]);
    assert!(matches!(legs.find(&name), Found::Runs(_)), "until it is ended");
    settled().await;
    assert!(matches!(legs.find(&name), Found::Past));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_made_has_its_time_to_ring_and_an_end() {
    let dialled = |carrier: &Script| {
        let (sender, steps) = mpsc::channel(STEPS);
        let (legs, name, claim) = claimed();
        let machine = Machine::made(Audio::Leaves, RING, Instant::now().into_std());
        let shell =
            Shell { steps: Some(sender), ..Shell::of(machine, Box::new(carrier.clone()), true, claim) };
        let tasks = Tasks::new();
        tasks.spawn_graceful(LEG, shell.run());
        (legs, name, Dialling { steps }, tasks)
    };
    let carrier = Script::default();
    let (legs, name, mut dialling, _tasks) = dialled(&carrier);
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(90)).await;
    legs.say(&name, Input::Rings).await;
    assert!(matches!(dialling.next().await, Some(Step::Rings)));
    assert!(matches!(dialling.next().await, Some(Step::NotReached(Unheard::Late))));
    assert_eq!(begun.elapsed(), Duration::from_secs(90) + RING + ::carriers::leg::SETTLES);
    assert!(dialling.next().await.is_none());
    settled().await;
    assert_eq!(carrier.asked(), [Request::HangUp]);
    // The server stops, and lets whoever rings go.
    let carrier = Script::default();
    let (.., dialling, _tasks) = dialled(&carrier);
    drop(dialling);
    settled().await;
    assert_eq!(carrier.asked(), [Request::HangUp]);
    // It is answered, and whoever waited is gone in the same moment.
    let carrier = Script::default();
    let (legs, name, mut dialling, _tasks) = dialled(&carrier);
    assert_eq!(legs.say(&name, Input::Asks).await, Some(Answer::Stream));
    let Found::Runs(inbox) = legs.find(&name) else { unreachable!("it runs") };
    let (peer, _socket) = stream();
    inbox.offer(peer, Codec::Pcmu).await;
    let Some(Step::Answered(leg)) = dialling.next().await else { unreachable!("it was answered") };
    drop(dialling);
    settled().await;
    assert_eq!(carrier.asked(), [], "the call is the session's now");
    drop(leg);
    settled().await;
    assert_eq!(carrier.asked(), [Request::HangUp]);
}
