//! What each way of a vendor to fail must look like from here, and that it is over when the vendor is well again.

use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, Voiced};
use futures::future::{BoxFuture, Either, select};
use futures::{FutureExt, StreamExt};

use super::{Adversity, Broken, Sleep, Trial, before, broken};
use crate::error::{Ability, Error, ErrorKind};
use crate::llm::{Llm, LlmEvent, Message, ToolChoice};
use crate::speech::{SpeechGiven, SpeechInput, SpeechModel};
use crate::stt::{Stt, SttEvent, SttInput, SttStream};
use crate::tts::{Tts, TtsEvent, TtsInput};

/// A word that is said in every request: no error may repeat it, since errors are logged.
pub(super) const PRIVATE: &str = "rumpelstilzchen";

const RULE: &str = "each adversity is told for what it is";
/// Audio is pushed so much faster than it sounds.
const HASTE: u32 = 4;
const WAIT: Duration = Duration::from_secs(3);

/// How one use of a provider ended.
#[derive(Debug)]
enum Outcome {
    /// Something of use came, and a good end.
    Served,
    /// A good end, and nothing of use before it.
    Nothing,
    Failed(Error),
    /// No end within the time that was given, and nothing of use.
    Quiet,
    /// No end within the time that was given, though it had begun well.
    Stuck,
}

/// One use of a provider, which gives up after the time it is told.
type Drive<'a> = &'a (dyn Fn(Duration) -> BoxFuture<'a, Outcome> + Sync);

/// Sets what the vendor does wrong from now on.
pub type Set<'a> = &'a (dyn Fn(Option<Adversity>) + Sync);

/// Every adversity of a recogniser. `fresh` makes a provider without connections from better times.
///
/// # Errors
/// The first that is not told for what it is.
pub async fn stt_adversities(
    fresh: &(dyn Fn() -> Arc<dyn Stt> + Sync),
    set: Set<'_>,
    trial: &Trial,
) -> Result<(), Broken> {
    for adversity in all() {
        let stt = fresh();
        let drive = |wait| before(trial.sleep, wait, listen(&*stt, trial)).map(told).boxed();
        one(Ability::Stt, adversity, &drive, set, trial).await?;
    }
    Ok(())
}

/// Every adversity of a voice. `fresh` makes a provider without connections from better times.
///
/// # Errors
/// The first that is not told for what it is.
pub async fn tts_adversities(
    fresh: &(dyn Fn() -> Arc<dyn Tts> + Sync),
    set: Set<'_>,
    trial: &Trial,
) -> Result<(), Broken> {
    for adversity in all() {
        let tts = fresh();
        let drive = |wait| speak(&*tts, trial.sleep, wait).boxed();
        one(Ability::Tts, adversity, &drive, set, trial).await?;
    }
    Ok(())
}

/// Every adversity of a language model. `fresh` makes a provider without connections from better times.
///
/// # Errors
/// The first that is not told for what it is.
pub async fn llm_adversities(
    fresh: &(dyn Fn() -> Arc<dyn Llm> + Sync),
    set: Set<'_>,
    trial: &Trial,
) -> Result<(), Broken> {
    for adversity in all() {
        let llm = fresh();
        let drive = |wait| chat(&*llm, trial.sleep, wait).boxed();
        one(Ability::Llm, adversity, &drive, set, trial).await?;
    }
    Ok(())
}

/// Every adversity of a model that hears and speaks. `fresh` makes a provider without connections from better times.
///
/// # Errors
/// The first that is not told for what it is.
pub async fn speech_adversities(
    fresh: &(dyn Fn() -> Arc<dyn SpeechModel> + Sync),
    set: Set<'_>,
    trial: &Trial,
) -> Result<(), Broken> {
    for adversity in all() {
        let model = fresh();
        let drive = |wait| converse(&*model, trial, wait).boxed();
        one(Ability::Llm, adversity, &drive, set, trial).await?;
    }
    Ok(())
}

const fn all() -> [Adversity; 12] {
    [
        Adversity::Unauthorized,
        Adversity::Exhausted,
        Adversity::Limited,
        Adversity::Overloaded,
        Adversity::Rejected,
        Adversity::Hang,
        Adversity::Mute,
        Adversity::Slow(3),
        Adversity::Garbage,
        Adversity::Oversized,
        Adversity::BreaksAfter(30),
        Adversity::Empty,
    ]
}

async fn one(
    ability: Ability,
    adversity: Adversity,
    drive: Drive<'_>,
    set: Set<'_>,
    trial: &Trial,
) -> Result<(), Broken> {
    set(Some(adversity));
    let silent = matches!(adversity, Adversity::Hang | Adversity::Mute);
    // Dropping what is still under way is part of the trial: `drive` gives up after this time.
    let outcome = drive(if silent { trial.quiet } else { trial.patience }).await;
    if !is_right(ability, adversity, &outcome, trial.retry_after) {
        return Err(broken(RULE, format!("{adversity:?} was told as {outcome:?}")));
    }
    if let Outcome::Failed(error) = &outcome {
        keeps_secrets(error, trial)?;
    }
    set(None);
    match drive(trial.patience).await {
        Outcome::Served => Ok(()),
        other => Err(broken("a vendor that is well again serves", format!("{other:?} after {adversity:?}"))),
    }
}

fn is_right(ability: Ability, adversity: Adversity, outcome: &Outcome, retry_after: bool) -> bool {
    let failed = match outcome {
        Outcome::Failed(error) => Some(error.kind),
        _ => None,
    };
    match adversity {
        Adversity::Unauthorized => failed == Some(ErrorKind::Unauthorized),
        Adversity::Exhausted => failed == Some(ErrorKind::Exhausted),
        Adversity::Limited if retry_after => failed == Some(ErrorKind::Limited(Some(WAIT))),
        Adversity::Limited => matches!(failed, Some(ErrorKind::Limited(_))),
        Adversity::Overloaded => {
            matches!(failed, Some(ErrorKind::Limited(_) | ErrorKind::Unreachable | ErrorKind::Closed))
        }
        Adversity::Rejected => failed == Some(ErrorKind::Rejected),
        // A recogniser whose vendor is mute still answers `Finalize`, with nothing.
        Adversity::Mute if ability == Ability::Stt && matches!(outcome, Outcome::Nothing) => true,
        Adversity::Hang | Adversity::Mute => {
            matches!(outcome, Outcome::Quiet)
                || matches!(failed, Some(ErrorKind::TimedOut | ErrorKind::Unreachable | ErrorKind::Closed))
        }
        Adversity::Slow(_) => matches!(outcome, Outcome::Served),
        Adversity::Garbage | Adversity::Oversized => failed == Some(ErrorKind::Protocol),
        // Served: over before it broke, or begun again before anything of it was heard.
        Adversity::BreaksAfter(_) => {
            matches!(outcome, Outcome::Served)
                || matches!(failed, Some(ErrorKind::Closed | ErrorKind::Unreachable))
        }
        // Some vendors say so when nothing is paid for any more.
        Adversity::Empty if ability == Ability::Tts => {
            matches!(failed, Some(ErrorKind::Protocol | ErrorKind::Exhausted | ErrorKind::Closed))
        }
        Adversity::Empty => matches!(outcome, Outcome::Nothing) || failed == Some(ErrorKind::Protocol),
    }
}

fn keeps_secrets(error: &Error, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "errors hold neither keys nor what was said";
    let shown = format!("{error} {error:?}").to_lowercase();
    if !trial.key.is_empty() && shown.contains(&trial.key.to_lowercase()) {
        return Err(broken(RULE, "an error holds the key"));
    }
    if shown.contains(PRIVATE) {
        return Err(broken(RULE, "an error repeats what was said"));
    }
    Ok(())
}

fn told(outcome: Option<Outcome>) -> Outcome {
    outcome.unwrap_or(Outcome::Quiet)
}

/// Useful are words. Without an end within the time: quiet, since no word was told by then or the final was missing.
async fn listen(stt: &dyn Stt, trial: &Trial) -> Outcome {
    let SttStream { mut input, mut events } = match stt.open(super::stt::request(trial)).await {
        Ok(stream) => stream,
        Err(error) => return Outcome::Failed(error),
    };
    let mut at = MediaTime::ZERO;
    for piece in trial.speech.chunks(AudioFrame::samples_per_frame(trial.rate_hz)) {
        let frame = AudioFrame { samples: piece.to_vec(), rate_hz: trial.rate_hz, at };
        at = frame.end();
        // Why it was closed stands in the events.
        let _closed = input.push(SttInput::Audio(frame));
        let pause = (trial.sleep)(domain::FRAME / HASTE);
        match select(pause, events.next()).await {
            Either::Right((Some(Err(error)), _)) => return Outcome::Failed(error),
            Either::Right((None, _)) => return Outcome::Nothing,
            Either::Right((Some(Ok(_)), pause)) => pause.await,
            Either::Left(_) => {}
        }
    }
    let _closed = input.push(SttInput::Finalize);
    while let Some(event) = events.next().await {
        match event {
            Ok(SttEvent::Transcript(told)) if told.is_final() => {
                return if told.text.trim().is_empty() { Outcome::Nothing } else { Outcome::Served };
            }
            Ok(_) => {}
            Err(error) => return Outcome::Failed(error),
        }
    }
    Outcome::Nothing
}

/// Useful is audio.
async fn speak(tts: &dyn Tts, sleep: Sleep, wait: Duration) -> Outcome {
    let mut sounded = false;
    let turn = async {
        let mut voice = match tts.open(super::tts::request()).await {
            Ok(voice) => voice,
            Err(error) => return Outcome::Failed(error),
        };
        let _closed = voice.input.send(TtsInput::Sentence(format!("It is {PRIVATE}."))).await;
        while let Some(event) = voice.events.next().await {
            match event {
                Ok(TtsEvent::Audio(frame)) => sounded |= !frame.samples.is_empty(),
                Ok(TtsEvent::SentenceDone { .. }) if sounded => return Outcome::Served,
                Ok(TtsEvent::SentenceDone { .. }) => return Outcome::Nothing,
                Ok(_) => {}
                Err(error) => return Outcome::Failed(error),
            }
        }
        Outcome::Nothing
    };
    let outcome = before(sleep, wait, turn).await;
    outcome.unwrap_or(if sounded { Outcome::Stuck } else { Outcome::Quiet })
}

/// Useful is text.
async fn chat(llm: &dyn Llm, sleep: Sleep, wait: Duration) -> Outcome {
    let mut answered = false;
    let reply = async {
        let mut stream = match llm.chat(super::llm::question()).await {
            Ok(stream) => stream,
            Err(error) => return Outcome::Failed(error),
        };
        while let Some(event) = stream.next().await {
            match event {
                Ok(LlmEvent::Text(piece)) => answered |= !piece.is_empty(),
                Ok(LlmEvent::Finished(_)) if answered => return Outcome::Served,
                Ok(LlmEvent::Finished(_)) => return Outcome::Nothing,
                Ok(_) => {}
                Err(error) => return Outcome::Failed(error),
            }
        }
        // Broken off without an error: whoever asked cannot tell it from a reply.
        Outcome::Stuck
    };
    let outcome = before(sleep, wait, reply).await;
    outcome.unwrap_or(if answered { Outcome::Stuck } else { Outcome::Quiet })
}

/// Useful is audio.
async fn converse(model: &dyn SpeechModel, trial: &Trial, wait: Duration) -> Outcome {
    let mut sounded = false;
    let talk = async {
        let mut talk = match model.open(super::speech::request(trial)).await {
            Ok(talk) => talk,
            Err(error) => return Outcome::Failed(error),
        };
        let said = Message::Caller(format!("It is {PRIVATE}."));
        let ask = super::speech::asking(ToolChoice::None);
        for input in [SpeechInput::Said(said), SpeechInput::Answer(ask)] {
            // Why it was closed stands in the events.
            let _closed = talk.input.send(input).await;
        }
        while let Some(event) = talk.events.next().await {
            match event.map(|event| event.given) {
                Ok(SpeechGiven::Voiced(Voiced::Audio(frame))) => sounded |= !frame.samples.is_empty(),
                Ok(SpeechGiven::Finished(_)) if sounded => return Outcome::Served,
                Ok(SpeechGiven::Finished(_)) => return Outcome::Nothing,
                Ok(_) => {}
                Err(error) => return Outcome::Failed(error),
            }
        }
        Outcome::Nothing
    };
    let outcome = before(trial.sleep, wait, talk).await;
    outcome.unwrap_or(if sounded { Outcome::Stuck } else { Outcome::Quiet })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: ErrorKind) -> Outcome {
        Outcome::Failed(Error::new(Ability::Llm, kind, "acme", "no"))
    }

    #[test]
    fn a_limit_says_how_long_it_lasts_where_the_protocol_does() {
        let right = |kind, told| is_right(Ability::Llm, Adversity::Limited, &failed(kind), told);
        assert!(right(ErrorKind::Limited(Some(WAIT)), true) && right(ErrorKind::Limited(None), false));
        assert!(!right(ErrorKind::Limited(None), true) && !right(ErrorKind::Exhausted, false));
    }

    #[test]
    fn a_voice_must_not_claim_that_it_spoke_and_a_model_may_have_nothing_to_say() {
        assert!(!is_right(Ability::Tts, Adversity::Empty, &Outcome::Nothing, true));
        assert!(is_right(Ability::Tts, Adversity::Empty, &failed(ErrorKind::Protocol), true));
        assert!(is_right(Ability::Llm, Adversity::Empty, &Outcome::Nothing, true));
    }

    #[test]
    fn an_error_that_holds_the_key_is_noticed() {
        let trial = Trial { key: "sk-1".to_owned(), ..Trial::new(|_| async {}.boxed(), WAIT) };
        let error = Error::new(Ability::Llm, ErrorKind::Unauthorized, "acme", "no such key: SK-1");
        assert!(keeps_secrets(&error, &trial).is_err());
    }
}
