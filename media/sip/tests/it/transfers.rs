//! Transfers that the other side asks for, calls that take the place of others, and two calls of ours that are joined elsewhere.

use std::time::Duration;

use media_sip::NotTransferred;
use testkit::phone::{Message, Phone};
use testkit::process;

use crate::desk::{ALLOWED, Desk, loud, tone};
use crate::dial::{Callee, by, trunk};
use crate::sipp::play;

const SOON: Duration = Duration::from_secs(10);

/// The next request of that method, taken.
fn asked(phone: &Phone, method: &str) -> Message {
    let begins = format!("{method} ");
    let message = std::iter::from_fn(|| phone.receive(SOON))
        .find(|message| message.text.starts_with(&begins))
        .expect(method);
    phone.reply(&message, "200 OK");
    message
}

#[test]
fn sipp_has_the_voice_put_through_and_is_told_how_it_comes_along() {
    let callee = Callee::play("answers.xml", &[]);
    let desk = by(trunk(callee.port));
    play(&desk, "refer.xml", &["-key", "to", ALLOWED]);
    process::wait_for("the voice with the callee", SOON, || {
        desk.seen().iter().any(|seen| seen.called == ALLOWED && seen.loud > 20).then_some(())
    });
    assert_eq!(desk.server.calls(), 1, "the call that asked is over");
    drop(desk);
    callee.goes_well();
}

#[test]
fn sipp_is_told_that_nobody_answers_and_has_the_voice_still() {
    let callee = Callee::play("busy.xml", &[]);
    let desk = by(trunk(callee.port));
    play(&desk, "refer_busy.xml", &["-key", "to", ALLOWED]);
    callee.goes_well();
    desk.is_empty(SOON);
    assert!(desk.seen()[0].closed && desk.seen().len() == 1, "{:?}", desk.seen());
}

#[test]
fn a_wish_has_its_answer_before_anything_is_told_of_it_each_time() {
    const WISHES: usize = 20;
    let callee = Callee::play("busy.xml", &["-m", &WISHES.to_string()]);
    let desk = by(trunk(callee.port));
    let mut phone = Phone::new(desk.address());
    assert_eq!(phone.call("front-desk").status(), Some(200));
    assert!(loud(&phone.listen(Duration::from_millis(300))) > 5, "the call stands");
    for wish in 1..=WISHES {
        phone.request("REFER", &format!("Refer-To: <sip:{ALLOWED}@127.0.0.1>\r\n"), "");
        let first = phone.receive(SOON).expect("an answer");
        assert_eq!(first.status(), Some(202), "wish {wish}: {}", first.text);
        let over = std::iter::from_fn(|| Some(asked(&phone, "NOTIFY")))
            .any(|told| told.header("Subscription-State").is_some_and(|state| state.starts_with("term")));
        assert!(over, "it is told to its end");
    }
    assert_eq!(phone.hang_up(), Some(200));
    callee.goes_well();
    desk.is_empty(SOON);
}

#[test]
fn nobody_is_called_whom_the_desk_may_not_call_and_nobody_at_all_without_anybody_who_looks() {
    let callee = Callee::play("answers.xml", &[]);
    for (desk, to) in [(by(trunk(callee.port)), "+35988112233"), (Desk::open(|_| {}), ALLOWED)] {
        play(&desk, "refer_declined.xml", &["-key", "to", to]);
        desk.is_empty(SOON);
        assert_eq!(desk.seen().len(), 1, "nobody was called");
    }
}

#[test]
fn a_refer_outside_of_a_call_or_to_nobody_calls_nobody() {
    let desk = by(trunk(9));
    let mut stranger = Phone::new(desk.address());
    stranger.ask_for("front-desk");
    let refer = format!("Refer-To: <sip:{ALLOWED}@127.0.0.1>\r\n");
    stranger.request("REFER", &refer, "");
    assert_eq!(stranger.answer().status(), Some(603));
    let mut phone = Phone::new(desk.address());
    phone.call("front-desk");
    for wrong in [
        "",
        "Refer-To: <http://127.0.0.1/>\r\n",
        "Refer-To: <sip:+4930999@x;method=BYE>\r\n",
        &format!("{refer}{refer}"),
    ] {
        phone.request("REFER", wrong, "");
        assert_eq!(phone.answer().status(), Some(400), "{wrong}");
    }
    assert!(loud(&phone.listen(Duration::from_millis(300))) > 5, "the voice goes on");
    phone.hang_up();
    desk.is_empty(SOON);
    assert_eq!(desk.seen().len(), 1);
}

/// What a Replaces header says of the call of this phone.
fn dialog(phone: &Phone) -> String {
    let (call, own, theirs) = phone.dialog();
    format!("Replaces: {call};to-tag={theirs};from-tag={own}\r\n")
}

#[test]
fn a_call_takes_the_place_of_another_and_the_voice_goes_on_there() {
    let desk = Desk::open(|_| {});
    let mut first = Phone::new(desk.address());
    first.call("front-desk");
    assert!(loud(&first.listen(Duration::from_millis(300))) > 5);
    let mut second = Phone::new(desk.address());
    second.ask_for("front-desk");
    second.request("INVITE", &dialog(&first), &second.description("sendrecv"));
    let answer = second.answer();
    assert_eq!(answer.status(), Some(200), "{}", answer.text);
    assert!(
        answer.header("Supported").is_some_and(|supported| supported.contains("replaces")),
        "{}",
        answer.text
    );
    second.request("ACK", "", "");
    asked(&first, "BYE");
    assert!(loud(&second.play(&tone(30))) > 20, "the voice goes on");
    second.hang_up();
    desk.is_empty(SOON);
}

#[test]
fn a_call_that_is_not_there_or_not_ones_own_is_not_replaced() {
    let desk = Desk::open(|_| {});
    let mut first = Phone::new(desk.address());
    first.call("front-desk");
    let (call, own, theirs) = first.dialog();
    let refused = |header: &str, status: u16| {
        let mut second = Phone::new(desk.address());
        second.ask_for("front-desk");
        second.request("INVITE", header, &second.description("sendrecv"));
        assert_eq!(second.answer().status(), Some(status), "{header}");
        second.request("ACK", "", "");
    };
    refused(&format!("Replaces: {call}x;to-tag={theirs};from-tag={own}\r\n"), 481);
    refused(&format!("Replaces: {call};to-tag={own};from-tag={theirs}\r\n"), 481);
    refused(&format!("Replaces: {call};to-tag={theirs};from-tag={own}x\r\n"), 481);
    refused(&format!("Replaces: {call};to-tag={theirs};from-tag={own};early-only\r\n"), 486);
    refused(&format!("Replaces: {call}\r\n"), 400);
    refused(&format!("{0}{0}", dialog(&first)), 400);
    refused(&format!("{}Join: {call};to-tag=1;from-tag=2\r\n", dialog(&first)), 400);
    assert!(loud(&first.listen(Duration::from_millis(300))) > 5, "the voice goes on with the first");
    first.hang_up();
    desk.is_empty(SOON);
}

/// Two phones are in calls; the first is asked to talk on with the second and answers so. What came of it.
fn joined(status: &str) -> (Desk, Phone, Phone, Result<(), NotTransferred>) {
    let desk = Desk::open(|_| {});
    let (mut first, mut second) = (Phone::new(desk.address()), Phone::new(desk.address()));
    for phone in [&mut first, &mut second] {
        assert_eq!(phone.call("front-desk").status(), Some(200));
        assert!(loud(&phone.listen(Duration::from_millis(300))) > 5, "the call stands");
    }
    let outcome = std::thread::scope(|threads| {
        let asking = threads.spawn(|| desk.join(0, 1));
        let refer = std::iter::from_fn(|| first.receive(SOON))
            .find(|message| message.text.starts_with("REFER "))
            .expect("a REFER");
        let (call, own, theirs) = second.dialog();
        let to = refer.header("Refer-To").expect("it names somebody");
        // As the second phone knows its call: its own tag is the one that is called.
        let replaces =
            format!("?Replaces={}%3Bto-tag%3D{own}%3Bfrom-tag%3D{theirs}>", call.replace('@', "%40"));
        assert!(
            to.starts_with("<sip:caller@127.0.0.1:") && to.ends_with(&replaces),
            "{to} is not {replaces}"
        );
        first.reply(&refer, status);
        if status.starts_with("202") {
            let more = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n";
            first.request("NOTIFY", more, "SIP/2.0 200 OK\r\n");
            assert_eq!(first.answer().status(), Some(200));
        }
        asking.join().expect("no panic")
    });
    (desk, first, second, outcome)
}

#[test]
fn two_calls_are_joined_at_the_other_side_and_both_are_over_here() {
    let (desk, first, mut second, outcome) = joined("202 Accepted");
    assert_eq!(outcome, Ok(()));
    asked(&first, "BYE");
    // The first phone has taken its place there.
    assert_eq!(second.hang_up(), Some(200));
    desk.is_empty(SOON);
}

#[test]
fn where_the_other_side_joins_nobody_both_calls_are_as_they_were() {
    let (desk, mut first, mut second, outcome) = joined("603 Decline");
    assert_eq!(outcome, Err(NotTransferred::Refused(603)));
    for phone in [&mut first, &mut second] {
        assert!(loud(&phone.listen(Duration::from_millis(300))) > 5, "the voice goes on");
        assert_eq!(phone.hang_up(), Some(200));
    }
    desk.is_empty(SOON);
}
