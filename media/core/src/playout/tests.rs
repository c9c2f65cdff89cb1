#![expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]

use super::*;
use proptest::prelude::*;

const RATE: u32 = 24_000;
const FRAME_SAMPLES: usize = 480;
const TURN: TurnId = TurnId(1);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(millis: u64) -> MediaTime {
    MediaTime::from_millis(millis)
}

fn options() -> Options {
    Options { skip_leading_silence_ms: 0, ..Options::default() }
}

/// Every sample is audible and names its position; neighbours differ by at most 8.
fn ramp(samples: usize) -> Vec<i16> {
    (0..samples).map(|n| 1_000 + (n as i32 % 2_000 - 1_000).abs() as i16 * 8).collect()
}

fn tone(samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| (12_000.0 * (n as f32 * 440.0 * 2.0 * std::f32::consts::PI / RATE as f32).sin()) as i16)
        .collect()
}

fn largest_jump(samples: &[i16]) -> i32 {
    samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
}

/// A playout, its clock, and all that came out of it.
struct Bench {
    playout: Playout,
    now: Instant,
    start: Instant,
    frames: Vec<OutFrame>,
    events: Vec<Event>,
}

impl Bench {
    fn new(options: Options) -> Self {
        let now = Instant::now();
        let playout = Playout::new(options).expect("valid options");
        Self { playout, now, start: now, frames: Vec::new(), events: Vec::new() }
    }

    /// Lets time pass as the shell does: sleep until the deadline, tick until nothing is due.
    fn run(&mut self, length: Duration) {
        let end = self.now + length;
        loop {
            self.settle();
            match self.playout.deadline(self.now) {
                Some(due) if due <= end => {
                    assert!(due > self.now, "a deadline in the past would spin");
                    self.now = due;
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn settle(&mut self) {
        while let Some(frame) = self.playout.tick(self.now) {
            self.frames.push(frame);
        }
        while let Some(event) = self.playout.poll_event() {
            self.events.push(event);
        }
    }

    fn push(&mut self, samples: &[i16]) {
        self.playout.push(TURN, samples, RATE, self.now).expect("a rate we know");
    }

    fn end(&mut self) {
        self.playout.end(TURN, self.now);
    }

    fn heard(&self) -> Vec<i16> {
        self.frames.iter().flat_map(|frame| frame.samples.iter().copied()).collect()
    }
}

#[test]
fn what_goes_in_comes_out_to_the_sample_and_at_once() {
    let mut bench = Bench::new(options());
    let audio = ramp(FRAME_SAMPLES * 50);
    bench.push(&audio);
    bench.end();
    bench.run(ms(3_000));
    let heard = bench.heard();
    assert!(heard[..audio.len()] == audio[..], "bit for bit");
    assert_eq!(bench.frames[0].due, bench.start, "no delay where enough is there");
    for (n, frame) in bench.frames.iter().enumerate() {
        assert_eq!((frame.due, frame.media), (bench.start + ms(20 * n as u64), at(20 * n as u64)));
    }
    assert_eq!(bench.frames[24].heard, Some((TURN, at(500))));
    assert_eq!(bench.events[0], Event::Started { turn: TURN, at: bench.start });
    assert!(matches!(bench.events[1], Event::Finished { turn: TURN, heard, .. } if heard == at(1_000)));
    assert_eq!(bench.frames.len(), 50 + 20, "then 400 ms of silence, then nothing");
    assert_eq!(bench.playout.deadline(bench.now), None);
}

#[test]
fn a_resumption_goes_on_from_the_exact_sample_without_a_click() {
    let mut bench = Bench::new(options());
    let audio = tone(FRAME_SAMPLES * 200);
    bench.push(&audio);
    bench.end();
    bench.run(ms(490));
    bench.playout.duck(TURN);
    assert_eq!(bench.playout.heard(TURN, bench.now), Some(at(500)));
    bench.run(ms(300));
    assert_eq!(
        bench.playout.heard(TURN, bench.now),
        Some(at(500)),
        "what sounds while ducked does not count"
    );
    let ducked_frames = bench.frames.len();
    assert_eq!(bench.playout.resume(TURN, None, bench.now), Some(at(500)));
    bench.run(ms(200));
    let heard = bench.heard();
    let resumed = &heard[ducked_frames * FRAME_SAMPLES..];
    let fade = FRAME_SAMPLES / 4;
    // After the fade the samples are those that follow position 500 ms.
    assert!(resumed[fade + 1..FRAME_SAMPLES * 5] == audio[25 * FRAME_SAMPLES..][fade + 1..FRAME_SAMPLES * 5]);
    let natural = largest_jump(&audio);
    assert!(largest_jump(&heard) <= natural * 2, "jumps {}", largest_jump(&heard));
}

#[test]
fn over_a_stream_the_voice_goes_ahead_and_counts_as_heard_when_it_is_played() {
    let mut bench = Bench::new(options());
    bench.playout.carried_by(Delivery::Stream);
    let audio = ramp(FRAME_SAMPLES * 50);
    bench.push(&audio[..FRAME_SAMPLES * 25]);
    bench.settle();
    assert_eq!((bench.frames.len(), bench.playout.ahead(bench.now)), (7, ms(120)), "one due, six ahead");
    assert_eq!(bench.playout.heard(TURN, bench.now), Some(at(20)));
    bench.run(ms(200));
    assert_eq!(bench.frames.len(), 17);
    assert_eq!(bench.frames[16].heard, Some((TURN, at(220))));
    // Nothing more has come: what the far end holds is played meanwhile, and no gap is heard.
    bench.run(ms(280));
    bench.push(&audio[FRAME_SAMPLES * 25..]);
    bench.end();
    bench.run(ms(2_000));
    assert!(bench.heard()[..audio.len()] == audio[..]);
    assert_eq!(bench.playout.underruns(), 0);
    for (n, frame) in bench.frames.iter().enumerate() {
        assert_eq!(frame.due, bench.start + ms(20 * n as u64));
    }
}

#[test]
fn of_what_was_sent_ahead_an_interruption_takes_back_what_was_not_played() {
    let mut bench = Bench::new(options());
    bench.playout.carried_by(Delivery::Stream);
    bench.push(&ramp(FRAME_SAMPLES * 50));
    bench.run(ms(500));
    assert_eq!(bench.playout.flush(TURN, bench.now), Some(at(520)));
    // The next turn joins what the far end still plays, at once.
    bench.playout.push(TurnId(2), &ramp(FRAME_SAMPLES * 10), RATE, bench.now).expect("a rate we know");
    let sent = bench.frames.len();
    bench.settle();
    assert_eq!(bench.frames.len(), sent, "no further ahead than the lead");
    bench.run(ms(20));
    assert_eq!(bench.frames[sent].due, bench.start + ms(20 * sent as u64));
}

#[test]
fn a_ducked_voice_is_silent() {
    let mut bench = Bench::new(Options { trailing_silence_ms: 2_000, ..options() });
    bench.push(&tone(FRAME_SAMPLES * 200));
    bench.run(ms(500));
    bench.playout.duck(TURN);
    bench.run(ms(300));
    let last = bench.frames.last().expect("frames go on");
    assert!(last.samples.iter().all(|sample| *sample == 0));
}

#[test]
fn a_flush_says_exactly_what_was_heard_and_fades_within_5_ms() {
    let mut bench = Bench::new(options());
    let audio = tone(FRAME_SAMPLES * 100);
    bench.push(&audio);
    bench.run(ms(610));
    assert_eq!(bench.playout.flush(TURN, bench.now), Some(at(620)));
    assert_eq!(bench.playout.flush(TURN, bench.now), None, "it is gone");
    bench.push(&audio);
    bench.run(ms(1_000));
    let heard = bench.heard();
    let cut = 31 * FRAME_SAMPLES;
    assert!(heard[..cut] == audio[..cut]);
    assert!(heard[cut + FRAME_SAMPLES / 4..].iter().all(|sample| *sample == 0), "late audio is dropped too");
    assert!(largest_jump(&heard) <= largest_jump(&audio) * 2, "jumps {}", largest_jump(&heard));
    assert!(!bench.playout.is_speaking());
}

#[test]
fn a_flush_after_a_duck_counts_what_was_heard_before_it() {
    let mut bench = Bench::new(options());
    bench.push(&tone(FRAME_SAMPLES * 100));
    bench.run(ms(390));
    bench.playout.duck(TURN);
    bench.run(ms(250));
    assert_eq!(bench.playout.flush(TURN, bench.now), Some(at(400)));
}

#[test]
fn running_dry_is_counted_fades_and_goes_on_with_every_sample() {
    let mut bench = Bench::new(options());
    let audio = tone(FRAME_SAMPLES * 40 + 200);
    let (first, second) = audio.split_at(FRAME_SAMPLES * 10 + 111);
    bench.push(first);
    bench.run(ms(500));
    assert_eq!(bench.playout.underruns(), 1);
    assert!(bench.events.iter().any(|event| matches!(event, Event::Underrun { turn: TURN, .. })));
    bench.push(second);
    bench.end();
    bench.run(ms(2_000));
    let gap = bench.events.iter().find_map(|event| match event {
        Event::Recovered { gap, .. } => Some(*gap),
        _ => None,
    });
    assert_eq!(gap, Some(ms(300)));
    let all = MediaTime::from_samples(audio.len() as u64, RATE);
    assert!(
        matches!(bench.events.last(), Some(Event::Finished { heard, .. }) if *heard == all),
        "{:?}",
        bench.events
    );
    let heard = bench.heard();
    assert!(largest_jump(&heard) <= largest_jump(&audio) * 2, "jumps {}", largest_jump(&heard));
}

#[test]
fn the_preroll_follows_the_vendors_gaps() {
    let mut bench = Bench::new(options());
    // 20 ms at first, then nothing for 100 ms, then plenty: three turns teach it.
    for turn in 1..=4 {
        let begin = bench.now;
        let push = |bench: &mut Bench, samples: usize| {
            bench.playout.push(TurnId(turn), &tone(samples), RATE, bench.now).expect("a rate we know");
        };
        push(&mut bench, FRAME_SAMPLES);
        bench.run(ms(100));
        push(&mut bench, FRAME_SAMPLES * 50);
        bench.playout.end(TurnId(turn), bench.now);
        bench.run(ms(2_000));
        let started = bench.events.iter().find_map(|event| match event {
            Event::Started { turn: known, at } if *known == TurnId(turn) => Some(*at - begin),
            _ => None,
        });
        match turn {
            1 => assert_eq!((started, bench.playout.underruns()), (Some(ms(40)), 1)),
            _ => assert_eq!((started, bench.playout.underruns()), (Some(ms(90)), 1), "turn {turn}"),
        }
    }
}

#[test]
fn turns_follow_each_other() {
    let mut bench = Bench::new(options());
    bench.push(&ramp(FRAME_SAMPLES * 10));
    bench.end();
    bench.playout.push(TurnId(2), &ramp(FRAME_SAMPLES * 5), RATE, bench.now).expect("a rate we know");
    bench.playout.end(TurnId(2), bench.now);
    assert_eq!(bench.playout.heard(TurnId(2), bench.now), Some(MediaTime::ZERO), "it waits");
    bench.run(ms(600));
    let finished: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| {
            if let Event::Finished { turn, heard, .. } = event { Some((*turn, *heard)) } else { None }
        })
        .collect();
    assert_eq!(finished, [(TURN, at(200)), (TurnId(2), at(100))]);
}

#[test]
fn a_turn_without_audio_ends_at_once() {
    let mut bench = Bench::new(options());
    bench.end();
    bench.settle();
    assert!(matches!(bench.events[..], [Event::Finished { turn: TURN, heard: MediaTime::ZERO, .. }]));
    assert!(!bench.playout.is_speaking());
}

#[test]
fn leading_silence_is_skipped_and_still_counts_as_part_of_the_turn() {
    let mut bench = Bench::new(Options::default());
    bench.push(&vec![3; FRAME_SAMPLES * 5]);
    bench.push(&vec![3; FRAME_SAMPLES * 5]);
    bench.push(&tone(FRAME_SAMPLES * 20));
    bench.end();
    bench.run(ms(1_000));
    let Event::Started { at: started, .. } = bench.events[0] else { panic!("it starts first") };
    assert_eq!(started, bench.start + ms(20), "of 200 ms of silence 20 are left");
    assert!(matches!(bench.events[1], Event::Finished { heard, .. } if heard == at(600)));
}

#[test]
fn the_timeline_goes_on_through_silence_and_other_turns() {
    let mut bench = Bench::new(options());
    for turn in 1..4 {
        bench.playout.push(TurnId(turn), &tone(FRAME_SAMPLES * 3), RATE, bench.now).expect("a rate we know");
        bench.playout.end(TurnId(turn), bench.now);
        bench.run(ms(1_003));
    }
    for frame in &bench.frames {
        assert_eq!(frame.media.as_duration(), frame.due - bench.start);
    }
    let spurts = bench.frames.iter().filter(|frame| frame.after_silence).count();
    assert_eq!(spurts, 3);
}

#[test]
fn comfort_noise_and_background_are_sent_without_a_voice_too() {
    let mut bench = Bench::new(Options { silence: Silence::ComfortNoise { level_dbfs: -60.0 }, ..options() });
    bench.run(ms(1_000));
    assert_eq!(bench.frames.len(), 51);
    assert!(
        bench
            .frames
            .iter()
            .all(|frame| frame.heard.is_none() && frame.samples.iter().any(|sample| *sample != 0))
    );
}

#[test]
fn a_thinking_sound_ends_when_the_voice_begins() {
    let mut bench = Bench::new(options());
    bench.playout.set_thinking(true);
    bench.run(ms(500));
    assert!(bench.heard().iter().any(|sample| sample.unsigned_abs() > 300));
    bench.push(&tone(FRAME_SAMPLES * 50));
    bench.end();
    bench.run(ms(3_000));
    assert_eq!(bench.playout.deadline(bench.now), None, "silence again");
}

/// One thing that happens to a playout.
#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    End,
    Duck,
    Resume,
    Flush,
    Sleep(u64),
    /// The task is not run for a while: several frames are late.
    Stall(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..6_000_usize).prop_map(Step::Push),
        1 => Just(Step::End),
        1 => Just(Step::Duck),
        1 => Just(Step::Resume),
        1 => Just(Step::Flush),
        6 => (0..200_u64).prop_map(Step::Sleep),
        1 => (20..500_u64).prop_map(Step::Stall),
    ];
    proptest::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(testkit::seed::cases(300))]

    /// Whatever happens: nothing clicks, frames are on the grid, positions only go forward except by a resumption,
    /// and while audio is at hand and nobody ducked it, no 40 ms pass without a frame of it.
    #[test]
    fn nothing_clicks_and_no_gap_opens_while_audio_is_at_hand(steps in steps()) {
        let mut bench = Bench::new(Options { trailing_silence_ms: 20_000, ..options() });
        let source = tone(RATE as usize);
        let (mut turn, mut pushed, mut ducked) = (1, 0_usize, false);
        for step in steps {
            match step {
                Step::Push(samples) => {
                    let piece: Vec<i16> = (0..samples).map(|n| source[(pushed + n) % source.len()]).collect();
                    pushed += samples;
                    bench.playout.push(TurnId(turn), &piece, RATE, bench.now).expect("a rate we know");
                }
                Step::End => {
                    bench.playout.end(TurnId(turn), bench.now);
                    (turn, pushed) = (turn + 1, 0);
                }
                Step::Duck => {
                    let front = bench.frames.last().and_then(|frame| frame.heard).map(|(turn, _)| turn);
                    if let Some(front) = front {
                        bench.playout.duck(front);
                        ducked = true;
                    }
                }
                Step::Resume => {
                    for turn in 1..=turn {
                        bench.playout.resume(TurnId(turn), None, bench.now);
                    }
                    ducked = false;
                }
                Step::Flush => {
                    for turn in 1..=turn {
                        bench.playout.flush(TurnId(turn), bench.now);
                    }
                    (turn, pushed, ducked) = (turn + 1, 0, false);
                }
                Step::Sleep(millis) => {
                    let before = bench.frames.len();
                    let at_hand = bench.playout.buffered();
                    bench.run(ms(millis));
                    let spoken = bench.frames[before..].iter().filter(|frame| frame.heard.is_some()).count() as u64;
                    // The wait of the pre-roll is part of the promise: it is at most 200 ms and not in mid-speech.
                    if !ducked && at_hand >= ms(millis + 400) && millis >= 40 {
                        prop_assert!(spoken + 1 >= millis / 20, "{spoken} frames in {millis} ms with {at_hand:?} at hand");
                    }
                }
                Step::Stall(millis) => bench.now += ms(millis),
            }
        }
        bench.run(ms(100));
        let heard = bench.heard();
        let natural = largest_jump(&source);
        prop_assert!(largest_jump(&heard) <= natural * 3, "jumps {} where {natural} is natural", largest_jump(&heard));
        for frame in &bench.frames {
            prop_assert_eq!(frame.samples.len(), FRAME_SAMPLES);
            prop_assert_eq!(frame.media.as_duration() + (bench.frames[0].due - bench.start), frame.due - bench.start);
        }
        for pair in bench.frames.windows(2) {
            prop_assert!(pair[1].due >= pair[0].due + FRAME);
        }
    }
}
