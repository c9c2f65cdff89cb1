//! One small, real request at a vendor, timed: what somebody who has entered a key wants to see.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use control_api::provider_account::{Ability, TrialAnswer, TrialRequest};
use control_server::ports::Account;
use domain::{AudioFrame, FRAME, MediaTime, SessionId, Voice};
use futures::StreamExt;
use providers_api::{
    Error, LlmEvent, LlmRequest, Message, Stt, SttEvent, SttInput, SttRequest, SttStream, Tts, TtsEvent,
    TtsInput, TtsRequest, TtsStream,
};
use tokio::time::Instant;

use super::kept;
use crate::adapters::alone::Alone;
use crate::adapters::attempts::Books;
use crate::speech::{Sound, render};
use crate::vendors::Reach;

/// All of it.
const WITHIN: Duration = Duration::from_secs(20);
const SPOKEN: &str = "Hello! This is how I sound on the phone.";
const ASKED: &str = "Say hello in five words.";
const HEARD: &str = "What are your opening hours on Saturday?";
/// 0.5 % of full scale: what is quieter is no voice.
const AUDIBLE: u16 = 160;
/// Bytes; it was asked for five words.
const ANSWER_MOST: usize = 8_000;
const HEARING_RATE_HZ: u32 = 16_000;

pub(super) async fn run(
    reach: &Reach,
    account: &Account,
    wanted: &TrialRequest,
    own_voice: &dyn Tts,
    books: Arc<Books>,
) -> TrialAnswer {
    let model = wanted.model.as_deref();
    let trial = async {
        match wanted.ability {
            Ability::Llm => think(&Alone::new(kept::llm(reach, account, model)?, books)).await,
            Ability::Tts => {
                let name = wanted.voice.clone().unwrap_or_default();
                let tts = Alone::new(kept::tts(reach, account, model)?, books);
                speak(&tts, Voice { name, ..Voice::default() }).await
            }
            Ability::Stt => listen(&Alone::new(kept::stt(reach, account, model)?, books), own_voice).await,
        }
    };
    match tokio::time::timeout(WITHIN, trial).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(Failed::Provider(error))) => {
            failed(Some(error.failure().code.0.to_owned()), error.to_string())
        }
        Ok(Err(Failed::Unfit(reason))) => failed(None, reason),
        Err(_elapsed) => failed(None, format!("no answer within {} s", WITHIN.as_secs())),
    }
}

enum Failed {
    Provider(Error),
    Unfit(String),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Provider(error)
    }
}

impl From<String> for Failed {
    fn from(reason: String) -> Self {
        Self::Unfit(reason)
    }
}

fn failed(code: Option<String>, detail: String) -> TrialAnswer {
    TrialAnswer {
        ok: false,
        model: String::new(),
        open_ms: None,
        first_ms: None,
        whole_ms: None,
        text: None,
        audio: None,
        code,
        detail: Some(detail),
    }
}

/// Instants of a trial that goes well.
struct Timed {
    begun: Instant,
    open: Option<Instant>,
    first: Option<Instant>,
}

impl Timed {
    fn begin() -> Self {
        Self { begun: Instant::now(), open: None, first: None }
    }

    fn answer(self, model: &str, text: Option<String>, audio: Option<String>) -> TrialAnswer {
        let ms = |at: Instant| (at - self.begun).as_secs_f64() * 1_000.0;
        TrialAnswer {
            ok: true,
            model: model.to_owned(),
            open_ms: self.open.map(ms),
            first_ms: self.first.map(ms),
            whole_ms: Some(ms(Instant::now())),
            text,
            audio,
            code: None,
            detail: None,
        }
    }
}

async fn think(llm: &dyn providers_api::Llm) -> Result<TrialAnswer, Failed> {
    let mut timed = Timed::begin();
    let messages = vec![Message::Caller(ASKED.to_owned())];
    let request =
        LlmRequest { max_tokens: Some(200), ..LlmRequest::new(SessionId::generate(), "Be brief.", messages) };
    let mut reply = llm.chat(request).await?;
    timed.open = Some(Instant::now());
    let mut said = String::new();
    while let Some(event) = reply.next().await {
        if let LlmEvent::Text(text) = event? {
            timed.first.get_or_insert_with(Instant::now);
            said.push_str(&text);
        }
        if said.len() > ANSWER_MOST {
            return Err(Failed::Unfit("the answer to a small question has no end".to_owned()));
        }
    }
    Ok(timed.answer(&llm.info().model, Some(said), None))
}

async fn speak(tts: &dyn Tts, voice: Voice) -> Result<TrialAnswer, Failed> {
    let mut timed = Timed::begin();
    let TtsStream { mut input, mut events } =
        tts.open(TtsRequest { session: SessionId::generate(), turn: None, voice }).await?;
    timed.open = Some(Instant::now());
    let _closed = input.send(TtsInput::Sentence(SPOKEN.to_owned())).await;
    drop(input);
    let mut sound = Sound::default();
    while let Some(event) = events.next().await {
        if let TtsEvent::Audio(frame) = event? {
            if frame.samples.iter().any(|sample| sample.unsigned_abs() > AUDIBLE) {
                timed.first.get_or_insert_with(Instant::now);
            }
            sound.add(frame).map_err(str::to_owned)?;
        }
    }
    if timed.first.is_none() {
        return Err(Failed::Unfit("the vendor took the text and gave no sound".to_owned()));
    }
    let wav = wav(&sound.samples, sound.rate_hz).map_err(|error| error.to_string())?;
    Ok(timed.answer(&tts.info().model, None, Some(BASE64.encode(wav))))
}

/// The server's own voice says a sentence to the vendor at the pace of a call; counted from its last word.
async fn listen(stt: &dyn Stt, own_voice: &dyn Tts) -> Result<TrialAnswer, Failed> {
    let speech = rendered(own_voice).await?;
    let request = SttRequest {
        session: SessionId::generate(),
        rate_hz: HEARING_RATE_HZ,
        language: Some(Voice::default().language),
        keywords: Vec::new(),
    };
    let mut opening = Timed::begin();
    let SttStream { mut input, mut events } = stt.open(request).await?;
    let opened = opening.begun.elapsed();
    let mut at = MediaTime::ZERO;
    let mut next = Instant::now();
    for piece in speech.chunks(AudioFrame::samples_per_frame(HEARING_RATE_HZ)) {
        let frame = AudioFrame { samples: piece.to_vec(), rate_hz: HEARING_RATE_HZ, at };
        at = frame.end();
        let _full = input.push(SttInput::Audio(frame));
        next += FRAME;
        // Polled as a call does, since polling drives it.
        let until = tokio::time::sleep_until(next);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => break,
                event = events.next() => match event {
                    Some(event) => drop(event?),
                    None => return Err(Failed::Unfit("the vendor hung up".to_owned())),
                },
            }
        }
    }
    opening.begun = Instant::now();
    opening.open = Some(opening.begun + opened);
    let _full = input.push(SttInput::Finalize);
    while let Some(event) = events.next().await {
        if let SttEvent::Transcript(transcript) = event?
            && transcript.is_final()
        {
            opening.first = Some(Instant::now());
            return Ok(opening.answer(&stt.info().model, Some(transcript.text), None));
        }
    }
    Err(Failed::Unfit("the vendor hung up before it gave its words".to_owned()))
}

async fn rendered(voice: &dyn Tts) -> Result<Vec<i16>, Failed> {
    let clip = render(voice, HEARD, &Voice::default()).await?;
    if clip.rate_hz == HEARING_RATE_HZ {
        return Ok(clip.samples.to_vec());
    }
    let mut resampler =
        media_core::Resampler::new(clip.rate_hz, HEARING_RATE_HZ).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    resampler.push(&clip.samples, &mut out);
    resampler.flush(&mut out);
    Ok(out)
}

pub(crate) fn wav(samples: &[i16], rate_hz: u32) -> Result<Vec<u8>, hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec)?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    writer.finalize()?;
    Ok(bytes.into_inner())
}
