//! What the messages of streaming recognition mean. Data in, data out: no waiting, no clock, no connection.
//!
//! Google has no message that asks for the final: the end of a stream does. So one connection carries a chain of streams, one after
//! the other, and this decides where one ends and the next begins: at each `finalize`, and before Google's limit of five minutes at
//! a quiet moment. A stream of a connection that stands costs no round trip, therefore the next begins with the first audio that
//! is for it, and where there is none no stream idles.
//!
//! Over the connection an empty binary frame is the end of a stream, either way; an empty text says that no other follows.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use domain::Language;
use prost::Message;
use providers_api::{SttRequest, Usage};
use providers_link::hearing::PieceWord;
use providers_link::positions::Positions;
use providers_link::{Endpoint, Fault, Frame, Heard, HearingProtocol, Piece};

use crate::options::Options;
use crate::wire::speech::{
    AdaptationPhraseSet, ExplicitDecodingConfig, LINEAR16, Phrase, PhraseSet, ProtoDuration,
    RecognitionConfig, RecognitionFeatures, SpeechAdaptation, StreamingRecognitionConfig,
    StreamingRecognitionFeatures, StreamingRecognitionResult, StreamingRecognizeRequest,
    StreamingRecognizeResponse, StreamingRequest,
};

/// Google ends a stream after 305 s; from here on a quiet moment ends it.
const ROTATE_AFTER: Duration = Duration::from_secs(240);
/// Here it ends wherever the caller is.
const ROTATE_AT_LAST: Duration = Duration::from_secs(290);
/// So much quiet is a gap between words.
const QUIET: Duration = Duration::from_millis(300);
/// About -45 dB below full scale, squared: quieter than speech on a telephone, louder than its noise.
const QUIET_POWER: f64 = 180.0 * 180.0;
/// Google takes 15 KB of audio in a message.
const LARGEST_AUDIO: usize = 15_000;
/// Silence that keeps a stream open, and how often it is sent.
const SILENCE: Duration = Duration::from_millis(20);
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// More phrases than these are refused.
const MOST_PHRASES: usize = 1_200;

/// One stream of recognition for whoever uses it, many for Google.
pub(crate) struct Recognition {
    url: String,
    /// The message that begins each of Google's streams.
    config: Bytes,
    rate_hz: u32,
    /// Samples given to this connection.
    given: u64,
    /// Streams that have not ended, the one whose messages come next first.
    streams: VecDeque<Stream>,
    /// The last of them takes audio.
    takes_audio: bool,
    /// Samples of quiet at the end of what was given.
    quiet: u64,
}

struct Stream {
    /// Of this connection's samples, those before the stream.
    from: u64,
    positions: Positions,
    /// Since it began, by the audio and the silences it was given.
    age: Duration,
    /// Its end answers a `finalize`.
    finalizes: bool,
    /// End of what was settled, in the audio given to the stream.
    settled_to: Duration,
    billed: Option<Duration>,
}

impl Recognition {
    pub(crate) fn new(options: &Options, request: &SttRequest) -> Self {
        Self {
            url: options.stt_url(),
            config: config(options, request).encode_to_vec().into(),
            rate_hz: request.rate_hz,
            given: 0,
            streams: VecDeque::new(),
            takes_audio: false,
            quiet: 0,
        }
    }

    fn begin(&mut self, out: &mut Vec<Frame>) {
        self.streams.push_back(Stream::new(self.given, self.rate_hz));
        self.takes_audio = true;
        out.push(Frame::Binary(self.config.clone()));
    }

    fn end(&mut self, out: &mut Vec<Frame>) {
        self.takes_audio = false;
        out.push(Frame::Binary(Bytes::new()));
    }

    fn open(&mut self) -> Option<&mut Stream> {
        if self.takes_audio { self.streams.back_mut() } else { None }
    }

    fn listen(&mut self, samples: &[i16]) {
        self.given += samples.len() as u64;
        let power = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
        if power > QUIET_POWER * samples.len() as f64 {
            self.quiet = 0;
        } else {
            self.quiet += samples.len() as u64;
        }
    }

    fn is_due(&self) -> bool {
        let Some(stream) = self.streams.back() else { return false };
        let is_quiet = seconds(self.quiet, self.rate_hz) >= QUIET;
        self.takes_audio && (stream.age >= ROTATE_AT_LAST || (stream.age >= ROTATE_AFTER && is_quiet))
    }

    fn ended(&mut self, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let Some(stream) = self.streams.pop_front() else {
            return Err(Fault::protocol("a stream ended that was never begun"));
        };
        if let Some(billed) = stream.billed {
            heard.push(Heard::Usage(Usage { audio_in: billed, ..Usage::default() }));
        }
        if stream.finalizes {
            heard.push(Heard::Finalized);
        }
        Ok(())
    }
}

impl HearingProtocol for Recognition {
    fn connect(&mut self) -> Endpoint {
        (self.given, self.takes_audio, self.quiet) = (0, false, 0);
        self.streams.clear();
        Endpoint::new(self.url.clone())
    }

    fn audio(&mut self, samples: &[i16], out: &mut Vec<Frame>) {
        if !self.takes_audio {
            self.begin(out);
        }
        for piece in samples.chunks(LARGEST_AUDIO / 2) {
            out.push(Frame::Binary(audio(piece)));
        }
        let length = seconds(samples.len() as u64, self.rate_hz);
        if let Some(stream) = self.open() {
            stream.positions.sent(samples.len());
            stream.age += length;
        }
        self.listen(samples);
        if self.is_due() {
            self.end(out);
        }
    }

    fn finalize(&mut self, out: &mut Vec<Frame>) {
        if !self.takes_audio {
            // Nothing to end, but the answer must come after those of the streams before.
            self.streams.push_back(Stream::new(self.given, self.rate_hz));
        }
        if let Some(stream) = self.streams.back_mut() {
            stream.finalizes = true;
        }
        self.end(out);
    }

    fn keep_alive(&mut self, out: &mut Vec<Frame>) {
        let count = (SILENCE.as_secs_f64() * f64::from(self.rate_hz)) as usize;
        let Some(stream) = self.open() else { return };
        if stream.age >= ROTATE_AFTER {
            self.end(out);
            return;
        }
        stream.positions.inserted(count);
        stream.age += KEEP_ALIVE;
        out.push(Frame::Binary(audio(&vec![0; count])));
    }

    fn closing(&mut self, out: &mut Vec<Frame>) {
        if self.takes_audio {
            self.end(out);
        }
        out.push(Frame::Text(String::new()));
    }

    fn received(&mut self, frame: Frame, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let Frame::Binary(message) = frame else { return Err(Fault::protocol("a text over gRPC")) };
        if message.is_empty() {
            return self.ended(heard);
        }
        let answer = StreamingRecognizeResponse::decode(message)
            .map_err(|_| Fault::protocol("a message that is none of recognition"))?;
        let Some(stream) = self.streams.front_mut() else {
            return Err(Fault::protocol("an answer without a stream"));
        };
        if let Some(billed) = answer.metadata.and_then(|metadata| metadata.total_billed_duration) {
            stream.billed = Some(billed.into());
        }
        let (settled, open): (Vec<_>, Vec<_>) = answer.results.into_iter().partition(|r| r.is_final);
        let from = seconds(stream.from, self.rate_hz);
        for result in settled {
            let piece = stream.piece(&[result], from);
            stream.settled_to = piece.to.saturating_sub(from);
            if !piece.text.is_empty() {
                heard.push(Heard::Settled(piece));
            }
        }
        let partial = stream.piece(&open, from);
        if !partial.text.is_empty() {
            heard.push(Heard::Partial(partial));
        }
        Ok(())
    }
}

impl Stream {
    fn new(from: u64, rate_hz: u32) -> Self {
        Self {
            from,
            positions: Positions::new(rate_hz),
            age: Duration::ZERO,
            finalizes: false,
            settled_to: Duration::ZERO,
            billed: None,
        }
    }

    /// Results that follow each other, as one piece. `from` is where the stream begins on the connection.
    fn piece(&self, results: &[StreamingRecognitionResult], from: Duration) -> Piece {
        let place = |wire: Option<ProtoDuration>| wire.map(|at| from + self.positions.given(at.into()));
        let best = || results.iter().filter_map(|result| result.alternatives.first());
        let words: Vec<PieceWord> = best()
            .flat_map(|alternative| &alternative.words)
            .map(|word| {
                // An offset of zero is none on the wire.
                let begun = place(word.start_offset).unwrap_or(from);
                let to = place(word.end_offset).unwrap_or(begun);
                PieceWord { text: word.word.clone(), from: begun, to }
            })
            .collect();
        let text: String = best().map(|alternative| alternative.transcript.as_str()).collect();
        let begun = words.first().map_or(from + self.settled_to, |word| word.from);
        let last = results.iter().filter_map(|result| place(result.result_end_offset)).next_back();
        let to = last.or_else(|| words.last().map(|word| word.to)).unwrap_or(begun).max(begun);
        let confidence = best().map(|alternative| alternative.confidence).find(|value| *value > 0.0);
        let language = results.iter().map(|result| &result.language_code).find(|code| !code.is_empty());
        Piece {
            text: text.trim().to_owned(),
            from: begun,
            to,
            words,
            confidence,
            language: language.map(|code| Language(tag(code))),
        }
    }
}

fn config(options: &Options, request: &SttRequest) -> StreamingRecognizeRequest {
    let phrase = |word: &String| Phrase { value: word.clone(), boost: options.keyword_boost };
    let phrases: Vec<Phrase> = request.keywords.iter().take(MOST_PHRASES).map(phrase).collect();
    let adaptation = (!phrases.is_empty()).then(|| SpeechAdaptation {
        phrase_sets: vec![AdaptationPhraseSet { inline_phrase_set: Some(PhraseSet { phrases }) }],
    });
    let config = RecognitionConfig {
        features: Some(RecognitionFeatures {
            enable_word_time_offsets: true,
            enable_automatic_punctuation: true,
        }),
        adaptation,
        explicit_decoding_config: Some(ExplicitDecodingConfig {
            encoding: LINEAR16,
            sample_rate_hertz: i32::try_from(request.rate_hz).unwrap_or(i32::MAX),
            audio_channel_count: 1,
        }),
        model: options.stt_model.clone(),
        language_codes: options.languages(request.language.as_ref()),
    };
    StreamingRecognizeRequest {
        recognizer: options.recognizer(),
        streaming_request: Some(StreamingRequest::Config(StreamingRecognitionConfig {
            config: Some(config),
            streaming_features: Some(StreamingRecognitionFeatures { interim_results: true }),
        })),
    }
}

fn audio(samples: &[i16]) -> Bytes {
    let audio = StreamingRequest::Audio(providers_link::pcm::bytes(samples).into());
    StreamingRecognizeRequest { recognizer: String::new(), streaming_request: Some(audio) }
        .encode_to_vec()
        .into()
}

fn seconds(samples: u64, rate_hz: u32) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(rate_hz.max(1)))
}

/// Google writes `en-us` in answers; the region of a tag is upper-case here.
fn tag(code: &str) -> String {
    match code.split_once('-') {
        Some((language, region)) if region.len() == 2 => {
            format!("{}-{}", language.to_lowercase(), region.to_uppercase())
        }
        Some((language, rest)) => format!("{}-{rest}", language.to_lowercase()),
        None => code.to_lowercase(),
    }
}

#[cfg(test)]
mod tests;
