//! Feeds the inputs of a call to a new machine. With the call's own options it must decide the same; with others it shows what
//! they would have decided.
//!
//! What the rest of the session did in answer to the new decisions is not known: the recorded reports of the agent's
//! audio stand, and a replay with other options is to be trusted up to the first difference and read with care after it.

use std::io::BufRead;
use std::time::{Duration, Instant};

use media_turn::{Input, Options, Output, TurnMachine};

use crate::format::Record;
use crate::reader::{Error, Reader};

/// What the machine decided, so long after the session's start.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub at: Duration,
    pub output: Output,
}

/// Wake-ups between two inputs; a call in which nothing comes for hours ends by its own idle rules long before.
const MOST_WAKES: usize = 1000;

/// Replays the log. With the recorded options the machine is woken when it was woken then; with others, when it
/// wants to be.
///
/// # Errors
/// What the reader says of a damaged log.
pub fn replay<R: BufRead>(reader: Reader<R>, options: Options) -> Result<Vec<Decision>, Error> {
    let as_recorded = reader.header().options == options;
    let mut run = Run::new(options);
    for record in reader {
        let Record::Input(at, input) = record? else { continue };
        if !as_recorded {
            run.wake_until(at);
            if input == Input::Timeout {
                continue;
            }
        }
        run.give(input, at);
    }
    Ok(run.decisions)
}

/// The decisions that were made in the call.
///
/// # Errors
/// What the reader says of a damaged log.
pub fn recorded<R: BufRead>(reader: Reader<R>) -> Result<Vec<Decision>, Error> {
    let mut decisions = Vec::new();
    for record in reader {
        if let Record::Output(at, output) = record? {
            decisions.push(Decision { at, output });
        }
    }
    Ok(decisions)
}

struct Run {
    machine: TurnMachine,
    start: Instant,
    deadline: Option<Instant>,
    decisions: Vec<Decision>,
}

impl Run {
    fn new(options: Options) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an origin for the log's own clock; no wall time is measured"
        )]
        let start = Instant::now();
        Self { machine: TurnMachine::new(options, start), start, deadline: None, decisions: Vec::new() }
    }

    fn give(&mut self, input: Input<'_>, at: Duration) {
        let Some(now) = self.start.checked_add(at) else { return };
        self.machine.handle(input, now);
        loop {
            match self.machine.poll() {
                Output::Timeout(next) => {
                    self.deadline = next.map(|(due, _)| due);
                    return;
                }
                output => self.decisions.push(Decision { at, output }),
            }
        }
    }

    fn wake_until(&mut self, at: Duration) {
        for _ in 0..MOST_WAKES {
            let due = self.deadline.map(|due| due.saturating_duration_since(self.start));
            let Some(due) = due.filter(|due| *due < at) else { return };
            self.give(Input::Timeout, due);
        }
    }
}
