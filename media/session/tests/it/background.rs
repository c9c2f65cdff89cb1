//! The sound under a call.

use media_core::Codec;
use media_session::Background;

use crate::caller::RATE_HZ;
use crate::sim::{GREETING, Setup, Sim, wait};

/// Of the hum that is the background here: none of the fake voice's tones is near it.
const HUM_HZ: f32 = 180.0;
const AMPLITUDE: f32 = 4_000.0;

/// Half a second of a hum, recorded at a rate that no call has, 12 dB below itself.
fn hum() -> Background {
    let sample = |n| (AMPLITUDE * (n as f32 * HUM_HZ * std::f32::consts::TAU / 44_100.0).sin()) as i16;
    Background::new((0..22_050).map(sample).collect(), 44_100, -12.0).expect("a rate we know")
}

/// How much of the hum is in there: its amplitude (Goertzel).
fn humming(samples: &[i16]) -> f32 {
    let step = HUM_HZ * std::f32::consts::TAU / RATE_HZ as f32;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let phase = step * n as f32;
        real += f32::from(*sample) * phase.cos();
        imaginary += f32::from(*sample) * phase.sin();
    }
    2.0 * real.hypot(imaginary) / samples.len() as f32
}

/// Heard at its level while nobody speaks, 10 dB lower under the voice, of which every word is understood.
#[tokio::test(start_paused = true)]
async fn a_background_is_heard_at_all_times_and_gives_way_to_the_voice() {
    for codec in [Codec::Pcm16 { rate_hz: RATE_HZ }, Codec::Opus] {
        let sim = Sim::start(Setup { background: Some(hum()), codec, ..Setup::default() }).await;
        assert_eq!(sim.agent_turn(1).await.0, GREETING);
        let spoken = sim.caller.track().0.len();
        wait(3_000).await;
        let heard = sim.caller.heard();
        let mut words: Vec<&str> = heard.split(' ').collect();
        // Under the hum a lossy codec may let a word's tone sink in its middle: two halves of one word.
        words.dedup();
        assert_eq!(words.join(" "), GREETING, "{codec:?}");
        let track = sim.caller.track().0;
        let second = RATE_HZ as usize;
        let (under, alone) =
            (humming(&track[second..2 * second]), humming(&track[spoken + second..][..second]));
        let expected = AMPLITUDE * 0.251;
        assert!((0.85..1.15).contains(&(alone / expected)), "{codec:?}: {alone} of {expected}");
        assert!((0.25..0.40).contains(&(under / alone)), "{codec:?}: {under} under the voice, {alone} alone");
    }
}
