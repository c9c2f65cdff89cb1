//! Every rule of `Stt`.

use std::time::Duration;

use domain::{AudioFrame, FRAME, MediaTime, SessionId, Transcript};
use futures::StreamExt;
use futures::future::{Either, select};

use super::{Broken, Trial, broken, sounds, within};
use crate::stt::{Stt, SttEvent, SttInput, SttRequest, SttStream};
use crate::usage::Usage;

/// By so much a recogniser's times may lie outside the audio: its windows are longer than ours.
const SLACK: MediaTime = MediaTime::from_millis(500);

/// Every rule of `Stt`.
///
/// # Errors
/// The first rule that is broken.
pub async fn stt(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    speech_gives_its_words(stt, trial).await?;
    finalize_gives_exactly_one_final(stt, trial).await?;
    silence_gives_an_empty_final(stt, trial).await?;
    prepare_alone_gives_no_final_and_speech_voids_it(stt, trial).await?;
    positions_are_those_of_the_audio(stt, trial).await?;
    a_stream_serves_turn_after_turn(stt, trial).await?;
    dropping_the_input_ends_the_events(stt, trial).await?;
    dropping_the_events_closes_the_input(stt, trial).await
}

async fn speech_gives_its_words(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "speech gives its words";
    const PARTIALS: &str = "words are told while they are spoken, and the final has them";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.speak(trial, RULE).await?;
    let heard = ear.finalize(trial, RULE).await?;
    has_the_word(&heard, trial, RULE)?;
    sure_of_itself(&heard)?;
    if !trial.partials {
        return Ok(());
    }
    let Some(last) = ear.partials.iter().rev().find(|partial| !partial.text.trim().is_empty()) else {
        return Err(broken(PARTIALS, "no partial before the final"));
    };
    sure_of_itself(last)?;
    let known = sounds(&heard.text);
    if sounds(&last.text).iter().any(|word| known.contains(word)) {
        return Ok(());
    }
    Err(broken(PARTIALS, format!("{:?} became {:?}", last.text, heard.text)))
}

async fn finalize_gives_exactly_one_final(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "each Finalize gives exactly one final";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.speak(trial, RULE).await?;
    let first = ear.finalize(trial, RULE).await?.text;
    let second = ear.finalize(trial, RULE).await?.text;
    if !second.is_empty() {
        return Err(broken(RULE, format!("{first:?} was followed by {second:?} without new speech")));
    }
    ear.no_final(trial, RULE).await
}

async fn silence_gives_an_empty_final(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "silence gives an empty final";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.silence(trial, Duration::from_secs(1), RULE).await?;
    let text = ear.finalize(trial, RULE).await?.text;
    if text.is_empty() { Ok(()) } else { Err(broken(RULE, format!("heard {text:?}"))) }
}

async fn prepare_alone_gives_no_final_and_speech_voids_it(
    stt: &dyn Stt,
    trial: &Trial,
) -> Result<(), Broken> {
    const RULE: &str = "Prepare gives no event, and speech after it makes it void";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.silence(trial, Duration::from_millis(200), RULE).await?;
    ear.give(SttInput::Prepare, RULE).await?;
    ear.no_final(trial, RULE).await?;
    ear.speak(trial, RULE).await?;
    let heard = ear.finalize(trial, RULE).await?;
    has_the_word(&heard, trial, RULE)
}

async fn positions_are_those_of_the_audio(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "positions are those of the audio pushed";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.at = MediaTime::from_millis(3_600_000); // a stream that begins an hour into the call
    let begun = ear.at;
    ear.speak(trial, RULE).await?;
    let heard = ear.finalize(trial, RULE).await?;
    let Transcript { from, to, words, .. } = &heard;
    if *from + SLACK < begun || *to > ear.at + SLACK || to < from {
        return Err(broken(RULE, format!("pushed {begun} to {}, answered {from} to {to}", ear.at)));
    }
    words_have_their_times(&heard, begun, ear.at)?;
    if trial.words && words.len() * 2 < sounds(&heard.text).len() {
        let missing = format!("{} of {} words have times", words.len(), sounds(&heard.text).len());
        return Err(broken("words have their times", missing));
    }
    Ok(())
}

/// In order and inside the audio, where times are given.
fn words_have_their_times(heard: &Transcript, begun: MediaTime, end: MediaTime) -> Result<(), Broken> {
    const RULE: &str = "words have their times";
    let mut last = begun.saturating_sub(SLACK);
    for word in &heard.words {
        let inside = word.from >= last && word.to >= word.from && word.to <= end + SLACK;
        if !inside || word.text.trim().is_empty() {
            let found = format!("{:?} from {} to {} in {begun} to {end}", word.text, word.from, word.to);
            return Err(broken(RULE, found));
        }
        last = word.from;
    }
    Ok(())
}

fn sure_of_itself(heard: &Transcript) -> Result<(), Broken> {
    const RULE: &str = "confidence is between 0 and 1, and a language has a name";
    if let Some(confidence) = heard.confidence
        && !(0.0..=1.0).contains(&confidence)
    {
        return Err(broken(RULE, confidence));
    }
    match &heard.language {
        Some(language) if language.0.trim().is_empty() => Err(broken(RULE, "a language without a name")),
        _ => Ok(()),
    }
}

async fn a_stream_serves_turn_after_turn(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "a stream serves turn after turn";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.speak(trial, RULE).await?;
    let first = ear.finalize(trial, RULE).await?;
    let between = ear.at;
    ear.silence(trial, Duration::from_millis(300), RULE).await?;
    ear.speak(trial, RULE).await?;
    let second = ear.finalize(trial, RULE).await?;
    has_the_word(&first, trial, RULE)?;
    has_the_word(&second, trial, RULE)?;
    if second.to <= first.to || second.from + SLACK < between {
        let found = format!("the second turn at {} to {}, the first to {}", second.from, second.to, first.to);
        return Err(broken(RULE, found));
    }
    words_have_their_times(&second, between, ear.at)
}

async fn dropping_the_input_ends_the_events(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "dropping the input ends the events";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.speak(trial, RULE).await?;
    let Ear { stream: SttStream { input, mut events }, mut usage, .. } = ear;
    drop(input);
    loop {
        match within(trial, events.next()).await {
            Some(Some(Ok(SttEvent::Usage(more)))) => usage += more,
            Some(Some(Ok(_))) => {}
            Some(Some(Err(error))) => return Err(broken(RULE, error)),
            Some(None) if trial.usage && usage.audio_in.is_zero() => {
                return Err(broken("what was used is told", "no usage before the end"));
            }
            Some(None) => return Ok(()),
            None => return Err(broken(RULE, "the events did not end in time")),
        }
    }
}

async fn dropping_the_events_closes_the_input(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "dropping the events closes the input";
    let ear = Ear::open(stt, trial, RULE).await?;
    let SttStream { mut input, events } = ear.stream;
    drop(events);
    let frame = || SttInput::Audio(AudioFrame::silence(trial.rate_hz, MediaTime::ZERO));
    let mut waited = Duration::ZERO;
    while input.push(frame()).is_ok() {
        if waited > trial.patience {
            return Err(broken(RULE, "the input still takes audio"));
        }
        (trial.sleep)(FRAME).await;
        waited += FRAME;
    }
    Ok(())
}

fn has_the_word(heard: &Transcript, trial: &Trial, rule: &'static str) -> Result<(), Broken> {
    if heard.text.to_lowercase().contains(&trial.word.to_lowercase()) {
        return Ok(());
    }
    Err(broken(rule, format!("expected {:?} in {:?}", trial.word, heard.text)))
}

pub(super) fn request(trial: &Trial) -> SttRequest {
    SttRequest {
        session: SessionId::generate(),
        rate_hz: trial.rate_hz,
        language: None,
        keywords: Vec::new(),
    }
}

/// A running recognition, where its track is, and what it told on the way.
struct Ear {
    stream: SttStream,
    at: MediaTime,
    partials: Vec<Transcript>,
    usage: Usage,
}

impl Ear {
    async fn open(stt: &dyn Stt, trial: &Trial, rule: &'static str) -> Result<Self, Broken> {
        match within(trial, stt.open(request(trial))).await {
            Some(Ok(stream)) => {
                Ok(Self { stream, at: MediaTime::ZERO, partials: Vec::new(), usage: Usage::default() })
            }
            Some(Err(error)) => Err(broken(rule, error)),
            None => Err(broken(rule, "did not open in time")),
        }
    }

    async fn give(&mut self, input: SttInput, rule: &'static str) -> Result<(), Broken> {
        self.stream.input.push(input).map(drop).map_err(|closed| broken(rule, closed))
    }

    /// Keeps what was told; a final is given back.
    fn keep(&mut self, event: SttEvent) -> Option<Transcript> {
        match event {
            SttEvent::Transcript(told) if told.is_final() => return Some(told),
            SttEvent::Transcript(told) => self.partials.push(told),
            SttEvent::Usage(more) => self.usage += more,
            SttEvent::EndOfTurn(_) | SttEvent::Served(_) => {}
        }
        None
    }

    /// Pushes audio at the pace of a call, since an ear may drop what comes in one heap. Events that come meanwhile wait
    /// in the stream, except that polling drives streams without a task: so it is polled as a session does.
    async fn push(&mut self, samples: &[i16], trial: &Trial, rule: &'static str) -> Result<(), Broken> {
        for piece in samples.chunks(AudioFrame::samples_per_frame(trial.rate_hz)) {
            let frame = AudioFrame { samples: piece.to_vec(), rate_hz: trial.rate_hz, at: self.at };
            self.at = frame.end();
            self.give(SttInput::Audio(frame), rule).await?;
            let mut pause = (trial.sleep)(FRAME);
            loop {
                match select(pause, self.stream.events.next()).await {
                    Either::Left(_) => break,
                    Either::Right((Some(Ok(event)), rest)) => {
                        pause = rest;
                        if let Some(told) = self.keep(event).filter(|told| !told.text.is_empty()) {
                            return Err(broken(rule, format!("a final nobody asked for: {:?}", told.text)));
                        }
                    }
                    Either::Right((Some(Err(error)), _)) => return Err(broken(rule, error)),
                    Either::Right((None, _)) => return Err(broken(rule, "the events ended")),
                }
            }
        }
        Ok(())
    }

    async fn speak(&mut self, trial: &Trial, rule: &'static str) -> Result<(), Broken> {
        self.push(&trial.speech, trial, rule).await
    }

    async fn silence(&mut self, trial: &Trial, length: Duration, rule: &'static str) -> Result<(), Broken> {
        let samples = MediaTime::from_duration(length).as_samples(trial.rate_hz) as usize;
        self.push(&vec![0; samples], trial, rule).await
    }

    /// Asks for the final.
    async fn finalize(&mut self, trial: &Trial, rule: &'static str) -> Result<Transcript, Broken> {
        self.give(SttInput::Finalize, rule).await?;
        loop {
            match within(trial, self.stream.events.next()).await {
                Some(Some(Ok(event))) => {
                    if let Some(told) = self.keep(event) {
                        return Ok(told);
                    }
                }
                Some(Some(Err(error))) => return Err(broken(rule, error)),
                Some(None) => return Err(broken(rule, "the events ended before the final")),
                None => return Err(broken(rule, "no final in time")),
            }
        }
    }

    async fn no_final(&mut self, trial: &Trial, rule: &'static str) -> Result<(), Broken> {
        loop {
            let sleep = (trial.sleep)(Duration::from_secs(1));
            match select(sleep, self.stream.events.next()).await {
                Either::Left(_) => return Ok(()),
                Either::Right((Some(Ok(event)), _)) => {
                    if let Some(told) = self.keep(event) {
                        return Err(broken(rule, format!("one final too many: {:?}", told.text)));
                    }
                }
                Either::Right((Some(Err(error)), _)) => return Err(broken(rule, error)),
                Either::Right((None, _)) => return Err(broken(rule, "the events ended")),
            }
        }
    }
}
