//! The caller sounds while the agent speaks: who keeps the floor. The reply sounds from about 2.35 s to 5.35 s.

use domain::MediaTime;
use media_turn::{Output, Rule};

use crate::promises::{FLOOR, prove};
use crate::sim::{Call, Log};

fn question(call: &mut Call) -> &mut Call {
    call.say(1000, 1800, "what are your opening hours?")
}

/// The reply was heard whole, and nobody else had a turn.
fn went_on(log: &Log) -> Vec<(&'static str, bool)> {
    vec![
        ("the reply is heard to its last sample", log.played.get(&1) == Some(&3000)),
        ("nothing was interrupted", log.interrupted().is_empty() && log.cancelled().is_empty()),
        ("the sound is no turn", log.turns().len() == 1),
    ]
}

#[test]
fn mhm_does_not_end_the_agents_turn() {
    prove(10, Rule::Backchannels, 9000, |call| _ = question(call).say(3500, 3900, "mhm"), went_on);
}

#[test]
fn okay_does_not_end_the_agents_turn_with_a_recogniser_without_partials() {
    let script = |call: &mut Call| {
        question(call).say(3500, 3900, "Okay.");
        call.partial_ms = None;
    };
    prove(10, Rule::Backchannels, 9000, script, went_on);
}

#[test]
fn a_string_of_backchannels_does_not_end_it_either() {
    let script = |call: &mut Call| _ = question(call).say(3400, 4600, "yeah yeah okay right mhm");
    prove(10, Rule::Backchannels, 9500, script, went_on);
}

#[test]
fn a_long_mhm_that_no_partial_explains_is_waited_out() {
    let script = |call: &mut Call| {
        question(call).say(3500, 4100, "Mm-hmm.");
        call.partial_ms = None;
    };
    prove(10, Rule::SoundWithoutWords, 9000, script, went_on);
}

#[test]
fn a_cough_does_not_end_the_agents_turn() {
    prove(12, Rule::SoundWithoutWords, 9000, |call| _ = question(call).noise(3500, 3800), went_on);
}

#[test]
fn a_fit_of_coughing_does_not_end_it_either() {
    let script = |call: &mut Call| _ = question(call).noise(3000, 3200).noise(3700, 3900).noise(4400, 4700);
    prove(12, Rule::SoundWithoutWords, 9500, script, went_on);
}

#[test]
fn the_agent_is_ducked_at_once_and_stopped_only_with_evidence() {
    prove(
        FLOOR,
        Rule::HoldBeforeDeciding,
        9000,
        |call| _ = question(call).say(3500, 3900, "mhm"),
        |log| {
            let (ducked, resumed) = (log.ducked(), log.resumed());
            vec![
                (
                    "ducked within 100 ms of the sound",
                    ducked.len() == 1 && (3500..=3600).contains(&ducked[0]),
                ),
                ("silent while the caller sounds", !log.sounded_between(3620, 3880)),
                ("resumed once", resumed.len() == 1),
                (
                    "decided in time: 300 ms after the duck, or when the sound is over",
                    resumed.iter().all(|at| *at <= 4030),
                ),
            ]
        },
    );
}

#[test]
fn the_agent_resumes_from_where_the_caller_lost_it() {
    prove(
        FLOOR,
        Rule::SoundWithoutWords,
        9000,
        |call| _ = question(call).noise(3500, 3800),
        |log| {
            let before = log.sounded.iter().filter(|at| **at <= 3580).count() as u64 * 20;
            let from = log.outputs.iter().find_map(|(_, output)| match output {
                Output::Resume { from, .. } => Some(*from),
                _ => None,
            });
            vec![
                (
                    "the position is the last that was heard",
                    from.is_some_and(|from| from.as_millis().abs_diff(before) <= 20),
                ),
                ("and not the beginning", from > Some(MediaTime::from_millis(1000))),
                ("the rest is heard", log.played.get(&1) == Some(&3000)),
            ]
        },
    );
}

#[test]
fn two_words_take_the_floor_within_300_ms_of_the_duck() {
    let script = |call: &mut Call| {
        question(call).say(3500, 4500, "could we make that Friday instead please");
        call.partial_ms = Some(50);
    };
    prove(FLOOR, Rule::HoldBeforeDeciding, 9000, script, |log| {
        let gap = log.interrupted().first().zip(log.ducked().first()).map(|(stop, duck)| stop - duck);
        vec![
            (
                "ducked before it is decided, decided within 300 ms",
                gap.is_some_and(|gap| gap > 0 && gap <= 300),
            ),
            (
                "what was said is the next turn",
                log.turns().last() == Some(&"could we make that Friday instead please"),
            ),
        ]
    });
}

#[test]
fn flush_and_cancel_come_in_the_same_step() {
    let script = |call: &mut Call| _ = question(call).say(3500, 3800, "stop");
    prove(14, Rule::Commands, 9000, script, |log| {
        let flush = log.when(|output| matches!(output, Output::FlushPlayout(_)));
        let cancel = log.when(|output| matches!(output, Output::Cancel(_)));
        vec![
            ("one each, at the same instant", flush.len() == 1 && flush == cancel),
            ("as soon as the word is there", flush.iter().all(|at| *at <= 3960)),
        ]
    });
}

#[test]
fn stop_takes_the_floor_alone() {
    let script = |call: &mut Call| {
        question(call).say(3500, 3800, "Stop!");
        call.partial_ms = Some(100);
    };
    prove(FLOOR, Rule::Commands, 9000, script, |log| {
        let stop = log.interrupted();
        vec![("with the partial, not only with the final", stop.len() == 1 && stop[0] <= 3920)]
    });
}

#[test]
fn a_correction_of_one_word_takes_the_floor_when_it_is_final() {
    let script = |call: &mut Call| _ = question(call).say(3500, 3900, "Thursday");
    prove(FLOOR, Rule::WordsTakeTheFloor, 9000, script, |log| {
        vec![
            ("the agent stops", log.interrupted().len() == 1),
            ("the word is the turn", log.turns().last() == Some(&"Thursday")),
        ]
    });
}

#[test]
fn words_that_come_after_the_agent_went_on_still_take_the_floor() {
    let script = |call: &mut Call| {
        question(call).say(3500, 3800, "on Thursday");
        (call.partial_ms, call.final_ms) = (None, Some(300));
    };
    prove(33, Rule::WordsTakeTheFloor, 9000, script, |log| {
        vec![
            ("it had gone on", log.resumed().len() == 1),
            ("and stops", log.interrupted().len() == 1),
            ("nothing said is lost", log.turns().last() == Some(&"on Thursday")),
        ]
    });
}

#[test]
fn speech_that_goes_on_takes_the_floor_before_any_word_is_known() {
    let script = |call: &mut Call| {
        question(call).say(3500, 5000, "I would rather come in the morning");
        call.partial_ms = None;
    };
    prove(FLOOR, Rule::VoiceTakesTheFloor, 9000, script, |log| {
        let stop = log.interrupted();
        vec![
            ("after 700 ms of voice", stop.len() == 1 && (4180..=4300).contains(&stop[0])),
            ("what was said is the turn", log.turns().last() == Some(&"I would rather come in the morning")),
        ]
    });
}

#[test]
fn a_word_invented_from_noise_is_nothing() {
    prove(17, Rule::PhantomWords, 9000, |call| _ = question(call).say(3500, 3700, "You"), went_on);
}

#[test]
fn a_television_in_the_background_does_not_interrupt() {
    let script = |call: &mut Call| {
        call.say(1000, 3000, "could you tell me what your opening hours are?");
        call.say_at(-45.0, 4500, 6000, "and now the weather for the weekend");
    };
    prove(17, Rule::Background, 9000, script, |log| {
        let mut checks = went_on(log);
        checks.push(("not even ducked", log.ducked().is_empty()));
        checks
    });
}

#[test]
fn a_caller_who_is_a_little_quieter_is_no_background() {
    let script = |call: &mut Call| {
        call.say(1000, 3000, "could you tell me what your opening hours are?");
        call.say_at(-32.0, 4500, 6000, "I meant the ones on Sunday");
    };
    prove(17, Rule::HoldBeforeDeciding, 9000, script, |log| {
        vec![
            (
                "ducked, then interrupted",
                log.interrupted().first() > log.ducked().first() && log.ducked().len() == 1,
            ),
            ("heard", log.turns().last() == Some(&"I meant the ones on Sunday")),
        ]
    });
}

#[test]
fn the_agents_own_words_coming_back_do_not_interrupt_it() {
    let script = |call: &mut Call| {
        question(call).say(3500, 4100, "open from nine to five");
        (call.saying, call.partial_ms) = ("We are open from nine to five, every day.", Some(50));
    };
    prove(16, Rule::EchoWords, 9000, script, went_on);
}

#[test]
fn a_phone_that_returns_the_agents_first_sounds_does_not_duck_it() {
    let script = |call: &mut Call| {
        question(call).noise(2500, 2800);
        call.options.barge_in.echo_guard_ms = 1000;
    };
    prove(16, Rule::EchoGuard, 9000, script, |log| {
        let mut checks = went_on(log);
        checks.push(("not even ducked", log.ducked().is_empty()));
        checks
    });
}

#[test]
fn what_must_not_be_interrupted_is_not() {
    let script = |call: &mut Call| {
        question(call).say(3500, 4300, "stop talking please");
        call.uninterruptible = true;
    };
    prove(15, Rule::Uninterruptible, 5300, script, |log| {
        vec![("not ducked, not stopped", log.ducked().is_empty() && log.interrupted().is_empty())]
    });
}

#[test]
fn an_agent_that_nobody_may_interrupt_speaks_to_its_end() {
    let script = |call: &mut Call| {
        question(call).say(3500, 4300, "stop talking please");
        call.options.barge_in.enabled = false;
    };
    prove(15, Rule::Uninterruptible, 5300, script, |log| {
        vec![("not ducked, not stopped", log.ducked().is_empty() && log.interrupted().is_empty())]
    });
}

#[test]
fn what_was_said_over_an_uninterruptible_agent_is_answered_after_it() {
    let script = |call: &mut Call| {
        question(call).say(3500, 4300, "and on Sundays too");
        call.uninterruptible = true;
    };
    prove(15, Rule::AnswerAfterwards, 9000, script, |log| {
        vec![
            ("answered", log.turns().last() == Some(&"and on Sundays too")),
            ("as soon as the agent has ended", (5300..=5500).contains(&log.commit_at(1))),
        ]
    });
}

#[test]
fn a_yes_into_the_last_syllable_of_the_question_is_the_answer() {
    let script = |call: &mut Call| _ = question(call).say(5000, 5250, "Yes.");
    prove(33, Rule::LateAnswer, 7000, script, |log| {
        vec![
            ("answered", log.turns().last() == Some(&"Yes.") && log.turns().len() == 2),
            ("after the agent's last sample", log.played.get(&1) == Some(&3000)),
        ]
    });
}

#[test]
fn a_mhm_into_the_last_syllable_is_no_answer() {
    let script = |call: &mut Call| _ = question(call).say(5000, 5250, "mhm");
    prove(10, Rule::Backchannels, 8000, script, went_on);
}

#[test]
fn on_a_noisy_line_the_agent_learns_not_to_duck() {
    let script = |call: &mut Call| {
        for start in [500, 1500, 2500, 3500] {
            call.murmur(start, start + 300);
        }
        call.say(5000, 5800, "what are your opening hours?").murmur(7000, 7300).murmur(8000, 8300);
    };
    prove(17, Rule::NoisyLine, 12_000, script, |log| {
        vec![
            ("the question is heard", log.turns() == ["what are your opening hours?"]),
            ("the agent is not ducked", log.ducked().is_empty()),
        ]
    });
}

#[test]
fn clear_speech_still_interrupts_on_a_noisy_line() {
    let mut call = Call::default();
    for start in (500..9000).step_by(1000) {
        call.murmur(start, start + 300);
    }
    call.say(10_000, 10_800, "what are your opening hours?").say(12_500, 13_500, "I mean the ones on Sunday");
    let log = call.run(18_000);
    assert_eq!(log.turns().last(), Some(&"I mean the ones on Sunday"));
    assert!(log.interrupted()[0] <= 13_500, "{:?}", log.interrupted());
}

#[test]
fn an_echo_that_is_recognised_after_the_agent_has_ended_is_no_turn() {
    let script = |call: &mut Call| {
        question(call).say(4900, 5500, "open from nine to five");
        call.saying = "We are open from nine to five.";
        call.final_ms = Some(600);
    };
    prove(16, Rule::EchoWords, 9000, script, |log| vec![("no turn", log.turns().len() == 1)]);
}
