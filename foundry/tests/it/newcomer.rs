//! What a newcomer does first, without a browser: call the shipped agent with the embedded models and talk to it.

use testkit::words::{error_rate, normal};

use crate::calling::{self, Line, line};
use crate::{ears, house};

/// The recogniser on synthetic voices over the wire; measured well below.
const HEARD_WORST: f64 = 0.35;
/// The embedded voice as heard back by the embedded recogniser.
const SPOKEN_WORST: f64 = 0.25;

/// Saturdays from nine to four; on a Saturday the agent says "today".
pub(crate) fn mentions_saturday_hours(text: &str) -> bool {
    let words = normal(text);
    words.iter().any(|word| word.starts_with("saturday") || word == "today")
        && words.iter().any(|word| word == "nine" || word == "four")
}

/// "Goodbye, and have a nice day", or "thanks for calling, bye for now": a small recogniser hears a word wrong now and then. What
/// comes before the answer is the greeting, which may thank for calling, too.
fn says_goodbye(heard: &str) -> bool {
    let words = normal(heard);
    let after = words.iter().rposition(|word| word.starts_with("saturday")).unwrap_or_default();
    let words = &words[after..];
    words.iter().any(|word| word.contains("bye"))
        || words
            .windows(2)
            .any(|pair| [["for", "now"], ["for", "calling"], ["nice", "day"]].iter().any(|said| pair == said))
}

fn asks_for_the_hours(transport: &str) {
    let server = house::speaking();
    let _quiet = house::quiet();
    let call = calling::place(&server, transport, &[line("desk_hours.wav"), line("desk_bye.wav")]);
    call.assert_answered(2);
    let heard = ears::words(&call.recording);
    eprintln!("{transport}, heard: {heard}");
    assert!(mentions_saturday_hours(&heard), "the caller heard: {heard}");
    assert!(says_goodbye(&heard), "no goodbye: {heard}");
    if ["mulaw", "telnyx"].contains(&transport) {
        // A carrier's stream carries no texts.
        return;
    }
    assert!(mentions_saturday_hours(call.agent(1)), "{}", call.agent(1));
    for (turn, recording) in [(1, "desk_hours.wav"), (2, "desk_bye.wav")] {
        let rate = error_rate(&testkit::transcript(recording), call.user(turn));
        assert!(rate <= HEARD_WORST, "{recording} was understood as {:?}: {rate:.2}", call.user(turn));
    }
    let rate = error_rate(&call.all_agent(), &heard);
    eprintln!("{transport}: {:.1} % of the agent's words were heard wrong", rate * 100.0);
    assert!(rate <= SPOKEN_WORST, "said {:?}, heard {heard:?}: {rate:.2}", call.all_agent());
}

#[test]
fn the_front_desk_tells_its_hours_over_webrtc() {
    asks_for_the_hours("webrtc");
}

#[test]
fn the_front_desk_tells_its_hours_over_a_websocket() {
    asks_for_the_hours("websocket");
}

#[test]
fn the_front_desk_tells_its_hours_over_a_carriers_stream() {
    asks_for_the_hours("mulaw");
}

#[test]
fn the_front_desk_tells_its_hours_over_another_carriers_stream() {
    asks_for_the_hours("telnyx");
}

#[test]
fn a_caller_who_interrupts_gets_the_answer_to_the_second_question() {
    let server = house::speaking();
    let _quiet = house::quiet();
    // All prices take the agent ten seconds.
    let script = [line("desk_price.wav"), (testkit::speech("desk_hours.wav"), Some(1.5))];
    let call = calling::place(&server, "webrtc", &script);
    call.assert_answered(2);
    let interrupted: Vec<bool> = call.turns.iter().map(|turn| turn["interrupted"] == true).collect();
    assert_eq!(interrupted, [false, true, false], "{}", call.ran.stdout);
    assert!(mentions_saturday_hours(call.agent(2)), "{}", call.agent(2));
    // The list ends with the beard trim: what was cut off is not on record as said.
    assert!(!call.agent(1).is_empty() && !call.agent(1).contains("beard"), "{}", call.agent(1));
}

#[test]
fn a_caller_who_talks_into_the_greeting_is_heard_from_the_first_word() {
    let server = house::speaking();
    let _quiet = house::quiet();
    let call = calling::place(&server, "websocket", &[(testkit::speech("desk_address.wav"), Some(1.0))]);
    call.assert_answered(1);
    assert_eq!(call.turns[0]["interrupted"], true, "{}", call.ran.stdout);
    assert!(
        error_rate(&testkit::transcript("desk_address.wav"), call.user(1)) <= HEARD_WORST,
        "{}",
        call.user(1)
    );
    assert!(call.agent(1).to_lowercase().contains("maple"), "{}", call.agent(1));
}

#[test]
fn an_appointment_is_booked_by_voice_and_stored() {
    let server = house::speaking();
    let _quiet = house::quiet();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let service: Line = (folder.path().join("service.wav"), None);
    ears::say("I would like a haircut, please.", &service.0);
    let script = [
        line("desk_book.wav"),
        service,
        line("desk_day_time.wav"),
        line("desk_name.wav"),
        line("desk_phone.wav"),
        line("desk_yes.wav"),
        line("desk_bye.wav"),
    ];
    let call = calling::place(&server, "webrtc", &script);
    call.assert_answered(script.len());
    let stored = appointments(&server.data_dir());
    assert_eq!(stored.len(), 1, "{stored:?}");
    let appointment = &stored[0];
    assert_eq!(
        (appointment["service"].as_str(), appointment["time"].as_str()),
        (Some("haircut"), Some("15:00"))
    );
    assert_eq!(appointment["phone"], "5550142");
    // Names are the small recogniser's weak side: "Marilla" and "Marita" were heard for Maria.
    assert!(appointment["name"].as_str().is_some_and(|name| name.contains("Lopez")), "{appointment}");
    let date: jiff::civil::Date =
        appointment["date"].as_str().and_then(|date| date.parse().ok()).expect("a date");
    assert_eq!(date.weekday(), jiff::civil::Weekday::Tuesday);
}

/// The lines of the one appointments file below the data directory.
fn appointments(data: &std::path::Path) -> Vec<serde_json::Value> {
    let entries = std::fs::read_dir(data).expect("the server keeps its data there");
    let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let file = files.into_iter().find(|path| path.to_string_lossy().contains("appointments"));
    let file = file.expect("appointments are stored in a file of their own");
    let text = std::fs::read_to_string(file).expect("readable");
    text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

#[test]
fn a_finished_call_is_on_record_with_parts_that_add_up() {
    let server = house::speaking();
    let _quiet = house::quiet();
    let call = calling::place(&server, "websocket", &[line("desk_price.wav")]);
    call.assert_answered(1);
    let newest = || {
        let calls = server.read("/v1/sessions").json();
        let id =
            calls["data"].as_array()?.iter().find(|call| call["transport"] == "websocket")?["id"].clone();
        let record = server.read(&format!("/v1/sessions/{}", id.as_str()?));
        // The server is shared: the newest call is this one once it has ended.
        let ours = record.status == 200 && record.text().contains(call.agent(1));
        (ours && record.json()["end_reason"] != serde_json::Value::Null).then(|| record.json())
    };
    let record =
        testkit::process::wait_for("the record of the call", std::time::Duration::from_secs(10), newest);
    assert_eq!(
        (record["agent"].as_str(), record["transport"].as_str()),
        (Some("front-desk"), Some("websocket"))
    );
    let said = record["transcript"].to_string();
    assert!(said.contains(call.agent(1)) && said.contains(call.user(1)), "{said}");
    let answered: Vec<_> = record["turns_detail"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|turn| turn["latencies"].is_object())
        .collect();
    assert!(!answered.is_empty(), "no turn has its latencies: {record}");
    for turn in answered {
        let part = |name: &str| turn["latencies"][name].as_f64().expect("every part is there");
        let parts = ["endpointing_ms", "thinking_ms", "sentence_ms", "synthesis_ms", "playout_ms"];
        let sum: f64 = parts.into_iter().map(part).sum();
        assert!((sum - part("response_ms")).abs() < 1.0, "{turn}");
        assert!(part("response_ms") > 0.0, "{turn}");
    }
    let log = server.read(&format!("/v1/sessions/{}/log", record["id"].as_str().unwrap_or_default()));
    assert!(log.status == 200 && log.text().lines().count() > 10, "the raw log has every event");
}
