//! A phone calls an agent: it hears the greeting, is answered, and the call is on record as any other.

use std::time::Duration;

use media_core::g711;
use serde_json::{Value, json};
use testkit::phone::{Phone, address_in};
use testkit::process;

use crate::browser::tell;
use crate::house;

/// Frames of 20 ms in which somebody speaks.
fn voiced(mulaw: &[u8]) -> usize {
    let loud = |frame: &[u8]| frame.iter().any(|byte| g711::decode_ulaw(*byte).unsigned_abs() > 1_000);
    mulaw.chunks(160).filter(|frame| loud(frame)).count()
}

/// A recording as a phone sends it.
fn spoken(name: &str) -> Vec<u8> {
    let reader = hound::WavReader::open(testkit::speech(name)).expect("a recording");
    let rate_hz = reader.spec().sample_rate;
    let samples: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().expect("whole");
    let mut narrow = Vec::new();
    let mut resampler = media_core::Resampler::new(rate_hz, 8_000).expect("a rate that is known");
    resampler.push(&samples, &mut narrow);
    narrow.into_iter().map(g711::encode_ulaw).collect()
}

#[test]
fn a_phone_reaches_the_agent_that_it_names_and_the_call_is_on_record() {
    let _quiet = house::quiet();
    let server = house::timed("", &["--sip-listen", "127.0.0.1:0", "--sip-open"]);
    let address = address_in(&server.log()).expect("the server says where it is called");
    let mut stranger = Phone::new(address);
    assert_eq!(stranger.call("nobody-here").status(), Some(404));
    let mut phone = Phone::new(address);
    assert_eq!(phone.call("front-desk").status(), Some(200));
    let greeting = phone.listen(Duration::from_secs(6));
    assert!(voiced(&greeting) > 25, "{} frames of the greeting", voiced(&greeting));
    phone.play(&spoken("desk_hours.wav"));
    let answer = phone.listen(Duration::from_secs(5));
    assert!(voiced(&answer) > 25, "{} frames of the answer", voiced(&answer));
    assert_eq!(phone.hang_up(), Some(200));
    let call = process::wait_for("the call on record", Duration::from_secs(15), || {
        let listed: Value = server.read("/v1/sessions").json();
        let call = listed["data"].as_array()?.first()?.clone();
        (call["transport"] == "sip" && call["running"] == false).then_some(call)
    });
    assert_eq!(
        (&call["agent"], &call["end_reason"]),
        (&"front-desk".into(), &"caller_left".into()),
        "{call}"
    );
    assert!(call["turns"].as_u64() >= Some(1), "{call}");
    assert!(!server.log().contains("tag="), "no message of a call is in the log");
}

#[test]
fn a_route_from_the_console_leads_a_phone_to_its_agent_and_all_others_are_refused() {
    const NUMBER: &str = "+41441234567";
    let _quiet = house::quiet();
    let server = house::timed("", &["--sip-listen", "127.0.0.1:0"]);
    let address = address_in(&server.log()).expect("the server says where it is called");
    let refused = |called: &str| Phone::new(address).call(called).status();
    assert_eq!(refused(NUMBER), Some(404), "no route leads anywhere yet");
    let story = tell("routes.mjs", &server, &[("--token", &*server.token()), ("--number", NUMBER)]);
    let report = &story.report;
    assert!(report["fault"].to_string().contains("stands at the end alone"), "{report}");
    assert_eq!(report["other"], "It is refused: no route fits.", "{report}");
    assert_eq!((&report["status"], &report["drafted"]), (&json!(201), &report["reached"]), "{report}");
    assert_eq!(report["reached"], "It reaches front-desk in prod, version 1.", "{report}");
    assert_eq!(report["closed"], "It is refused: no route fits.", "{report}");
    assert_eq!(report["listed"], format!("The desk{NUMBER}"), "{report}");
    // Followed within a second, and the page took longer than that; the carrier leaves the plus out.
    let mut phone = Phone::new(address);
    assert_eq!(phone.call("41441234567").status(), Some(200));
    let greeting = phone.listen(Duration::from_secs(6));
    assert!(voiced(&greeting) > 25, "{} frames of the greeting", voiced(&greeting));
    assert_eq!(phone.hang_up(), Some(200));
    assert_eq!(refused("+41441234568"), Some(404), "another number");
    assert_eq!(refused("front-desk"), Some(404), "a name, on a server that is not open for trials");
    let metrics = server.read("/metrics").text();
    let counted =
        metrics.lines().find(|line| line.starts_with("phone_calls_refused_total{reason=\"unknown\"}"));
    assert_eq!(counted.and_then(|line| line.rsplit(' ').next()), Some("3"), "{metrics}");
}
