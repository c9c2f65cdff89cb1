//! Whose floor it is when the caller sounds over the agent: hold first, then decide by words, by silence, by duration.

use std::time::{Duration, Instant};

use domain::MediaTime;

use crate::backchannel::Claim;
use crate::options::{BargeIn, ms};
use crate::rules::{Rule, Rules};

/// A ducked voice is decided at the latest this long after speech could have taken the floor by its length alone.
const LAST_CALL: Duration = Duration::from_millis(200);

/// The agent is ducked, or was and has been let go on while the caller's utterance is still open.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    pub(crate) since: Instant,
    /// Where in the agent's turn the caller lost the voice.
    pub(crate) from: MediaTime,
    /// Where the run of speech began that caused it; another run may duck again.
    pub(crate) run_from: MediaTime,
    pub(crate) released: bool,
}

/// What is known about the sound over the agent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    pub(crate) claim: Claim,
    /// Nothing of the agent's turn sounds yet: a single word is enough to hold it back.
    pub(crate) pending: bool,
    /// The words will not change.
    pub(crate) firm: bool,
    /// A final was given, or never will be.
    pub(crate) settled: bool,
    pub(crate) talking: bool,
    /// Length of the run of speech.
    pub(crate) run: Duration,
    pub(crate) silence: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Wait,
    /// The caller has the floor.
    Take,
    /// The agent keeps it, for this reason.
    Release(&'static str),
}

/// Decides with what is known now.
pub(crate) fn decide(
    options: &BargeIn,
    rules: Rules,
    hold: Option<&Hold>,
    e: Evidence,
    t: Instant,
) -> Decision {
    if words_take(options, rules, e)
        && (rules.on(Rule::WordsTakeTheFloor) || hold.is_some_and(|hold| !hold.released))
    {
        return Decision::Take;
    }
    let Some(hold) = hold.filter(|hold| !hold.released) else { return Decision::Wait };
    if !rules.on(Rule::HoldBeforeDeciding) {
        return Decision::Take;
    }
    let due = t >= hold.since + ms(options.decide_ms);
    let over = !e.talking && e.silence >= ms(options.release_ms);
    match e.claim {
        claim if claim.is_backchannel() && (due || over || e.settled) => Decision::Release("backchannel"),
        Claim::Phantom if due || over || e.settled => Decision::Release("echo or noise"),
        Claim::Nothing if over || e.settled => {
            if rules.on(Rule::SoundWithoutWords) {
                Decision::Release("no words")
            } else {
                Decision::Take
            }
        }
        Claim::Words(_) if due && over => Decision::Release("too few words"),
        Claim::Words(_) | Claim::Nothing | Claim::Phantom
            if e.talking && e.run >= ms(options.min_speech_ms) =>
        {
            if rules.on(Rule::VoiceTakesTheFloor) {
                Decision::Take
            } else {
                Decision::Wait
            }
        }
        _ if t >= last_call(options, hold) => {
            if e.talking && rules.on(Rule::VoiceTakesTheFloor) {
                Decision::Take
            } else {
                Decision::Release("undecided")
            }
        }
        _ => Decision::Wait,
    }
}

/// When to look again although nothing new was heard.
pub(crate) fn deadline(options: &BargeIn, hold: &Hold, t: Instant) -> Option<Instant> {
    if hold.released {
        return None;
    }
    [hold.since + ms(options.decide_ms), last_call(options, hold)].into_iter().find(|due| *due > t)
}

fn last_call(options: &BargeIn, hold: &Hold) -> Instant {
    hold.since + ms(options.min_speech_ms.max(options.decide_ms)) + LAST_CALL
}

fn words_take(options: &BargeIn, rules: Rules, e: Evidence) -> bool {
    match e.claim {
        Claim::Command => rules.on(Rule::Commands) || e.firm,
        Claim::Words(count) => count >= options.min_words as usize || e.pending || (e.firm && e.settled),
        Claim::Answer | Claim::Continuer | Claim::Filler => !rules.on(Rule::Backchannels),
        Claim::Phantom => !rules.on(Rule::PhantomWords),
        Claim::Nothing => false,
    }
}
