//! Ears and a mouth of the tests' own: the embedded models in this process, apart from the server that is tested.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use domain::{AudioFrame, MediaTime, SessionId, Voice};
use futures::StreamExt;
use loadtest::wav;
use providers_api::{Stt, SttEvent, SttInput, SttRequest, SttStream, Tts, TtsEvent, TtsInput, TtsRequest};

struct Ears {
    runtime: tokio::runtime::Runtime,
    stt: Arc<dyn Stt>,
    tts: Arc<dyn Tts>,
}

static EARS: OnceLock<Ears> = OnceLock::new();

fn ears() -> &'static Ears {
    EARS.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let directory =
            inference::store::default_directory(|name| std::env::var_os(name)).expect("there is a cache");
        let store = inference::store::Store::open(directory);
        let local = runtime
            .block_on(providers_local::LocalProviders::start(&store, providers_local::Options::default()))
            .expect("the models are there: run `foundry models pull`");
        Ears { runtime, stt: local.stt, tts: local.tts }
    })
}

/// What is said in a recording, by the embedded recogniser.
pub(crate) fn words(recording: &Path) -> String {
    let samples = wav::read(recording).expect("a recording was written");
    let ears = ears();
    ears.runtime.block_on(recognise(ears.stt.as_ref(), &samples))
}

/// Stretches of speech are given one by one, as the turn machine would. A recogniser works while it is listened to: feeding
/// and hearing go side by side.
async fn recognise(stt: &dyn Stt, samples: &[i16]) -> String {
    let request = SttRequest {
        session: SessionId::generate(),
        rate_hz: wav::RATE_HZ,
        language: None,
        keywords: Vec::new(),
    };
    let SttStream { mut input, mut events } = stt.open(request).await.expect("the recogniser opens");
    let feed = async move {
        let per_frame = AudioFrame::samples_per_frame(wav::RATE_HZ);
        let (mut quiet, mut voiced) = (0, false);
        let frames = samples.chunks(per_frame).chain(std::iter::repeat_n(&[0_i16; 320][..], PAUSE_FRAMES));
        for (index, frame) in frames.enumerate() {
            let loud = frame.iter().any(|sample| sample.unsigned_abs() > 500);
            quiet = if loud { 0 } else { quiet + 1 };
            voiced |= loud;
            let frame = AudioFrame {
                at: MediaTime::from_millis(index as u64 * 20),
                rate_hz: wav::RATE_HZ,
                samples: frame.to_vec(),
            };
            input.send(SttInput::Audio(frame)).await.expect("the recogniser listens");
            if voiced && quiet == PAUSE_FRAMES {
                input.send(SttInput::Finalize).await.expect("the recogniser listens");
                voiced = false;
            }
        }
        // Dropped here: the recogniser finishes what it has and ends.
        drop(input);
    };
    let hear = async move {
        let mut text = Vec::new();
        while let Some(event) = events.next().await {
            if let SttEvent::Transcript(transcript) = event.expect("the recogniser does not fail")
                && transcript.is_final()
            {
                text.push(transcript.text);
            }
        }
        text.join(" ")
    };
    futures::future::join(feed, hear).await.1
}

/// 600 ms without speech: a sentence has ended.
const PAUSE_FRAMES: usize = 30;

/// A recording of `text` in the embedded voice.
pub(crate) fn say(text: &str, to: &Path) {
    let ears = ears();
    let samples = ears.runtime.block_on(synthesise(ears.tts.as_ref(), text));
    let samples = wav::resampled(&samples, ears.tts.info().rate_hz, wav::RATE_HZ).expect("a known rate");
    wav::write(to, &samples).expect("writable");
}

async fn synthesise(tts: &dyn Tts, text: &str) -> Vec<i16> {
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
    let mut stream = tts.open(request).await.expect("the voice opens");
    stream.input.send(TtsInput::Sentence(text.to_owned())).await.expect("the voice listens");
    drop(stream.input);
    let mut samples = Vec::new();
    while let Some(event) = stream.events.next().await {
        if let TtsEvent::Audio(frame) = event.expect("the voice does not fail") {
            samples.extend_from_slice(&frame.samples);
        }
    }
    samples
}
