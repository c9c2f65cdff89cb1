//! A simulated call, written, read and replayed.

#[allow(dead_code, reason = "the turn machine's simulator has more than this suite uses")]
#[path = "../../../turn/tests/it/sim.rs"]
mod sim;

use std::io::{self, Cursor, Write};
use std::time::{Duration, Instant};

use domain::{SessionEvent, SessionId};
use media_flight::{Difference, Error, Header, Reader, Record, Writer, diff, replay};
use media_turn::{Input, Options, Output, TurnMachine};
use sim::Call;

fn call() -> Call {
    let mut call = Call { greeting_ms: 1000, reply_ms: 2000, ..Call::default() };
    call.say(2000, 2800, "when do you close?").say(3700, 4000, "mhm").say(4700, 5500, "and on Sunday I mean");
    call.say(9000, 9800, "I would come")
        .say(10_400, 11_000, "around noon")
        .at(13_000, Input::Text("thanks".into()));
    call.at(30_000, Input::MediaLost).at(33_000, Input::MediaActive);
    call
}

fn header(options: Options) -> Header {
    let started = "2026-03-01T10:00:00Z".parse().expect("a time");
    Header::new(SessionId::generate(), "front-desk".to_owned(), "3".to_owned(), options, started)
}

/// The call as a session would have recorded it.
fn flight(call: &Call) -> Vec<u8> {
    let log = call.run(40_000);
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, &header(call.options.clone()));
    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; no wall time is compared")]
    let start = Instant::now();
    let mut machine = TurnMachine::new(call.options.clone(), start);
    for (at, input) in &log.inputs {
        writer.record_input(*at, input);
        machine.handle(input.clone(), start + *at);
        loop {
            let output = machine.poll();
            writer.record_output(*at, &output);
            if matches!(output, Output::Timeout(_)) {
                break;
            }
        }
    }
    writer.record_event(
        Duration::from_secs(40),
        &SessionEvent::Ended { reason: domain::EndReason::CallerLeft },
    );
    writer.flush().expect("memory");
    drop(writer);
    file
}

fn reader(file: &[u8]) -> Reader<Cursor<&[u8]>> {
    Reader::new(Cursor::new(file)).expect("our header")
}

#[test]
fn the_same_options_give_the_same_decisions() {
    let file = flight(&call());
    let before = replay::recorded(reader(&file)).expect("whole");
    let after = replay(reader(&file), Options::default()).expect("whole");
    assert!(before.iter().filter(|decision| matches!(decision.output, Output::Commit { .. })).count() >= 4);
    assert_eq!(diff(&before, &after), []);
}

#[test]
fn other_options_show_what_they_would_have_decided() {
    let file = flight(&call());
    let before = replay::recorded(reader(&file)).expect("whole");
    let mut patient = Options::default();
    patient.endpointing.min_delay_ms = 700;
    patient.endpointing.default_delay_ms = 700;
    let after = replay(reader(&file), patient).expect("whole");
    let differences = diff(&before, &after);
    let merged = |difference: &Difference| {
        matches!(difference, Difference::New(decision)
        if matches!(&decision.output, Output::Commit { text, .. } if text == "I would come around noon")
        && decision.at > Duration::from_millis(11_600))
    };
    assert!(differences.iter().any(merged), "{differences:#?}");
    let shown = differences[0].to_string();
    assert!(shown.starts_with(['-', '+']) && shown.contains('s'), "{shown}");
}

#[test]
fn every_record_comes_back_as_it_was() {
    let call = call();
    let inputs: Vec<_> =
        call.run(40_000).inputs.into_iter().map(|(at, input)| Record::Input(at, input)).collect();
    let file = flight(&call);
    let records: Vec<_> = reader(&file).collect::<Result<_, _>>().expect("whole");
    assert!(records.iter().filter(|record| matches!(record, Record::Input(..))).eq(&inputs));
    assert!(records.is_sorted_by_key(Record::at));
    assert!(matches!(records.last(), Some(Record::Event(_, SessionEvent::Ended { .. }))));
    assert_eq!(reader(&file).header().agent, "front-desk");
}

#[test]
fn a_log_cut_anywhere_is_read_up_to_the_cut() {
    let file = flight(&call());
    let lines = file.iter().filter(|byte| **byte == b'\n').count();
    let header_ends = file.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
    for cut in (header_ends..file.len()).step_by(997) {
        let whole = file[..cut].iter().filter(|byte| **byte == b'\n').count() - 1;
        let read = reader(&file[..cut]).collect::<Result<Vec<_>, _>>().expect("a cut is no damage").len();
        assert!((whole..=whole + 1).contains(&read), "cut at {cut} of {} ({lines} lines)", file.len());
    }
}

#[test]
fn damage_is_told_with_its_line() {
    let mut file = flight(&call());
    let at = file.windows(5).position(|bytes| bytes == b"\"vad\"").expect("a verdict");
    file[at + 1] = b'X';
    let damaged = reader(&file).find_map(Result::err).expect("damage");
    assert!(matches!(damaged, Error::Damaged { line: 2..=9, .. }), "{damaged:?}");
    assert_eq!(damaged.failure().code.0, "FLIGHT_LOG_DAMAGED");
}

#[test]
fn what_is_no_log_is_refused() {
    for (text, code) in [
        ("", "FLIGHT_LOG_UNKNOWN"),
        ("RIFF....", "FLIGHT_LOG_UNKNOWN"),
        ("{\"flight\":99}\n", "FLIGHT_LOG_VERSION"),
    ] {
        let refused = Reader::new(Cursor::new(text)).expect_err("no log");
        assert_eq!(refused.failure().code.0, code);
    }
}

#[test]
fn numbers_that_json_has_no_word_for_are_read_back() {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, &header(Options::default()));
    let vad = domain::VadDecision::new(domain::MediaTime(0), domain::MediaTime(960), 0.1, f32::NEG_INFINITY);
    writer.record_input(Duration::ZERO, &Input::Vad(vad));
    writer.record_input(
        Duration::ZERO,
        &Input::EndOfTurn(domain::Score { probability: f32::NAN, at: domain::MediaTime(0) }),
    );
    writer.flush().expect("memory");
    drop(writer);
    assert_eq!(reader(&file).filter_map(Result::ok).count(), 2);
}

/// A disk that is full from the first byte on.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_log_and_not_the_call() {
    let mut writer = Writer::new(Full, &header(Options::default()));
    for _ in 0..10_000 {
        writer.record_input(Duration::ZERO, &Input::Timeout);
    }
    assert_eq!(writer.flush().expect_err("full").kind(), io::ErrorKind::StorageFull);
}

#[test]
fn an_hour_of_a_call_is_some_megabytes() {
    let file = flight(&call());
    let an_hour = file.len() * 90;
    println!("an hour of log: {:.1} MB", an_hour as f64 / 1e6);
    assert!(an_hour < 20_000_000, "{an_hour}");
}
