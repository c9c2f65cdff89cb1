//! Calls at carriers whose end is not the usual one: of a server among several, of one that died, of a carrier that does not end them.

use std::time::Duration;

use serde_json::json;
use testkit::process;

use crate::carriers::{AUTH_TOKEN, NUMBER, SHARED, SID, Trunk, between, only_call, rings, stream_of};
use crate::house;

/// The stand-in ends no call of this name.
const UNENDING: &str = "CA00000000000000000000000000000500";

/// A call is announced to whichever server the name leads to; from then on Twilio speaks to that one.
#[test]
fn of_several_servers_behind_one_name_the_one_that_has_a_call_is_told_of_it() {
    let _quiet = house::among_others();
    let trunk = Trunk::one_of_several("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    let shared = Trunk { base: Some(SHARED), ..trunk };
    let twiml = process::wait_for("the route", Duration::from_secs(10), || {
        let answer = rings(&shared, "CA7", NUMBER, AUTH_TOKEN).text();
        answer.contains("<Connect>").then_some(answer)
    });
    let own = Trunk { base: Some("https://one.voice.example.com"), ..shared };
    assert!(twiml.contains("<Stream url=\"wss://one.voice.example.com/media/twilio/"), "{twiml}");
    assert_eq!(between(&twiml, "name=\"webhook\" value=\"", "\""), own.url());
    assert!(stream_of(&own, "CA7", &twiml).listen(25) >= 25, "the greeting");
    assert!(
        rings(&own, "CA8", NUMBER, AUTH_TOKEN).text().contains("<Connect>"),
        "its own name is good as well"
    );
    let other = Trunk { base: Some("https://two.voice.example.com"), ..own };
    assert_eq!(rings(&other, "CA9", NUMBER, AUTH_TOKEN).status, 403);
}

/// A call that its carrier does not end is counted, said with the carrier's code, and tried again when the server starts anew.
#[test]
fn a_call_that_a_carrier_refuses_to_end_is_tried_again_and_counted() {
    let _quiet = house::among_others();
    let trunk = Trunk::at("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    let twiml = process::wait_for("the route", Duration::from_secs(10), || {
        let answer = rings(&trunk, UNENDING, NUMBER, AUTH_TOKEN).text();
        answer.contains("<Connect>").then_some(answer)
    });
    let mut stream = stream_of(&trunk, UNENDING, &twiml);
    assert!(stream.listen(25) >= 25, "the greeting");
    drop(stream);
    process::wait_for("an end to the attempts", Duration::from_secs(30), || {
        (trunk.counted("carrier_calls_not_ended_total{vendor=\"twilio\"}") == 1).then_some(())
    });
    let asked = trunk.commands("request");
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked.iter().all(|command| command["call"] == UNENDING && command["status"] == "completed"));
    let log = trunk.server.log();
    assert!(log.contains("status 500, code 20500") && !log.contains(AUTH_TOKEN), "{log}");
    assert_eq!(only_call(&trunk)["end_reason"], "connection_lost", "the session has ended all the same");
}

/// A server that is killed leaves its calls to their carrier, where nobody would speak in them; started anew, it ends them.
#[test]
fn calls_that_a_server_leaves_behind_are_ended_when_it_starts_anew() {
    let _quiet = house::among_others();
    let mut trunk = Trunk::at("twilio", AUTH_TOKEN, json!({"account_sid": SID}));
    let twiml = process::wait_for("the route", Duration::from_secs(10), || {
        let answer = rings(&trunk, "CA7", NUMBER, AUTH_TOKEN).text();
        answer.contains("<Connect>").then_some(answer)
    });
    let mut over = stream_of(&trunk, "CA6", &rings(&trunk, "CA6", NUMBER, AUTH_TOKEN).text());
    assert!(over.listen(25) >= 25, "the greeting");
    drop(over);
    process::wait_for("the end by REST", Duration::from_secs(20), || {
        trunk.commands("request").iter().any(|command| command["call"] == "CA6").then_some(())
    });
    let mut stream = stream_of(&trunk, "CA7", &twiml);
    assert!(stream.listen(25) >= 25, "the greeting");
    let database = trunk.server.database().to_owned();
    process::wait_for("the call on record", Duration::from_secs(10), || {
        let held = testkit::postgres::sql(&database, "select string_agg(call, ' ') from app.carrier_calls");
        (held == "CA7").then_some(())
    });
    trunk.server.restart(house::PROGRAM, &["--providers", "fake"]).expect("it starts");
    process::wait_for("the end of what was left", Duration::from_secs(30), || {
        trunk.commands("request").iter().any(|command| command["call"] == "CA7").then_some(())
    });
    process::wait_for("nothing on record", Duration::from_secs(10), || {
        let held = testkit::postgres::sql(trunk.server.database(), "select count(*) from app.carrier_calls");
        (held == "0").then_some(())
    });
    let asked = trunk.commands("request");
    assert_eq!(asked.len(), 2, "each once, and nobody else's: {asked:?}");
    assert_eq!(trunk.counted("carrier_calls_left_behind_total{outcome=\"ended\"}"), 1);
}
