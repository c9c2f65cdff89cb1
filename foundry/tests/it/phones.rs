//! A phone calls an agent: it hears the greeting, is answered, and the call is on record as any other.

use std::time::Duration;

use media_core::g711;
use serde_json::Value;
use testkit::phone::{Phone, address_in};
use testkit::process;

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
