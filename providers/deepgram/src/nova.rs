//! `v1/listen`: segments of speech, settled by pauses or by `Finalize`.

use domain::Language;
use providers_api::SttRequest;
use providers_link::hearing::Piece;
use providers_link::socket::encoded;
use providers_link::{Endpoint, Fault, Frame, Heard, HearingProtocol, pcm};

use crate::options::Options;
use crate::wire::{self, Listen, Results, control, read, seconds, timed};

pub(crate) struct Live {
    endpoint: Endpoint,
}

impl Live {
    pub(crate) fn new(options: &Options, request: &SttRequest) -> Self {
        Self { endpoint: options.socket(&query(&options.stt_model, request)) }
    }
}

fn query(model: &str, request: &SttRequest) -> String {
    let language = request.language.as_ref().map_or("en", |language| language.0.as_str());
    let mut query = format!(
        "/v1/listen?model={}&language={}&encoding=linear16&sample_rate={}&channels=1&interim_results=true&punctuate=true&smart_format=true&no_delay=true&endpointing=25",
        encoded(model),
        encoded(language),
        request.rate_hz,
    );
    // Models before the third know keywords in another form.
    let parameter = if model.starts_with("nova-3") { "&keyterm=" } else { "&keywords=" };
    for word in &request.keywords {
        query.push_str(parameter);
        query.push_str(&encoded(word));
    }
    query
}

impl HearingProtocol for Live {
    fn connect(&mut self) -> Endpoint {
        self.endpoint.clone()
    }

    fn audio(&mut self, samples: &[i16], out: &mut Vec<Frame>) {
        // An empty message would close the stream; the supervisor gives none.
        out.push(Frame::Binary(pcm::bytes(samples).into()));
    }

    fn finalize(&mut self, out: &mut Vec<Frame>) {
        out.push(control(&Listen::Finalize));
    }

    fn keep_alive(&mut self, out: &mut Vec<Frame>) {
        out.push(control(&Listen::KeepAlive));
    }

    fn closing(&mut self, out: &mut Vec<Frame>) {
        out.push(control(&Listen::CloseStream));
    }

    fn received(&mut self, frame: Frame, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let Frame::Text(text) = frame else {
            return Err(Fault::protocol("audio where text was to come"));
        };
        let wire::Heard::Results(results) = read(&text)? else { return Ok(()) };
        let (is_final, from_finalize) = (results.is_final, results.from_finalize);
        let piece = piece(results);
        heard.push(if is_final { Heard::Settled(piece) } else { Heard::Partial(piece) });
        if from_finalize {
            heard.push(Heard::Finalized);
        }
        Ok(())
    }
}

fn piece(results: Results) -> Piece {
    let best = results.channel.alternatives.into_iter().next().unwrap_or_default();
    Piece {
        text: best.transcript,
        from: seconds(results.start),
        to: seconds(results.start + results.duration),
        words: timed(best.words),
        confidence: best.confidence,
        language: best.languages.into_iter().next().map(Language),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{Secret, SessionId};

    use super::*;

    fn request(keywords: &[&str]) -> SttRequest {
        SttRequest {
            session: SessionId::generate(),
            rate_hz: 8_000,
            language: Some(Language("de".to_owned())),
            keywords: keywords.iter().map(|&word| word.to_owned()).collect(),
        }
    }

    #[test]
    fn names_are_expected_in_the_form_of_the_model() {
        let ask = |model| query(model, &request(&["Maria López&x"]));
        assert!(ask("nova-3").ends_with("&endpointing=25&keyterm=Maria%20L%C3%B3pez%26x"));
        assert!(ask("nova-2-phonecall").ends_with("&keywords=Maria%20L%C3%B3pez%26x"));
        assert!(ask("nova-3").starts_with(
            "/v1/listen?model=nova-3&language=de&encoding=linear16&sample_rate=8000&channels=1&"
        ));
    }

    #[test]
    fn segments_settle_and_a_finalize_is_answered() {
        let mut live = Live::new(&Options::new(Secret::new("key".to_owned())), &request(&[]));
        let mut heard = Vec::new();
        let mut hear = |text: &str| {
            heard.clear();
            live.received(Frame::Text(text.to_owned()), &mut heard).map(|()| std::mem::take(&mut heard))
        };
        let results = |is_final: bool, from_finalize: bool| {
            format!(
                r#"{{"type":"Results","start":1.5,"duration":0.5,"is_final":{is_final},"from_finalize":{from_finalize},"channel":{{"alternatives":[
                {{"transcript":"ja","confidence":0.9,"languages":["de"],"words":[{{"word":"ja","punctuated_word":"Ja.","start":1.6,"end":1.75}}]}}]}}}}"#
            )
        };
        let partial = hear(&results(false, false)).expect("documented");
        let [Heard::Partial(piece)] = partial.as_slice() else { panic!("{partial:?}") };
        assert_eq!((piece.from, piece.to), (Duration::from_millis(1_500), Duration::from_secs(2)));
        assert_eq!(
            (piece.words[0].text.as_str(), piece.words[0].from),
            ("Ja.", Duration::from_millis(1_600))
        );
        assert!(matches!(hear(&results(true, false)).as_deref(), Ok([Heard::Settled(_)])));
        assert!(matches!(hear(&results(true, true)).as_deref(), Ok([Heard::Settled(_), Heard::Finalized])));
        assert_eq!(hear(r#"{"type":"SpeechStarted","channel":[0],"timestamp":1.0}"#), Ok(Vec::new()));
        assert!(hear("{").is_err());
    }
}
