use media_codec::{OpusDecoder, decoder, encoder, opus};
use media_core::codec::{Decoder, Error};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;

fn spoken_packets() -> Vec<Bytes> {
    let options = opus::Options { expected_loss_percent: 20, ..opus::Options::default() };
    encode(&speech(), &options).into_iter().flatten().collect()
}

/// Energy of the difference, in dB against the energy of `wanted`.
fn difference(wanted: &[i16], got: &[i16]) -> f64 {
    let energy =
        |samples: &mut dyn Iterator<Item = f64>| samples.map(|sample| sample * sample).sum::<f64>().max(1.0);
    let error = energy(&mut wanted.iter().zip(got).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    10.0 * (error / energy(&mut wanted.iter().map(|sample| f64::from(*sample)))).log10()
}

#[test]
fn a_lost_packet_comes_back_from_the_redundancy_of_the_next_better_than_by_concealment() {
    let packets = spoken_packets();
    let (mut recovered, mut concealed, mut with_redundancy) = (Vec::new(), Vec::new(), 0);
    for lost in (50..packets.len() - 1).step_by(17) {
        let run = |fill: &mut dyn FnMut(&mut OpusDecoder, &mut Vec<i16>)| {
            let mut decoder = OpusDecoder::new(16_000).expect("a rate of Opus");
            let mut out = Vec::new();
            packets[lost - 20..lost]
                .iter()
                .for_each(|packet| decoder.decode(packet, &mut out).expect("our own"));
            out.clear();
            fill(&mut decoder, &mut out);
            assert_eq!(out.len(), 320);
            out
        };
        let wanted = run(&mut |decoder, out| decoder.decode(&packets[lost], out).expect("our own"));
        if rms_dbfs(&wanted) < -40.0 {
            continue;
        }
        let mut has_redundancy = false;
        let copy = run(&mut |decoder, out| has_redundancy = decoder.recover(&packets[lost + 1], 320, out));
        let guess = run(&mut |decoder, out| decoder.conceal(320, out));
        if has_redundancy {
            with_redundancy += 1;
            recovered.push(difference(&wanted, &copy));
            concealed.push(difference(&wanted, &guess));
        }
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    assert!(with_redundancy > 10, "{with_redundancy} packets carry a copy");
    let (recovered, concealed) = (median(&mut recovered), median(&mut concealed));
    println!("error of recovery {recovered:.1} dB, of concealment {concealed:.1} dB");
    assert!(
        recovered < concealed - 3.0,
        "error of recovery {recovered:.1} dB, of concealment {concealed:.1} dB"
    );
}

#[test]
fn concealment_gives_any_length_asked_for() {
    let mut decoder = OpusDecoder::new(16_000).expect("a rate of Opus");
    let mut out = Vec::new();
    decoder.decode(&spoken_packets()[40], &mut out).expect("our own");
    for samples in [0, 1, 39, 40, 320, 1_921, 16_000] {
        out.clear();
        decoder.conceal(samples, &mut out);
        assert_eq!(out.len(), samples);
    }
}

#[test]
fn noise_and_torn_packets_are_refused_or_decoded_and_never_a_panic() {
    let seed = 20_250_101;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let packets = spoken_packets();
    let mut decoder = decoder(Codec::Opus).expect("Opus");
    let (mut out, mut refused) = (Vec::new(), 0);
    for round in 0..20_000_usize {
        let mut payload = packets[round % packets.len()].to_vec();
        match round % 3 {
            0 => payload.truncate(random.random_range(0..payload.len())),
            1 => {
                let at = random.random_range(0..payload.len());
                payload[at] = random.random();
            }
            _ => random.fill_bytes(&mut payload),
        }
        out.clear();
        refused += usize::from(decoder.decode(&payload, &mut out).is_err());
        assert!(out.len() <= 16_000 * 120 / 1000);
        out.clear();
        decoder.recover(&payload, 320, &mut out);
        assert_eq!(out.len(), 320);
    }
    assert!(refused > 100, "{refused} of 20000 were refused");
}

#[test]
fn what_cannot_be_set_up_or_encoded_says_why() {
    let wrong = opus::Options { rate_hz: 44_100, ..opus::Options::default() };
    assert!(matches!(encoder(Codec::Opus, &wrong), Err(Error::Setup { .. })));
    let mut encoder = encoder(Codec::Opus, &opus::Options::default()).expect("defaults are valid");
    assert!(matches!(encoder.encode(&[0; 479]), Err(Error::Encode { .. })));
    let error = decoder(Codec::Pcm16 { rate_hz: 1 }).err().expect("an absurd rate");
    assert_eq!(error.failure().code.0, "AUDIO_CODEC_UNSUPPORTED");
}
