//! The suite every implementation passes: one rule for each promise of the traits' contracts.
//!
//! No clock of its own: whoever runs it gives the waiting, so that a paused clock rules fakes and a real one vendors on
//! tapes. A broken rule is a value that names it, never a panic. Judges the contract, not the quality of speech.

use std::time::Duration;

use domain::{AudioFrame, FRAME, MediaTime, SessionId, Voice};
use futures::future::{BoxFuture, Either, select};
use futures::{StreamExt, pin_mut};

use crate::stt::{Stt, SttEvent, SttInput, SttRequest, SttStream};
use crate::tts::{Tts, TtsEvent, TtsInput, TtsRequest, TtsStream};

/// Waits for the given time on the clock that rules the provider under test.
pub type Sleep = fn(Duration) -> BoxFuture<'static, ()>;

/// What the suite is run with.
pub struct Trial {
    pub sleep: Sleep,
    /// Longest wait for any one answer.
    pub patience: Duration,
    /// Speech that the recogniser understands, mono, with the text it must contain (compared without case).
    pub speech: Vec<i16>,
    pub rate_hz: u32,
    pub word: String,
}

/// What a vendor may do wrong, as its stand-in can be told to and as every implementation is tried with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Adversity {
    /// The credentials are refused.
    Unauthorized,
    /// There is no credit or quota left.
    Exhausted,
    /// Too many requests; where the vendor's protocol says when to come back: in 3 s.
    Limited,
    /// The vendor is overloaded or failing (5xx, 529, 1011, 1012, 1013).
    Overloaded,
    /// The request is refused as wrong.
    Rejected,
    /// The connection is taken and never answered.
    Hang,
    /// The request or socket is accepted, and nothing ever comes.
    Mute,
    /// Every answer takes so many times longer.
    Slow(u32),
    /// The first answer is none that the protocol knows.
    Garbage,
    /// The first answer is larger than any real one.
    Oversized,
    /// The connection breaks so long after it began to answer, ms.
    BreaksAfter(u64),
    /// Success is claimed and nothing given: no words, no audio, no text.
    Empty,
}

/// The rule that does not hold, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {found}")]
pub struct Broken {
    pub rule: &'static str,
    pub found: String,
}

fn broken(rule: &'static str, found: impl std::fmt::Display) -> Broken {
    Broken { rule, found: found.to_string() }
}

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
    dropping_the_input_ends_the_events(stt, trial).await?;
    dropping_the_events_closes_the_input(stt, trial).await
}

/// Every rule of `Tts`.
///
/// # Errors
/// The first rule that is broken.
pub async fn tts(tts: &dyn Tts, trial: &Trial) -> Result<(), Broken> {
    sentences_sound_in_order(tts, trial).await?;
    nothing_to_speak_is_no_failure(tts, trial).await?;
    dropping_the_text_ends_the_events(tts, trial).await?;
    dropping_the_events_stops_the_synthesis(tts, trial).await
}

async fn speech_gives_its_words(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "speech gives its words";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.speak(trial, RULE).await?;
    let text = ear.finalize(trial, RULE).await?.0;
    if text.to_lowercase().contains(&trial.word.to_lowercase()) {
        return Ok(());
    }
    Err(broken(RULE, format!("expected {:?} in {text:?}", trial.word)))
}

async fn finalize_gives_exactly_one_final(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "each Finalize gives exactly one final";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.speak(trial, RULE).await?;
    let first = ear.finalize(trial, RULE).await?.0;
    let second = ear.finalize(trial, RULE).await?.0;
    if !second.is_empty() {
        return Err(broken(RULE, format!("{first:?} was followed by {second:?} without new speech")));
    }
    ear.no_final(trial, RULE).await
}

async fn silence_gives_an_empty_final(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "silence gives an empty final";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.silence(trial, Duration::from_secs(1), RULE).await?;
    let text = ear.finalize(trial, RULE).await?.0;
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
    let text = ear.finalize(trial, RULE).await?.0;
    if text.to_lowercase().contains(&trial.word.to_lowercase()) {
        return Ok(());
    }
    Err(broken(RULE, format!("expected {:?} in {text:?}", trial.word)))
}

async fn positions_are_those_of_the_audio(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "positions are those of the audio pushed";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.at = MediaTime::from_millis(3_600_000); // a stream that begins an hour into the call
    let begun = ear.at;
    ear.speak(trial, RULE).await?;
    let (_, from, to) = ear.finalize(trial, RULE).await?;
    let slack = MediaTime::from_millis(500);
    if from + slack < begun || to > ear.at + slack || to < from {
        return Err(broken(RULE, format!("pushed {begun} to {}, answered {from} to {to}", ear.at)));
    }
    Ok(())
}

async fn dropping_the_input_ends_the_events(stt: &dyn Stt, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "dropping the input ends the events";
    let mut ear = Ear::open(stt, trial, RULE).await?;
    ear.speak(trial, RULE).await?;
    let SttStream { input, mut events } = ear.stream;
    drop(input);
    loop {
        match within(trial, events.next()).await {
            Some(Some(Ok(_))) => {}
            Some(Some(Err(error))) => return Err(broken(RULE, error)),
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

async fn sentences_sound_in_order(tts: &dyn Tts, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "sentences sound in order, positions without gaps";
    let rate_hz = tts.info().rate_hz;
    let mut voice = open_voice(tts, trial, RULE).await?;
    for text in ["The first sentence.", "And the second one."] {
        say(&mut voice, text, RULE).await?;
    }
    let mut done = 0;
    let mut samples = 0_u64;
    let mut loud = 0;
    while done < 2 {
        match next(&mut voice, trial, RULE).await? {
            Some(TtsEvent::Audio(frame)) => {
                if frame.rate_hz != rate_hz {
                    return Err(broken(RULE, format!("promised {rate_hz} Hz, gave {}", frame.rate_hz)));
                }
                let expected = MediaTime::from_samples(samples, rate_hz);
                if frame.at != expected {
                    return Err(broken(RULE, format!("audio at {} where {expected} was next", frame.at)));
                }
                samples += frame.samples.len() as u64;
                loud += frame.samples.iter().filter(|s| s.saturating_abs() > 300).count();
            }
            Some(TtsEvent::Words { sentence, words }) => {
                let ordered = words.windows(2).all(|pair| pair[0].from <= pair[1].from);
                if sentence > 1 || !ordered {
                    return Err(broken(RULE, format!("words of sentence {sentence} out of order")));
                }
            }
            Some(TtsEvent::SentenceDone { sentence }) if sentence == done && loud > 0 => {
                done += 1;
                loud = 0;
            }
            Some(TtsEvent::SentenceDone { sentence }) => {
                return Err(broken(RULE, format!("sentence {sentence} was done without a voiced sample")));
            }
            Some(TtsEvent::Usage(_) | TtsEvent::Served(_)) => {}
            None => return Err(broken(RULE, format!("the events ended after {done} of 2 sentences"))),
        }
    }
    Ok(())
}

async fn nothing_to_speak_is_no_failure(tts: &dyn Tts, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "a sentence without anything to speak is done and no failure";
    let mut voice = open_voice(tts, trial, RULE).await?;
    say(&mut voice, "", RULE).await?;
    loop {
        match next(&mut voice, trial, RULE).await? {
            Some(TtsEvent::SentenceDone { sentence: 0 }) => return Ok(()),
            Some(TtsEvent::SentenceDone { sentence }) => {
                return Err(broken(RULE, format!("sentence {sentence} was done, not 0")));
            }
            Some(_) => {}
            None => return Err(broken(RULE, "the events ended")),
        }
    }
}

async fn dropping_the_text_ends_the_events(tts: &dyn Tts, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "dropping the input ends the events after the last sentence";
    let mut voice = open_voice(tts, trial, RULE).await?;
    say(&mut voice, "The last words.", RULE).await?;
    let TtsStream { input, mut events } = voice;
    drop(input);
    let mut done = false;
    loop {
        match within(trial, events.next()).await {
            Some(Some(Ok(event))) => done |= matches!(event, TtsEvent::SentenceDone { sentence: 0 }),
            Some(Some(Err(error))) => return Err(broken(RULE, error)),
            Some(None) if done => return Ok(()),
            Some(None) => return Err(broken(RULE, "the events ended before the sentence was done")),
            None => return Err(broken(RULE, "the events did not end in time")),
        }
    }
}

async fn dropping_the_events_stops_the_synthesis(tts: &dyn Tts, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "dropping the events stops the synthesis at once";
    let mut voice = open_voice(tts, trial, RULE).await?;
    say(&mut voice, "A sentence that nobody will hear to its end, because the caller interrupts.", RULE)
        .await?;
    while !matches!(next(&mut voice, trial, RULE).await?, Some(TtsEvent::Audio(_))) {}
    let TtsStream { mut input, events } = voice;
    drop(events);
    let mut waited = Duration::ZERO;
    while input.push(TtsInput::Sentence("Still there?".to_owned())).is_ok() {
        if waited > Duration::from_secs(1) {
            return Err(broken(RULE, "a second later the input still takes text"));
        }
        (trial.sleep)(FRAME).await;
        waited += FRAME;
    }
    // Capacity must be free again: the next turn begins where this one was cut off.
    open_voice(tts, trial, RULE).await.map(drop)
}

async fn within<F: Future>(trial: &Trial, answer: F) -> Option<F::Output> {
    let sleep = (trial.sleep)(trial.patience);
    pin_mut!(answer);
    match select(answer, sleep).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

async fn open_voice(tts: &dyn Tts, trial: &Trial, rule: &'static str) -> Result<TtsStream, Broken> {
    let request = TtsRequest { session: SessionId::generate(), voice: Voice::default() };
    match within(trial, tts.open(request)).await {
        Some(opened) => opened.map_err(|error| broken(rule, error)),
        None => Err(broken(rule, "did not open in time")),
    }
}

async fn say(voice: &mut TtsStream, text: &str, rule: &'static str) -> Result<(), Broken> {
    voice.input.send(TtsInput::Sentence(text.to_owned())).await.map_err(|closed| broken(rule, closed))
}

async fn next(voice: &mut TtsStream, trial: &Trial, rule: &'static str) -> Result<Option<TtsEvent>, Broken> {
    match within(trial, voice.events.next()).await {
        Some(event) => event.transpose().map_err(|error| broken(rule, error)),
        None => Err(broken(rule, "no event in time")),
    }
}

/// A running recognition and where its track is.
struct Ear {
    stream: SttStream,
    at: MediaTime,
}

impl Ear {
    async fn open(stt: &dyn Stt, trial: &Trial, rule: &'static str) -> Result<Self, Broken> {
        let request = SttRequest {
            session: SessionId::generate(),
            rate_hz: trial.rate_hz,
            language: None,
            keywords: Vec::new(),
        };
        match within(trial, stt.open(request)).await {
            Some(Ok(stream)) => Ok(Self { stream, at: MediaTime::ZERO }),
            Some(Err(error)) => Err(broken(rule, error)),
            None => Err(broken(rule, "did not open in time")),
        }
    }

    async fn give(&mut self, input: SttInput, rule: &'static str) -> Result<(), Broken> {
        self.stream.input.push(input).map(drop).map_err(|closed| broken(rule, closed))
    }

    /// Pushes audio at the pace of a call, since an ear may drop what comes in one heap. Events that come meanwhile wait
    /// in the stream, except that polling drives streams without a task: so it is polled as a session does.
    async fn push(&mut self, samples: &[i16], trial: &Trial, rule: &'static str) -> Result<(), Broken> {
        for piece in samples.chunks(AudioFrame::samples_per_frame(trial.rate_hz)) {
            let frame = AudioFrame { samples: piece.to_vec(), rate_hz: trial.rate_hz, at: self.at };
            self.at = frame.end();
            self.give(SttInput::Audio(frame), rule).await?;
            let sleep = (trial.sleep)(FRAME);
            match select(sleep, self.stream.events.next()).await {
                Either::Left(_) => {}
                Either::Right((Some(Ok(SttEvent::Transcript(t))), _))
                    if t.is_final() && !t.text.is_empty() =>
                {
                    return Err(broken(rule, format!("a final nobody asked for: {:?}", t.text)));
                }
                Either::Right((Some(Ok(_)), sleep)) => sleep.await,
                Either::Right((Some(Err(error)), _)) => return Err(broken(rule, error)),
                Either::Right((None, _)) => return Err(broken(rule, "the events ended")),
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

    /// Asks for the final and gives its text and place.
    async fn finalize(
        &mut self,
        trial: &Trial,
        rule: &'static str,
    ) -> Result<(String, MediaTime, MediaTime), Broken> {
        self.give(SttInput::Finalize, rule).await?;
        loop {
            match within(trial, self.stream.events.next()).await {
                Some(Some(Ok(SttEvent::Transcript(t)))) if t.is_final() => return Ok((t.text, t.from, t.to)),
                Some(Some(Ok(_))) => {}
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
                Either::Right((Some(Ok(SttEvent::Transcript(t))), _)) if t.is_final() => {
                    return Err(broken(rule, format!("one final too many: {:?}", t.text)));
                }
                Either::Right((Some(Ok(_)), _)) => {}
                Either::Right((Some(Err(error)), _)) => return Err(broken(rule, error)),
                Either::Right((None, _)) => return Err(broken(rule, "the events ended")),
            }
        }
    }
}
