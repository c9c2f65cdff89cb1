//! The machine itself: takes inputs in, gives outputs out.

use std::collections::VecDeque;
use std::time::Instant;

use crate::{Input, Options, Output};

/// Decides who has the floor. One for each session.
#[derive(Debug)]
pub struct TurnMachine {
    queue: VecDeque<Output>,
}

impl TurnMachine {
    #[must_use]
    pub fn new(_options: Options, _start: Instant) -> Self {
        Self { queue: VecDeque::new() }
    }

    /// Takes one input; what follows from it is waiting in `poll` afterwards.
    pub fn handle(&mut self, _input: Input<'_>, _now: Instant) {}

    /// The next thing to do, in order; `Output::Timeout` when there is nothing more.
    pub fn poll(&mut self) -> Output {
        self.queue.pop_front().unwrap_or(Output::Timeout(None))
    }
}
