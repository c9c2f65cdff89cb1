//! Everything against the stand-in, on real sockets; and, where a key is at hand and it is asked for, against the vendor itself.

mod adversity;
mod connections;
mod contract;

use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, Secret, SessionId, Voice};
use futures::FutureExt;
use loadtest_vendors::{Delays, Stage, serve};
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
        let (stage, tasks) = (Stage::new(delays), Tasks::new());
        let address = serve("127.0.0.1:0".parse().expect("an address"), stage.clone(), &tasks)
            .await
            .expect("loopback is free");
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

/// Eight words for the stand-in, which hears a word in every 300 ms of voice.
fn speech() -> (Vec<i16>, u32) {
    const RATE_HZ: u32 = 16_000;
    let tone = |n: u32| (f64::from(n) * 220.0 * std::f64::consts::TAU / f64::from(RATE_HZ)).sin() * 6_000.0;
    ((0..RATE_HZ * 24 / 10).map(|n| tone(n) as i16).collect(), RATE_HZ)
}

/// "I would like to book an appointment ..." for the vendor itself.
fn recording() -> (Vec<i16>, u32) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/speech/desk_book.wav");
    let mut file = hound::WavReader::open(path).expect("a recording of the repository");
    let samples = file.samples().collect::<Result<Vec<i16>, _>>().expect("16 bit");
    (samples, file.spec().sample_rate)
}

fn trial() -> Trial {
    trial_with(speech())
}

fn trial_with((speech, rate_hz): (Vec<i16>, u32)) -> Trial {
    Trial {
        speech,
        rate_hz,
        word: "appointment".to_owned(),
        key: KEY.to_owned(),
        ..Trial::new(|length| tokio::time::sleep(length).boxed(), Duration::from_secs(10))
    }
}

fn listening() -> SttRequest {
    SttRequest { session: SessionId::generate(), rate_hz: 16_000, language: None, keywords: Vec::new() }
}

fn speaking() -> TtsRequest {
    TtsRequest { session: SessionId::generate(), voice: Voice::default() }
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
