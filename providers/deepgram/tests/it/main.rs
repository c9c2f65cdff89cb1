//! Everything against the stand-in, on real sockets; and, where a key is at hand and it is asked for, against the vendor itself.

mod adversity;
mod connections;
mod contract;

use std::sync::Arc;

use domain::{AudioFrame, MediaTime, Secret, SessionId, Voice};
use loadtest_vendors::{Delays, Stage, Standin};
use providers_api::conformance::Trial;
use providers_api::{Stt, SttRequest, Tts, TtsRequest};
use providers_deepgram::{DeepgramHttpTts, DeepgramStt, DeepgramTts, Options};
use providers_link::{Client, Pool, http};
use runtime::Tasks;

const KEY: &str = "dg-key-of-tests";

/// A stand-in and the way to it.
struct Vendor {
    stage: Stage,
    options: Options,
    tasks: Tasks,
}

impl Vendor {
    async fn start() -> Self {
        let delays = Delays {
            stt_final_ms: 20,
            llm_first_token_ms: 20,
            llm_tokens_per_second: 200,
            tts_first_byte_ms: 20,
            tts_ms_per_char: 20,
            tts_speed: 20,
        };
        let Standin { stage, address, tasks } = Standin::start(delays).await;
        let mut options = Options::new(Secret::new(KEY.to_owned()));
        options.base_url = format!("ws://{address}");
        Self { stage, options, tasks }
    }

    fn stt(&self) -> Arc<dyn Stt> {
        Arc::new(DeepgramStt::new(self.options.clone()))
    }

    fn flux(&self) -> Arc<dyn Stt> {
        let options = Options { stt_model: "flux-general-en".to_owned(), ..self.options.clone() };
        Arc::new(DeepgramStt::new(options))
    }

    fn tts(&self) -> Arc<dyn Tts> {
        Arc::new(DeepgramTts::new(self.options.clone(), Pool::new(&self.tasks)))
    }

    fn http(&self) -> Arc<dyn Tts> {
        Arc::new(DeepgramHttpTts::new(self.options.clone(), Client::new(http::Options::default())))
    }

    /// How often something was seen.
    fn count(&self, what: &str) -> usize {
        self.stage.seen().iter().filter(|seen| seen.what == what).count()
    }
}

/// "Eggs milk butter bread apples cherries lemons ..." for the vendor itself.
fn recording() -> (Vec<i16>, u32) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/speech/desk_book.wav");
    let mut file = hound::WavReader::open(path).expect("a recording of the repository");
    let samples = file.samples().collect::<Result<Vec<i16>, _>>().expect("16 bit");
    (samples, file.spec().sample_rate)
}

fn trial() -> Trial {
    loadtest_vendors::trial::trial(KEY)
}

fn trial_with((speech, rate_hz): (Vec<i16>, u32)) -> Trial {
    Trial { speech, rate_hz, ..trial() }
}

fn listening() -> SttRequest {
    SttRequest { session: SessionId::generate(), rate_hz: 16_000, language: None, keywords: Vec::new() }
}

fn speaking() -> TtsRequest {
    TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() }
}

/// Frames of 20 ms from the beginning of a track.
fn frames(samples: &[i16], rate_hz: u32) -> Vec<AudioFrame> {
    let mut at = MediaTime::ZERO;
    samples
        .chunks(AudioFrame::samples_per_frame(rate_hz))
        .map(|piece| {
            let frame = AudioFrame { samples: piece.to_vec(), rate_hz, at };
            at = frame.end();
            frame
        })
        .collect()
}
