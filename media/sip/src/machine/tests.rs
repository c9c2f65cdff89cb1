#![expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]

use super::*;
use media_core::Codec;

const OFFER: &str =
    "v=0\r\nc=IN IP4 192.0.2.7\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

fn local() -> Local {
    Local {
        address: "192.0.2.1:20000".parse().expect("address"),
        session: 7,
        version: 1,
        codecs: Options::default().codecs().to_vec(),
        key: crate::srtp::Master::new([7; 30]),
        secure: false,
    }
}

fn timer(supported: bool, expires_s: Option<u32>, refresher: Option<Refresher>) -> Timer {
    Timer { supported, expires_s, refresher }
}

fn invited(sdp: Option<&str>, timer: Timer) -> Input {
    Input::Invited { sdp: sdp.map(ToOwned::to_owned), timer, allows_update: true }
}

fn statuses(outputs: &[Output]) -> Vec<u16> {
    let status = |output: &Output| match output {
        Output::Respond { status, .. } => Some(*status),
        _ => None,
    };
    outputs.iter().filter_map(status).collect()
}

struct Call {
    machine: Machine,
    now: Instant,
}

impl Call {
    fn ringing(timer: Timer) -> Self {
        let mut call = Self { machine: Machine::new(Options::default()), now: Instant::now() };
        assert_eq!(call.feed(invited(Some(OFFER), timer)), [], "nobody has taken it yet");
        assert_eq!(statuses(&call.feed(Input::Taken)), [180]);
        call
    }

    fn confirmed(timer: Timer) -> Self {
        let mut call = Self::ringing(timer);
        assert_eq!(statuses(&call.feed(Input::Accepted(local()))), [200]);
        call.feed(Input::Acknowledged { id: RequestId::FIRST, sdp: None });
        call
    }

    fn feed(&mut self, input: Input) -> Vec<Output> {
        self.machine.handle(input, self.now)
    }

    fn after(&mut self, seconds: u64, input: Input) -> Vec<Output> {
        self.now += Duration::from_secs(seconds);
        self.feed(input)
    }

    fn offered(&mut self, id: u32, invite: bool, sdp: Option<&str>) -> Vec<Output> {
        let (id, sdp) = (RequestId(id), sdp.map(ToOwned::to_owned));
        self.feed(Input::Offered { id, invite, sdp, timer: Timer::default() })
    }
}

#[test]
fn a_call_rings_is_answered_and_is_active_with_the_first_audio_or_shortly_after_the_ack() {
    let mut call = Call::ringing(Timer::default());
    assert_eq!(call.machine.codec(), Codec::Pcmu);
    let out = call.feed(Input::Accepted(local()));
    assert!(matches!(&out[0], Output::Respond { status: 200, sdp: Some(_), expires: None, .. }));
    assert!(matches!(&out[1], Output::Media(agreed) if agreed.events == Some(101)));
    assert_eq!(call.feed(Input::Heard), [], "nobody greets before the ACK");
    assert_eq!(call.feed(Input::Acknowledged { id: RequestId::FIRST, sdp: None }), [Output::Active]);
    assert_eq!(call.feed(Input::Bye), [Output::Ended(End::Caller)]);
    assert_eq!(call.feed(Input::HangUp), []);

    let mut silent = Call::confirmed(Timer::default());
    assert_eq!(silent.machine.deadline(), Some((silent.now + FIRST_AUDIO, Why::FirstAudio)));
    assert_eq!(silent.after(1, Input::Timeout), [Output::Active]);
}

#[test]
fn an_invite_without_a_description_gets_our_offer_and_its_ack_the_answer() {
    let mut call = Call { machine: Machine::new(Options::default()), now: Instant::now() };
    call.feed(invited(None, Timer::default()));
    let out = call.feed(Input::Accepted(local()));
    assert!(
        matches!(&out[..], [Output::Respond { status: 200, sdp: Some(sdp), .. }] if sdp.contains("PCMU"))
    );
    let out = call.feed(Input::Acknowledged { id: RequestId::FIRST, sdp: Some(OFFER.to_owned()) });
    assert!(matches!(&out[..], [Output::Media(agreed)] if agreed.send.codec == Codec::Pcmu));

    let mut without = Call { machine: Machine::new(Options::default()), now: Instant::now() };
    without.feed(invited(None, Timer::default()));
    without.feed(Input::Accepted(local()));
    let out = without.feed(Input::Acknowledged { id: RequestId::FIRST, sdp: None });
    assert!(matches!(
        &out[..],
        [Output::Send(Request::Bye { reason: Some((488, _)) }), Output::Ended(End::Media)]
    ));
}

#[test]
fn what_cannot_be_heard_is_refused_before_anybody_is_asked() {
    let refused = |sdp: &str, timer| {
        let mut machine = Machine::new(Options::default());
        let out = machine.handle(invited(Some(sdp), timer), Instant::now());
        assert!(machine.is_over());
        statuses(&out)
    };
    assert_eq!(refused("nonsense", Timer::default()), [488]);
    assert_eq!(refused(&OFFER.replace("AVP 0 101", "AVP 3"), Timer::default()), [488]);
    assert_eq!(refused(OFFER, timer(true, Some(30), None)), [422]);
}

#[test]
fn a_call_that_nobody_takes_is_refused_without_ringing() {
    let refused = |ending, status| {
        let mut call = Call { machine: Machine::new(Options::default()), now: Instant::now() };
        assert_eq!(call.feed(invited(Some(OFFER), Timer::default())), []);
        assert_eq!(statuses(&call.feed(ending)), [status]);
        assert!(call.machine.is_over());
        assert_eq!(call.feed(Input::Taken), [], "too late");
    };
    refused(Input::Refused(404), 404);
    refused(Input::HangUp, 480);
    refused(Input::Cancelled, 487);
    refused(Input::Bye, 487);
}

#[test]
fn a_cancel_ends_a_ringing_call_and_comes_too_late_for_an_answered_one() {
    let mut ringing = Call::ringing(Timer::default());
    let out = ringing.feed(Input::Cancelled);
    assert_eq!((statuses(&out), out.last()), (vec![487], Some(&Output::Ended(End::Caller))));
    assert_eq!(ringing.feed(Input::Accepted(local())), [], "whoever takes it now takes nothing");

    let mut answered = Call::ringing(Timer::default());
    answered.feed(Input::Accepted(local()));
    assert_eq!(answered.feed(Input::Cancelled), []);
    assert!(!answered.machine.is_over());
}

#[test]
fn who_hangs_up_before_the_ack_waits_for_it() {
    let mut call = Call::ringing(Timer::default());
    call.feed(Input::Accepted(local()));
    assert_eq!(call.feed(Input::HangUp), []);
    let out = call.feed(Input::Acknowledged { id: RequestId::FIRST, sdp: None });
    assert_eq!(out, [Output::Send(Request::Bye { reason: None }), Output::Ended(End::Us)]);

    let mut never = Call::ringing(Timer::default());
    never.feed(Input::Accepted(local()));
    let out = never.feed(Input::Unacknowledged(RequestId::FIRST));
    assert!(matches!(&out[..], [Output::Send(Request::Bye { .. }), Output::Ended(End::Lost)]));
}

#[test]
fn hold_and_a_new_address_are_agreed_to_and_a_bad_offer_leaves_the_call_as_it_was() {
    let mut call = Call::confirmed(Timer::default());
    call.feed(Input::Heard);
    let out = call.offered(1, true, Some(&format!("{OFFER}a=sendonly\r\n")));
    assert!(matches!(&out[0], Output::Media(agreed) if agreed.direction == Direction::RecvOnly));
    assert!(
        matches!(&out[1], Output::Respond { status: 200, sdp: Some(sdp), .. } if sdp.contains("o=- 7 2"))
    );
    assert_eq!(statuses(&call.offered(2, true, Some(OFFER))), [491], "the one before has no ACK yet");
    assert_eq!(call.feed(Input::Acknowledged { id: RequestId(1), sdp: None }), []);
    assert_eq!(statuses(&call.offered(3, true, Some("nonsense"))), [488]);
    let out = call.offered(4, false, Some(&OFFER.replace("192.0.2.7", "192.0.2.8")));
    assert!(matches!(&out[0], Output::Media(agreed) if agreed.remote == "192.0.2.8:4000".parse().ok()));
    assert!(!call.machine.is_over());
    let out = call.offered(5, true, None);
    assert!(matches!(&out[..], [Output::Respond { status: 200, sdp: Some(_), .. }]), "our offer");
    let out = call.feed(Input::Acknowledged { id: RequestId(5), sdp: Some(OFFER.to_owned()) });
    assert!(matches!(&out[..], [Output::Media(_)]));
}

#[test]
fn a_caller_from_whom_nothing_comes_is_hung_up_on_and_one_who_holds_is_not() {
    let mut call = Call::confirmed(Timer::default());
    call.feed(Input::Heard);
    assert_eq!(call.after(29, Input::Timeout), []);
    let out = call.after(1, Input::Timeout);
    assert!(matches!(
        &out[..],
        [Output::Send(Request::Bye { reason: Some((408, _)) }), Output::Ended(End::Lost)]
    ));

    let mut held = Call::confirmed(Timer::default());
    held.feed(Input::Heard);
    held.offered(1, true, Some(&format!("{OFFER}a=inactive\r\n")));
    assert_eq!(held.machine.deadline(), None);
    assert_eq!(held.after(3_600, Input::Timeout), []);
}

#[test]
fn a_session_that_they_keep_alive_ends_when_they_stop_and_one_of_ours_is_refreshed_at_half() {
    let mut call = Call::ringing(timer(true, Some(120), None));
    let out = call.feed(Input::Accepted(local()));
    assert!(matches!(&out[0], Output::Respond { expires: Some((120, Refresher::Them)), .. }));
    call.feed(Input::Acknowledged { id: RequestId::FIRST, sdp: None });
    call.feed(Input::Heard);
    for _ in 0..8 {
        call.after(10, Input::Heard);
    }
    assert_eq!(call.machine.deadline().map(|(_, why)| why), Some(Why::Expiry));
    let out = call.after(8, Input::Timeout);
    assert!(matches!(&out[..], [Output::Send(Request::Bye { .. }), Output::Ended(End::Lost)]));

    let mut ours = Call::confirmed(timer(true, Some(120), Some(Refresher::Us)));
    for _ in 0..6 {
        ours.after(10, Input::Heard);
    }
    assert_eq!(ours.feed(Input::Timeout), [Output::Send(Request::Update { expires_s: 120 })]);
    assert_eq!(ours.feed(Input::Refreshed { status: 200, sdp: None }), []);
    assert_eq!(ours.machine.deadline().map(|(_, why)| why), Some(Why::Silence), "refreshed");
    for _ in 0..6 {
        ours.after(10, Input::Heard);
    }
    assert_eq!(ours.feed(Input::Timeout).len(), 1);
    let out = ours.feed(Input::Refreshed { status: 481, sdp: None });
    assert!(matches!(&out[..], [Output::Send(Request::Bye { .. }), Output::Ended(End::Lost)]));
}

fn dialled() -> Call {
    let mut call = Call { machine: Machine::new(Options::default()), now: Instant::now() };
    let out = call.feed(Input::Dial { local: local(), ring: Duration::from_secs(20) });
    assert!(matches!(&out[..], [Output::Send(Request::Invite { sdp })] if sdp.contains("m=audio 20000")));
    call
}

fn progressed(status: u16, sdp: Option<&str>) -> Input {
    Input::Progressed { status, sdp: sdp.map(ToOwned::to_owned) }
}

fn taken(sdp: Option<&str>) -> Input {
    Input::Answered { sdp: sdp.map(ToOwned::to_owned), expires: None, allows_update: true }
}

#[test]
fn a_call_of_ours_rings_is_answered_and_active_once_the_callee_is_heard() {
    let mut call = dialled();
    assert_eq!(call.feed(progressed(100, None)), []);
    assert_eq!(call.feed(progressed(180, None)), [Output::Ringing { early: false }]);
    let out = call.feed(progressed(183, Some(OFFER)));
    assert!(matches!(&out[..], [Output::Media(_), Output::Ringing { early: true }]));
    assert_eq!(call.feed(Input::Heard), [], "the ringing tone is nobody");
    let out = call.feed(taken(Some(OFFER)));
    assert!(
        matches!(&out[..], [Output::Media(agreed), Output::Answered] if agreed.send.codec == Codec::Pcmu)
    );
    assert_eq!(call.machine.codec(), Codec::Pcmu);
    assert_eq!(
        call.machine.deadline().map(|(_, why)| why),
        Some(Why::Silence),
        "nobody is spoken to who says nothing"
    );
    assert_eq!(call.after(2, Input::Timeout), []);
    assert_eq!(call.feed(Input::Heard), [Output::Active]);
    assert_eq!(call.feed(Input::Bye), [Output::Ended(End::Caller)]);
}

#[test]
fn an_answer_without_a_description_is_good_where_one_came_before_it() {
    let mut call = dialled();
    call.feed(progressed(183, Some(OFFER)));
    assert!(matches!(&call.feed(taken(None))[..], [Output::Media(_), Output::Answered]));
    let mut never = dialled();
    let out = never.feed(taken(None));
    assert!(matches!(
        &out[..],
        [Output::Send(Request::Bye { .. }), Output::Ended(End::Unanswered(outcome))] if outcome.status == 488
    ));
}

#[test]
fn a_no_ends_a_call_of_ours_with_what_was_said() {
    let mut busy = dialled();
    busy.feed(progressed(100, None));
    let out = busy.feed(Input::Declined(486));
    assert_eq!(out, [Output::Ended(End::Unanswered(Outcome::of(486, true)))]);
    let mut nobody = dialled();
    assert_eq!(nobody.feed(Input::Declined(408)), [Output::Ended(End::Unanswered(Outcome::UNREACHABLE))]);
}

#[test]
fn who_does_not_answer_in_time_is_cancelled_and_not_before_anything_came_back() {
    let mut call = dialled();
    call.feed(progressed(180, None));
    assert_eq!(call.machine.deadline().map(|(_, why)| why), Some(Why::NoAnswer));
    let out = call.after(20, Input::Timeout);
    assert_eq!(out, [Output::Send(Request::Cancel), Output::Unanswered(Outcome::NO_ANSWER)]);
    assert_eq!(call.feed(Input::Declined(487)), [Output::Ended(End::Unanswered(Outcome::NO_ANSWER))]);

    let mut early = dialled();
    assert_eq!(early.feed(Input::HangUp), [Output::Unanswered(Outcome::CANCELLED)]);
    assert_eq!(early.feed(progressed(100, None)), [Output::Send(Request::Cancel)]);
    assert_eq!(early.feed(progressed(180, None)), [], "once");
    assert_eq!(early.feed(Input::Asked), []);
    assert_eq!(
        early.feed(progressed(100, None)),
        [Output::Send(Request::Cancel)],
        "the new INVITE needs one too"
    );
    assert_eq!(early.after(32, Input::Timeout), [Output::Ended(End::Unanswered(Outcome::CANCELLED))]);
}

#[test]
fn an_answer_that_crosses_our_cancel_is_said_goodbye_to() {
    let mut call = dialled();
    call.feed(progressed(180, None));
    call.feed(Input::HangUp);
    let out = call.feed(taken(Some(OFFER)));
    assert!(matches!(
        &out[..],
        [Output::Send(Request::Bye { reason: None }), Output::Ended(End::Unanswered(Outcome::CANCELLED))]
    ));
}

proptest::proptest! {
    #![proptest_config(testkit::seed::cases(256))]

    /// Whatever comes in whichever order: the machine ends once, answers nothing twice, and does not panic.
    #[test]
    fn no_order_of_events_breaks_it(steps in proptest::collection::vec((0_u8..19, 0_u32..4, 0_u64..40), 0..60)) {
        let mut machine = Machine::new(Options::default());
        let mut now = Instant::now();
        let (mut ends, mut finals) = (0, std::collections::HashMap::new());
        for (serial, (kind, id, seconds)) in steps.into_iter().enumerate() {
            now += Duration::from_secs(seconds);
            let sdp = match id { 0 => None, 1 => Some("nonsense".to_owned()), 2 => Some(format!("{OFFER}a=sendonly\r\n")), _ => Some(OFFER.to_owned()) };
            let timer = timer(id % 2 == 0, (id > 1).then_some(id * 60), None);
            let fresh = RequestId(100 + serial as u32);
            let input = match kind {
                0 => Input::Invited { sdp, timer, allows_update: id > 1 },
                1 => Input::Accepted(local()),
                2 => Input::Refused(486),
                3 => Input::Cancelled,
                4 => Input::Acknowledged { id: RequestId(if id == 0 { 0 } else { fresh.0 - id }), sdp },
                5 => Input::Unacknowledged(RequestId(id)),
                6 => Input::Offered { id: fresh, invite: true, sdp, timer },
                7 => Input::Offered { id: fresh, invite: false, sdp, timer },
                8 if id == 0 => Input::Bye,
                9 => Input::Refreshed { status: 200, sdp },
                10 if id == 0 => Input::HangUp,
                11 | 12 => Input::Timeout,
                13 => Input::Dial { local: local(), ring: Duration::from_secs(30) },
                14 => Input::Progressed { status: 180, sdp },
                15 => Input::Answered { sdp, expires: None, allows_update: id > 1 },
                16 if id == 0 => Input::Declined(486),
                17 => Input::Asked,
                _ => Input::Heard,
            };
            let over = machine.is_over();
            for output in machine.handle(input, now) {
                match output {
                    Output::Ended(_) => ends += 1,
                    Output::Respond { id, status, .. } if status >= 200 => *finals.entry(id).or_insert(0) += 1,
                    Output::Respond { .. } => {}
                    _ => proptest::prop_assert!(!over, "nothing follows the end"),
                }
            }
            if let Some((at, _)) = machine.deadline() {
                machine.handle(Input::Timeout, at.min(now));
            }
        }
        proptest::prop_assert!(ends <= 1);
        proptest::prop_assert!(finals.values().all(|count| *count == 1), "{:?}", finals);
    }
}
