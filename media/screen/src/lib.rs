//! Who took a call of ours, a person or a machine, and when the machine takes its message. A pure machine on the callee's track.
//!
//! It is fed every frame of the track, the detector's verdicts and the recogniser's transcripts; its clock is the track itself, so that it
//! needs no other. People say a few words and wait; machines talk on, say what only machines say, and beep.

mod tone;
mod words;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use domain::{AudioFrame, Callee, MediaTime, Tell, Transcript, VadDecision};

pub use tone::{Tone, Tones};
pub use words::of_a_machine;

/// Every time of it, in ms of the callee's track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// A verdict of the detector above this is voice.
    pub voice_probability: f32,
    /// A greeting of this much voice at most, before a pause, is a person's.
    pub short_ms: u32,
    /// One of this much voice is a machine's.
    pub long_ms: u32,
    /// So long is an answer waited for by whoever gave a short greeting;
    pub pause_ms: u32,
    /// and so long before one that is neither short nor long is taken for a person's.
    pub long_pause_ms: u32,
    /// Whoever says nothing for so long is unknown.
    pub silence_ms: u32,
    /// Nothing is waited for longer, unless somebody speaks.
    pub deadline_ms: u32,
    /// A machine that is silent for so long takes its message, whether it beeped or not.
    pub machine_silence_ms: u32,
    /// From the beep's end to the message.
    pub after_beep_ms: u32,
    /// A machine that talks on for longer gets no message.
    pub beep_within_ms: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            voice_probability: 0.5,
            short_ms: 1_800,
            long_ms: 3_000,
            pause_ms: 700,
            long_pause_ms: 1_500,
            silence_ms: 4_000,
            deadline_ms: 8_000,
            machine_silence_ms: 3_000,
            after_beep_ms: 200,
            beep_within_ms: 45_000,
        }
    }
}

/// What is decided, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// A pause: what was said until now is wanted from the recogniser.
    Finalize,
    /// Who it is. Once.
    Known { callee: Callee, by: Tell, at: MediaTime },
    /// The machine takes its message now. Once, after it was known to be one.
    Ready { beep: bool, at: MediaTime },
    /// It talks on: there is no message. Once, in place of `Ready`.
    TalksOn { at: MediaTime },
}

/// From the callee's first frame to the verdict, and on to the message of a machine.
#[derive(Debug)]
pub struct Screen {
    options: Options,
    tones: Tones,
    began: Option<MediaTime>,
    /// Of the last frame.
    now: MediaTime,
    /// All voice until now, and where it ended.
    voiced: MediaTime,
    voice_to: Option<MediaTime>,
    /// Up to where verdicts were counted.
    judged: MediaTime,
    /// The present pause was told of.
    finalized: bool,
    /// The tone that ended last, or sounds: it is no voice.
    tonal: Option<(MediaTime, MediaTime)>,
    state: State,
    outputs: VecDeque<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Listening,
    /// A machine, since.
    Machine(MediaTime),
    /// Its beep ended here.
    Beeped(MediaTime),
    Over,
}

impl Screen {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            tones: Tones::default(),
            began: None,
            now: MediaTime::ZERO,
            voiced: MediaTime::ZERO,
            voice_to: None,
            judged: MediaTime::ZERO,
            finalized: false,
            tonal: None,
            state: State::Listening,
            outputs: VecDeque::new(),
        }
    }

    /// The next frame of the callee's track.
    pub fn frame(&mut self, frame: &AudioFrame) {
        self.began.get_or_insert(frame.at);
        self.now = frame.end();
        if let Some(tone) = self.tones.push(frame) {
            self.beeped(tone);
        }
        if let Some(from) = self.tones.sounding() {
            self.tonal = Some((from, self.now));
        }
        self.look();
    }

    pub fn vad(&mut self, verdict: VadDecision) {
        let from = verdict.from.max(self.judged);
        self.judged = self.judged.max(verdict.to);
        let tonal = self.tonal.is_some_and(|(from, to)| verdict.from < to && verdict.to > from);
        if verdict.probability < self.options.voice_probability || verdict.to <= from || tonal {
            return;
        }
        self.voiced += verdict.to - from;
        self.voice_to = Some(verdict.to);
        self.finalized = false;
    }

    pub fn transcript(&mut self, transcript: &Transcript) {
        if self.state == State::Listening && of_a_machine(&transcript.text) {
            self.known(Callee::Machine, Tell::Words);
        }
    }

    /// What is decided; `None`: nothing more until it is fed again.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn look(&mut self) {
        let Options { short_ms, long_ms, pause_ms, long_pause_ms, .. } = self.options;
        let since = self.now - self.began.unwrap_or_default();
        let pause = self.voice_to.map(|end| self.now - end);
        match self.state {
            State::Listening => {
                if self.voiced >= ms(long_ms) {
                    return self.known(Callee::Machine, Tell::Length);
                }
                let Some(pause) = pause else {
                    if since >= ms(self.options.silence_ms) {
                        self.known(Callee::Unknown, Tell::Silence);
                    }
                    return;
                };
                if pause >= ms(pause_ms / 2) && !self.finalized {
                    self.finalized = true;
                    self.outputs.push_back(Output::Finalize);
                }
                let enough = if self.voiced <= ms(short_ms) { pause_ms } else { long_pause_ms };
                if pause >= ms(enough) {
                    self.known(Callee::Human, Tell::Pause);
                } else if since >= ms(self.options.deadline_ms) {
                    self.known(Callee::Unknown, Tell::Deadline);
                }
            }
            State::Machine(known) => {
                let silent = self.now - self.voice_to.unwrap_or_default().max(self.tone_end());
                if silent >= ms(self.options.machine_silence_ms)
                    && self.now - known >= ms(self.options.pause_ms)
                {
                    self.over(Output::Ready { beep: false, at: self.now });
                } else if since >= ms(self.options.beep_within_ms) {
                    self.over(Output::TalksOn { at: self.now });
                }
            }
            State::Beeped(end) if self.now - end >= ms(self.options.after_beep_ms) => {
                self.over(Output::Ready { beep: true, at: self.now });
            }
            State::Beeped(_) | State::Over => {}
        }
    }

    fn tone_end(&self) -> MediaTime {
        self.tonal.map_or(MediaTime::ZERO, |(_, to)| to)
    }

    fn beeped(&mut self, tone: Tone) {
        self.tonal = Some((tone.from, tone.to));
        if self.state == State::Listening {
            self.known(Callee::Machine, Tell::Beep);
        }
        if let State::Machine(_) = self.state {
            self.state = State::Beeped(tone.to);
        }
    }

    fn known(&mut self, callee: Callee, by: Tell) {
        self.state = if callee == Callee::Machine { State::Machine(self.now) } else { State::Over };
        self.outputs.push_back(Output::Known { callee, by, at: self.now });
    }

    fn over(&mut self, output: Output) {
        self.state = State::Over;
        self.outputs.push_back(output);
    }
}

const fn ms(value: u32) -> MediaTime {
    MediaTime::from_millis(value as u64)
}
