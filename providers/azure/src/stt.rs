//! Live speech to text: one request to a turn of the caller, on one socket after the other.

use std::sync::Arc;
use std::time::Duration;

use domain::Language;
use providers_api::{ErrorKind, ProviderInfo, SttRequest};
use providers_link::hearing::{self, PieceWord};
use providers_link::socket::{Manners, Refusal, encoded};
use providers_link::{Endpoint, Fault, Frame, Heard, Hearing, HearingProtocol, Piece, Positions, pcm};

use crate::locale::locale;
use crate::options::Options;
use crate::usp::{self, Head, Message};
use crate::wire::{self, Hypothesis, Phrase, Status};

const RATE_HZ: u32 = 16_000;
/// Of one message's audio, in samples: the service takes 8192 bytes.
const LARGEST_PORTION: usize = 4_096;
/// The service closes after 10 minutes without a warning.
const ROTATE_AFTER: Duration = Duration::from_secs(9 * 60);
const KEEP_ALIVE: Duration = Duration::from_secs(5);
const KEEP_ALIVE_SILENCE_MS: u32 = 100;
/// Recognition at Azure.
pub fn stt(options: Options) -> Hearing<impl Fn(&SttRequest) -> Listening + Send + Sync> {
    let info = ProviderInfo {
        name: "azure".to_owned(),
        model: options.endpoint_id.clone().unwrap_or_else(|| options.mode.path().to_owned()),
        region: options.region.clone(),
        rate_hz: RATE_HZ,
        ..ProviderInfo::default()
    };
    let mut treatment = hearing::Options::new(manners(&options));
    treatment.finalize_within = options.finalize_within;
    let options = Arc::new(options);
    Hearing::new(info, treatment, move |request| {
        Listening::new(Arc::clone(&options), request, Marks::default())
    })
}

/// One stream of recognition.
pub struct Listening {
    options: Arc<Options>,
    marks: Marks,
    locale: String,
    keywords: Vec<String>,
    rate_hz: u32,
    positions: Positions,
    /// The request under way.
    turn: Option<Turn>,
    /// Audio that waits for the end of a turn.
    held: Vec<i16>,
    /// A final was demanded of what is held.
    held_is_final: bool,
}

/// One request: its audio, and the answers that bear its id.
struct Turn {
    id: String,
    /// Where its audio begins in that of the connection, as the service counts.
    from: Duration,
    /// We ended its audio; the service owes the rest and `turn.end`.
    is_ended: bool,
    has_partial: bool,
}

/// What each message bears that is never the same twice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    /// 32 hexadecimal digits.
    pub(crate) id: fn() -> String,
    /// ISO 8601 in UTC.
    pub(crate) stamp: fn() -> String,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            id: || uuid::Uuid::now_v7().simple().to_string(),
            stamp: || format!("{:.3}", jiff::Timestamp::now()),
        }
    }
}

impl Listening {
    pub(crate) fn new(options: Arc<Options>, request: &SttRequest, marks: Marks) -> Self {
        let locale = locale(request.language.as_ref().unwrap_or(&options.language));
        Self {
            options,
            marks,
            locale,
            keywords: request.keywords.clone(),
            rate_hz: request.rate_hz,
            positions: Positions::new(request.rate_hz),
            turn: None,
            held: Vec::new(),
            held_is_final: false,
        }
    }

    /// The id of the request under way; the first of a new one carries the head of a WAV file.
    fn request(&mut self, out: &mut Vec<Frame>) -> String {
        if let Some(turn) = &self.turn {
            return turn.id.clone();
        }
        let id = (self.marks.id)();
        let from = self.positions.end();
        self.turn = Some(Turn { id: id.clone(), from, is_ended: false, has_partial: false });
        let context = wire::speech_context(&self.options, &self.keywords);
        out.push(self.text("speech.context", &id, &context));
        self.portion(&id, &usp::riff(self.rate_hz), out);
        id
    }

    fn portion(&self, request_id: &str, audio: &[u8], out: &mut Vec<Frame>) {
        let stamp = (self.marks.stamp)();
        let head = Head { path: "audio", request_id, stamp: &stamp, content_type: "audio/x-wav" };
        out.push(head.binary(audio));
    }

    fn text(&self, path: &str, request_id: &str, body: &serde_json::Value) -> Frame {
        let stamp = (self.marks.stamp)();
        let content_type = "application/json; charset=utf-8";
        Head { path, request_id, stamp: &stamp, content_type }.text(&body.to_string())
    }

    fn send(&mut self, samples: &[i16], out: &mut Vec<Frame>) {
        if samples.is_empty() {
            return;
        }
        let id = self.request(out);
        for portion in samples.chunks(LARGEST_PORTION) {
            self.portion(&id, &pcm::bytes(portion), out);
        }
    }

    /// An empty portion ends the request's audio.
    fn end_turn(&mut self, out: &mut Vec<Frame>) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| !turn.is_ended) {
            turn.is_ended = true;
            let id = turn.id.clone();
            self.portion(&id, &[], out);
        }
    }

    fn waits_for_end(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.is_ended)
    }

    fn held_for(&self) -> Duration {
        Duration::from_secs_f64(self.held.len() as f64 / f64::from(self.rate_hz))
    }

    fn answer(&mut self, message: &Message, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let Some(turn) = self.turn.as_mut().filter(|turn| turn.id == message.request_id) else {
            return Ok(()); // of a request that was given up
        };
        match message.path.as_str() {
            "speech.hypothesis" | "speech.fragment" => {
                let hypothesis: Hypothesis = read(message)?;
                turn.has_partial = true;
                let (from, to) = hypothesis.span();
                let place = |at| self.positions.given(turn.from + at);
                let (from, to) = (place(from), place(to));
                heard.push(Heard::Partial(Piece { text: hypothesis.text, from, to, ..Piece::default() }));
            }
            "speech.phrase" => {
                let phrase: Phrase = read(message)?;
                turn.has_partial &= phrase.recognition_status != Status::Success;
                let piece = piece(&phrase, |at| self.positions.given(turn.from + at));
                settle(phrase.recognition_status, piece, std::mem::take(&mut turn.has_partial), heard)?;
            }
            "turn.end" => {
                if turn.is_ended {
                    heard.push(Heard::Finalized);
                }
                self.turn = None;
            }
            _ => {} // turn.start, speech.startDetected, speech.endDetected and whatever comes to be
        }
        Ok(())
    }
}

impl HearingProtocol for Listening {
    fn connect(&mut self) -> Endpoint {
        self.positions = Positions::new(self.rate_hz);
        (self.turn, self.held_is_final) = (None, false);
        self.held.clear();
        let Options { stt_url, mode, profanity, key, endpoint_id, .. } = &*self.options;
        let base = stt_url.trim_end_matches('/');
        let mut url = format!(
            "{base}/speech/recognition/{}/cognitiveservices/v1?language={}&format=detailed&wordLevelTimestamps=true&profanity={}",
            mode.path(),
            encoded(&self.locale),
            profanity.value(),
        );
        if let Some(endpoint_id) = endpoint_id {
            url.push_str("&cid=");
            url.push_str(&encoded(endpoint_id));
        }
        Endpoint::new(url)
            .header("Ocp-Apim-Subscription-Key", key.expose().clone())
            .header("X-ConnectionId", (self.marks.id)())
    }

    fn opening(&mut self, out: &mut Vec<Frame>) {
        let config = wire::speech_config(self.rate_hz);
        out.push(self.text("speech.config", &(self.marks.id)(), &config));
    }

    fn audio(&mut self, samples: &[i16], out: &mut Vec<Frame>) {
        if self.waits_for_end() {
            // A request that begins discards what the one before it still owes. So audio waits for the end of the turn, but no longer than
            // its final is waited for: then the answer is not worth the caller's next words.
            if self.held_for() < self.options.finalize_within {
                self.held.extend_from_slice(samples);
                return;
            }
            self.turn = None;
        }
        let held = std::mem::take(&mut self.held);
        self.send(&held, out);
        self.positions.sent(held.len());
        self.send(samples, out);
        self.positions.sent(samples.len());
        if std::mem::take(&mut self.held_is_final) {
            self.end_turn(out);
        }
    }

    fn finalize(&mut self, out: &mut Vec<Frame>) {
        if self.waits_for_end() {
            self.held_is_final = !self.held.is_empty();
            return;
        }
        self.end_turn(out);
    }

    /// Silence, in the request under way or in a new one.
    fn keep_alive(&mut self, out: &mut Vec<Frame>) {
        if self.waits_for_end() {
            return;
        }
        let silence = vec![0; (self.rate_hz / 1_000 * KEEP_ALIVE_SILENCE_MS) as usize];
        self.send(&silence, out);
        self.positions.inserted(silence.len());
    }

    fn closing(&mut self, out: &mut Vec<Frame>) {
        self.end_turn(out);
    }

    fn received(&mut self, frame: Frame, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        self.answer(&usp::read(&frame)?, heard)
    }
}

fn read<T: serde::de::DeserializeOwned>(message: &Message) -> Result<T, Fault> {
    // serde's own sentence may repeat what was said.
    serde_json::from_str(&message.body)
        .map_err(|_| Fault::protocol(format!("{} that cannot be read", message.path)))
}

fn piece(phrase: &Phrase, place: impl Fn(Duration) -> Duration) -> Piece {
    let (from, to) = phrase.span();
    let words = phrase.words().into_iter();
    Piece {
        text: phrase.text().trim().to_owned(),
        from: place(from),
        to: place(to),
        words: words.map(|(text, from, to)| PieceWord { text, from: place(from), to: place(to) }).collect(),
        confidence: phrase.confidence(),
        language: phrase.language().map(|tag| Language(tag.to_owned())),
    }
}

fn settle(status: Status, piece: Piece, had_partial: bool, heard: &mut Vec<Heard>) -> Result<(), Fault> {
    let fault = |kind, reason: &str| Err(Fault::new(kind, reason));
    match status {
        Status::Success if piece.text.is_empty() => {}
        Status::Success => heard.push(Heard::Settled(piece)),
        Status::Error => return fault(ErrorKind::Closed, "the service failed in mid-recognition"),
        Status::TooManyRequests => return fault(ErrorKind::Limited(None), "too many requests"),
        Status::BadRequest => return fault(ErrorKind::Rejected, "the service says: bad request"),
        Status::Forbidden => return fault(ErrorKind::Unauthorized, "the service says: forbidden"),
        // What was guessed at was no speech after all.
        _ if had_partial => heard.push(Heard::Settled(Piece { text: String::new(), ..piece })),
        _ => {}
    }
    Ok(())
}

fn manners(options: &Options) -> Manners {
    Manners {
        connect_within: options.connect_within,
        keep_alive: Some(KEEP_ALIVE),
        rotate_after: Some(ROTATE_AFTER),
        refused,
        closed,
        ..Manners::new("azure")
    }
}

fn refused(refusal: &Refusal<'_>) -> (ErrorKind, String) {
    let fault = refusal_of(refusal.status, refusal.retry_after, refusal.body);
    (fault.kind, fault.reason)
}

/// A refusal of either service. The free tier's end is a 403 like a wrong key's.
pub(crate) fn refusal_of(status: u16, retry_after: Option<Duration>, body: &str) -> Fault {
    let said = wire::refusal(body);
    let quota = body.to_ascii_lowercase().contains("quota");
    let kind = match status {
        403 | 429 if quota => ErrorKind::Exhausted,
        _ => providers_link::codes::status(status, retry_after),
    };
    let hint = match status {
        400 => "a parameter, the language or the markup is wrong",
        401 | 403 => "check the key, and that it is of this region",
        404 => "check the region and the endpoint's id",
        415 => "the type of the request is wrong",
        429 => "too many requests or streams at once",
        _ => "the service is not well",
    };
    // Of a 400, the text may repeat what was to be spoken.
    match said.filter(|_| matches!(status, 401 | 403 | 429)) {
        Some(said) => Fault::new(kind, said),
        None => Fault::new(kind, hint),
    }
}

fn closed(code: u16, reason: &str) -> ErrorKind {
    if reason.to_ascii_lowercase().contains("quota") {
        return ErrorKind::Exhausted;
    }
    providers_link::codes::close(code)
}

#[cfg(test)]
mod tests;
