//! Settings of the inference threads.

use std::thread;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Threads that run recognition, synthesis and scoring. 0: one for each core, at most 8, because each thread
    /// keeps its own copy of the models' working memory.
    pub threads: usize,
    /// How far those threads step back behind the media path, 0 (not at all) to 19. The realtime thread never does.
    pub niceness: i32,
}

/// Above this many threads the memory for model copies outgrows what calls need; a deployment may still ask for more.
const THREADS_BY_DEFAULT_MAX: usize = 8;

impl Default for Options {
    fn default() -> Self {
        Self { threads: 0, niceness: 5 }
    }
}

impl Options {
    /// # Errors
    /// What is out of range, in words for the operator.
    pub fn validate(&self) -> Result<(), String> {
        if self.threads > 64 {
            return Err(format!("inference.threads is {}; the most is 64", self.threads));
        }
        if !(0..=19).contains(&self.niceness) {
            return Err(format!("inference.niceness is {}; it ranges from 0 to 19", self.niceness));
        }
        Ok(())
    }

    /// How many threads these settings mean on this machine.
    #[must_use]
    pub fn thread_count(&self) -> usize {
        match self.threads {
            0 => thread::available_parallelism().map_or(1, |n| n.get().min(THREADS_BY_DEFAULT_MAX)),
            n => n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_nonsense_is_named() {
        assert_eq!(Options::default().validate(), Ok(()));
        assert!(Options::default().thread_count() >= 1);
        let rude = Options { niceness: -5, ..Options::default() };
        assert!(rude.validate().unwrap_err().contains("niceness"));
    }
}
