//! What the process writes of a call: which one, and nothing that was said in it.

use crate::calling::{self, line};
use crate::house;

#[test]
fn a_call_at_debug_level_leaves_its_session_in_the_log_and_no_word_of_it() {
    let _quiet = house::quiet();
    let server = house::timed("", &["--log", "debug", "--log-format", "json"]);
    let call = calling::place(&server, "websocket", &[line("desk_hours.wav"), line("desk_bye.wav")]);
    call.assert_answered(2);
    let log = server.log();
    let ended = log.lines().find(|line| line.contains("call ended")).expect("an operator sees its end");
    assert!(ended.contains("\"name\":\"session\"") && ended.contains("\"agent\":\"front-desk\""), "{ended}");
    let agent = call.all_agent();
    let said = ["opening hours", "goodbye"].into_iter().chain(agent.split(['.', '?', ',']).map(str::trim));
    for words in said.filter(|words| words.len() > 8) {
        assert!(!log.to_lowercase().contains(&words.to_lowercase()), "{words:?} is in the log:\n{log}");
    }
}
