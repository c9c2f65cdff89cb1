//! One caller's neural detector behind the gate: stretches where plainly nobody speaks cost nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{AudioFrame, MediaTime, VadDecision};
use media_core::gate::Gate;

use crate::loudness::Loudness;
use crate::silero::{Network, State};
use crate::window::{self, WINDOW, Windows};

/// What the network hears from before the gate opened: 256 ms, so that it sees the onset as it would without a gate.
const PRE_ROLL_WINDOWS: usize = 8;
/// Long stretches without speech (music, noise) make the network deaf to the speech that follows. After this many
/// windows (2 s) it forgets them, as soon as the last few were plainly without speech.
const FORGET_AFTER_WINDOWS: u32 = 62;
const FORGET_QUIET_WINDOWS: u32 = 5;
const FORGET_BELOW: f32 = 0.1;

pub struct NeuralVad {
    network: Arc<Network>,
    state: State,
    gate: Gate,
    windows: Windows,
    loudness: Loudness,
    due: VecDeque<VadDecision>,
    /// End of the last frame that the gate let through.
    open_until: MediaTime,
    open: bool,
    /// The last windows before the gate opens.
    before: VecDeque<[i16; WINDOW]>,
    windows_since_forgotten: u32,
    quiet_windows: u32,
}

impl NeuralVad {
    pub(crate) fn new(network: Arc<Network>, gate: Gate) -> Self {
        Self {
            network,
            state: State::default(),
            gate,
            windows: Windows::default(),
            loudness: Loudness::default(),
            due: VecDeque::new(),
            open_until: MediaTime::ZERO,
            open: false,
            before: VecDeque::with_capacity(PRE_ROLL_WINDOWS),
            windows_since_forgotten: 0,
            quiet_windows: 0,
        }
    }

    pub(crate) fn push(&mut self, frame: &AudioFrame) {
        if !self.gate.verdict(&frame.samples).is_silent() {
            self.open_until = frame.end();
        }
        let mut windows = std::mem::take(&mut self.windows);
        let jumped = windows.push(frame, |window| {
            let level_dbfs = window::level_dbfs(window.samples);
            let probability = if self.open_until > window.from {
                self.ask(window.samples)
            } else {
                self.hold_back(window.samples)
            };
            let verdict = window.verdict(level_dbfs, probability, &mut self.loudness);
            window::enqueue(&mut self.due, verdict);
        });
        self.windows = windows;
        if jumped {
            self.state = State::default();
            self.before.clear();
            self.open = false;
        }
    }

    pub(crate) fn pop(&mut self) -> Option<VadDecision> {
        self.due.pop_front()
    }

    fn ask(&mut self, samples: &[i16]) -> f32 {
        if !self.open {
            self.open = true;
            self.windows_since_forgotten = 0;
            self.quiet_windows = 0;
            for window in self.before.drain(..) {
                self.network.probability(&mut self.state, &window);
            }
        }
        let probability = self.network.probability(&mut self.state, samples);
        self.windows_since_forgotten += 1;
        self.quiet_windows = if probability < FORGET_BELOW { self.quiet_windows + 1 } else { 0 };
        if self.windows_since_forgotten >= FORGET_AFTER_WINDOWS && self.quiet_windows >= FORGET_QUIET_WINDOWS
        {
            self.state.forget();
            self.windows_since_forgotten = 0;
        }
        probability
    }

    fn hold_back(&mut self, samples: &[i16]) -> f32 {
        if self.open {
            self.open = false;
            self.state = State::default();
        }
        if self.before.len() == PRE_ROLL_WINDOWS
            && let Some(oldest) = self.before.pop_front()
        {
            self.state.pass(&oldest);
        }
        let mut window = [0; WINDOW];
        window.iter_mut().zip(samples).for_each(|(kept, sample)| *kept = *sample);
        self.before.push_back(window);
        0.0
    }
}

impl std::fmt::Debug for NeuralVad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NeuralVad")
            .field("open", &self.open)
            .field("due", &self.due.len())
            .finish_non_exhaustive()
    }
}
