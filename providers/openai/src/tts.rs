//! Speech over `audio/speech`, a request for each sentence. What comes back is decided by what it is, not by what was asked for: servers
//! that claim compatibility send WAV for PCM, and plain audio for events.

mod wav;

use domain::Voice;
use providers_api::TtsRequest;
use providers_link::http::Answer;
use providers_link::pcm::Samples;
use providers_link::reciting::AudioBody;
use providers_link::{Client, Fault, Recital, Reciting, Spoken};

use crate::options::{Options, TtsOptions};
use crate::resample::Resampler;
use crate::wire::Complaint;
use crate::wire::speech::{SpeechEvent, event};
use crate::{faults, wire};
use wav::Wav;

/// Of `pcm`, and what everything else is brought to.
const RATE_HZ: u32 = 24_000;
/// Of one sentence: ten minutes. What is longer is none.
const LONGEST_SAMPLES: usize = RATE_HZ as usize * 600;
/// Of one event, base64 included.
const LARGEST_EVENT: usize = 4 << 20;
/// Of a complaint in the place of audio.
const LARGEST_COMPLAINT: usize = 16 << 10;

/// A `Tts` at the server of `options`.
#[must_use]
pub fn speech(options: Options, tts: TtsOptions, client: Client) -> Reciting<Speech> {
    let info = options.info(&tts.model, RATE_HZ);
    Reciting::new(info, client, Speech { options, tts })
}

/// The requests of `audio/speech`.
#[derive(Debug)]
pub struct Speech {
    options: Options,
    tts: TtsOptions,
}

impl Recital for Speech {
    fn request(&self, client: &Client, turn: &TtsRequest, text: &str) -> reqwest::RequestBuilder {
        let voice: &Voice = &turn.voice;
        let request = self.options.authorised(client.post(&self.options.url("audio/speech")));
        request.json(&wire::speech::body(&self.tts, voice, text))
    }

    fn audio(&self, answer: &Answer) -> Result<Box<dyn AudioBody>, Fault> {
        let kind = answer.content_type.as_str();
        Ok(match kind {
            "text/event-stream" => Box::new(Events::default()),
            _ if kind.contains("json") || kind.starts_with("text/") => Box::new(Complaining::default()),
            "audio/mpeg" | "audio/mp3" | "audio/aac" | "audio/flac" | "audio/ogg" | "audio/opus" => {
                return Err(Fault::protocol(format!("asked for pcm, got {kind}")));
            }
            _ => Box::new(Plain::default()),
        })
    }

    fn refused(&self, answer: &Answer, body: &str) -> Fault {
        faults::refused(answer, body)
    }
}

/// How much came, so that an endless body ends.
#[derive(Debug, Default)]
struct Given(usize);

impl Given {
    fn give(&mut self, samples: Vec<i16>, out: &mut Vec<Spoken>) -> Result<(), Fault> {
        self.0 += samples.len();
        if self.0 > LONGEST_SAMPLES {
            return Err(Fault::protocol("more than ten minutes of audio for one sentence"));
        }
        if !samples.is_empty() {
            out.push(Spoken::Audio(samples));
        }
        Ok(())
    }

    fn end(&self) -> Result<(), Fault> {
        if self.0 == 0 { Err(Fault::protocol("success was claimed and no audio sent")) } else { Ok(()) }
    }
}

/// PCM, or WAV that begins with `RIFF`.
#[derive(Debug, Default)]
struct Plain {
    /// Too little to tell one from the other.
    begun: Vec<u8>,
    kind: Option<Kind>,
    given: Given,
}

#[derive(Debug)]
enum Kind {
    Pcm(Samples),
    Wav(Box<Wav>, Option<Resampler>),
}

impl AudioBody for Plain {
    fn push(&mut self, piece: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        if self.kind.is_none() {
            self.begun.extend_from_slice(piece);
            if self.begun.len() < 4 {
                return Ok(());
            }
            let begun = std::mem::take(&mut self.begun);
            self.kind = Some(match begun.starts_with(b"RIFF") {
                true => Kind::Wav(Box::default(), None),
                false => Kind::Pcm(Samples::default()),
            });
            return self.known(&begun, out);
        }
        self.known(piece, out)
    }

    fn end(&mut self, _out: &mut Vec<Spoken>) -> Result<(), Fault> {
        self.given.end()
    }
}

impl Plain {
    fn known(&mut self, piece: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        let samples = match &mut self.kind {
            Some(Kind::Pcm(samples)) => samples.push(piece),
            Some(Kind::Wav(wav, resampler)) => {
                let samples = wav.push(piece)?;
                match wav.rate_hz() {
                    Some(RATE_HZ) | None => samples,
                    Some(rate_hz) => {
                        resampler.get_or_insert_with(|| Resampler::new(rate_hz, RATE_HZ)).push(&samples)
                    }
                }
            }
            None => Vec::new(),
        };
        self.given.give(samples, out)
    }
}

/// Audio in events, with a count of tokens at the end.
#[derive(Debug, Default)]
struct Events {
    line: Vec<u8>,
    samples: Samples,
    given: Given,
}

impl AudioBody for Events {
    fn push(&mut self, piece: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.line(&line, out)?;
        }
        self.line.extend_from_slice(rest);
        if self.line.len() > LARGEST_EVENT {
            return Err(Fault::protocol(format!("an event of more than {LARGEST_EVENT} bytes")));
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Spoken>) -> Result<(), Fault> {
        let line = std::mem::take(&mut self.line);
        self.line(&line, out)?;
        self.given.end()
    }
}

impl Events {
    /// Each event of this protocol is one line of data, which names its type itself.
    fn line(&mut self, line: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        let line = String::from_utf8_lossy(line);
        let Some(data) = line.strip_prefix("data:").map(str::trim) else { return Ok(()) };
        if data.is_empty() || data == "[DONE]" {
            return Ok(());
        }
        match event(data)? {
            SpeechEvent::Audio(bytes) => self.given.give(self.samples.push(&bytes), out),
            SpeechEvent::Done(usage) => {
                out.extend(usage.map(Spoken::Usage));
                Ok(())
            }
            SpeechEvent::Other => Ok(()),
        }
    }
}

/// Status 200, and text in the place of audio.
#[derive(Debug, Default)]
struct Complaining {
    text: Vec<u8>,
}

impl AudioBody for Complaining {
    fn push(&mut self, piece: &[u8], _out: &mut Vec<Spoken>) -> Result<(), Fault> {
        self.text.extend_from_slice(piece);
        if self.text.len() > LARGEST_COMPLAINT {
            return Err(Fault::protocol("text in the place of audio"));
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Spoken>) -> Result<(), Fault> {
        match Complaint::in_text(&String::from_utf8_lossy(&self.text)) {
            Some(complaint) => Err(faults::instead(&complaint)),
            None => Err(Fault::protocol("text in the place of audio")),
        }
    }
}

#[cfg(test)]
mod tests;
