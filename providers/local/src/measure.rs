//! What the models cost on this machine, measured once and kept beside them. In CPU time, so that a busy moment does not
//! make the machine look slow for ever.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use domain::{SessionId, Voice};
use futures::StreamExt as _;
use inference::capacity::{Costs, UTTERANCE};
use inference::clock::{process_cpu, thread_cpu};
use inference::engine::Use;
use inference::{Engine, Error, Input, Lane, Member, Store, lock, store};
use providers_api::{Tts as _, TtsEvent, TtsInput, TtsRequest};
use serde::{Deserialize, Serialize};

use crate::embed::LocalEmbedder;
use crate::start::cores;
use crate::stt::LocalStt;
use crate::tts::LocalTts;

/// Spoken, recognised and embedded. It is said once unmeasured, because first runs allocate.
const SENTENCES: [&str; 2] =
    ["One moment please.", "I would like to book an appointment for Thursday at three in the afternoon."];

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// Machine, models and build that were measured.
    key: String,
    costs: Costs,
}

/// From the last time when machine and models are the same, else measured now.
pub(crate) async fn costs(
    engine: &Engine,
    store: &Store,
    stt: &LocalStt,
    tts: &LocalTts,
    embedder: &LocalEmbedder,
) -> Result<Costs, Error> {
    let key = key();
    let path = store.directory().join("costs.json");
    if let Some(costs) = kept(&path, &key) {
        return Ok(costs);
    }
    let costs = measure(engine, store, stt, tts, embedder).await?;
    let text =
        serde_json::to_vec_pretty(&Kept { key, costs }).map_err(|error| Error::Run(error.to_string()))?;
    if let Err(error) = store::write_atomically(&path, &text) {
        // Only costs the next start the time to measure again.
        tracing::warn!(%error, path = %path.display(), "could not keep what the models cost");
    }
    Ok(costs)
}

fn kept(path: &PathBuf, key: &str) -> Option<Costs> {
    let kept: Kept = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (kept.key == key).then_some(kept.costs)
}

fn key() -> String {
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find(|line| line.starts_with("model name") || line.starts_with("CPU part"));
    let name = name.and_then(|line| line.split(':').nth(1)).unwrap_or("unknown").trim();
    format!("{name}, {} cores, {}, {build} {}", cores(), lock::fingerprint(), env!("CARGO_PKG_VERSION"))
}

async fn measure(
    engine: &Engine,
    store: &Store,
    stt: &LocalStt,
    tts: &LocalTts,
    embedder: &LocalEmbedder,
) -> Result<Costs, Error> {
    speak(tts, SENTENCES[0]).await?;
    // Synthesis runs on several threads in turn; once loading has settled, nothing else of this process works yet.
    engine.pool().background_done().await;
    let before = process_cpu();
    let speech = speak(tts, SENTENCES[1]).await?;
    let synthesis = process_cpu().saturating_sub(before);
    let seconds = speech.len() as f32 / STT_RATE_HZ as f32;

    let recognised = timed(|| stt.recognise_blocking(&speech).map(drop))?;
    let embedding = timed(|| {
        std::hint::black_box(embedder.embed_blocking(SENTENCES[1]));
        Ok(())
    })?;
    let (vad_window, end_of_turn) = listeners(engine, store).await?;
    Ok(Costs {
        vad_window,
        stt_final: recognised.mul_f32(UTTERANCE.as_secs_f32() / seconds.max(0.5)),
        end_of_turn,
        tts_realtime_factor: synthesis.as_secs_f32() / seconds.max(0.5),
        embedding,
    })
}

const STT_RATE_HZ: u32 = 16_000;

/// How much cheaper `media-vad` computes that model than the runtime does, which is what can be measured from here; it
/// measured five times.
const VAD_OF_OUR_OWN: u32 = 4;

/// The sentence at the recogniser's rate.
async fn speak(tts: &LocalTts, text: &str) -> Result<Vec<i16>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Run(error.to_string());
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
    let mut stream = tts.open(request).await.map_err(|e| failed(&e))?;
    stream.input.send(TtsInput::Sentence(text.to_owned())).await.map_err(|e| failed(&e))?;
    drop(stream.input);
    let mut spoken: Vec<i16> = Vec::new();
    while let Some(event) = stream.events.next().await {
        if let TtsEvent::Audio(frame) = event.map_err(|e| failed(&e))? {
            spoken.extend(frame.samples);
        }
    }
    let rate_hz = u64::from(tts.info().rate_hz.max(1));
    // Every nearest sample: good enough to cost what speech costs; nobody hears it.
    let samples = spoken.len() as u64 * u64::from(STT_RATE_HZ) / rate_hz;
    let nearest = |at: u64| spoken.get((at * rate_hz / u64::from(STT_RATE_HZ)) as usize).copied();
    Ok((0..samples).filter_map(nearest).collect())
}

/// The voice activity and the end-of-turn model, which belong to another room but cost this machine the same.
async fn listeners(engine: &Engine, store: &Store) -> Result<(Duration, Duration), Error> {
    let (engine_, store) = (engine.clone(), store.clone());
    let job = engine.pool().run(Lane::Interactive, move || {
        let vad = engine_.load(&store, Member::SileroVad, Use::Realtime)?;
        let window = timed(|| {
            let inputs = [
                ("input", Input::F32(&[1, 576], &[0.01; 576])),
                ("state", Input::F32(&[2, 1, 128], &[0.0; 256])),
                ("sr", Input::I64(&[], &[16_000])),
            ];
            vad.run(&inputs).map(drop)
        })?;
        let window = window / VAD_OF_OUR_OWN;
        let turn = engine_.load(&store, Member::SmartTurn, Use::Realtime)?;
        let features = vec![0.1; 80 * 800];
        let score =
            timed(|| turn.run(&[("input_features", Input::F32(&[1, 80, 800], &features))]).map(drop))?;
        Ok((window, score))
    });
    job.await.map_err(|rejected| Error::Run(rejected.to_string()))?
}

/// The least CPU time of some runs: the first allocates, and a neighbour on the machine makes any of them slower.
fn timed(mut run: impl FnMut() -> Result<(), Error>) -> Result<Duration, Error> {
    const RUNS: usize = 3;
    let mut least = Duration::MAX;
    for _ in 0..RUNS {
        let before = thread_cpu();
        run()?;
        least = least.min(thread_cpu().saturating_sub(before));
    }
    Ok(least)
}
