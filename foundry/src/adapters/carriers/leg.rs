//! The task that has one call at a carrier: moves its audio, asks the carrier for what its machine wants, and waits. What follows from what is
//! the machine's to say (`carriers::leg`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ::carriers::Unanswered;
use ::carriers::leg::{Answer, How, Input, Leg as Machine, Output, Request, Unheard};
use domain::Transfer;
use futures::FutureExt;
use futures::future::BoxFuture;
use media_core::{Codec, Delivery, LegCommand, LegEvent};
use media_session::{Keypad, Leg, NotTransferred, Refer};
use media_socket::Peer;
use runtime::{Kind, Tasks};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::legs::Claim;
use super::way::Way;

const LEG: Kind = Kind::new("carriers.leg");
/// As a socket's own. When full the socket waits, and the session.
const EVENTS: usize = 128;
const COMMANDS: usize = 64;
/// A call that is made has fewer steps than there is room for.
const STEPS: usize = 8;

/// What a leg is told.
pub(super) enum Ask {
    /// By the carrier. What it is to be told then.
    Said(Input, oneshot::Sender<Answer>),
    Stream(Peer, Codec),
    /// By the session: somebody is to be called for the caller. Dropping the receiver gives that up.
    Transfer(Transfer, oneshot::Sender<Result<(), NotTransferred>>),
}

/// What becomes of a call that we made until somebody speaks.
pub(crate) enum Step {
    Rings,
    /// Somebody has answered, and their audio is here.
    Answered(Leg),
    NotReached(Unheard),
}

/// A call that a carrier makes. Dropping it before it is answered ends the call.
pub(crate) struct Dialling {
    steps: mpsc::Receiver<Step>,
}

/// Whoever asks a carrier for something of one call.
pub(super) trait Carrier: Send + Sync {
    /// What the carrier refused; `None`: nothing. `to`: whom a caller is put through to.
    fn ask(&self, request: Request, to: Option<&Transfer>) -> BoxFuture<'static, Option<Input>>;

    /// The call is ours: nobody else has the caller. While somebody is called for them it may be another's.
    fn is_ours(&self);

    /// What presses keys in the call.
    fn keypad(&self) -> Option<Arc<dyn Keypad>>;
}

impl Way {
    /// The leg of a call that came in, whose stream is here. Dropping it ends the call, wherever it is but with somebody else.
    pub(crate) fn came(self, claim: Claim, peer: Peer, codec: Codec, tasks: &Tasks) -> Leg {
        let (machine, announced) = (Machine::came(self.audio()), !self.webhook.is_empty());
        let mut shell = Shell::of(machine, self.call(&claim), announced, claim);
        let leg = shell.join(peer, codec);
        tasks.spawn_graceful(LEG, shell.run());
        leg
    }

    /// A call that the carrier was asked to make.
    pub(crate) fn made(self, claim: Claim, ring: Duration, tasks: &Tasks) -> Dialling {
        let (sender, steps) = mpsc::channel(STEPS);
        let machine = Machine::made(self.audio(), ring, Instant::now().into_std());
        let shell = Shell { steps: Some(sender), ..Shell::of(machine, self.call(&claim), true, claim) };
        tasks.spawn_graceful(LEG, shell.run());
        Dialling { steps }
    }
}

impl Dialling {
    /// What happens next; `None` after the end. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Step> {
        self.steps.recv().await
    }
}

/// Asks the leg for a transfer.
struct Through {
    asks: mpsc::Sender<Ask>,
    announced: bool,
}

impl Refer for Through {
    fn refer(&self, transfer: &Transfer) -> BoxFuture<'static, Result<(), NotTransferred>> {
        let (asks, announced, transfer) = (self.asks.clone(), self.announced, transfer.clone());
        async move {
            if !announced {
                return Err(NotTransferred::unsupported("this stream was not announced by its carrier"));
            }
            let over = || NotTransferred::failed("the call is over");
            let (sender, outcome) = oneshot::channel();
            asks.send(Ask::Transfer(transfer, sender)).await.map_err(|_over| over())?;
            outcome.await.map_err(|_over| over())?
        }
        .boxed()
    }
}

/// The session's side of a leg.
struct Session {
    events: mpsc::Sender<LegEvent>,
    commands: mpsc::Receiver<LegCommand>,
}

struct Shell {
    machine: Machine,
    carrier: Box<dyn Carrier>,
    /// Whether the carrier knows where to say what becomes of the call.
    announced: bool,
    claim: Claim,
    /// `None`: nobody's audio is here.
    peer: Option<Peer>,
    /// `None`: nobody has answered yet.
    session: Option<Session>,
    /// Of a call that we made, until it is answered.
    steps: Option<mpsc::Sender<Step>>,
    /// Whoever waits for the outcome of the last try, by its number.
    trying: Option<(u32, Waiter)>,
    /// What the carrier is asked for now, and next; of a transfer, whom it is to.
    asking: Option<(Request, BoxFuture<'static, Option<Input>>)>,
    requests: VecDeque<(Request, Option<Transfer>)>,
}

type Waiter = oneshot::Sender<Result<(), NotTransferred>>;

/// What comes with an input, for the machine to say what becomes of it.
#[derive(Default)]
struct Offered {
    stream: Option<(Peer, Codec)>,
    transfer: Option<(Transfer, Waiter)>,
}

/// What a leg wakes up for.
enum Woken {
    Asked(Option<Ask>),
    Heard(Option<LegEvent>),
    Command(Option<LegCommand>),
    Told(Option<Input>),
    /// Nobody waits for the try any more.
    GivenUp,
    /// Nobody waits for the call to be answered.
    LetGo,
    Due,
}

impl Shell {
    fn of(machine: Machine, carrier: Box<dyn Carrier>, announced: bool, claim: Claim) -> Self {
        Self {
            machine,
            carrier,
            announced,
            claim,
            peer: None,
            session: None,
            steps: None,
            trying: None,
            asking: None,
            requests: VecDeque::new(),
        }
    }

    /// From now on the call's audio goes by this stream; the leg, for whoever has none yet.
    fn join(&mut self, peer: Peer, codec: Codec) -> Leg {
        let (events, receiver) = mpsc::channel(EVENTS);
        let (sender, commands) = mpsc::channel(COMMANDS);
        let transport = peer.framing;
        let asks = self.claim.inbox.asks.clone();
        let refer = Arc::new(Through { asks, announced: self.announced }) as Arc<dyn Refer>;
        self.peer = Some(peer);
        self.session = Some(Session { events, commands });
        Leg {
            transport,
            delivery: Delivery::Stream,
            codec,
            events: receiver,
            commands: sender,
            refer: Some(refer),
            keypad: self.carrier.keypad(),
        }
    }

    async fn run(mut self) {
        loop {
            if self.asking.is_none()
                && let Some((request, to)) = self.requests.pop_front()
            {
                self.asking = Some((request, self.carrier.ask(request, to.as_ref())));
            }
            if self.machine.is_over() && self.asking.is_none() {
                return;
            }
            let woken = self.next().await;
            self.wake(woken).await;
        }
    }

    /// Cancel-safe.
    async fn next(&mut self) -> Woken {
        let due = self.machine.deadline().map(|(at, _)| Instant::from_std(at));
        let over = self.machine.is_over();
        tokio::select! {
            // What was decided counts before what follows from it: a stream that ends since its call is elsewhere.
            biased;
            asked = self.claim.asked.recv() => Woken::Asked(asked),
            told = pending_or(&mut self.asking) => Woken::Told(told),
            () = closed(&mut self.trying), if !over => Woken::GivenUp,
            () = unwanted(self.steps.as_ref()), if !over => Woken::LetGo,
            event = heard(&mut self.peer) => Woken::Heard(event),
            command = commanded(&mut self.session), if !over => Woken::Command(command),
            () = until(due) => Woken::Due,
        }
    }

    async fn wake(&mut self, woken: Woken) {
        match woken {
            Woken::Asked(Some(Ask::Said(input, reply))) => {
                let answer = self.put(input, Offered::default()).await;
                let _gone = reply.send(answer.unwrap_or(Answer::Nothing));
            }
            Woken::Asked(Some(Ask::Stream(peer, codec))) => {
                let stream = Some((peer, codec));
                self.put(Input::Opens, Offered { stream, ..Offered::default() }).await;
            }
            Woken::Asked(Some(Ask::Transfer(to, outcome))) => {
                // Whoever asks for another has given up the one before, which may not have been seen yet.
                if self.trying.as_ref().is_some_and(|(_, waiter)| waiter.is_closed()) {
                    self.gives_up().await;
                }
                let ring = Duration::from_secs(to.ring_s.into());
                let transfer = Some((to, outcome));
                self.put(Input::Transfer { ring }, Offered { transfer, ..Offered::default() }).await;
            }
            // It has a sender itself.
            Woken::Asked(None) => {}
            Woken::Heard(Some(LegEvent::Closed)) => self.stopped(How::Closed).await,
            Woken::Heard(None | Some(LegEvent::Lost)) => self.stopped(How::Lost).await,
            Woken::Heard(Some(event)) => {
                if let Some(session) = &self.session {
                    // A session that is over says so by its commands.
                    let _over = session.events.send(event).await;
                }
            }
            Woken::Command(Some(command)) => {
                if let Some(peer) = &self.peer {
                    // A stream that ended says so itself.
                    let _gone = peer.commands.send(command).await;
                }
            }
            Woken::Command(None) | Woken::LetGo => {
                self.put(Input::HangUp, Offered::default()).await;
            }
            Woken::Told(input) => {
                self.asking = None;
                match input {
                    Some(input) => {
                        self.put(input, Offered::default()).await;
                    }
                    None => self.holds(),
                }
            }
            Woken::GivenUp => self.gives_up().await,
            Woken::Due => {
                self.put(Input::Timeout, Offered::default()).await;
            }
        }
    }

    async fn stopped(&mut self, how: How) {
        self.peer = None;
        self.put(Input::Stops(how), Offered::default()).await;
    }

    async fn gives_up(&mut self) {
        if let Some((number, _nobody)) = self.trying.take() {
            self.put(Input::GivesUp { number }, Offered::default()).await;
        }
    }

    /// Puts it in and does what the machine wants then. What a carrier that asked is told.
    async fn put(&mut self, input: Input, mut offered: Offered) -> Option<Answer> {
        self.machine.handle(input, Instant::now().into_std());
        let mut answer = None;
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Ask(Request::HangUp) => {
                    self.asking = None;
                    self.requests = VecDeque::from([(Request::HangUp, None)]);
                    self.peer = None;
                    self.session = None;
                }
                Output::Ask(request) => {
                    let mut whom = None;
                    if let Request::Transfer { number } = request
                        && let Some((to, waiter)) = offered.transfer.take()
                    {
                        self.trying = Some((number, waiter));
                        whom = Some(to);
                    }
                    self.requests.push_back((request, whom));
                }
                Output::Done(done) => {
                    self.requests.retain(|(request, _)| *request != done);
                    if self.asking.as_ref().is_some_and(|(request, _)| *request == done) {
                        self.asking = None;
                    }
                }
                Output::Answer(said) => answer = Some(said),
                Output::Join => {
                    if let Some((peer, codec)) = offered.stream.take() {
                        self.joins(peer, codec);
                    }
                }
                Output::Decline => offered.stream = None,
                Output::Rings => self.step(Step::Rings),
                Output::NotReached(unheard) => {
                    self.step(Step::NotReached(unheard));
                    self.steps = None;
                }
                Output::Outcome(outcome) => {
                    if let Some((_, waiter)) = self.trying.take() {
                        let _late = waiter.send(outcome.map_err(not_transferred));
                    }
                }
                Output::NotTried => {
                    if let Some((_, waiter)) = offered.transfer.take() {
                        let _late = waiter.send(Err(not_transferred(Unanswered::Failed)));
                    }
                }
                Output::Closes(how) => {
                    let event = match how {
                        How::Closed => LegEvent::Closed,
                        How::Lost => LegEvent::Lost,
                    };
                    if let Some(session) = &self.session {
                        let _over = session.events.send(event).await;
                    }
                    self.trying = None;
                    self.peer = None;
                }
            }
        }
        self.holds();
        answer
    }

    fn holds(&self) {
        if self.machine.is_ours() {
            self.carrier.is_ours();
        }
    }

    fn joins(&mut self, peer: Peer, codec: Codec) {
        match (&self.session, self.steps.take()) {
            (None, Some(steps)) => {
                let leg = self.join(peer, codec);
                // Where nobody waits any more the leg is dropped with that, and the call ended.
                let _gone = steps.try_send(Step::Answered(leg));
            }
            _ => self.peer = Some(peer),
        }
    }

    fn step(&self, step: Step) {
        if let Some(steps) = &self.steps {
            let _gone = steps.try_send(step);
        }
    }
}

fn not_transferred(why: Unanswered) -> NotTransferred {
    let message = format!("the person was not reached: {}", why.name());
    match why {
        Unanswered::Declined => NotTransferred::refused(&message),
        Unanswered::Failed => NotTransferred::failed(&message),
        _ => NotTransferred::unanswered(&message),
    }
}

async fn pending_or(asking: &mut Option<(Request, BoxFuture<'static, Option<Input>>)>) -> Option<Input> {
    match asking {
        Some((_, asking)) => asking.await,
        None => std::future::pending().await,
    }
}

async fn closed(trying: &mut Option<(u32, Waiter)>) {
    match trying {
        Some((_, waiter)) => waiter.closed().await,
        None => std::future::pending().await,
    }
}

async fn unwanted(steps: Option<&mpsc::Sender<Step>>) {
    match steps {
        Some(steps) => steps.closed().await,
        None => std::future::pending().await,
    }
}

async fn heard(peer: &mut Option<Peer>) -> Option<LegEvent> {
    match peer {
        Some(peer) => peer.events.recv().await,
        None => std::future::pending().await,
    }
}

async fn commanded(session: &mut Option<Session>) -> Option<LegCommand> {
    match session {
        Some(session) => session.commands.recv().await,
        None => std::future::pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
