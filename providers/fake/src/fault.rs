//! What a vendor may do wrong, in the order in which streams are opened.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The fate of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Fault {
    #[default]
    None,
    /// Opening fails with refused credentials.
    Refuse,
    /// Opening fails because nobody answers.
    Unreachable,
    /// Opening never returns.
    Hang,
    /// Opens and takes everything, answers nothing.
    Mute,
    /// The vendor ends the stream this long after it was opened.
    CloseAfter { after_ms: u64 },
    /// The first answer is one that the protocol does not allow.
    Garbage,
    /// Every delay is this many times longer.
    Slow { factor: u32 },
    /// Claims success and gives nothing: empty transcripts, sentences without audio, a reply without text.
    Empty,
    /// Gives nothing for `for_ms` once, `after_ms` of audio (TTS, STT) or of time (language model) into the stream.
    Stall { after_ms: u64, for_ms: u64 },
}

/// Which fate the next streams have: a queue, then one for all that follow. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    next: VecDeque<Fault>,
    then: Fault,
    opened: usize,
}

impl Faults {
    #[must_use]
    pub fn new(next: &[Fault], then: Fault) -> Self {
        Self(Arc::new(Mutex::new(Script { next: next.iter().copied().collect(), then, opened: 0 })))
    }

    /// The next stream after those already scripted gets this.
    pub fn push(&self, fault: Fault) {
        self.lock().next.push_back(fault);
    }

    /// Every stream without a scripted fate gets this from now on.
    pub fn always(&self, fault: Fault) {
        self.lock().then = fault;
    }

    /// How many streams were opened so far, refused ones included.
    #[must_use]
    pub fn opened(&self) -> usize {
        self.lock().opened
    }

    pub(crate) fn take(&self) -> Fault {
        let mut script = self.lock();
        script.opened += 1;
        script.next.pop_front().unwrap_or(script.then)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    pub(crate) const fn factor(self) -> u32 {
        match self {
            Self::Slow { factor } => factor,
            _ => 1,
        }
    }
}
