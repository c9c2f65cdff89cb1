//! Live speech to text: one session to a stream, ended turn after turn by us or by the service.

use std::sync::Arc;
use std::time::Duration;

use domain::Language;
use providers_api::{ErrorKind, ProviderInfo, SttRequest};
use providers_link::hearing::{self, PieceWord};
use providers_link::socket::{Manners, encoded, for_sockets};
use providers_link::{Endpoint, Fault, Frame, Heard, Hearing, HearingProtocol, Piece, Positions, codes, pcm};

use crate::options::Options;
use crate::wire::{self, Message, Turn};

const RATE_HZ: u32 = 16_000;
/// The service takes messages of 50 to 1000 ms.
const MESSAGE_MS: u32 = 60;
const SHORTEST_MS: u32 = 50;
const LONGEST_MS: u32 = 1_000;
/// The service ends a session after three hours.
const ROTATE_AFTER: Duration = Duration::from_secs(2 * 3_600 + 50 * 60);
/// Where no turn is under way the service says nothing to a demand.
const SETTLED_WITHIN: Duration = Duration::from_millis(600);
/// More keyterms, or longer ones, are refused.
const MOST_KEYTERMS: usize = 100;
const LONGEST_KEYTERM: usize = 50;

/// Recognition at AssemblyAI.
pub fn stt(options: Options) -> Hearing<impl Fn(&SttRequest) -> Listening + Send + Sync> {
    let info = ProviderInfo {
        name: "assemblyai".to_owned(),
        model: options.model.clone(),
        region: options.region().to_owned(),
        rate_hz: RATE_HZ,
        ..ProviderInfo::default()
    };
    let manners = Manners {
        connect_within: options.connect_within,
        rotate_after: Some(ROTATE_AFTER),
        closed: kind_of,
        ..Manners::new("assemblyai")
    };
    let treatment = hearing::Options {
        message_ms: MESSAGE_MS,
        waits_for_ready: true,
        finalize_within: options.finalize_within,
        settled_within: Some(options.finalize_within.min(SETTLED_WITHIN)),
        charges_open_time: true,
        ..hearing::Options::new(manners)
    };
    let options = Arc::new(options);
    Hearing::new(info, treatment, move |request| Listening::new(Arc::clone(&options), request))
}

/// One stream of recognition.
pub struct Listening {
    options: Arc<Options>,
    request: SttRequest,
    positions: Positions,
    /// Too short to be sent.
    rest: Vec<i16>,
    /// A final was demanded and has not come.
    finalizing: bool,
    /// The last turn that was settled: what still comes of it is its better spelling, too late.
    settled: Option<u64>,
}

impl Listening {
    pub(crate) fn new(options: Arc<Options>, request: &SttRequest) -> Self {
        Self {
            options,
            positions: Positions::new(request.rate_hz),
            request: request.clone(),
            rest: Vec::new(),
            finalizing: false,
            settled: None,
        }
    }

    const fn samples(&self, ms: u32) -> usize {
        (self.request.rate_hz / 1_000 * ms) as usize
    }

    fn model(&self) -> &str {
        let is_english = self.request.language.as_ref().is_none_or(|language| language.0.starts_with("en"));
        if is_english { &self.options.model } else { &self.options.multilingual_model }
    }

    /// Models of this family write their finals twice where they are asked to.
    fn is_formatted_later(&self) -> bool {
        self.options.format_turns && self.model().starts_with("universal-streaming")
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let options = &*self.options;
        let mut query = vec![
            ("sample_rate", self.request.rate_hz.to_string()),
            ("encoding", "pcm_s16le".to_owned()),
            ("speech_model", self.model().to_owned()),
        ];
        // The family before the `pro` models: it alone is asked how it writes and how sure it must be.
        if self.model().starts_with("universal-streaming") {
            query.push(("format_turns", options.format_turns.to_string()));
            let confidence = options.confidence();
            query.extend(confidence.map(|value| ("end_of_turn_confidence_threshold", value.to_string())));
        }
        if !self.model().ends_with("-english") {
            query.push(("language_detection", "true".to_owned()));
        }
        let terms: Vec<&String> = self
            .request
            .keywords
            .iter()
            .filter(|term| !term.is_empty() && term.chars().count() <= LONGEST_KEYTERM)
            .take(MOST_KEYTERMS)
            .collect();
        if !terms.is_empty() {
            query.push(("keyterms_prompt", serde_json::json!(terms).to_string()));
        }
        query.extend(options.min_turn_silence_ms.map(|value| ("min_turn_silence", value.to_string())));
        query.extend(options.longest_silence_ms().map(|value| ("max_turn_silence", value.to_string())));
        query
    }

    fn turn(&mut self, turn: &Turn, heard: &mut Vec<Heard>) {
        if self.settled.is_some_and(|settled| turn.turn_order <= settled) {
            return;
        }
        let piece = piece(turn, &self.positions);
        if !turn.end_of_turn {
            heard.push(Heard::Partial(piece));
            return;
        }
        if self.is_formatted_later() && !turn.turn_is_formatted {
            heard.push(Heard::Partial(piece));
            heard.push(Heard::EndOfTurn(turn.end_of_turn_confidence.clamp(0.0, 1.0)));
            return;
        }
        self.settled = Some(turn.turn_order);
        heard.push(Heard::Settled(piece));
        if std::mem::take(&mut self.finalizing) {
            heard.push(Heard::Finalized);
        } else if !self.is_formatted_later() {
            heard.push(Heard::EndOfTurn(turn.end_of_turn_confidence.clamp(0.0, 1.0)));
        }
    }
}

impl HearingProtocol for Listening {
    fn connect(&mut self) -> Endpoint {
        self.positions = Positions::new(self.request.rate_hz);
        self.rest.clear();
        (self.finalizing, self.settled) = (false, None);
        let query: Vec<String> =
            self.query().into_iter().map(|(name, value)| format!("{name}={}", encoded(&value))).collect();
        let base = for_sockets(self.options.base_url.trim_end_matches('/'));
        Endpoint::new(format!("{base}/v3/ws?{}", query.join("&")))
            .header("Authorization", self.options.key.expose().clone())
    }

    fn audio(&mut self, samples: &[i16], out: &mut Vec<Frame>) {
        self.rest.extend_from_slice(samples);
        while self.rest.len() >= self.samples(SHORTEST_MS) {
            let length = self.rest.len().min(self.samples(LONGEST_MS));
            let message: Vec<i16> = self.rest.drain(..length).collect();
            self.positions.sent(length);
            out.push(Frame::Binary(pcm::bytes(&message).into()));
        }
    }

    /// What is too short for a message is filled with silence, which takes no time in the caller's track.
    fn finalize(&mut self, out: &mut Vec<Frame>) {
        if !self.rest.is_empty() {
            let length = self.samples(SHORTEST_MS);
            let mut message = std::mem::take(&mut self.rest);
            self.positions.sent(message.len());
            self.positions.inserted(length - message.len());
            message.resize(length, 0);
            out.push(Frame::Binary(pcm::bytes(&message).into()));
        }
        self.finalizing = true;
        out.push(Frame::Text(wire::force_endpoint()));
    }

    fn closing(&mut self, out: &mut Vec<Frame>) {
        out.push(Frame::Text(wire::terminate()));
    }

    fn received(&mut self, frame: Frame, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let Frame::Text(text) = frame else {
            return Err(Fault::protocol("bytes where text was expected"));
        };
        // serde's own sentence may repeat what was said.
        match serde_json::from_str(&text).map_err(|_| Fault::protocol("a message that cannot be read"))? {
            Message::Begin => heard.push(Heard::Ready),
            Message::Turn(turn) => self.turn(&turn, heard),
            Message::Error(refusal) => {
                let reason = format!("{}: {}", refusal.error_code, refusal.error);
                return Err(Fault::new(kind_of(refusal.error_code, &refusal.error), reason));
            }
            // What a termination says of the session's length, the supervisor has told turn by turn: it is the time the socket was open.
            Message::Termination | Message::Other => {}
        }
        Ok(())
    }
}

fn piece(turn: &Turn, positions: &Positions) -> Piece {
    let place = |at| positions.given(at);
    let (from, to) = match (turn.words.first(), turn.words.last()) {
        (Some(first), Some(last)) => (place(first.from()), place(last.to())),
        _ => (place(positions.end()), place(positions.end())),
    };
    let words = turn.words.iter().filter(|word| !word.text.is_empty());
    Piece {
        text: turn.text(),
        from,
        to,
        words: words
            .map(|word| PieceWord { text: word.text.clone(), from: place(word.from()), to: place(word.to()) })
            .collect(),
        confidence: turn.confidence(),
        language: turn.language_code.clone().filter(|code| !code.is_empty()).map(Language),
    }
}

/// The service closes with the code of its last error. Codes from 4000 are of the API before this one; some proxies still use them.
fn kind_of(code: u16, reason: &str) -> ErrorKind {
    let reason = reason.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    match code {
        1008 | 3009 if says(&["too many", "concurrent", "rate limit"]) => ErrorKind::Limited(None),
        1008 | 3009 if says(&["balance", "funds", "credit", "quota", "billing"]) => ErrorKind::Exhausted,
        3007 if says(&["rate exceeded", "transmission rate"]) => ErrorKind::Limited(None),
        3009 | 4029 | 4102 => ErrorKind::Limited(None),
        3006 | 3007 | 4000 | 4032..=4034 | 4100 | 4101 | 4104 => ErrorKind::Rejected,
        4001 => ErrorKind::Unauthorized,
        4002 | 4003 => ErrorKind::Exhausted,
        _ => codes::close(code),
    }
}

#[cfg(test)]
mod tests;
