//! The agent's voice, paced: audio of any length goes in as fast as the vendor makes it, a frame comes out every 20 ms.
//!
//! Knows to the sample what was played, can duck, hold, go back and stop without a click. It encodes nothing (see
//! `outbound`) and decides nothing: when to duck or stop is the turn machine's business.

mod options;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use domain::{AudioFrame, FRAME, MediaTime, TurnId};

use crate::leg::Delivery;
use crate::level::is_audible;
use crate::mix::{Background, Mixer};
use crate::pace::{Due, Late, Pacer};
use crate::preroll::Preroll;
use crate::resample::Unsupported;
use crate::voice::{Gain, Tail, Turn};

pub use options::{Options, Silence};

/// Turns that are over; audio that still comes for them is dropped.
const GONE_MAX: usize = 16;
/// Unread events; a session reads them after every tick. Beyond, the oldest goes.
const EVENTS_MAX: usize = 256;

/// One frame to encode and send at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutFrame {
    /// 20 ms at `Options::rate_hz`.
    pub samples: Vec<i16>,
    /// When it was due; the n-th of a run is due n times 20 ms after the first.
    pub due: Instant,
    /// Where it lies on the leg's timeline, which advances with real time, silence included.
    pub media: MediaTime,
    /// First after a time in which nothing was sent.
    pub after_silence: bool,
    /// The turn that sounds and how far it is heard now: the position after this frame, less what was sent ahead.
    pub heard: Option<(TurnId, MediaTime)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The first audible sample of the turn was sent, in the frame due at this instant.
    Started { turn: TurnId, at: Instant },
    /// The turn's audio ran out before its end: the voice pauses until enough has come again.
    Underrun { turn: TurnId, position: MediaTime, at: Instant },
    /// It goes on after this long.
    Recovered { turn: TurnId, gap: Duration },
    /// Everything of the turn was played.
    Finished { turn: TurnId, heard: MediaTime, at: Instant },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waiting for enough audio, since the first of it came.
    Filling {
        since: Option<Instant>,
        ran_dry: Option<Instant>,
    },
    Playing,
    /// Ducked: fades, then stands still.
    Holding,
}

const FRESH: State = State::Filling { since: None, ran_dry: None };

pub struct Playout {
    options: Options,
    /// The first is the one that sounds; the others wait for it.
    turns: VecDeque<Turn>,
    gone: VecDeque<TurnId>,
    state: State,
    gain: Gain,
    /// Where the caller lost the voice.
    held: Option<MediaTime>,
    /// The present turn was heard at all.
    is_started: bool,
    tail: Tail,
    last_sample: i16,
    preroll: Preroll,
    mixer: Mixer,
    pacer: Pacer,
    /// The voice is sent so far ahead of its time, where the audio is there.
    lead: Duration,
    /// Silence still to send before sending stops.
    trailing: u64,
    events: VecDeque<Event>,
    underruns: u64,
    dry: Duration,
}

impl Playout {
    /// Fails where the options are out of range.
    pub fn new(options: Options) -> Result<Self, String> {
        options.validate()?;
        let mut mixer = Mixer::new(options.rate_hz);
        if let Silence::ComfortNoise { level_dbfs } = options.silence {
            mixer.set_comfort_noise(Some(level_dbfs));
        }
        let (initial, max) = (
            Duration::from_millis(options.preroll_initial_ms),
            Duration::from_millis(options.preroll_max_ms),
        );
        Ok(Self {
            preroll: Preroll::new(initial, max),
            options,
            turns: VecDeque::new(),
            gone: VecDeque::with_capacity(GONE_MAX),
            state: FRESH,
            gain: Gain::UNITY,
            held: None,
            is_started: false,
            tail: Tail::default(),
            last_sample: 0,
            mixer,
            pacer: Pacer::default(),
            lead: Duration::ZERO,
            trailing: 0,
            events: VecDeque::new(),
            underruns: 0,
            dry: Duration::ZERO,
        })
    }

    /// Audio of a turn, in order, of any length and at any rate of `resample::RATES_HZ`. A turn begins with its first
    /// audio and waits until those before it are over. Audio of a turn that was flushed or has ended is dropped.
    pub fn push(
        &mut self,
        turn: TurnId,
        samples: &[i16],
        rate_hz: u32,
        now: Instant,
    ) -> Result<(), Unsupported> {
        let Some(index) = self.open(turn) else { return Ok(()) };
        self.turns[index].push(samples, rate_hz)?;
        self.preroll.pushed(MediaTime::from_samples(samples.len() as u64, rate_hz).as_duration(), now);
        if index == 0 {
            self.arrived(now);
        }
        Ok(())
    }

    /// The vendor has given all of a sentence: the next may be long in coming, through no fault of the vendor's.
    pub fn sentence_done(&mut self, turn: TurnId) {
        if self.turns.back().is_some_and(|last| last.id == turn) {
            self.preroll.stretch_ended();
        }
    }

    /// No more audio comes for this turn.
    pub fn end(&mut self, turn: TurnId, now: Instant) {
        let Some(index) = self.open(turn) else { return };
        self.turns[index].complete();
        self.preroll.stretch_ended();
        if index == 0 {
            self.arrived(now);
            self.finish_drained(now);
        }
    }

    /// The voice gives way while it is decided whether the caller wants the floor: it fades and waits. What is heard
    /// from here on does not count as heard until `resume`.
    pub fn duck(&mut self, turn: TurnId) {
        let Some(front) = self.turns.front().filter(|front| front.id == turn) else { return };
        self.held.get_or_insert(front.position());
        self.gain.glide(0.0, self.options.rate_hz);
        if self.state == State::Playing {
            self.state = State::Holding;
        }
    }

    /// Goes on at full level from `from`, or from where the voice was ducked, to the sample. The position is returned.
    pub fn resume(&mut self, turn: TurnId, from: Option<MediaTime>, now: Instant) -> Option<MediaTime> {
        let rate_hz = self.options.rate_hz;
        let sounds = self.sounds();
        let front = self.turns.front_mut().filter(|front| front.id == turn)?;
        let held = self.held.take();
        let from = from.or(held)?;
        if sounds {
            self.tail.cut(front.ahead(rate_hz as usize / 100), self.gain.value(), self.last_sample, rate_hz);
        }
        front.seek(from);
        self.gain = Gain::UNITY;
        self.gain.fade_in(rate_hz);
        let position = front.position();
        // Where the audio had run dry, going back may have brought enough.
        if !matches!(self.state, State::Filling { .. }) || self.has_frame() {
            self.state = State::Playing;
        }
        self.arrived(now);
        Some(position)
    }

    /// Stops a turn at once with a short fade, whether it sounds or waits. What of it was heard is returned; the fade
    /// itself does not count. `None` where the turn is unknown or over.
    pub fn flush(&mut self, turn: TurnId, now: Instant) -> Option<MediaTime> {
        let index = self.turns.iter().position(|known| known.id == turn)?;
        let heard = if index == 0 { self.heard(turn, now)? } else { MediaTime::ZERO };
        if index == 0 {
            self.cut();
        }
        self.turns.remove(index);
        self.leave(turn);
        if index == 0 {
            self.next_turn(now);
        }
        Some(heard)
    }

    /// How far the turn was heard, from its start.
    #[must_use]
    pub fn heard(&self, turn: TurnId, now: Instant) -> Option<MediaTime> {
        let index = self.turns.iter().position(|known| known.id == turn)?;
        if index > 0 || !self.is_started {
            return Some(MediaTime::ZERO);
        }
        let position = self.turns[0].position() - MediaTime::from_duration(self.pacer.ahead(now));
        Some(self.held.map_or(position, |held| held.min(position)))
    }

    /// The frame that is due, if one is. Call until `None`, then wait until `deadline`.
    pub fn tick(&mut self, now: Instant) -> Option<OutFrame> {
        self.fill(now);
        if !self.is_active() {
            self.pacer.stop();
            return None;
        }
        self.pacer.start(now);
        let due = self.pacer.take(now, self.lead())?;
        Some(self.frame(due, now))
    }

    /// When to call `tick` next; `None` where only a push can bring something to send. Ask again after every call.
    #[must_use]
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        if let Some(next) = self.pacer.next() {
            return Some(next.checked_sub(self.lead()).unwrap_or(next));
        }
        if self.is_active() {
            return Some(now);
        }
        self.fills_at(now)
    }

    /// Reads the oldest unread event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// From now on what is sent goes this way.
    pub fn carried_by(&mut self, delivery: Delivery) {
        self.lead = match delivery {
            Delivery::Datagrams => Duration::ZERO,
            Delivery::Stream => Duration::from_millis(self.options.stream_lead_ms),
        };
    }

    /// How long the far end goes on to play what was sent ahead.
    #[must_use]
    pub fn ahead(&self, now: Instant) -> Duration {
        self.pacer.ahead(now)
    }

    /// Audio that waits to be sent.
    #[must_use]
    pub fn buffered(&self) -> Duration {
        let samples: usize = self.turns.iter().map(Turn::available).sum();
        MediaTime::from_samples(samples as u64, self.options.rate_hz).as_duration()
    }

    /// Whether a turn sounds, or is about to.
    #[must_use]
    pub fn is_speaking(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Nothing is being sent, not even silence.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.pacer.is_running()
    }

    /// The sound of somebody who thinks, until it is set to `false` or the voice begins.
    pub fn set_thinking(&mut self, on: bool) {
        self.mixer.set_thinking(on);
    }

    /// `false` where its rate is not the playout's.
    pub fn set_background(&mut self, background: Option<(Background, f32)>) -> bool {
        self.mixer.set_background(background)
    }

    #[must_use]
    pub fn late(&self) -> Late {
        self.pacer.late()
    }

    #[must_use]
    pub fn underruns(&self) -> u64 {
        self.underruns
    }

    /// How long the voice was out in all of them.
    #[must_use]
    pub fn dry(&self) -> Duration {
        self.dry
    }

    /// How long the first audio of the next turn would be held back.
    #[must_use]
    pub fn preroll(&self) -> Duration {
        self.preroll.target()
    }

    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    fn open(&mut self, turn: TurnId) -> Option<usize> {
        if self.gone.contains(&turn) {
            return None;
        }
        if let Some(index) = self.turns.iter().position(|known| known.id == turn) {
            return (!self.turns[index].is_complete).then_some(index);
        }
        let Options { rate_hz, history_ms, skip_leading_silence_ms, .. } = self.options;
        self.turns.push_back(Turn::new(turn, rate_hz, history_ms, skip_leading_silence_ms));
        Some(self.turns.len() - 1)
    }

    /// Audio of the first turn has come: the wait for more begins.
    fn arrived(&mut self, now: Instant) {
        let available = self.turns.front().map_or(0, Turn::available);
        if let State::Filling { since, .. } = &mut self.state
            && available > 0
        {
            since.get_or_insert(now);
        }
    }

    /// Whether a whole frame, or all that is left, can be played.
    fn has_frame(&self) -> bool {
        self.turns.front().is_some_and(|front| {
            front.available() >= self.frame_samples() || front.is_complete && front.available() > 0
        })
    }

    /// Only whole frames of a voice that sounds go ahead: what has not come is not late before its time.
    fn lead(&self) -> Duration {
        if self.state == State::Playing && self.has_frame() { self.lead } else { Duration::ZERO }
    }

    fn frame_samples(&self) -> usize {
        AudioFrame::samples_per_frame(self.options.rate_hz)
    }

    /// How long audio is held back at most while `Filling`.
    fn patience(&self) -> Duration {
        match self.state {
            State::Filling { ran_dry: Some(_), .. } => {
                self.preroll.target().max(Duration::from_millis(self.options.rebuffer_ms))
            }
            _ => self.preroll.target(),
        }
    }

    /// Starts, or restarts, the voice where enough has come.
    fn fill(&mut self, now: Instant) {
        let State::Filling { ran_dry, .. } = self.state else { return };
        let Some(turn) = self.turns.front().map(|front| front.id) else { return };
        if self.fills_at(now).is_none_or(|at| now < at) {
            return;
        }
        self.state =
            if self.held.is_some() && self.gain.value() == 0.0 { State::Holding } else { State::Playing };
        if let Some(dry) = ran_dry {
            self.gain.fade_in(self.options.rate_hz);
            let gap = now.saturating_duration_since(dry);
            self.dry += gap;
            self.event(Event::Recovered { turn, gap });
        }
    }

    fn sounds(&self) -> bool {
        match self.state {
            State::Playing => !self.turns.is_empty(),
            State::Holding => !self.gain.has_arrived(),
            State::Filling { .. } => false,
        }
    }

    /// When the voice may start with what has come so far.
    fn fills_at(&self, now: Instant) -> Option<Instant> {
        let State::Filling { since: Some(since), .. } = self.state else { return None };
        let front = self.turns.front().filter(|_| self.has_frame())?;
        let buffered = MediaTime::from_samples(front.available() as u64, self.options.rate_hz).as_duration();
        let enough = front.is_complete || buffered >= self.patience();
        Some(if enough { now } else { since + self.patience() })
    }

    fn is_active(&self) -> bool {
        self.sounds() || !self.tail.is_over() || self.mixer.is_sounding() || self.trailing > 0
    }

    fn frame(&mut self, due: Due, now: Instant) -> OutFrame {
        let mut samples = vec![0; self.frame_samples()];
        let heard = self.voice(&mut samples, due.at, now);
        self.last_sample = samples.last().copied().unwrap_or(0);
        self.mixer.mix(&mut samples, heard.is_some());
        OutFrame { samples, due: due.at, media: due.media, after_silence: due.after_silence, heard }
    }

    /// The voice's part of a frame, and which turn it was.
    fn voice(&mut self, frame: &mut [i16], at: Instant, now: Instant) -> Option<(TurnId, MediaTime)> {
        let (true, Some(front)) = (self.sounds(), self.turns.front_mut()) else {
            self.tail.add_to(frame);
            self.trailing = self.trailing.saturating_sub(1);
            return None;
        };
        let turn = front.id;
        let taken = front.take(frame);
        self.gain.apply(&mut frame[..taken]);
        self.tail.add_to(frame);
        let position = front.position();
        self.trailing = self.options.trailing_silence_ms / FRAME.as_millis() as u64;
        if !self.is_started && is_audible(&frame[..taken]) {
            self.is_started = true;
            self.mixer.set_thinking(false);
            self.event(Event::Started { turn, at });
        }
        let played = position - MediaTime::from_duration(at.saturating_duration_since(now));
        let heard = self.held.map_or(played, |held| held.min(played));
        if taken < frame.len() || self.turns.front().is_some_and(Turn::is_drained) {
            self.ran_out(&mut frame[taken..], at, now);
        }
        Some((turn, heard))
    }

    /// The voice ended within this frame: at its end, or for want of audio.
    fn ran_out(&mut self, rest: &mut [i16], at: Instant, now: Instant) {
        let Some(front) = self.turns.front() else { return };
        let (turn, position, is_complete) = (front.id, front.position(), front.is_complete);
        let last = front.last_taken();
        let last = (f32::from(last) * self.gain.value()) as i16;
        self.tail.cut(&[], 1.0, last, self.options.rate_hz);
        self.tail.add_to(rest);
        if is_complete {
            self.finish_drained(at);
        } else {
            self.underruns += 1;
            self.state = State::Filling { since: None, ran_dry: Some(now) };
            self.event(Event::Underrun { turn, position, at });
        }
    }

    /// Ends the first turns that have nothing left. A ducked turn ends too: all of it was said.
    fn finish_drained(&mut self, at: Instant) {
        while self.turns.front().is_some_and(Turn::is_drained) {
            let Some(front) = self.turns.pop_front() else { break };
            let heard = self.held.unwrap_or_else(|| front.position()).min(front.position());
            self.leave(front.id);
            self.event(Event::Finished { turn: front.id, heard, at });
            self.next_turn(at);
        }
    }

    fn next_turn(&mut self, now: Instant) {
        self.state = FRESH;
        self.gain = Gain::UNITY;
        self.held = None;
        self.is_started = false;
        self.arrived(now);
    }

    /// Cuts the sounding voice.
    fn cut(&mut self) {
        if let Some(front) = self.turns.front().filter(|_| self.sounds()) {
            let next = front.ahead(self.options.rate_hz as usize / 100);
            self.tail.cut(next, self.gain.value(), self.last_sample, self.options.rate_hz);
        }
        self.preroll.stretch_ended();
    }

    fn leave(&mut self, turn: TurnId) {
        if self.gone.len() == GONE_MAX {
            self.gone.pop_front();
        }
        self.gone.push_back(turn);
    }

    fn event(&mut self, event: Event) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

#[cfg(test)]
mod tests;
