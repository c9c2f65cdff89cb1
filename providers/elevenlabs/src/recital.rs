//! Synthesis over HTTP, a request for each sentence: for models without a socket, and where sockets do not get through.

use std::time::Duration;

use providers_api::TtsRequest;
use providers_link::http::{Answer, Client};
use providers_link::pcm::Samples;
use providers_link::reciting::{AudioBody, RawBody};
use providers_link::socket::encoded;
use providers_link::{Fault, Recital, Reciting, Spoken};

use crate::alignment::Words;
use crate::options::Options;
use crate::refusal;
use crate::wire::{self, Line, Settings, Speech};

/// Of one line of `with-timestamps`: some seconds of audio. What is longer is none of theirs.
const LARGEST_LINE: usize = 4 << 20;
/// Of one sentence: so many seconds of audio at most. What is longer is no speech.
const LONGEST_AUDIO: u64 = 300;
/// Of a good answer that is an error after all.
const LARGEST_ERROR: usize = 16 << 10;

/// A voice over `stream`: audio alone, with the least in between.
#[must_use]
pub fn reciting(options: Options, client: Client) -> Reciting<ElevenLabsRecital> {
    Reciting::new(options.info(), client, ElevenLabsRecital { options, words: false })
}

/// A voice over `stream/with-timestamps`: audio and the times of its words, a third more to carry.
#[must_use]
pub fn reciting_with_words(options: Options, client: Client) -> Reciting<ElevenLabsRecital> {
    Reciting::new(options.info(), client, ElevenLabsRecital { options, words: true })
}

pub struct ElevenLabsRecital {
    options: Options,
    words: bool,
}

impl Recital for ElevenLabsRecital {
    fn request(&self, client: &Client, turn: &TtsRequest, text: &str) -> reqwest::RequestBuilder {
        let options = &self.options;
        let url = format!(
            "{}/v1/text-to-speech/{}/{}?output_format={}{}",
            options.http_base(),
            encoded(options.voice(turn)),
            if self.words { "stream/with-timestamps" } else { "stream" },
            options.output_format(),
            if options.logging { "" } else { "&enable_logging=false" },
        );
        let body = wire::json(&Speech {
            text,
            model_id: &options.model,
            language_code: options.language(turn),
            voice_settings: Settings::new(options.voice_settings, turn.voice.speed),
            apply_text_normalization: options.normalization,
        });
        client
            .post(&url)
            .header("xi-api-key", options.api_key.expose())
            .header("content-type", "application/json")
            .body(body)
    }

    fn audio(&self, answer: &Answer) -> Result<Box<dyn AudioBody>, Fault> {
        if refusal::at_the_limit(answer) {
            tracing::warn!(
                "ElevenLabs has no place left for another request at the same time; a larger plan has more"
            );
        }
        match (answer.content_type.as_str(), self.words) {
            (kind, false) if kind.starts_with("audio/") || kind == "application/octet-stream" => {
                let left = LONGEST_AUDIO * u64::from(self.options.rate_hz) * 2;
                let length = answer.header("content-length").and_then(|length| length.parse().ok());
                if length.is_some_and(|length: u64| length > left) {
                    too_long()
                } else {
                    Ok(Plain::boxed(left))
                }
            }
            ("application/json", false) => {
                Ok(Box::new(Mistaken { answer: answer.clone(), body: Vec::new() }))
            }
            (kind, true) if kind.contains("json") || kind == "text/event-stream" || kind == "text/plain" => {
                Ok(Box::<Lines>::default())
            }
            (kind, _) => Err(Fault::protocol(format!("{kind:?} where audio was asked for"))),
        }
    }

    fn refused(&self, answer: &Answer, body: &str) -> Fault {
        refusal::answer(answer, body)
    }
}

/// Samples and nothing else.
struct Plain {
    raw: RawBody,
    /// Bytes that may still come.
    left: u64,
    sounded: bool,
}

impl Plain {
    fn boxed(left: u64) -> Box<dyn AudioBody> {
        Box::new(Self { raw: RawBody::default(), left, sounded: false })
    }
}

impl AudioBody for Plain {
    fn push(&mut self, piece: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        match self.left.checked_sub(piece.len() as u64) {
            Some(left) => self.left = left,
            None => return too_long(),
        }
        self.sounded |= !piece.is_empty();
        self.raw.push(piece, out)
    }

    fn end(&mut self, _out: &mut Vec<Spoken>) -> Result<(), Fault> {
        sounded(self.sounded)
    }
}

/// JSON in lines, each with audio and the characters that sound in it.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    samples: Samples,
    sounded: bool,
    words: Words,
    told: usize,
}

impl Lines {
    fn line(&mut self, line: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        let line = line.strip_prefix(b"data:").unwrap_or(line).trim_ascii();
        if line.is_empty() {
            return Ok(());
        }
        let line = Line::read(line)?;
        for timed in line.timed() {
            let at = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
            self.words.push(&timed.text, at(timed.from), at(timed.to));
        }
        self.tell(out);
        let samples = self.samples.push(&line.audio()?);
        if !samples.is_empty() {
            self.sounded = true;
            out.push(Spoken::Audio(samples));
        }
        Ok(())
    }

    fn tell(&mut self, out: &mut Vec<Spoken>) {
        let words = self.words.told();
        if words.len() > self.told {
            self.told = words.len();
            out.push(Spoken::Words { sentence: 0, words });
        }
    }
}

impl AudioBody for Lines {
    fn push(&mut self, piece: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() > LARGEST_LINE {
                return Err(Fault::protocol(format!("a line of more than {LARGEST_LINE} bytes")));
            }
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.line(&line, out)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Spoken>) -> Result<(), Fault> {
        let line = std::mem::take(&mut self.line);
        self.line(&line, out)?;
        self.words.finish();
        self.tell(out);
        sounded(self.sounded)
    }
}

/// An error that was answered as if it were none.
struct Mistaken {
    answer: Answer,
    body: Vec<u8>,
}

impl AudioBody for Mistaken {
    fn push(&mut self, piece: &[u8], _out: &mut Vec<Spoken>) -> Result<(), Fault> {
        self.body.extend_from_slice(piece);
        if self.body.len() > LARGEST_ERROR { self.fault() } else { Ok(()) }
    }

    fn end(&mut self, _out: &mut Vec<Spoken>) -> Result<(), Fault> {
        self.fault()
    }
}

impl Mistaken {
    fn fault(&self) -> Result<(), Fault> {
        let (names, reason) = wire::refusal(&String::from_utf8_lossy(&self.body));
        let kind =
            refusal::kind(&names, self.answer.retry_after).unwrap_or(providers_api::ErrorKind::Protocol);
        Err(Fault::new(kind, format!("JSON where audio was asked for: {names} {reason}")))
    }
}

fn too_long<T>() -> Result<T, Fault> {
    Err(Fault::protocol(format!("more than {LONGEST_AUDIO} s of audio for one sentence")))
}

fn sounded(sounded: bool) -> Result<(), Fault> {
    if sounded { Ok(()) } else { Err(Fault::protocol("an answer without any sound, though there was text")) }
}

#[cfg(test)]
mod tests;
