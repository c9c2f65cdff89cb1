use super::*;

const RING: Duration = Duration::from_secs(25);
const BUSY: Unanswered = Unanswered::Busy;

/// A leg and its time, in ms from its beginning.
struct Trial {
    leg: Leg,
    begun: Instant,
}

impl Trial {
    #[expect(clippy::disallowed_methods, reason = "a machine's time needs a beginning, whichever it is")]
    fn of(make: impl FnOnce(Instant) -> Leg) -> Self {
        let begun = Instant::now();
        Self { leg: make(begun), begun }
    }

    fn here(audio: Audio) -> Self {
        Self::of(|_| Leg::came(audio))
    }

    /// Somebody is called for a caller.
    fn away(audio: Audio) -> Self {
        let mut trial = Self::here(audio);
        let asked = trial.put(0, Input::Transfer { ring: RING });
        assert_eq!(asked, [Output::Ask(Request::Transfer { number: 1 })]);
        trial
    }

    fn put(&mut self, at_ms: u64, input: Input) -> Vec<Output> {
        self.leg.handle(input, self.begun + Duration::from_millis(at_ms));
        std::iter::from_fn(|| self.leg.poll()).collect()
    }

    fn due_ms(&self) -> Option<(u128, Why)> {
        self.leg.deadline().map(|(at, why)| (at.duration_since(self.begun).as_millis(), why))
    }

    /// What comes of the next deadline, and when.
    fn late(&mut self) -> (u64, Vec<Output>) {
        let at = u64::try_from(self.due_ms().expect("a deadline").0).expect("a test is short");
        assert_eq!(self.put(at - 1, Input::Timeout), [], "not yet");
        (at, self.put(at, Input::Timeout))
    }
}

const FETCHED: Output = Output::Done(Request::Fetch { number: 1 });

fn answer(answer: Answer) -> Output {
    Output::Answer(answer)
}

#[test]
fn a_call_that_is_made_rings_is_answered_and_heard() {
    let mut call = Trial::of(|now| Leg::made(Audio::Leaves, RING, now));
    assert_eq!(call.due_ms(), Some((165_000, Why::Unanswered)), "it may wait at the carrier");
    assert_eq!(call.put(90_000, Input::Rings), [Output::Rings]);
    assert_eq!(call.put(91_000, Input::Rings), [], "once");
    assert_eq!(call.due_ms(), Some((135_000, Why::Unanswered)), "the time to ring begins with it");
    assert_eq!(call.put(95_000, Input::Asks), [answer(Answer::Stream)]);
    assert_eq!(call.put(95_100, Input::Asks), [answer(Answer::Stream)], "a carrier may ask twice");
    assert_eq!(call.put(96_000, Input::Opens), [Output::Join]);
    assert_eq!(call.put(96_001, Input::Opens), [Output::Decline], "a call has one stream");
    assert_eq!(call.put(96_100, Input::Asks), [answer(Answer::Goodbye)], "its audio has been here");
    assert_eq!(call.due_ms(), None);
    assert_eq!(call.put(97_000, Input::HangUp), [Output::Ask(Request::HangUp)]);
    assert!(call.leg.is_over());
    assert_eq!(call.put(97_100, Input::Ended(Unanswered::Over.into())), []);
    assert_eq!(call.put(97_100, Input::HangUp), [], "it was asked for");
}

#[test]
fn a_call_that_is_made_and_that_nobody_takes_ends_once() {
    let made = || Trial::of(|now| Leg::made(Audio::Stays, RING, now));
    let mut busy = made();
    assert_eq!(busy.put(100, Input::Ended(BUSY.into())), [Output::NotReached(Unheard::Ended(BUSY.into()))]);
    assert_eq!(busy.put(200, Input::Ended(Unanswered::Over.into())), []);
    assert_eq!(busy.put(300, Input::HangUp), [], "the carrier has ended it");
    let mut late = made();
    let (at, said) = late.late();
    assert_eq!(at, 165_000);
    assert_eq!(said, [Output::NotReached(Unheard::Late), Output::Ask(Request::HangUp)]);
    let mut stopped = made();
    assert_eq!(stopped.put(100, Input::HangUp), [Output::Ask(Request::HangUp)], "the server stops");
    assert_eq!(stopped.put(200, Input::Opens), [Output::Decline], "it was answered in the same moment");
}

#[test]
fn a_caller_who_was_taken_is_left_where_they_are() {
    for audio in [Audio::Leaves, Audio::Stays] {
        let mut call = Trial::away(audio);
        assert_eq!(call.put(500, Input::Stops(How::Closed)), [], "it is not over with that");
        assert_eq!(call.put(900, Input::Taken { number: 1 }), [Output::Outcome(Ok(()))]);
        assert!(call.leg.is_elsewhere() && call.due_ms().is_none());
        assert_eq!(call.put(950, Input::GivesUp { number: 1 }), []);
        assert_eq!(call.put(1_000, Input::HangUp), []);
        assert!(call.leg.is_over());
        let over = Input::Back { number: 1, why: Unanswered::Over };
        assert_eq!(call.put(90_000, over), [answer(Answer::Goodbye)]);
    }
}

#[test]
fn a_try_of_which_only_the_end_is_heard_was_taken() {
    let mut call = Trial::away(Audio::Leaves);
    let over = call.put(60_000, Input::Back { number: 1, why: Unanswered::Over });
    assert_eq!(over, [Output::Outcome(Ok(())), answer(Answer::Goodbye)]);
}

#[test]
fn a_caller_whom_nobody_takes_comes_back_with_their_audio() {
    let mut call = Trial::away(Audio::Leaves);
    call.put(300, Input::Stops(How::Closed));
    let back = call.put(9_000, Input::Back { number: 1, why: BUSY });
    assert_eq!(back, [answer(Answer::Stream)], "nobody is told yet, who could say nothing to them");
    assert_eq!(call.put(9_500, Input::Opens), [Output::Join, Output::Outcome(Err(BUSY))]);
    assert_eq!(call.due_ms(), None);
    assert_eq!(call.put(20_000, Input::Stops(How::Closed)), [Output::Closes(How::Closed)]);
    assert_eq!(call.put(20_100, Input::HangUp), [Output::Ask(Request::HangUp)], "they may still be there");
}

#[test]
fn a_caller_whose_audio_does_not_come_back_is_lost() {
    let mut call = Trial::away(Audio::Leaves);
    call.put(9_000, Input::Back { number: 1, why: BUSY });
    assert_eq!(call.due_ms(), Some((29_000, Why::Returns)));
    assert_eq!(call.late().1, [Output::Closes(How::Lost)]);
    assert_eq!(call.put(29_100, Input::Opens), [Output::Decline]);
    assert_eq!(call.put(29_200, Input::HangUp), [Output::Ask(Request::HangUp)]);
}

#[test]
fn a_caller_of_whose_try_nothing_is_heard_is_fetched() {
    let fetch = Output::Ask(Request::Fetch { number: 1 });
    let mut call = Trial::away(Audio::Leaves);
    call.put(300, Input::Stops(How::Closed));
    let (at, said) = call.late();
    assert_eq!((at, said), (37_000, vec![fetch]));
    // Whatever is said of the try now is said of one that is over.
    assert_eq!(call.put(37_100, Input::Taken { number: 1 }), []);
    assert_eq!(call.put(37_200, Input::GivesUp { number: 1 }), []);
    assert_eq!(call.put(37_500, Input::Fetched { number: 1 }), [FETCHED, answer(Answer::Stream)]);
    assert_eq!(call.put(38_000, Input::Opens), [Output::Join], "and nobody waits for the outcome");
    assert_eq!(call.put(38_100, Input::Fetched { number: 0 }), [answer(Answer::Nothing)]);
    let mut waiting = Trial::away(Audio::Leaves);
    waiting.late();
    waiting.put(37_500, Input::Fetched { number: 1 });
    assert_eq!(waiting.put(38_000, Input::Opens), [Output::Join, Output::Outcome(Err(Unanswered::NoAnswer))]);
    // The session has given up before.
    let mut given_up = Trial::away(Audio::Leaves);
    assert_eq!(given_up.put(5_000, Input::GivesUp { number: 1 }), [fetch]);
}

#[test]
fn a_caller_who_cannot_be_fetched_has_left_or_is_lost() {
    for (gone, how) in [(true, How::Closed), (false, How::Lost)] {
        let mut call = Trial::away(Audio::Leaves);
        call.late();
        let refused = Input::Refused { what: Request::Fetch { number: 1 }, gone, unsure: false };
        assert_eq!(call.put(37_200, refused), [Output::Closes(how)]);
        assert_eq!(call.put(37_300, Input::Opens), [Output::Decline]);
    }
}

/// Its answer is late, or says that it failed: the caller is on their way all the same.
#[test]
fn a_caller_who_was_fetched_is_not_lost_by_what_is_said_of_the_request_later() {
    for gone in [true, false] {
        let refused = Input::Refused { what: Request::Fetch { number: 1 }, gone, unsure: true };
        let mut call = Trial::away(Audio::Leaves);
        call.late();
        assert_eq!(call.put(37_500, Input::Fetched { number: 1 }), [FETCHED, answer(Answer::Stream)]);
        assert_eq!(call.put(37_600, refused), []);
        assert_eq!(
            call.put(38_000, Input::Opens),
            [Output::Join, Output::Outcome(Err(Unanswered::NoAnswer))]
        );
        assert_eq!(call.put(38_100, refused), []);
        assert_eq!(call.put(40_000, Input::Stops(How::Closed)), [Output::Closes(How::Closed)]);
    }
}

/// The try ended by itself before: the carrier brings the caller's audio, and need not be asked.
#[test]
fn a_caller_whose_audio_comes_back_by_itself_does_not_have_to_be_fetched() {
    for (gone, said) in [(false, vec![]), (true, vec![Output::Closes(How::Closed)])] {
        let refused = Input::Refused { what: Request::Fetch { number: 1 }, gone, unsure: false };
        let mut call = Trial::away(Audio::Leaves);
        call.late();
        assert_eq!(call.put(37_050, Input::Back { number: 1, why: BUSY }), [answer(Answer::Stream)]);
        assert_eq!(call.put(37_100, refused), said);
        let placed = if gone { Output::Decline } else { Output::Join };
        assert_eq!(call.put(38_000, Input::Opens).first(), Some(&placed));
    }
}

/// The try ends by itself while it is ended by us: the stream of the one is ended by the other.
#[test]
fn a_stream_that_a_fetch_ends_is_not_the_end_of_the_call() {
    let mut call = Trial::away(Audio::Leaves);
    call.late();
    assert_eq!(call.put(37_050, Input::Back { number: 1, why: BUSY }), [answer(Answer::Stream)]);
    assert_eq!(call.put(37_100, Input::Opens), [Output::Join, Output::Outcome(Err(Unanswered::NoAnswer))]);
    assert_eq!(call.put(37_200, Input::Stops(How::Closed)), []);
    assert_eq!(call.due_ms(), Some((57_200, Why::Returns)));
    assert_eq!(call.put(37_250, Input::Fetched { number: 1 }), [FETCHED, answer(Answer::Stream)]);
    assert_eq!(call.put(37_300, Input::Opens), [Output::Join], "the outcome is told once");
    assert_eq!(call.put(40_000, Input::Stops(How::Lost)), [Output::Closes(How::Lost)], "this one is");
    // And where the stop is heard last.
    let mut call = Trial::away(Audio::Leaves);
    call.late();
    call.put(37_050, Input::Back { number: 1, why: BUSY });
    call.put(37_100, Input::Opens);
    assert_eq!(call.put(37_150, Input::Fetched { number: 1 }), [FETCHED, answer(Answer::Stream)]);
    assert_eq!(call.put(37_200, Input::Stops(How::Closed)), []);
    assert_eq!(call.put(37_250, Input::Opens), [Output::Join]);
}

#[test]
fn late_words_of_an_earlier_try_are_not_said_of_the_next() {
    for audio in [Audio::Leaves, Audio::Stays] {
        let mut call = Trial::away(audio);
        match audio {
            Audio::Leaves => {
                call.put(1_000, Input::Back { number: 1, why: BUSY });
                call.put(1_100, Input::Opens);
            }
            Audio::Stays => {
                assert_eq!(
                    call.put(1_000, Input::NotTaken { number: 1, why: BUSY }),
                    [Output::Outcome(Err(BUSY))]
                );
            }
        }
        let again = call.put(2_000, Input::Transfer { ring: RING });
        assert_eq!(again, [Output::Ask(Request::Transfer { number: 2 })]);
        assert_eq!(call.put(2_100, Input::NotTaken { number: 1, why: BUSY }), []);
        assert_eq!(call.put(2_200, Input::GivesUp { number: 1 }), []);
        assert_eq!(call.put(2_300, Input::Back { number: 1, why: BUSY }), [answer(Answer::Nothing)]);
        let taken = call.put(2_400, Input::Taken { number: 1 });
        match audio {
            Audio::Leaves => {
                assert_eq!(taken, [], "Twilio calls nobody of that try any more");
                assert_eq!(call.put(2_500, Input::Taken { number: 2 }), [Output::Outcome(Ok(()))]);
            }
            Audio::Stays => assert_eq!(taken, [Output::Outcome(Ok(()))], "whoever answers has the caller"),
        }
    }
}

#[test]
fn a_caller_whose_audio_stays_is_with_the_agent_when_nobody_takes_them() {
    let mut call = Trial::away(Audio::Stays);
    assert_eq!(call.late(), (37_000, vec![Output::Outcome(Err(Unanswered::NoAnswer))]));
    assert_eq!(call.put(37_100, Input::Taken { number: 1 }), [Output::Closes(How::Closed)], "so late");
    assert_eq!(call.put(38_000, Input::HangUp), [], "and they are left there");
    let mut given_up = Trial::away(Audio::Stays);
    assert_eq!(given_up.put(100, Input::GivesUp { number: 1 }), []);
    assert_eq!(given_up.put(200, Input::Stops(How::Closed)), [Output::Closes(How::Closed)]);
}

#[test]
fn a_stream_that_ended_while_the_caller_was_away_ended_as_it_did() {
    let cases = [
        (How::Lost, BUSY, Output::Closes(How::Lost)),
        (How::Closed, Unanswered::Cancelled, Output::Closes(How::Closed)),
        // The carrier had ended it for the try: the caller is still there.
        (How::Closed, BUSY, answer(Answer::Stream)),
    ];
    for (how, why, said) in cases {
        let mut call = Trial::away(Audio::Stays);
        call.put(100, Input::Stops(how));
        assert_eq!(call.put(200, Input::NotTaken { number: 1, why }), [said], "{how:?} {why:?}");
    }
    // What the carrier was told it could not do, and it says the same again.
    let (mut again, no) = (Trial::away(Audio::Stays), Input::NotTaken { number: 1, why: BUSY });
    again.put(100, Input::Stops(How::Closed));
    assert_eq!(again.put(200, no), [answer(Answer::Stream)]);
    assert_eq!(again.put(900, no), [answer(Answer::Stream)]);
    assert_eq!(again.put(950, Input::NotTaken { number: 0, why: BUSY }), [], "of another try");
    assert_eq!(again.due_ms(), Some((20_200, Why::Returns)), "not for ever");
    assert_eq!(again.put(1_500, Input::Opens), [Output::Join, Output::Outcome(Err(BUSY))]);
    assert_eq!(again.put(1_600, no), []);
    let mut silent = Trial::away(Audio::Stays);
    silent.put(100, Input::Stops(How::Lost));
    assert_eq!(silent.late().1, [Output::Closes(How::Lost)]);
}

#[test]
fn a_caller_who_hangs_up_meanwhile_has_left() {
    for audio in [Audio::Leaves, Audio::Stays] {
        for input in [Input::Left, Input::Ended(Unanswered::Over.into())] {
            let mut call = Trial::away(audio);
            assert_eq!(call.put(100, input), [Output::Closes(How::Closed)]);
            assert_eq!(call.put(200, input), []);
            assert_eq!(call.put(200, Input::Opens), [Output::Decline]);
            assert_eq!(call.put(300, Input::HangUp), [Output::Ask(Request::HangUp)]);
        }
    }
}

#[test]
fn a_transfer_that_the_carrier_refuses_leaves_the_caller_with_the_agent() {
    let refused = |gone, unsure| Input::Refused { what: Request::Transfer { number: 1 }, gone, unsure };
    for audio in [Audio::Leaves, Audio::Stays] {
        let mut call = Trial::away(audio);
        assert_eq!(call.put(50, refused(false, false)), [Output::Outcome(Err(Unanswered::Failed))]);
        assert_eq!(call.put(60, Input::Transfer { ring: RING }).len(), 1, "another may be tried");
        let mut gone = Trial::away(audio);
        assert_eq!(gone.put(50, refused(true, false)), [Output::Closes(How::Closed)]);
    }
    // Whether it was taken, Twilio alone knows: the caller is fetched, wherever they are.
    let mut unsure = Trial::away(Audio::Leaves);
    assert_eq!(unsure.put(5_000, refused(false, true)), [Output::Ask(Request::Fetch { number: 1 })]);
    let mut away = Trial::away(Audio::Leaves);
    away.put(40, Input::Stops(How::Lost));
    assert_eq!(away.put(50, refused(false, false)), [Output::Ask(Request::Fetch { number: 1 })]);
}

#[test]
fn nobody_is_called_for_a_caller_who_is_not_here() {
    let mut call = Trial::away(Audio::Leaves);
    assert_eq!(call.put(100, Input::Transfer { ring: RING }), [Output::NotTried]);
    call.put(200, Input::Left);
    assert_eq!(call.put(300, Input::Transfer { ring: RING }), [Output::NotTried]);
}

#[test]
fn a_call_is_ours_unless_somebody_else_has_its_caller_or_is_called_for_them() {
    let mut call = Trial::here(Audio::Leaves);
    assert!(call.leg.is_ours());
    call.put(100, Input::Transfer { ring: RING });
    assert!(!call.leg.is_ours());
    call.put(9_000, Input::Back { number: 1, why: BUSY });
    assert!(call.leg.is_ours(), "on their way back");
    call.put(9_100, Input::Opens);
    assert!(call.leg.is_ours());
    call.put(10_000, Input::Transfer { ring: RING });
    call.put(11_000, Input::Taken { number: 2 });
    assert!(!call.leg.is_ours());
    call.put(12_000, Input::HangUp);
    assert!(!call.leg.is_ours());
}

/// Whatever comes in whichever order: nobody waits without an end, an end is said once, and a call that is ours is ended once.
#[test]
fn no_order_of_events_leaves_anybody_waiting() {
    // Knuth's multiplier; the same on every run.
    let mut seed = 20_261_127_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..20_000 {
        let audio = if random(2) == 0 { Audio::Leaves } else { Audio::Stays };
        let mut call =
            if random(2) == 0 { Trial::here(audio) } else { Trial::of(|now| Leg::made(audio, RING, now)) };
        let (mut at, mut closed, mut unheard, mut hung_up, mut outcomes, mut tries) = (0, 0, 0, 0, 0, 0);
        for _ in 0..24 {
            at += random(15_000);
            let number = u32::try_from(random(3)).expect("small");
            let why = [BUSY, Unanswered::Over, Unanswered::Cancelled, Unanswered::NoAnswer]
                [usize::try_from(random(4)).expect("small")];
            let input = match random(15) {
                0 => Input::Rings,
                1 => Input::Asks,
                2 => Input::Taken { number },
                3 => Input::NotTaken { number, why },
                4 => Input::Back { number, why },
                5 => Input::Fetched { number },
                6 if random(4) == 0 => Input::Left,
                7 if random(4) == 0 => Input::Ended(why.into()),
                8 => Input::Opens,
                9 => Input::Stops(if random(2) == 0 { How::Closed } else { How::Lost }),
                10 | 11 => Input::Transfer { ring: RING },
                12 => Input::GivesUp { number },
                13 => {
                    let what =
                        if random(2) == 0 { Request::Transfer { number } } else { Request::Fetch { number } };
                    Input::Refused { what, gone: random(2) == 0, unsure: random(2) == 0 }
                }
                14 if random(8) == 0 => Input::HangUp,
                _ => Input::Timeout,
            };
            let asks = matches!(input, Input::Asks | Input::Back { .. } | Input::Fetched { .. });
            let offers = input == Input::Opens;
            let said = call.put(at, input);
            let count = |wanted: fn(&Output) -> bool| said.iter().filter(|output| wanted(output)).count();
            assert!(!asks || count(|output| matches!(output, Output::Answer(_))) == 1, "{round} {input:?}");
            let placed = count(|output| matches!(output, Output::Join | Output::Decline));
            assert_eq!(placed, usize::from(offers), "{round} {input:?}");
            closed += count(|output| matches!(output, Output::Closes(_)));
            unheard += count(|output| matches!(output, Output::NotReached(_)));
            hung_up += count(|output| *output == Output::Ask(Request::HangUp));
            outcomes += count(|output| matches!(output, Output::Outcome(_) | Output::NotTried));
            tries += usize::from(matches!(input, Input::Transfer { .. }));
            let waits = matches!(
                call.leg.phase,
                Phase::Calling { .. } | Phase::Away { .. } | Phase::Returning { .. }
            );
            assert_eq!(waits, call.leg.deadline().is_some(), "{round}: {:?}", call.leg);
        }
        assert!(closed <= 1 && unheard <= 1 && hung_up <= 1 && outcomes <= tries, "{round}");
        let ours = !call.leg.is_over() && !call.leg.is_elsewhere();
        let last = call.put(at + 1, Input::HangUp);
        assert_eq!(!last.is_empty(), ours, "{round}: {last:?}");
        assert!(call.leg.is_over());
    }
}
