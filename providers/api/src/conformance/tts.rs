//! Every rule of `Tts`.

use std::time::Duration;

use domain::{FRAME, MediaTime, SessionId, Voice, Word};
use futures::StreamExt;

use super::{Broken, Trial, broken, sounds, within};
use crate::tts::{Tts, TtsEvent, TtsInput, TtsRequest, TtsStream};
use crate::usage::Usage;

/// A sample above this is voice and not the noise of a codec.
const VOICED: u16 = 300;
/// By so much the times of words may lie outside their sentence's audio.
const SLACK: MediaTime = MediaTime::from_millis(300);

/// Every rule of `Tts`.
///
/// # Errors
/// The first rule that is broken.
pub async fn tts(tts: &dyn Tts, trial: &Trial) -> Result<(), Broken> {
    sentences_sound_in_order(tts, trial).await?;
    signs_of_markup_are_text(tts, trial).await?;
    nothing_to_speak_is_no_failure(tts, trial).await?;
    dropping_the_text_ends_the_events(tts, trial).await?;
    dropping_the_events_stops_the_synthesis(tts, trial).await
}

/// What was spoken of one sentence.
#[derive(Debug, Default)]
struct Spoken {
    words: Vec<Word>,
    from: MediaTime,
    to: MediaTime,
}

async fn sentences_sound_in_order(tts: &dyn Tts, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "sentences sound in order, positions without gaps";
    const SENTENCES: [&str; 2] = ["The first sentence.", "And the second one."];
    let rate_hz = tts.info().rate_hz;
    let mut voice = open_voice(tts, trial, RULE).await?;
    for text in SENTENCES {
        say(&mut voice, text, RULE).await?;
    }
    let mut spoken: [Spoken; 2] = Default::default();
    let mut done = 0;
    let mut samples = 0_u64;
    let mut loud = 0;
    while done < SENTENCES.len() {
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
                loud += voiced(&frame.samples);
            }
            Some(TtsEvent::Words { sentence, words }) => match spoken.get_mut(sentence) {
                Some(known) => known.words = words,
                None => {
                    return Err(broken(
                        RULE,
                        format!("words of sentence {sentence}, of which none was given"),
                    ));
                }
            },
            Some(TtsEvent::SentenceDone { sentence }) if sentence == done && loud > 0 => {
                spoken[done].to = MediaTime::from_samples(samples, rate_hz);
                done += 1;
                loud = 0;
                if let Some(following) = spoken.get_mut(done) {
                    following.from = MediaTime::from_samples(samples, rate_hz);
                }
            }
            Some(TtsEvent::SentenceDone { sentence }) => {
                return Err(broken(RULE, format!("sentence {sentence} was done without a voiced sample")));
            }
            Some(TtsEvent::Usage(_) | TtsEvent::Served(_)) => {}
            None => return Err(broken(RULE, format!("the events ended after {done} of 2 sentences"))),
        }
    }
    SENTENCES.iter().zip(&spoken).try_for_each(|(text, spoken)| words_cover(text, spoken, trial))
}

/// Where times are given: each word of the sentence, in order, while it sounds.
fn words_cover(text: &str, spoken: &Spoken, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "words cover their sentence";
    let Spoken { words, from, to } = spoken;
    if words.is_empty() {
        return if trial.words { Err(broken(RULE, "no words were told")) } else { Ok(()) };
    }
    let told: String = words.iter().flat_map(|word| sounds(&word.text)).collect();
    if told != sounds(text).concat() {
        return Err(broken(RULE, format!("{told:?} was told of {text:?}")));
    }
    let mut last = from.saturating_sub(SLACK);
    for word in words {
        if word.from < last || word.to < word.from || word.to > *to + SLACK {
            let found = format!("{:?} from {} to {} in {from} to {to}", word.text, word.from, word.to);
            return Err(broken(RULE, found));
        }
        last = word.from;
    }
    Ok(())
}

async fn signs_of_markup_are_text(tts: &dyn Tts, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "signs of markup are text";
    let mut voice = open_voice(tts, trial, RULE).await?;
    say(&mut voice, "Tom & Jerry say that \"1 < 2\", don't they?", RULE).await?;
    let mut loud = 0;
    loop {
        match next(&mut voice, trial, RULE).await? {
            Some(TtsEvent::Audio(frame)) => loud += voiced(&frame.samples),
            Some(TtsEvent::SentenceDone { sentence: 0 }) if loud > 0 => return Ok(()),
            Some(TtsEvent::SentenceDone { .. }) => return Err(broken(RULE, "no voiced sample")),
            Some(_) => {}
            None => return Err(broken(RULE, "the events ended")),
        }
    }
}

async fn nothing_to_speak_is_no_failure(tts: &dyn Tts, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "a sentence without anything to speak is done and no failure";
    let mut voice = open_voice(tts, trial, RULE).await?;
    for (expected, text) in ["", "  \n"].into_iter().enumerate() {
        say(&mut voice, text, RULE).await?;
        loop {
            match next(&mut voice, trial, RULE).await? {
                Some(TtsEvent::SentenceDone { sentence }) if sentence == expected => break,
                Some(TtsEvent::SentenceDone { sentence }) => {
                    return Err(broken(RULE, format!("sentence {sentence} was done, not {expected}")));
                }
                Some(_) => {}
                None => return Err(broken(RULE, "the events ended")),
            }
        }
    }
    Ok(())
}

async fn dropping_the_text_ends_the_events(tts: &dyn Tts, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "dropping the input ends the events after the last sentence";
    let mut voice = open_voice(tts, trial, RULE).await?;
    say(&mut voice, "The last words.", RULE).await?;
    let TtsStream { input, mut events } = voice;
    drop(input);
    let mut done = false;
    let mut usage = Usage::default();
    loop {
        match within(trial, events.next()).await {
            Some(Some(Ok(TtsEvent::Usage(more)))) => usage += more,
            Some(Some(Ok(event))) => done |= matches!(event, TtsEvent::SentenceDone { sentence: 0 }),
            Some(Some(Err(error))) => return Err(broken(RULE, error)),
            Some(None) if !done => return Err(broken(RULE, "the events ended before the sentence was done")),
            Some(None) if trial.usage && usage == Usage::default() => {
                return Err(broken("what was used is told", "no usage before the end"));
            }
            Some(None) => return Ok(()),
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
    what_was_dropped_is_not_heard(tts, trial).await
}

/// Capacity must be free again, and the next turn is its own from its first sample: nothing of the one that was cut off.
async fn what_was_dropped_is_not_heard(tts: &dyn Tts, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "the turn after a dropped one is its own";
    let mut voice = open_voice(tts, trial, RULE).await?;
    say(&mut voice, "Yes?", RULE).await?;
    let mut length = MediaTime::ZERO;
    loop {
        match next(&mut voice, trial, RULE).await? {
            Some(TtsEvent::Audio(frame)) => length += frame.duration(),
            Some(TtsEvent::SentenceDone { sentence: 0 }) => break,
            Some(TtsEvent::SentenceDone { sentence }) => {
                return Err(broken(RULE, format!("sentence {sentence} was done, not 0")));
            }
            Some(_) => {}
            None => return Err(broken(RULE, "the events ended")),
        }
    }
    if length == MediaTime::ZERO || length > MediaTime::from_millis(2_500) {
        return Err(broken(RULE, format!("{length} of audio for one short word")));
    }
    Ok(())
}

fn voiced(samples: &[i16]) -> usize {
    samples.iter().filter(|sample| sample.unsigned_abs() > VOICED).count()
}

async fn open_voice(tts: &dyn Tts, trial: &Trial, rule: &'static str) -> Result<TtsStream, Broken> {
    match within(trial, tts.open(request())).await {
        Some(opened) => opened.map_err(|error| broken(rule, error)),
        None => Err(broken(rule, "did not open in time")),
    }
}

pub(super) fn request() -> TtsRequest {
    TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() }
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
