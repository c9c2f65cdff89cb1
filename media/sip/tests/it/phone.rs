//! One call with a phone by hand: audio both ways, keys, holds, moves, and callers who vanish.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use domain::Digit;
use media_core::{dtmf, g711};
use media_sip::{NotTransferred, Trunk};
use testkit::phone::{Message, Phone};

use crate::desk::{Desk, loud, tone};
use crate::dial::{free, trunk};

const SOON: Duration = Duration::from_secs(5);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn keys_that_sound_in_the_audio_are_read_where_a_trunk_sends_them_so() {
    let desk = Desk::open(|options| options.trunks.push(Trunk { tones: true, ..trunk(9) }));
    let mut phone = Phone::new(desk.address());
    assert_eq!(phone.call("front-desk").status(), Some(200));
    for key in "4711#".chars() {
        let key = Digit::try_from(key).expect("a key");
        let mut sound = dtmf::tones(key, Duration::from_millis(100), 8_000);
        sound.resize(1_600, 0);
        phone.play(&sound.into_iter().map(g711::encode_ulaw).collect::<Vec<u8>>());
    }
    testkit::process::wait_for("the keys", SOON, || (desk.seen()[0].keys == "4711#").then_some(()));
    assert_eq!(phone.hang_up(), Some(200));
}

#[test]
fn keys_that_we_press_are_tones_for_a_caller_without_events() {
    let desk = Desk::open(|_| {});
    let mut phone = Phone::new(desk.address());
    phone.ask_for("front-desk");
    let offer = phone.description("sendrecv");
    let plain: String =
        offer.lines().filter(|line| !line.contains("101 ")).map(|line| format!("{line}\r\n")).collect();
    let plain = plain.replace(" 101\r\n", "\r\n");
    assert!(plain.contains("m=audio") && !plain.contains("telephone-event"), "{plain}");
    phone.request("INVITE", "", &plain);
    let answer = phone.answer();
    assert!(answer.status() == Some(200) && !answer.body().contains("telephone-event"), "{}", answer.text);
    phone.request("ACK", "", "");
    phone.play(&tone(20));
    let mut heard = Vec::new();
    std::thread::scope(|scope| {
        let pressed = scope.spawn(|| desk.press_at_caller("47w11#"));
        heard = phone.listen(Duration::from_secs(3));
        assert_eq!(pressed.join().expect("no panic"), Ok(()));
    });
    let mut detector = dtmf::Detector::new(8_000);
    let samples: Vec<i16> = heard.into_iter().map(g711::decode_ulaw).collect();
    let keys: String = detector.feed(&samples).into_iter().map(char::from).collect();
    assert_eq!(keys, "4711#");
    assert_eq!(phone.hang_up(), Some(200));
}

/// Calls, and gives back what it hears, a little quieter and later. Frames of it that the voice heard loudly in the last 4 s of 8.
fn gives_back(cancel_echo: bool) -> usize {
    let desk = Desk::open(|options| options.cancel_echo = cancel_echo);
    let mut phone = Phone::new(desk.address());
    assert_eq!(phone.call("reader").status(), Some(200));
    let mut delay = VecDeque::from(vec![0xff_u8; 160 * 5]);
    let mut gives_back = |heard: Vec<u8>| {
        delay.extend(heard.into_iter().map(|byte| g711::encode_ulaw(g711::decode_ulaw(byte) / 4 * 3)));
        (0..160).map(|_| delay.pop_front().unwrap_or(0xff)).collect()
    };
    phone.converse(200, &mut gives_back);
    let known = desk.seen()[0].loud;
    phone.converse(200, &mut gives_back);
    let loud = desk.seen()[0].loud - known;
    assert_eq!(phone.hang_up(), Some(200));
    loud
}

#[test]
fn a_phone_that_gives_the_voice_back_is_not_taken_for_a_caller() {
    let (with, without) = (gives_back(true), gives_back(false));
    assert!(without > 40, "the echo is there: {without} of 200 frames");
    assert!(with * 5 < without, "{with} of 200 frames, {without} with the echo");
}

#[test]
fn both_hear_each_other_and_keys_are_read_once_each() {
    let desk = Desk::open(|_| {});
    let mut phone = Phone::new(desk.address());
    let answer = phone.call("front-desk");
    assert_eq!(answer.status(), Some(200), "{}", answer.text);
    let heard = phone.play(&tone(50));
    assert!(loud(&heard) >= 40, "{} frames of the voice", loud(&heard));
    for key in [1, 2, 11] {
        phone.press(key);
    }
    assert_eq!(phone.hang_up(), Some(200));
    desk.is_empty(SOON);
    let seen = &desk.seen()[0];
    assert!(seen.active && seen.closed && seen.called == "front-desk", "{seen:?}");
    assert!((48..=50).contains(&seen.loud), "{} of 50 frames", seen.loud);
    assert_eq!(seen.keys, "12#");
}

#[test]
fn who_sends_nothing_is_greeted_shortly_after_the_ack_and_hung_up_on_in_the_end() {
    let desk = Desk::open(|options| options.silence_s = 5);
    let mut phone = Phone::new(desk.address());
    assert_eq!(phone.call("front-desk").status(), Some(200));
    assert!(loud(&phone.hear(ms(400))) >= 8);
    let bye = std::iter::repeat_with(|| phone.receive(Duration::from_secs(8)).expect("a BYE"))
        .find(|message| message.text.starts_with("BYE "))
        .expect("found");
    assert_eq!(bye.header("Reason"), Some(r#"SIP;cause=408;text="no audio""#));
    desk.is_empty(SOON);
    assert!(desk.seen()[0].closed);
}

#[test]
fn on_hold_nothing_is_sent_and_after_it_the_voice_goes_on_even_to_another_port() {
    let desk = Desk::open(|_| {});
    let mut phone = Phone::new(desk.address());
    phone.call("front-desk");
    assert!(loud(&phone.listen(ms(300))) > 5);
    let held = phone.description("inactive");
    phone.request("INVITE", "", &held);
    let answer = phone.answer();
    assert!(answer.status() == Some(200) && answer.body().contains("a=inactive"), "{}", answer.text);
    phone.request("ACK", "", "");
    let _on_the_way = phone.hear(ms(50));
    assert_eq!(phone.hear(ms(300)).len(), 0);
    phone.move_audio();
    let again = phone.description("sendrecv");
    phone.request("UPDATE", "", &again);
    assert_eq!(phone.answer().status(), Some(200));
    assert!(loud(&phone.listen(ms(400))) > 8, "heard on the new port");
    assert_eq!(phone.hang_up(), Some(200));
    desk.is_empty(SOON);
}

#[test]
fn an_invite_without_a_description_is_offered_one_and_its_ack_decides() {
    let desk = Desk::open(|_| {});
    let mut phone = Phone::new(desk.address());
    phone.ask_for("front-desk");
    phone.request("INVITE", "", "");
    let offer = phone.answer();
    assert!(offer.body().contains("opus/48000/2") && offer.body().contains("PCMU/8000"), "{}", offer.text);
    let answer = phone.description("sendrecv");
    phone.request("ACK", "", &answer);
    assert!(loud(&phone.play(&tone(30))) > 20);
    phone.hang_up();
    desk.is_empty(SOON);
    // The first audio comes to another port than the ACK, and may be there before the ACK was read.
    let heard = desk.seen()[0].loud;
    assert!((28..=30).contains(&heard), "{heard} of 30 frames");
}

#[test]
fn a_session_that_is_done_hangs_up_and_requests_after_the_end_are_told_so() {
    let desk = Desk::open(|_| {});
    let mut phone = Phone::new(desk.address());
    phone.call("brief");
    let bye = std::iter::repeat_with(|| phone.receive(SOON).expect("a BYE"))
        .find(|message| message.text.starts_with("BYE "))
        .expect("found");
    assert_eq!(bye.header("CSeq").map(|value| value.ends_with(" BYE")), Some(true));
    desk.is_empty(SOON);
    phone.request("INVITE", "", &phone.description("sendrecv").clone());
    assert_eq!(phone.answer().status(), Some(481));
}

#[test]
fn a_caller_who_never_acknowledges_does_not_stay() {
    // 64 times T1, as the RFC has it, is 32 s: what a test can wait for is that the answer is repeated.
    let desk = Desk::open(|_| {});
    let mut phone = Phone::new(desk.address());
    phone.ask_for("front-desk");
    phone.request("INVITE", "", &phone.description("sendrecv").clone());
    assert_eq!(phone.answer().status(), Some(200));
    assert_eq!(phone.answer().status(), Some(200), "repeated");
    phone.request("BYE", "", "");
    assert_eq!(phone.answer().status(), Some(200));
    desk.is_empty(SOON);
}

#[test]
fn a_server_that_stops_says_goodbye_to_its_callers() {
    let desk = Desk::open(|_| {});
    let mut phone = Phone::new(desk.address());
    phone.call("front-desk");
    phone.listen(ms(100));
    drop(desk);
    let bye = std::iter::from_fn(|| phone.receive(SOON)).find(|message| message.text.starts_with("BYE "));
    assert!(bye.is_some());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what the other side waits is measured, in real time")]
fn an_answer_comes_within_50_ms_and_the_first_sample_within_150() {
    let desk = Desk::open(|_| {});
    let (mut answers, mut voices) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let mut phone = Phone::new(desk.address());
        phone.ask_for("front-desk");
        let began = Instant::now();
        phone.request("INVITE", "", &phone.description("sendrecv").clone());
        assert_eq!(phone.answer().status(), Some(200));
        answers.push(began.elapsed());
        phone.request("ACK", "", "");
        while loud(&phone.listen(ms(20))) == 0 {
            assert!(began.elapsed() < SOON);
        }
        voices.push(began.elapsed());
        phone.hang_up();
    }
    answers.sort();
    voices.sort();
    eprintln!(
        "INVITE to 200: median {:?}, longest {:?}; to the first loud frame: median {:?}, longest {:?}",
        answers[5], answers[9], voices[5], voices[9]
    );
    // The figures are in docs/SIP.md; on a busy machine only what would be a broken promise fails here.
    assert!(answers[5] < ms(500) && voices[5] < ms(1_500));
}

#[test]
fn a_phone_rings_for_a_call_that_is_taken_and_for_no_other() {
    let desk = Desk::open(|options| options.ring_ms = 300);
    let mut phone = Phone::new(desk.address());
    assert_eq!(phone.call("front-desk").status(), Some(200));
    assert_eq!(phone.progress(), [100, 180]);
    phone.hang_up();
    let mut unknown = Phone::new(desk.address());
    assert_eq!(unknown.call("nobody").status(), Some(404));
    assert_eq!(unknown.progress(), [100]);
    // What takes its time to find out is waited for in silence.
    let mut later = Phone::new(desk.address());
    assert_eq!(later.call("nobody-later").status(), Some(486));
    assert_eq!(later.progress(), [100]);
    desk.is_empty(SOON);
}

#[test]
fn a_call_for_which_no_port_is_left_does_not_ring() {
    let port = free();
    let desk = Desk::open(|options| (options.rtp_first, options.rtp_last) = (port, port));
    let mut first = Phone::new(desk.address());
    assert_eq!(first.call("front-desk").status(), Some(200));
    let mut second = Phone::new(desk.address());
    assert_eq!(second.call("front-desk").status(), Some(503));
    assert_eq!(second.progress(), [100]);
    assert_eq!(first.hang_up(), Some(200));
    desk.is_empty(SOON);
}

#[test]
fn who_would_not_encipher_is_refused_where_that_is_required() {
    let desk = Desk::open(|options| options.srtp_required = true);
    let mut phone = Phone::new(desk.address());
    assert_eq!(phone.call("front-desk").status(), Some(488));
    // Without a description of theirs it would be us who show keys in plain.
    let mut silent = Phone::new(desk.address());
    silent.ask_for("front-desk");
    silent.request("INVITE", "", "");
    assert_eq!(silent.answer().status(), Some(488));
    assert_eq!((phone.progress(), silent.progress()), (&[100][..], &[100][..]));
    desk.is_empty(SOON);
}

/// The next request of that method.
fn asked(phone: &Phone, method: &str) -> Message {
    let begins = format!("{method} ");
    std::iter::from_fn(|| phone.receive(SOON))
        .find(|message| message.text.starts_with(&begins))
        .expect(method)
}

fn told(phone: &mut Phone, status: &str) {
    let more = "Event: refer\r\nSubscription-State: active\r\n";
    phone.request("NOTIFY", more, &format!("SIP/2.0 {status}\r\n"));
    assert_eq!(phone.answer().status(), Some(200));
}

#[test]
fn a_caller_is_sent_elsewhere_and_hung_up_on_once_somebody_answers_there() {
    let desk = Desk::open(|_| {});
    let mut phone = Phone::new(desk.address());
    phone.call("elsewhere");
    let refer = asked(&phone, "REFER");
    assert!(refer.header("Refer-To").is_some_and(|to| to.starts_with("<sip:+4930999@")), "{}", refer.text);
    phone.reply(&refer, "202 Accepted");
    told(&mut phone, "100 Trying");
    told(&mut phone, "200 OK");
    let bye = asked(&phone, "BYE");
    phone.reply(&bye, "200 OK");
    desk.is_empty(SOON);
    assert_eq!(desk.seen()[0].transferred, Some(Ok(())));
}

#[test]
fn a_caller_whom_nobody_takes_elsewhere_stays() {
    for refused in [true, false] {
        let desk = Desk::open(|_| {});
        let mut phone = Phone::new(desk.address());
        phone.call("elsewhere");
        let refer = asked(&phone, "REFER");
        if refused {
            phone.reply(&refer, "603 Decline");
        } else {
            phone.reply(&refer, "202 Accepted");
            told(&mut phone, "486 Busy Here");
        }
        let status = if refused { 603 } else { 486 };
        testkit::process::wait_for("what came of it", SOON, || {
            (desk.seen()[0].transferred == Some(Err(NotTransferred::Refused(status)))).then_some(())
        });
        assert!(loud(&phone.listen(ms(400))) > 5, "the voice goes on");
        assert_eq!(phone.hang_up(), Some(200));
        desk.is_empty(SOON);
    }
}

#[test]
fn the_headers_that_are_named_reach_whoever_takes_the_call() {
    let desk = Desk::open(|options| options.headers = vec!["X-*".to_owned()]);
    let mut phone = Phone::new(desk.address());
    phone.ask_for("front-desk");
    let offer = phone.description("sendrecv");
    phone.request("INVITE", "X-Line: vip: yes\r\nDiversion: <sip:+4930@x>\r\nx-two:1\r\n", &offer);
    assert_eq!(phone.answer().status(), Some(200));
    phone.request("ACK", "", "");
    phone.hang_up();
    desk.is_empty(SOON);
    let told = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(desk.seen()[0].headers, [told("X-Line", "vip: yes"), told("x-two", "1")]);
}
