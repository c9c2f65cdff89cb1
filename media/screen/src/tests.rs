//! Calls as they are answered, in sound and in what the recogniser makes of it.

use domain::{Callee, MediaTime, Tell, Transcript, VadDecision};

use super::*;
use crate::testing::{Sound, frames};

/// Loud frames are voice, as an energy gate has it: a beep is, too.
fn screened(sound: &Sound, said: &[(u64, &str)]) -> Vec<Output> {
    let mut screen = Screen::new(Options::default());
    let mut seen = Vec::new();
    for frame in frames(sound) {
        screen.frame(&frame);
        let loud = frame.samples.iter().any(|sample| sample.unsigned_abs() > 400);
        screen.vad(VadDecision::new(frame.at, frame.end(), if loud { 0.9 } else { 0.0 }, -20.0));
        for (_, text) in said.iter().filter(|(at, _)| *at == frame.at.as_millis()) {
            screen.transcript(&Transcript::partial(*text, MediaTime::ZERO, frame.end()));
        }
        seen.extend(std::iter::from_fn(|| screen.poll()));
    }
    seen
}

fn known(outputs: &[Output]) -> Option<(Callee, Tell, u64)> {
    outputs.iter().find_map(|output| match output {
        Output::Known { callee, by, at } => Some((*callee, *by, at.as_millis())),
        _ => None,
    })
}

fn ready(outputs: &[Output]) -> Option<(bool, u64)> {
    outputs.iter().find_map(|output| match output {
        Output::Ready { beep, at } => Some((*beep, at.as_millis())),
        _ => None,
    })
}

fn hello(after: u32) -> Sound {
    Sound::silence(after).then_voice(600, 3)
}

#[test]
fn who_says_hello_and_waits_is_a_person() {
    let outputs = screened(&hello(500).then_silence(2_000), &[]);
    let (callee, by, at) = known(&outputs).expect("a verdict");
    assert_eq!((callee, by), (Callee::Human, Tell::Pause));
    assert!((1_700..2_000).contains(&at), "{at} ms");
    assert_eq!(ready(&outputs), None);
    // The words are wanted in the pause already, once.
    assert_eq!(outputs.iter().filter(|output| **output == Output::Finalize).count(), 1);
}

#[test]
fn who_gives_a_name_and_a_company_is_a_person_too() {
    let sound = Sound::silence(300).then_voice(2_400, 4).then_silence(2_500);
    let outputs = screened(&sound, &[(2_000, "Miller and sons, Maria speaking")]);
    assert_eq!(known(&outputs).map(|(callee, ..)| callee), Some(Callee::Human));
}

#[test]
fn who_talks_on_is_a_machine_and_has_its_message_after_the_beep() {
    let greeting = Sound::silence(500).then_voice(4_000, 5).then_silence(400);
    let outputs = screened(&greeting.then_tone(1_000, 500).then_silence(1_000), &[]);
    let (callee, by, at) = known(&outputs).expect("a verdict");
    assert_eq!((callee, by), (Callee::Machine, Tell::Length));
    assert!(at < 4_500, "{at} ms");
    let (beep, at) = ready(&outputs).expect("a message");
    assert!(beep && (5_600..5_800).contains(&at), "{at} ms");
}

#[test]
fn a_machine_is_known_by_its_words_before_it_has_talked_long() {
    let sound = Sound::silence(500).then_voice(3_500, 6).then_silence(5_000);
    let outputs = screened(&sound, &[(1_500, "please leave a message")]);
    assert_eq!(known(&outputs), Some((Callee::Machine, Tell::Words, 1_520)));
    // No beep comes: it takes its message when it has been silent for a while.
    let (beep, at) = ready(&outputs).expect("a message");
    assert!(!beep && (6_900..7_300).contains(&at), "{at} ms");
}

#[test]
fn a_beep_without_a_greeting_is_a_machine() {
    let outputs = screened(&Sound::silence(800).then_tone(850, 400).then_silence(1_000), &[]);
    assert_eq!(known(&outputs).map(|(callee, by, _)| (callee, by)), Some((Callee::Machine, Tell::Beep)));
    assert_eq!(ready(&outputs).map(|(beep, _)| beep), Some(true));
}

#[test]
fn a_pause_within_its_greeting_starts_no_message() {
    let first = Sound::silence(200).then_voice(3_500, 8).then_silence(1_500);
    let sound = first.then_voice(2_000, 9).then_silence(300).then_tone(1_400, 300).then_silence(600);
    let (beep, at) = ready(&screened(&sound, &[])).expect("a message");
    assert!(beep && at > 7_700, "{at} ms");
}

#[test]
fn nobody_is_unknown_and_so_is_whoever_is_not_done_in_time() {
    assert_eq!(known(&screened(&Sound::silence(6_000), &[])), Some((Callee::Unknown, Tell::Silence, 4_000)));
    // A word now and then, never long enough and never a pause.
    let mut sound = Sound::silence(0);
    for n in 0..20 {
        sound = sound.then_voice(120, n).then_silence(500);
    }
    let (callee, by, at) = known(&screened(&sound, &[])).expect("a verdict");
    assert_eq!((callee, by, at), (Callee::Unknown, Tell::Deadline, 8_000));
}

#[test]
fn a_machine_that_never_stops_gets_no_message() {
    let outputs = screened(&Sound::silence(100).then_voice(50_000, 11), &[]);
    assert!(outputs.iter().any(|output| matches!(output, Output::TalksOn { .. })), "{outputs:?}");
    assert_eq!(ready(&outputs), None);
}

#[test]
fn there_is_one_verdict_whatever_comes_behind_it() {
    let sound = hello(300).then_silence(1_500).then_voice(6_000, 12).then_tone(1_000, 400).then_silence(500);
    let outputs = screened(&sound, &[(3_000, "leave a message")]);
    let verdicts = outputs.iter().filter(|output| matches!(output, Output::Known { .. })).count();
    assert_eq!((verdicts, ready(&outputs)), (1, None));
}
