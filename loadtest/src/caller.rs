//! One caller on a link: sends 20 ms frames on time, speech or silence, and takes in what comes, decoded and stamped.
//!
//! Owns no script: `say` queues speech, `step` runs one tick. Its own lateness is measured, since a late caller measures nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{AudioFrame, FRAME};
use media_core::codec;
use media_core::inbound::{self, Inbound};
use media_core::{LegCommand, LegEvent, Packet};
use tokio::time::Instant;

use crate::ahead::{Ahead, Voice};
use crate::ear::Ear;
use crate::link::Link;
use crate::notes::Notebook;
use crate::wav::RATE_HZ;

/// How long a goodbye may take to leave.
const GOODBYE: Duration = Duration::from_secs(1);
const FRAME_SAMPLES: usize = AudioFrame::samples_per_frame(RATE_HZ);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the codec of the connection cannot be used: {0}")]
    Codec(#[from] codec::Error),
    #[error("no rate conversion from {RATE_HZ} Hz: {0}")]
    Rate(String),
}

/// What a step of 20 ms brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    Going,
    /// The last queued sample went out with this step.
    Spoken,
    /// The server ended the connection.
    Over,
}

pub struct Caller {
    link: Link,
    voice: Voice,
    inbound: Inbound,
    pub ear: Ear,
    pub notes: Notebook,
    /// Everything heard, 16 kHz, from the first frame on.
    pub recording: Vec<i16>,
    /// When the last sample that was queued was spoken: a frame leaves when its last sample was.
    pub spoke_until: Option<Instant>,
    /// Worst lateness of our own sending: above a few ms the machine is too busy to measure on.
    pub worst_lateness: Duration,
    pub active: bool,
    queue: Vec<i16>,
    /// Speech that was encoded before, and which of its packets is next.
    recital: Option<(Arc<Ahead>, usize)>,
    /// Whose silence is sent, where speech is encoded before.
    quiet: Option<Arc<Ahead>>,
    sent: u64,
    started: Instant,
    over: bool,
    keep_recording: bool,
    /// Of replies before the present one.
    gap_before: Duration,
}

impl Caller {
    /// # Errors
    /// When the link's codec is none of ours.
    pub fn new(link: Link, keep_recording: bool) -> Result<Self, Error> {
        let voice = Voice::new(link.codec)?;
        Ok(Self {
            link,
            voice,
            recital: None,
            quiet: None,
            inbound: Inbound::new(inbound::Options::default(), media_codec::decoders()),
            ear: Ear::default(),
            notes: Notebook::default(),
            recording: Vec::new(),
            spoke_until: None,
            worst_lateness: Duration::ZERO,
            active: false,
            queue: Vec::new(),
            sent: 0,
            started: Instant::now(),
            over: false,
            keep_recording,
            gap_before: Duration::ZERO,
        })
    }

    /// Queues speech; it goes out in real time from the next step on.
    pub fn say(&mut self, samples: &[i16]) {
        self.queue.extend_from_slice(samples);
        self.spoke_until = None;
    }

    /// Says what was encoded before, where it fits the link.
    pub fn recite(&mut self, ahead: &Arc<Ahead>) -> bool {
        let fits = ahead.codec == self.link.codec;
        if fits {
            self.recital = Some((Arc::clone(ahead), 0));
            self.spoke_until = None;
        }
        fits
    }

    /// Silence is that of what will be recited.
    pub fn expect(&mut self, ahead: &Arc<Ahead>) {
        if ahead.codec == self.link.codec {
            self.quiet = Some(Arc::clone(ahead));
        }
    }

    #[must_use]
    pub fn is_speaking(&self) -> bool {
        !self.queue.is_empty() || self.recital.as_ref().is_some_and(|(ahead, at)| *at < ahead.spoken)
    }

    /// Over the whole call so far.
    #[must_use]
    pub fn widest_gap(&self) -> Duration {
        self.ear.widest_gap.max(self.gap_before)
    }

    /// Listens for the next reply.
    pub fn next_reply(&mut self) {
        self.gap_before = self.widest_gap();
        self.ear.reset();
    }

    /// Drops what was queued: the speaker falls silent in mid-word.
    pub fn hush(&mut self) {
        self.queue.clear();
        self.recital = None;
    }

    pub async fn message(&mut self, text: String) {
        let _closed = self.link.commands.send(LegCommand::Message(text)).await;
    }

    pub async fn hang_up(&mut self) {
        let _closed = self.link.commands.send(LegCommand::Close).await;
        // The link goes with us: what says goodbye must have left by then.
        let gone = async { while self.link.events.recv().await.is_some() {} };
        let _late = tokio::time::timeout(GOODBYE, gone).await;
        self.over = true;
    }

    /// Takes in what comes until the next frame is due, then sends it.
    pub async fn step(&mut self) -> Stepped {
        let due = self.started + FRAME * u32::try_from(self.sent).unwrap_or(u32::MAX);
        while !self.over {
            tokio::select! {
                biased;
                event = self.link.events.recv() => self.take(event),
                () = tokio::time::sleep_until(due) => break,
            }
        }
        if self.over {
            return Stepped::Over;
        }
        let now = Instant::now();
        self.worst_lateness = self.worst_lateness.max(now - due);
        self.listen(now);
        self.send(now).await
    }

    fn take(&mut self, event: Option<LegEvent>) {
        let now = Instant::now();
        match event {
            Some(LegEvent::Packet(packet)) => {
                self.inbound.push(packet, now.into_std());
                self.listen(now);
            }
            Some(LegEvent::Message(text)) => self.notes.read(&text),
            Some(LegEvent::Active) => self.active = true,
            Some(LegEvent::Earlier(_) | LegEvent::Quality(_) | LegEvent::Signal(_)) => {}
            Some(LegEvent::Lost | LegEvent::Closed) | None => self.over = true,
        }
    }

    fn listen(&mut self, now: Instant) {
        let speaks = self.is_speaking();
        while let inbound::Output::Frame(frame) = self.inbound.poll(now.into_std()) {
            self.ear.hear(&frame.samples, now, speaks);
            if self.keep_recording {
                self.recording.extend_from_slice(&frame.samples);
            }
        }
    }

    async fn send(&mut self, now: Instant) -> Stepped {
        let speaking = self.is_speaking();
        let (payload, rest) = self.next_payload();
        let codec = self.link.codec;
        if let Some(payload) = payload {
            let packet = Packet {
                codec,
                sequence: self.sent as u16,
                timestamp: (self.sent as u32).wrapping_mul(codec.clock_hz() / 50),
                marker: self.sent == 0,
                payload,
                at: now.into_std(),
            };
            // A full queue means the link is stuck; the frame is lost as it would be on a real one.
            let _full = self.link.commands.try_send(LegCommand::Packet(packet));
        }
        self.sent += 1;
        if speaking {
            self.spoke_until = Some(now - rest);
        }
        if speaking && !self.is_speaking() { Stepped::Spoken } else { Stepped::Going }
    }

    /// What goes out next, and how much of it lies after the last sample of speech.
    fn next_payload(&mut self) -> (Option<Bytes>, Duration) {
        let rest = |samples: usize| FRAME.mul_f64(1.0 - samples as f64 / FRAME_SAMPLES as f64);
        if let Some((ahead, at)) = self.recital.take() {
            let last = at + 1 == ahead.spoken;
            let rest = if last { rest(ahead.last) } else { Duration::ZERO };
            let payload = ahead.packet(at).unwrap_or_else(|| ahead.silence.clone());
            self.recital = Some((ahead, at + 1));
            return (Some(payload), rest);
        }
        let frame: Vec<i16> = self.queue.drain(..FRAME_SAMPLES.min(self.queue.len())).collect();
        match (&self.quiet, frame.is_empty()) {
            (Some(quiet), true) => (Some(quiet.silence.clone()), FRAME),
            _ => (self.voice.frame(&frame), rest(frame.len())),
        }
    }
}
