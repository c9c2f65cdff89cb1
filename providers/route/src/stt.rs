//! An ear made of ears: one listens, the next hears again what the caller said since the last final when it fails.
//!
//! Each `Finalize` is answered by exactly one final, by whoever listens then. A partial is void with the stream that gave
//! it, so that nothing is heard twice; words that a final had told already are taken out. No second request runs beside
//! the first: audio would be paid for twice for the whole call.
//!
//! What sounds like speech may be none. Where one ear hears nothing in it, another is asked, and only what that one hears
//! proves the first wrong: a noisy line opens no breaker. The same where an ear that had given words gives no more while the
//! voice goes on, once for each final. What an ear told that is gone is taken back, by an empty partial, where a final is due:
//! whoever commits a turn waits for the words that are heard again, and not with half of them. A call stays with the ear that
//! took over until the next final; then it goes back to whoever the breakers allow.

mod words;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use domain::{MediaTime, Transcript};
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{
    Ability, Error, ErrorKind, ProviderInfo, Sink, Stt, SttEvent, SttInput, SttRequest, SttStream,
};
use tokio::time::Instant;

use crate::line::{Came, Line, Opened};
use crate::observe::Why;
use crate::options::Invalid;
use crate::race::{Entry, Limits, Rank};
use crate::replay::Log;
use crate::tried::{Cause, Tried};
use crate::ways::{Alternative, Setting, Ways, keep};
use words::drop_told;

/// Inputs that wait for the route: 2 s of audio. When full the session drops and counts.
const INPUT_CAPACITY: usize = 100;
/// Voiced frames in a row that begin speech.
const SPEECH: MediaTime = MediaTime::from_millis(100);
/// An ear that was open for so long was no attempt that failed at once.
const STOOD: Duration = Duration::from_secs(1);
/// Less than this that may be speech proves nothing.
const PROOF: MediaTime = MediaTime::from_millis(300);
/// An ear that lags behind the voice by more than this has half as long for its final.
const LAG: MediaTime = MediaTime::from_millis(400);

pub struct SttRoute(Arc<Ways<dyn Stt>>);

impl SttRoute {
    /// # Errors
    /// Without an alternative, or with waits that nothing could keep.
    pub fn new(alternatives: Vec<Alternative<dyn Stt>>, setting: Setting) -> Result<Self, Invalid> {
        Ways::new(
            Ability::Stt,
            alternatives,
            setting,
            |stt: &(dyn Stt + 'static)| stt.info(),
            crate::probe::stt,
        )
        .map(Arc::new)
        .map(Self)
    }
}

impl Stt for SttRoute {
    fn info(&self) -> &ProviderInfo {
        self.0.info()
    }

    /// Returns at once: audio is kept from now on, and an ear is opened while the events are awaited.
    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        let (input, receiver) = Sink::bounded(INPUT_CAPACITY);
        let hearing = Hearing::new(Arc::clone(&self.0), request, receiver);
        let events = stream::unfold(hearing, |mut hearing| async move {
            let event = hearing.next().await?;
            Some((event, hearing))
        });
        futures::future::ready(Ok(SttStream { input, events: events.boxed() })).boxed()
    }
}

struct Ear {
    line: Line<SttInput, SttEvent>,
    limits: Limits,
    /// The next item of the log it has not been given.
    cursor: u64,
    opened: Option<Instant>,
    /// Observers and the session know that it serves.
    announced: bool,
    /// What it hears may have been told by a final before.
    replaying: bool,
}

/// Others are tried since something failed, until there is progress.
struct Episode {
    plan: VecDeque<Entry>,
    until: Instant,
    hopeful: Option<Error>,
}

struct Hearing {
    ways: Arc<Ways<dyn Stt>>,
    request: SttRequest,
    input: Option<mpsc::Receiver<SttInput>>,
    log: Log,
    ear: Option<Ear>,
    episode: Option<Episode>,
    attempts: u32,
    served_by: Option<usize>,
    /// When each final that is owed was demanded.
    demanded: VecDeque<Instant>,
    /// Since when there is speech without any words, and how long it has been voiced in a row.
    speech: Option<Instant>,
    voiced: MediaTime,
    /// Whether the ear gave words since the last final, and how many.
    worded: bool,
    told: usize,
    /// Voice since its last words.
    fresh: MediaTime,
    /// It lagged behind the voice when the final was demanded.
    lags: bool,
    /// Words since the last final are those of an ear that is gone.
    void: bool,
    /// An ear was doubted for its silence since the last final, though it had given words.
    doubted: bool,
    /// Whoever heard less than another may hear, and how many words.
    suspects: Vec<(Tried, usize)>,
    /// The empty final that stands if nobody hears more.
    empty: Option<Transcript>,
    closing: Option<Instant>,
    ready: VecDeque<Result<SttEvent, Error>>,
    over: bool,
}

enum Woke {
    Input(Option<SttInput>),
    Came(Came<SttEvent>),
    Due,
}

#[derive(Clone, Copy, PartialEq)]
enum Late {
    Connect,
    /// No words for what sounds like speech.
    Words,
    Final,
}

impl Hearing {
    fn new(ways: Arc<Ways<dyn Stt>>, request: SttRequest, input: mpsc::Receiver<SttInput>) -> Self {
        let mut hearing = Self {
            ways,
            request,
            input: Some(input),
            log: Log::default(),
            ear: None,
            episode: None,
            attempts: 0,
            served_by: None,
            demanded: VecDeque::new(),
            speech: None,
            voiced: MediaTime::ZERO,
            worded: false,
            told: 0,
            fresh: MediaTime::ZERO,
            lags: false,
            void: false,
            doubted: false,
            suspects: Vec::new(),
            empty: None,
            closing: None,
            ready: VecDeque::new(),
            over: false,
        };
        hearing.begin(Instant::now());
        hearing
    }

    async fn next(&mut self) -> Option<Result<SttEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.over |= event.is_err();
                return Some(event);
            }
            if self.over {
                return None;
            }
            self.feed();
            let due = self.deadline();
            if let Some((at, late)) = due
                && at <= Instant::now()
                && !self.takes_what_is_ready()
            {
                self.late(late, Instant::now());
                continue;
            }
            match self.wait(due.map(|(at, _)| at)).await {
                Woke::Input(input) => self.take_input(input, Instant::now()),
                Woke::Came(came) => self.take(came, Instant::now()),
                Woke::Due => {}
            }
        }
    }

    /// Opens the best that may be asked.
    fn begin(&mut self, now: Instant) {
        let mut plan = self.ways.plan(now, &[]);
        if let Some(entry) = plan.pop_front() {
            self.open(entry, Why::First, now);
        }
    }

    fn open(&mut self, entry: Entry, why: Why, now: Instant) {
        self.attempts += 1;
        let Entry { index, limits, standing } = entry;
        let why = if standing == Rank::Probe { Why::Probe } else { why };
        // A stream hears many turns.
        let cause = Cause { session: self.request.session, turn: None, number: self.attempts, why };
        let tried = self.ways.tried(index, cause, now);
        let (stt, request) = (Arc::clone(&self.ways.way(index).provider), self.request.clone());
        let opening = async move {
            let SttStream { input, events } = stt.open(request).await?;
            Ok(Opened { input: Some(input), events })
        };
        let line = Line::new(self.attempts, index, tried, opening.boxed());
        let (cursor, replaying) = (self.log.start(), self.attempts > 1);
        self.ear = Some(Ear { line, limits, cursor, opened: None, announced: false, replaying });
    }

    /// Gives the ear what it has room for.
    fn feed(&mut self) {
        let Some(ear) = &mut self.ear else { return };
        while let Some(input) = &mut ear.line.input
            && let Some((piece, next)) = self.log.piece(ear.cursor)
        {
            let length = if let SttInput::Audio(frame) = &piece { frame.duration() } else { MediaTime::ZERO };
            match input.push(piece) {
                Ok(true) => ear.cursor = next,
                // Full: fed again with the next frame or event. Closed: the events say why.
                Ok(false) | Err(_) => return,
            }
            ear.line.tried.given.audio_in += length.as_duration();
        }
        if self.input.is_none() && ear.line.is_open() {
            ear.line.input = None;
        }
    }

    fn deadline(&self) -> Option<(Instant, Late)> {
        let ear = self.ear.as_ref()?;
        let since = ear.opened.unwrap_or(ear.line.tried.began());
        let last = self.demanded.front().copied().or(self.closing);
        let last =
            last.map(|at| ((at.max(since) + self.final_within(ear)).min(self.gives_up_at(at)), Late::Final));
        let Some(opened) = ear.opened else {
            let connect = (ear.line.tried.began() + ear.limits.connect, Late::Connect);
            return last.into_iter().chain([connect]).min_by_key(|(at, _)| *at);
        };
        let words = self.speech.map(|at| (at.max(opened) + ear.limits.first, Late::Words));
        last.into_iter().chain(words).min_by_key(|(at, _)| *at)
    }

    /// How long a final is waited for. Where nobody else can be asked, to the end of patience.
    fn final_within(&self, ear: &Ear) -> Duration {
        let nobody =
            self.episode.as_ref().map_or_else(|| self.ways.len() == 1, |episode| episode.plan.is_empty());
        let options = &self.ways.setting.options;
        let within = self.ways.final_within(ear.line.index);
        match (nobody, self.lags) {
            (true, _) => options.give_up_after(),
            (false, true) => within / 2,
            (false, false) => within,
        }
    }

    fn gives_up_at(&self, demanded: Instant) -> Instant {
        demanded + self.ways.setting.options.give_up_after()
    }

    /// Whether something came that has only not been looked at: a session that was busy is no late provider.
    fn takes_what_is_ready(&mut self) -> bool {
        let Some(woke) = self.wait_any().now_or_never() else { return false };
        match woke {
            Woke::Input(input) => self.take_input(input, Instant::now()),
            Woke::Came(came) => self.take(came, Instant::now()),
            Woke::Due => {}
        }
        true
    }

    fn late(&mut self, late: Late, now: Instant) {
        let Some(index) = self.ear.as_ref().map(|ear| ear.line.index) else { return };
        let ways = Arc::clone(&self.ways);
        let error = |reason| ways.error(index, ErrorKind::TimedOut, reason);
        match late {
            Late::Words if self.log.voiced() < PROOF || !self.owes_words(index) => self.speech = None,
            Late::Words => {
                self.speech = None;
                self.doubted |= self.worded;
                let error = error("no words for what sounds like speech");
                self.suspect(error, now);
            }
            Late::Connect => {
                let error = error("did not open within the deadline");
                self.timed_out(error, now);
            }
            Late::Final if self.is_done() && self.log.voiced() < PROOF => self.end(now),
            Late::Final => {
                let error = error("no final within the deadline");
                self.timed_out(error, now);
            }
        }
    }

    fn take_input(&mut self, input: Option<SttInput>, now: Instant) {
        match input {
            Some(SttInput::Audio(frame)) => {
                let length = frame.duration();
                let voiced = self.log.audio(frame);
                self.voiced = if voiced { self.voiced + length } else { MediaTime::ZERO };
                self.fresh += if voiced { length } else { MediaTime::ZERO };
                if self.voiced >= SPEECH && self.episode.is_none() && self.empty.is_none() {
                    self.spoken(now);
                }
            }
            // Only a hint, and only in its place: one that lags behind does without.
            Some(SttInput::Prepare) => {
                if let Some(Ear { line, cursor, .. }) = &mut self.ear
                    && *cursor >= self.log.end()
                    && let Some(input) = &mut line.input
                {
                    let _hint = input.push(SttInput::Prepare);
                }
            }
            Some(SttInput::Finalize) => {
                self.log.finalize();
                self.demanded.push_back(now);
                self.lags = self.worded && self.fresh >= LAG && self.gives_partials();
                self.take_back();
                if let Some(ear) = &mut self.ear {
                    let usual = self.ways.final_within(ear.line.index) / 2;
                    ear.line.tried.asked(now);
                    ear.line.tried.owes(now, usual);
                }
            }
            None => {
                self.input = None;
                self.closing = Some(now);
            }
        }
    }

    fn take(&mut self, came: Came<SttEvent>, now: Instant) {
        let Some(ear) = &mut self.ear else { return };
        let index = ear.line.index;
        match came {
            Came::Opened => {
                ear.opened = Some(now);
                ear.line.tried.opened(now);
                if !self.demanded.is_empty() {
                    ear.line.tried.owes(now, self.ways.final_within(index) / 2);
                }
                // Whether this one hears words in what is heard again shows soon.
                if self.log.voiced() >= PROOF {
                    ear.line.tried.asked(now);
                    self.speech = self.ways.way(index).partials.then_some(now);
                }
            }
            Came::Event(SttEvent::Transcript(transcript)) => self.transcript(transcript, now),
            Came::Event(SttEvent::Usage(usage)) => {
                ear.line.tried.used(usage);
                self.ready.push_back(Ok(SttEvent::Usage(usage)));
            }
            Came::Event(event) => self.ready.push_back(Ok(event)),
            Came::Failed(error) => self.failed(error, now),
            Came::Ended if self.is_done() => self.end(now),
            Came::Ended => {
                let error = self.ways.error(index, ErrorKind::Closed, "ended by itself");
                self.failed(error, now);
            }
        }
    }

    fn transcript(&mut self, mut transcript: Transcript, now: Instant) {
        let Some(ear) = &mut self.ear else { return };
        let index = ear.line.index;
        if ear.replaying {
            drop_told(&mut transcript, self.log.finished());
            ear.replaying = !transcript.is_final();
        }
        let empty = transcript.text.trim().is_empty();
        if !empty {
            ear.line.tried.progressed(now);
            self.speech = None;
            (self.worded, self.void, self.fresh) = (!transcript.is_final(), false, MediaTime::ZERO);
            self.told = transcript.text.split_whitespace().count();
            self.heard_more(self.told, now);
        }
        if !transcript.is_final() {
            if !empty {
                self.announce();
                self.ready.push_back(Ok(SttEvent::Transcript(transcript)));
            }
            return;
        }
        if self.demanded.is_empty() {
            if !empty {
                self.log.told(transcript.to);
                (self.told, self.doubted) = (0, false);
            }
            self.announce();
            self.ready.push_back(Ok(SttEvent::Transcript(transcript)));
            return;
        }
        if empty && self.empty.is_none() && self.log.voiced() >= PROOF && self.others(now) {
            self.empty = Some(transcript);
            let error =
                self.ways.error(index, ErrorKind::Protocol, "heard no words in what sounds like speech");
            return self.suspect(error, now);
        }
        self.announce();
        self.answer(transcript, now);
        self.go_back(now);
    }

    /// Gives the final that the oldest demand waits for.
    fn answer(&mut self, transcript: Transcript, now: Instant) {
        if let (Some(at), Some(ear)) = (self.demanded.pop_front(), &mut self.ear) {
            self.ways.final_took(ear.line.index, now - at.max(ear.opened.unwrap_or(at)));
            ear.line.tried.answered(now);
            match self.demanded.front() {
                Some(_) => ear.line.tried.owes(now, self.ways.final_within(ear.line.index) / 2),
                None => ear.line.tried.paid(),
            }
        }
        self.log.answered();
        (self.worded, self.told, self.fresh) = (false, 0, MediaTime::ZERO);
        (self.lags, self.void, self.doubted) = (false, false, false);
        self.ready.push_back(Ok(SttEvent::Transcript(transcript)));
        self.episode = None;
        self.empty = None;
        self.speech = None;
        // Nobody heard more than they did.
        self.suspects.drain(..).for_each(|(tried, _)| tried.served(now));
    }

    /// Observers and the session are told who serves, before its first transcript.
    fn announce(&mut self) {
        let Some(ear) = self.ear.as_mut().filter(|ear| !ear.announced) else { return };
        ear.announced = true;
        let index = ear.line.index;
        self.ready.push_back(Ok(SttEvent::Served(Arc::clone(ear.line.tried.info()))));
        let before = self.served_by.replace(index).unwrap_or(index);
        self.ways.switched(self.request.session, before, index);
    }

    /// A final was given: the next turn begins with whoever is best now.
    fn go_back(&mut self, now: Instant) {
        let settled = self.demanded.is_empty() && self.input.is_some();
        let Some(ear) = self.ear.take_if(|ear| settled && self.ways.would_rather(now, ear.line.index)) else {
            return;
        };
        ear.line.tried.served(now);
        self.begin(now);
    }

    /// Whether another can be asked what it hears.
    fn others(&self, now: Instant) -> bool {
        if let Some(episode) = &self.episode {
            return !episode.plan.is_empty();
        }
        let Some(ear) = &self.ear else { return false };
        self.ways.plan(now, &[ear.line.index]).iter().any(|entry| entry.standing != Rank::LastResort)
    }

    /// Nothing is outstanding, and no more comes.
    fn is_done(&self) -> bool {
        self.input.is_none() && self.demanded.is_empty()
    }

    fn end(&mut self, now: Instant) {
        if let Some(ear) = self.ear.take() {
            ear.line.tried.served(now);
        }
        self.over = true;
    }

    /// May be wrong, may be right: another listens, and what that one hears decides.
    fn suspect(&mut self, error: Error, now: Instant) {
        if !self.others(now) {
            return; // nobody to ask: the final will show
        }
        let Some(ear) = self.ear.take() else { return };
        self.suspects.push((ear.line.tried, self.told));
        self.next_ear(ear.line.index, error, false, now);
    }

    fn timed_out(&mut self, error: Error, now: Instant) {
        let Some(ear) = self.ear.take() else { return };
        ear.line.tried.timed_out(now);
        self.next_ear(ear.line.index, error, false, now);
    }

    fn failed(&mut self, error: Error, now: Instant) {
        let Some(ear) = self.ear.take() else { return };
        ear.line.tried.failed(error.clone(), now);
        // One that stood for a while belongs to no failure before it, and leaves nothing to make good.
        let stood = ear.opened.is_some_and(|at| now.saturating_duration_since(at) >= STOOD);
        let served = stood && self.demanded.is_empty();
        if served {
            self.episode = None;
        }
        self.next_ear(ear.line.index, error, served, now);
    }

    fn next_ear(&mut self, failed: usize, error: Error, served: bool, now: Instant) {
        (self.speech, self.lags) = (None, false);
        self.void |= self.told > 0;
        (self.worded, self.told) = (false, 0);
        self.take_back();
        if self.is_done() && self.log.voiced() < PROOF {
            self.over = true;
            return;
        }
        let demanded = self.demanded.front().map(|at| self.gives_up_at(*at));
        let ways = &self.ways;
        let episode = self.episode.get_or_insert_with(|| {
            let mut plan = ways.plan(now, &[failed]);
            if plan.is_empty() && served {
                plan = ways.plan(now, &[]); // the only one, which closed while nobody spoke
            }
            Episode { plan, until: now + ways.setting.options.give_up_after(), hopeful: None }
        });
        keep(&mut episode.hopeful, error);
        let until = demanded.unwrap_or(episode.until);
        let next = if until > now { episode.plan.pop_front() } else { None };
        match (next, self.empty.take()) {
            (Some(entry), empty) => {
                self.empty = empty;
                self.open(entry, Why::Fallback, now);
            }
            // Nobody else can tell: then it was no speech. A new ear is there for what comes.
            (None, Some(empty)) => {
                self.answer(empty, now);
                self.begin(now);
            }
            (None, None) => {
                let hopeful = self.episode.take().and_then(|episode| episode.hopeful);
                let error = self.ways.all_failed(self.request.session, hopeful);
                self.ready.push_back(Err(error));
            }
        }
    }

    async fn wait(&mut self, until: Option<Instant>) -> Woke {
        match until {
            Some(until) => tokio::time::timeout_at(until, self.wait_any()).await.unwrap_or(Woke::Due),
            None => self.wait_any().await,
        }
    }

    /// Cancel-safe: nothing is taken that is not given.
    fn wait_any(&mut self) -> impl Future<Output = Woke> {
        let Self { ear, input, .. } = self;
        poll_fn(move |cx| {
            if let Some(Poll::Ready(came)) = ear.as_mut().map(|ear| ear.line.poll(cx)) {
                return Poll::Ready(Woke::Came(came));
            }
            if let Some(Poll::Ready(taken)) = input.as_mut().map(|input| input.poll_next_unpin(cx)) {
                return Poll::Ready(Woke::Input(taken));
            }
            Poll::Pending
        })
    }
}
