//! The drivers of `fuzz/` with everything else.

#[path = "../../fuzz/drive.rs"]
mod drive;

use testkit::fuzz::Effort;

const EFFORT: Effort = Effort { noise: 1_000, mutated: 4_000, changes: 6 };

fn run(target: &str, drive: impl Fn(&[u8])) {
    EFFORT.run(env!("CARGO_MANIFEST_DIR"), target, drive);
}

#[test]
fn nothing_a_carrier_sends_makes_the_reader_panic_or_lose_count() {
    run("twilio", drive::twilio);
    run("telnyx", drive::telnyx);
}

#[test]
fn nothing_a_pipecat_client_sends_makes_the_reader_panic_or_lose_count() {
    run("pipecat", drive::pipecat);
}

#[test]
fn every_message_of_a_client_is_answered_in_words_that_it_can_read() {
    run("rtvi", drive::rtvi);
}
