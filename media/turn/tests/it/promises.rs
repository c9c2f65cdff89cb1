//! What the scenarios keep: complaints about other systems, by their numbers in the project's list of promises, in a few
//! words. A scenario that cites a number that is not here keeps no promise.

use media_turn::Rule;

use crate::sim::{Call, Log, story};

/// The ideal that the complaints about interruptions and turns end in.
pub(crate) const FLOOR: u32 = 0;

const KEPT: [(u32, &str); 20] = [
    (FLOOR, "one machine: duck at once, decide within 300 ms, stop or go on from the exact sample"),
    (1, "an answer after seconds, although its parts are short"),
    (6, "an end of turn that comes late because a model does not answer"),
    (8, "an idle clock that runs while the agent is still heard"),
    (9, "an answer before a slow speaker has finished"),
    (10, "mute after a false interruption (\"mhm\")"),
    (11, "a cough after the question kills the pending answer"),
    (12, "a false alarm of the detector, then silence for ever"),
    (14, "text in the memory that was never spoken"),
    (15, "\"not to be interrupted\" that is not honoured"),
    (16, "an agent that its own echo interrupts"),
    (17, "televisions and people in the background, invented words"),
    (18, "a guess answered twice, or with effects although it was wrong"),
    (32, "a greeting that the callee never hears"),
    (33, "the caller's words that recognition misses"),
    (34, "an agent that talks before the phone is answered"),
    (40, "a playout that is stuck, a call that never hangs up"),
    (41, "a provider that opens its stream and gives nothing: silence"),
    (47, "a connection that is back, and an agent that never speaks again"),
    (48, "a recogniser that drops in mid-stream"),
];

/// Runs the scenario with every rule and expects every check to hold; then without the rule it is about and expects that one
/// does not: a scenario that passes either way proves nothing.
pub(crate) fn prove(
    promise: u32,
    rule: Rule,
    until_ms: u32,
    script: impl Fn(&mut Call),
    check: impl Fn(&Log) -> Vec<(&'static str, bool)>,
) {
    let what = kept(promise);
    let mut call = Call::default();
    script(&mut call);
    let log = call.run(until_ms);
    let failed: Vec<_> = check(&log).into_iter().filter(|(_, holds)| !holds).map(|(what, _)| what).collect();
    assert!(failed.is_empty(), "promise {promise} ({what}), {rule:?}: {failed:?}\n{}", story(&log));
    call.options.rules = call.options.rules.without(rule);
    let log = call.run(until_ms);
    let fails = check(&log).iter().any(|(_, holds)| !holds);
    assert!(fails, "promise {promise}: the scenario does not need {rule:?}\n{}", story(&log));
}

/// What the number stands for.
fn kept(promise: u32) -> &'static str {
    let known = KEPT.iter().find(|(number, _)| *number == promise);
    known.map_or_else(|| unreachable!("no promise {promise} about turn-taking"), |(_, what)| what)
}
