//! A call in virtual time around the machine: a caller who speaks by script, a recogniser, an end-of-turn model and an agent
//! with exact delays. Everything in ms since the call's start; 20 ms stretches.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::{MediaTime, Score, SessionEvent, Transcript, TranscriptKind, TurnId, VadDecision};
use media_turn::{Input, Options, Output, Rule, TurnMachine};

const FRAME_MS: u32 = 20;

/// In scripts, the turn that the session takes by itself: it is taken when it is first named.
pub(crate) const OWN: TurnId = TurnId(1_000_000);

/// What the world around the machine does.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) options: Options,
    pub(crate) voice: Vec<Voice>,
    pub(crate) words: Vec<Word>,
    pub(crate) inputs: Vec<(u32, Input<'static>)>,
    pub(crate) stalls: Vec<(u32, u32)>,
    /// After a word's end, in ms; `None`: the recogniser gives no partials.
    pub(crate) partial_ms: Option<u32>,
    /// No word of a partial will change.
    pub(crate) partials_settle: bool,
    /// After `Finalize`, in ms; `None`: it never gives a final.
    pub(crate) final_ms: Option<u32>,
    /// Finals end this much before the audio they were asked for.
    pub(crate) final_short_ms: u32,
    /// The end-of-turn model's answers in order, the last for ever; empty: it never answers.
    pub(crate) scores: Vec<f32>,
    pub(crate) score_ms: u32,
    /// Length of the greeting; 0: there is none.
    pub(crate) greeting_ms: u32,
    /// From the commit (or nudge) to the first sample; `None`: nothing ever comes.
    pub(crate) think_ms: Option<u32>,
    pub(crate) reply_ms: u32,
    pub(crate) uninterruptible: bool,
    /// Replies have effects as soon as they are committed.
    pub(crate) effects: bool,
    /// What each reply says.
    pub(crate) saying: &'static str,
    /// The playout stops reporting after this much of a turn.
    pub(crate) stuck_after_ms: Option<u32>,
    pub(crate) media_at_ms: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice {
    from_ms: u32,
    to_ms: u32,
    level_dbfs: f32,
    probability: f32,
}

#[derive(Debug, Clone)]
pub(crate) struct Word {
    end_ms: u32,
    text: String,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            options: Options::default(),
            voice: Vec::new(),
            words: Vec::new(),
            inputs: Vec::new(),
            stalls: Vec::new(),
            partial_ms: Some(150),
            partials_settle: false,
            final_ms: Some(60),
            final_short_ms: 0,
            scores: vec![0.95],
            score_ms: 60,
            greeting_ms: 0,
            think_ms: Some(300),
            reply_ms: 3000,
            uninterruptible: false,
            effects: false,
            saying: "",
            stuck_after_ms: None,
            media_at_ms: 0,
        }
    }
}

impl Call {
    /// The caller speaks these words from here to there, evenly.
    pub(crate) fn say(&mut self, from_ms: u32, to_ms: u32, text: &str) -> &mut Self {
        self.noise(from_ms, to_ms);
        self.whisper(from_ms, to_ms, text)
    }

    /// Words that the recogniser hears and the voice detector does not.
    pub(crate) fn whisper(&mut self, from_ms: u32, to_ms: u32, text: &str) -> &mut Self {
        let words: Vec<_> = text.split_whitespace().collect();
        for (n, word) in words.iter().enumerate() {
            let end_ms = from_ms + (to_ms - from_ms) * (n as u32 + 1) / words.len() as u32;
            self.words.push(Word { end_ms, text: (*word).to_owned() });
        }
        self
    }

    /// Sound that the detector takes for voice, without words.
    pub(crate) fn noise(&mut self, from_ms: u32, to_ms: u32) -> &mut Self {
        self.voice.push(Voice { from_ms, to_ms, level_dbfs: -20.0, probability: 0.95 });
        self
    }

    /// Sound that the detector half takes for voice.
    pub(crate) fn murmur(&mut self, from_ms: u32, to_ms: u32) -> &mut Self {
        self.voice.push(Voice { from_ms, to_ms, level_dbfs: -20.0, probability: 0.6 });
        self
    }

    /// Someone speaks at this loudness.
    pub(crate) fn say_at(&mut self, level_dbfs: f32, from_ms: u32, to_ms: u32, text: &str) -> &mut Self {
        self.voice.push(Voice { from_ms, to_ms, level_dbfs, probability: 0.95 });
        self.whisper(from_ms, to_ms, text)
    }

    /// No audio arrives in this time.
    pub(crate) fn stall(&mut self, from_ms: u32, to_ms: u32) -> &mut Self {
        self.stalls.push((from_ms, to_ms));
        self
    }

    pub(crate) fn at(&mut self, at_ms: u32, input: Input<'static>) -> &mut Self {
        self.inputs.push((at_ms, input));
        self
    }

    pub(crate) fn run(&self, until_ms: u32) -> Log {
        domain::show_pii(true); // what fails here was said by nobody
        let mut sim = Sim::new(self.clone());
        sim.run(until_ms);
        sim.log
    }
}

/// What happened.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) inputs: Vec<(Duration, Input<'static>)>,
    pub(crate) outputs: Vec<(u32, Output)>,
    /// Ms of each agent turn that sounded at full level.
    pub(crate) played: BTreeMap<u32, u32>,
    /// When a frame of the agent sounded.
    pub(crate) sounded: Vec<u32>,
}

impl Log {
    pub(crate) fn when(&self, mut matches: impl FnMut(&Output) -> bool) -> Vec<u32> {
        self.outputs.iter().filter(|(_, output)| matches(output)).map(|(at, _)| *at).collect()
    }

    pub(crate) fn commits(&self) -> Vec<(u32, &str)> {
        let commit = |(at, output): &'_ (u32, Output)| match output {
            Output::Commit { .. } => Some(*at),
            _ => None,
        };
        self.outputs
            .iter()
            .filter_map(|entry| match &entry.1 {
                Output::Commit { text, .. } => commit(entry).map(|at| (at, text.as_str())),
                _ => None,
            })
            .collect()
    }

    /// The texts of the commits.
    pub(crate) fn turns(&self) -> Vec<&str> {
        self.commits().into_iter().map(|(_, text)| text).collect()
    }

    /// When the n-th commit (from 0) was made.
    pub(crate) fn commit_at(&self, n: usize) -> u32 {
        self.commits().get(n).map_or(u32::MAX, |(at, _)| *at)
    }

    pub(crate) fn interrupted(&self) -> Vec<u32> {
        self.when(|output| matches!(output, Output::Event(SessionEvent::Interrupted { .. })))
    }

    pub(crate) fn ducked(&self) -> Vec<u32> {
        self.when(|output| matches!(output, Output::Duck(_)))
    }

    pub(crate) fn resumed(&self) -> Vec<u32> {
        self.when(|output| matches!(output, Output::Resume { .. }))
    }

    pub(crate) fn nudged(&self) -> Vec<u32> {
        self.when(|output| matches!(output, Output::Nudge { .. }))
    }

    pub(crate) fn gave_up(&self) -> Vec<u32> {
        self.when(|output| matches!(output, Output::GiveUp(_)))
    }

    pub(crate) fn sounded_between(&self, from_ms: u32, to_ms: u32) -> bool {
        self.sounded.iter().any(|at| (from_ms..to_ms).contains(at))
    }

    /// Turn ids that were cancelled.
    pub(crate) fn cancelled(&self) -> Vec<u32> {
        let cancel = |output: &Output| if let Output::Cancel(turn) = output { Some(turn.0) } else { None };
        self.outputs.iter().filter_map(|(_, output)| cancel(output)).collect()
    }
}

struct Playing {
    turn: TurnId,
    starts_ms: Option<u32>,
    started: bool,
    position_ms: u32,
    length_ms: u32,
    ducked: bool,
}

struct Sim {
    call: Call,
    machine: TurnMachine,
    start: Instant,
    now_ms: u32,
    due: Vec<(u32, Input<'static>)>,
    finals_to_ms: u32,
    scores_given: usize,
    playing: Option<Playing>,
    deadline: Option<Instant>,
    laws: Laws,
    log: Log,
    /// The turn that the session takes by itself.
    own: Option<TurnId>,
}

/// What must be true of the outputs of any call; shared with the property tests.
#[derive(Default)]
pub(crate) struct Laws {
    committed: Vec<TurnId>,
    greeted: usize,
    gave_up: bool,
    media: bool,
}

impl Laws {
    pub(crate) fn input(&mut self, input: &Input<'_>) {
        match input {
            Input::MediaActive => self.media = true,
            Input::MediaLost => self.media = false,
            _ => {}
        }
    }

    pub(crate) fn output(&mut self, output: &Output, now: Instant, floor: media_turn::Floor) {
        match output {
            Output::Commit { turn, .. } => {
                assert!(!self.committed.contains(turn), "committed twice: {turn}");
                self.committed.push(*turn);
                self.gave_up = false;
            }
            Output::Greet(_) => {
                self.greeted += 1;
                assert_eq!(self.greeted, 1, "one greeting");
            }
            Output::GiveUp(_) => self.gave_up = true,
            Output::Timeout(Some((due, why))) => assert!(*due > now, "{why:?} lies in the past"),
            Output::Timeout(None) => {
                let may_rest = !self.media || (self.gave_up && floor == media_turn::Floor::Listening);
                assert!(may_rest, "nothing will ever happen again, in {floor:?}");
            }
            _ => {}
        }
    }
}

impl Sim {
    fn new(call: Call) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; no wall time is compared")]
        let start = Instant::now();
        let mut due = call.inputs.clone();
        due.push((call.media_at_ms, Input::MediaActive));
        if let Some(delay_ms) = call.partial_ms {
            for word in &call.words {
                due.push((word.end_ms + delay_ms, partial_marker(word.end_ms)));
            }
        }
        Self {
            machine: TurnMachine::new(call.options.clone(), start),
            call,
            start,
            now_ms: 0,
            due,
            finals_to_ms: 0,
            scores_given: 0,
            playing: None,
            deadline: None,
            laws: Laws::default(),
            log: Log::default(),
            own: None,
        }
    }

    fn run(&mut self, until_ms: u32) {
        let mut next_frame_ms = FRAME_MS;
        while self.now_ms < until_ms {
            self.due.sort_by_key(|(at, _)| *at);
            let input_ms = self.due.first().map_or(u32::MAX, |(at, _)| *at);
            let deadline_ms = self.deadline.map_or(u32::MAX, |due| {
                let micros = due.saturating_duration_since(self.start).as_micros();
                u32::try_from(micros.div_ceil(1000)).unwrap_or(u32::MAX)
            });
            let next_ms = input_ms.min(deadline_ms).min(next_frame_ms);
            self.now_ms = next_ms.max(self.now_ms);
            if next_frame_ms == next_ms {
                self.frame(next_frame_ms);
                next_frame_ms += FRAME_MS;
            } else if input_ms == next_ms {
                let (_, input) = self.due.remove(0);
                self.give_scripted(input);
            } else {
                self.give(Input::Timeout);
            }
        }
    }

    fn frame(&mut self, end_ms: u32) {
        let from_ms = end_ms - FRAME_MS;
        if !self.call.stalls.iter().any(|(from, to)| (*from..*to).contains(&from_ms)) {
            let voice = self
                .call
                .voice
                .iter()
                .find(|voice| voice.from_ms <= from_ms && from_ms < voice.to_ms)
                .copied();
            self.give(Input::Vad(VadDecision::new(
                MediaTime::from_millis(from_ms.into()),
                MediaTime::from_millis(end_ms.into()),
                voice.map_or(0.02, |voice| voice.probability),
                voice.map_or(-70.0, |voice| voice.level_dbfs),
            )));
        }
        self.play();
    }

    fn play(&mut self) {
        let Some(playing) = &mut self.playing else { return };
        if playing.ducked || playing.starts_ms.is_none_or(|at| self.now_ms < at) {
            return;
        }
        let turn = playing.turn;
        if playing.length_ms == 0 {
            self.playing = None;
            return self.give(Input::AgentDone(turn));
        }
        if !std::mem::replace(&mut playing.started, true) {
            return self.give(Input::AgentAudio(turn));
        }
        if self.call.stuck_after_ms.is_some_and(|stuck| playing.position_ms >= stuck) {
            return;
        }
        playing.position_ms += FRAME_MS;
        let (position_ms, length_ms) = (playing.position_ms, playing.length_ms);
        self.log.sounded.push(self.now_ms);
        self.log.played.insert(turn.0, position_ms);
        if position_ms >= length_ms {
            self.playing = None;
        }
        self.give(Input::Heard(turn, MediaTime::from_millis(position_ms.into())));
        if position_ms >= length_ms {
            self.give(Input::AgentDone(turn));
        }
    }

    /// Scripted inputs; a partial is rendered when its time has come, since finals change what it says.
    fn give_scripted(&mut self, input: Input<'static>) {
        let input = self.named(input);
        let Some(end_ms) = marked_partial(&input) else { return self.give(input) };
        let text = self.heard(self.finals_to_ms, end_ms);
        if !text.is_empty() {
            let (from, to) = (self.finals_to_ms, end_ms);
            let mut heard = Transcript::partial(text, media(from), media(to));
            if self.call.partials_settle {
                heard.kind = TranscriptKind::Settled;
            }
            self.give(Input::Transcript(Cow::Owned(heard)));
        }
    }

    /// `OWN` as the turn that it stands for.
    fn named(&mut self, input: Input<'static>) -> Input<'static> {
        let (own, machine) = (&mut self.own, &mut self.machine);
        let mut name =
            |turn| if turn == OWN { *own.get_or_insert_with(|| machine.take_turn()) } else { turn };
        match input {
            Input::AgentAudio(turn) => Input::AgentAudio(name(turn)),
            Input::Heard(turn, at) => Input::Heard(name(turn), at),
            Input::AgentDone(turn) => Input::AgentDone(name(turn)),
            other => other,
        }
    }

    fn heard(&self, after_ms: u32, to_ms: u32) -> String {
        let words = self.call.words.iter().filter(|word| word.end_ms > after_ms && word.end_ms <= to_ms);
        words.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn give(&mut self, input: Input<'static>) {
        let now = self.start + Duration::from_millis(self.now_ms.into());
        self.log.inputs.push((Duration::from_millis(self.now_ms.into()), input.clone()));
        self.laws.input(&input);
        self.machine.handle(input, now);
        for _ in 0..100 {
            let output = self.machine.poll();
            self.laws_check(&output, now);
            if let Output::Timeout(next) = output {
                self.deadline = next.map(|(due, _)| due);
                return;
            }
            self.log.outputs.push((self.now_ms, output.clone()));
            self.obey(&output);
        }
        unreachable!("poll does not end");
    }

    fn laws_check(&mut self, output: &Output, now: Instant) {
        let all_rules = Rule::ALL.iter().all(|rule| self.call.options.rules.on(*rule));
        if all_rules && self.call.options.idle.after_ms > 0 {
            self.laws.output(output, now, self.machine.floor());
        }
    }

    fn obey(&mut self, output: &Output) {
        match output {
            Output::Greet(turn) => self.speak(*turn, self.call.greeting_ms),
            Output::Commit { turn, .. }
            | Output::Nudge { turn, .. }
            | Output::GiveUp(turn)
            | Output::NotUnderstood(turn) => {
                self.speak(*turn, self.call.reply_ms);
                if self.call.effects {
                    self.later(1, Input::Irrevocable(*turn));
                }
            }
            Output::Duck(turn) => self.on_playing(*turn, |playing| playing.ducked = true),
            Output::Resume { turn, from } => {
                let from_ms = from.as_millis() as u32;
                self.on_playing(*turn, |playing| (playing.ducked, playing.position_ms) = (false, from_ms));
            }
            Output::FlushPlayout(turn) | Output::Cancel(turn) => {
                self.playing.take_if(|playing| playing.turn == *turn);
            }
            Output::Finalize => {
                if let Some(delay_ms) = self.call.final_ms {
                    let (from_ms, to_ms) =
                        (self.finals_to_ms, self.now_ms - self.call.final_short_ms.min(self.now_ms));
                    let text = self.heard(from_ms, to_ms);
                    self.finals_to_ms = to_ms.max(from_ms);
                    let transcript = Transcript::complete(text, media(from_ms), media(to_ms.max(from_ms)));
                    self.later(delay_ms, Input::Transcript(Cow::Owned(transcript)));
                }
            }
            Output::ScoreEndOfTurn(at) => {
                let score = self.call.scores.get(self.scores_given).or(self.call.scores.last()).copied();
                self.scores_given += 1;
                if let Some(probability) = score {
                    self.later(self.call.score_ms, Input::EndOfTurn(Score { probability, at: *at }));
                }
            }
            _ => {}
        }
    }

    fn speak(&mut self, turn: TurnId, length_ms: u32) {
        let starts_ms = self.call.think_ms.map(|think| self.now_ms + if length_ms == 0 { 0 } else { think });
        if self.call.uninterruptible {
            self.later(0, Input::Interruptible(turn, false));
        }
        if !self.call.saying.is_empty() {
            self.later(0, Input::Saying(turn, self.call.saying.into()));
        }
        self.playing =
            Some(Playing { turn, starts_ms, started: false, position_ms: 0, length_ms, ducked: false });
    }

    fn on_playing(&mut self, turn: TurnId, change: impl FnOnce(&mut Playing)) {
        if let Some(playing) = self.playing.as_mut().filter(|playing| playing.turn == turn) {
            change(playing);
        }
    }

    fn later(&mut self, delay_ms: u32, input: Input<'static>) {
        self.due.push((self.now_ms + delay_ms, input));
    }
}

fn media(at_ms: u32) -> MediaTime {
    MediaTime::from_millis(at_ms.into())
}

const MARKER: &str = "\u{0}partial";

fn partial_marker(end_ms: u32) -> Input<'static> {
    Input::Transcript(Cow::Owned(Transcript::partial(MARKER, media(end_ms), media(end_ms))))
}

fn marked_partial(input: &Input<'_>) -> Option<u32> {
    match input {
        Input::Transcript(transcript) if transcript.text == MARKER => Some(transcript.to.as_millis() as u32),
        _ => None,
    }
}

/// The outputs as a person reads them.
pub(crate) fn story(log: &Log) -> String {
    log.outputs.iter().map(|(at, output)| format!("{at:>7} {output:?}\n")).collect()
}
