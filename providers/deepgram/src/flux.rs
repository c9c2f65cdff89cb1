//! `v2/listen`: the vendor finds the turns and tells how sure it is of their end.

use std::time::Duration;

use domain::Language;
use providers_api::SttRequest;
use providers_link::hearing::{Piece, PieceWord};
use providers_link::socket::encoded;
use providers_link::{Endpoint, Fault, Frame, Heard, HearingProtocol, Positions, pcm};

use crate::options::Options;
use crate::stt::FLUX_SILENCE;
use crate::wire::{Flux, Listen, TurnEvent, TurnInfo, control, fault, read, seconds, timed};

pub(crate) struct Turns {
    endpoint: Endpoint,
    rate_hz: u32,
    positions: Positions,
    /// The end of the turn was demanded.
    forced: bool,
}

impl Turns {
    pub(crate) fn new(options: &Options, request: &SttRequest) -> Self {
        Self {
            endpoint: options.socket(&query(options, request)),
            rate_hz: request.rate_hz,
            positions: Positions::new(request.rate_hz),
            forced: false,
        }
    }

    fn turn(&mut self, turn: TurnInfo, heard: &mut Vec<Heard>) {
        let (event, confidence) = (turn.event, turn.end_of_turn_confidence);
        let piece = self.piece(turn);
        match event {
            TurnEvent::StartOfTurn | TurnEvent::Update | TurnEvent::TurnResumed => {
                heard.push(Heard::Partial(piece));
            }
            TurnEvent::EagerEndOfTurn => {
                heard.push(Heard::Partial(piece));
                heard.extend(confidence.map(Heard::EndOfTurn));
            }
            TurnEvent::EndOfTurn => {
                heard.push(Heard::Settled(piece));
                if std::mem::take(&mut self.forced) {
                    heard.push(Heard::Finalized);
                } else {
                    heard.extend(confidence.map(Heard::EndOfTurn));
                }
            }
            TurnEvent::Other => {}
        }
    }

    fn piece(&self, turn: TurnInfo) -> Piece {
        let given = |vendors: Duration| self.positions.given(vendors);
        let confidence = turn.words.iter().filter_map(|word| word.confidence).reduce(f32::min);
        let words = timed(turn.words)
            .into_iter()
            .map(|word| PieceWord { from: given(word.from), to: given(word.to), ..word })
            .collect();
        Piece {
            text: turn.transcript,
            from: given(seconds(turn.audio_window_start)),
            to: given(seconds(turn.audio_window_end)),
            words,
            confidence,
            language: turn.languages.into_iter().next().map(Language),
        }
    }
}

fn query(options: &Options, request: &SttRequest) -> String {
    let flux = &options.flux;
    let mut query = format!(
        "/v2/listen?model={}&encoding=linear16&sample_rate={}&eot_threshold={}&eot_timeout_ms={}",
        encoded(&options.stt_model),
        request.rate_hz,
        flux.eot_threshold,
        flux.eot_timeout_ms,
    );
    if let Some(eager) = flux.eager_eot_threshold {
        query.push_str(&format!("&eager_eot_threshold={eager}"));
    }
    // The other models know one language.
    if options.stt_model.ends_with("-multi")
        && let Some(language) = &request.language
    {
        query.push_str(&format!("&language_hint={}", encoded(&language.0)));
    }
    for word in &request.keywords {
        query.push_str("&keyterm=");
        query.push_str(&encoded(word));
    }
    query
}

impl HearingProtocol for Turns {
    fn connect(&mut self) -> Endpoint {
        self.positions = Positions::new(self.rate_hz);
        self.forced = false;
        self.endpoint.clone()
    }

    fn audio(&mut self, samples: &[i16], out: &mut Vec<Frame>) {
        self.positions.sent(samples.len());
        out.push(Frame::Binary(pcm::bytes(samples).into()));
    }

    fn finalize(&mut self, out: &mut Vec<Frame>) {
        self.forced = true;
        out.push(control(&Listen::ForceEndTurn));
    }

    /// Audio stopped, as when a line is muted: its silence is made here, as long as it lasts.
    fn keep_alive(&mut self, out: &mut Vec<Frame>) {
        let samples = FLUX_SILENCE.as_millis() as usize * self.rate_hz as usize / 1000;
        self.positions.inserted(samples);
        out.push(Frame::Binary(vec![0; 2 * samples].into()));
    }

    fn closing(&mut self, out: &mut Vec<Frame>) {
        out.push(control(&Listen::CloseStream));
    }

    fn received(&mut self, frame: Frame, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let Frame::Text(text) = frame else {
            return Err(Fault::protocol("audio where text was to come"));
        };
        match read(&text)? {
            Flux::Connected => heard.push(Heard::Ready),
            Flux::TurnInfo(turn) => self.turn(turn, heard),
            Flux::Error { code, description } => return Err(fault(&code, &description)),
            Flux::Other => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::{Secret, SessionId};

    use super::*;

    fn turns() -> Turns {
        let mut options = Options::new(Secret::new("key".to_owned()));
        options.stt_model = "flux-general-multi".to_owned();
        let request = SttRequest {
            session: SessionId::generate(),
            rate_hz: 16_000,
            language: Some(Language("es".to_owned())),
            keywords: vec!["Acme & Co".to_owned()],
        };
        Turns::new(&options, &request)
    }

    fn hear(turns: &mut Turns, event: &str, window: (f64, f64)) -> Vec<Heard> {
        let text = format!(
            r#"{{"type":"TurnInfo","event":"{event}","turn_index":0,"audio_window_start":{},"audio_window_end":{},"transcript":"yes please",
            "words":[{{"word":"yes","confidence":0.9}},{{"word":"please","confidence":0.7}}],"end_of_turn_confidence":0.6}}"#,
            window.0, window.1
        );
        let mut heard = Vec::new();
        turns.received(Frame::Text(text), &mut heard).expect("documented");
        heard
    }

    #[test]
    fn the_endpoint_has_what_was_chosen() {
        assert_eq!(
            turns().connect().url.expose(),
            "wss://api.deepgram.com/v2/listen?model=flux-general-multi&encoding=linear16&sample_rate=16000&eot_threshold=0.7&eot_timeout_ms=5000&eager_eot_threshold=0.5&language_hint=es&keyterm=Acme%20%26%20Co"
        );
    }

    #[test]
    fn an_early_end_is_a_judgement_and_an_end_settles() {
        let mut turns = turns();
        let eager = hear(&mut turns, "EagerEndOfTurn", (0.0, 1.0));
        assert!(matches!(eager.as_slice(), [Heard::Partial(_), Heard::EndOfTurn(_)]), "{eager:?}");
        let resumed = hear(&mut turns, "TurnResumed", (0.0, 1.1));
        assert!(matches!(resumed.as_slice(), [Heard::Partial(_)]), "{resumed:?}");
        let ended = hear(&mut turns, "EndOfTurn", (0.0, 2.0));
        let [Heard::Settled(piece), Heard::EndOfTurn(_)] = ended.as_slice() else { panic!("{ended:?}") };
        assert_eq!((piece.text.as_str(), piece.confidence), ("yes please", Some(0.7)));
        turns.finalize(&mut Vec::new());
        let forced = hear(&mut turns, "EndOfTurn", (0.0, 2.0));
        assert!(matches!(forced.as_slice(), [Heard::Settled(_), Heard::Finalized]), "{forced:?}");
    }

    #[test]
    fn silence_of_our_own_moves_no_position() {
        let (mut turns, mut out) = (turns(), Vec::new());
        turns.audio(&[1; 16_000], &mut out);
        turns.keep_alive(&mut out);
        turns.audio(&[1; 16_000], &mut out);
        assert_eq!(out[1], Frame::Binary(vec![0; 16_000].into()));
        let heard = hear(&mut turns, "Update", (0.5, 2.0));
        let [Heard::Partial(piece)] = heard.as_slice() else { panic!("{heard:?}") };
        assert_eq!((piece.from, piece.to), (Duration::from_millis(500), Duration::from_millis(1_500)));
    }

    #[test]
    fn an_error_of_the_vendor_is_one() {
        let error =
            r#"{"type":"Error","sequence_id":1,"code":"INTERNAL_SERVER_ERROR","description":"sorry"}"#;
        assert!(turns().received(Frame::Text(error.to_owned()), &mut Vec::new()).is_err());
    }
}
