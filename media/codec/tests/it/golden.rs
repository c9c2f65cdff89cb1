use domain::TurnId;
use media_codec::{decoders, encoder, opus};
use media_core::Outbound;
use media_core::inbound::{self, Inbound, Output};
use media_core::playout::{self, Playout};

use super::*;

/// A tone at the voice's rate, paced, encoded, sent, decoded: its level in dB against the original.
fn level_through(codec: Codec, voice_hz: u32, opus: &opus::Options) -> f32 {
    let playout = Playout::new(playout::Options::default()).expect("valid");
    let encoder = encoder(codec, opus).expect("supported");
    let mut outbound = Outbound::new(playout, encoder, 0, 0).expect("rates we know");
    let mut inbound = Inbound::new(inbound::Options::default(), decoders());
    let original = tone(1_000.0, voice_hz, Duration::from_secs(2));
    let (turn, mut now) = (TurnId(1), Instant::now());
    outbound.playout().push(turn, &original, voice_hz, now).expect("a rate we know");
    outbound.playout().end(turn, now);
    let mut heard = Vec::new();
    for _ in 0..100 {
        while let Some(sent) = outbound.tick(now) {
            inbound.push(sent.packet, now);
        }
        while let Output::Frame(frame) = inbound.poll(now) {
            heard.extend(frame.samples);
        }
        now += Duration::from_millis(20);
    }
    assert!(heard.len() > 16_000 * 19 / 10, "{} samples of two seconds", heard.len());
    rms_dbfs(&heard[8_000..24_000]) - rms_dbfs(&original)
}

#[test]
fn a_tone_keeps_its_level_from_the_voice_to_the_ear_within_half_a_decibel() {
    for voice_hz in [16_000, 22_050, 24_000, 44_100, 48_000] {
        for rate_hz in [16_000, 24_000, 48_000] {
            let level =
                level_through(Codec::Opus, voice_hz, &opus::Options { rate_hz, ..opus::Options::default() });
            println!("Opus, voice {voice_hz}, encoder {rate_hz}: {level:+.2} dB");
            assert!(level.abs() < 0.5, "Opus, voice {voice_hz}, encoder {rate_hz}: {level:+.2} dB");
        }
        for codec in
            [Codec::Pcmu, Codec::Pcma, Codec::Pcm16 { rate_hz: 24_000 }, Codec::Pcm16 { rate_hz: 16_000 }]
        {
            let level = level_through(codec, voice_hz, &opus::Options::default());
            assert!(level.abs() < 0.5, "{codec:?}, voice {voice_hz}: {level:+.2} dB");
        }
    }
}
