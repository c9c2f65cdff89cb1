//! Against another implementation: what spandsp 0.0.6 made of the same half second, and heard in that (`tests/spandsp`).

use media_codec::{G722Decoder, G722Encoder};

const THEIRS: &[u8] = include_bytes!("../spandsp/g722.bin");
const THEY_HEARD: &[u8] = include_bytes!("../spandsp/g722.pcm");
/// Of both filters together, in samples.
const DELAY: usize = 22;

/// A sweep with noise, loud and then very quiet, noise alone, and a sweep as loud as there is.
fn signal() -> Vec<i16> {
    let (mut state, mut phase) = (1_u32, 0_i32);
    let sample = |n: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 16) as i32 - 32_768;
        phase = (phase + 400 + (n * 14_000 / 8_000) as i32) & 0xffff;
        let sweep = (if phase < 32_768 { phase } else { 65_535 - phase }) * 2 - 32_768;
        let parts = [
            (sweep * 12).div_euclid(32) + noise.div_euclid(64),
            sweep.div_euclid(200),
            noise.div_euclid(4),
            sweep,
        ];
        parts[n / 2_000].clamp(-32_768, 32_767) as i16
    };
    (0..8_000).map(sample).collect()
}

fn they_heard() -> Vec<i16> {
    THEY_HEARD.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// How far `heard` is from `said`, in dB; the filters' delay is taken out.
fn snr_db(said: &[i16], heard: &[i16]) -> f64 {
    let square = |value: f64| value * value;
    let signal: f64 = said.iter().map(|sample| square(f64::from(*sample))).sum();
    let noise: f64 =
        said.iter().zip(heard).map(|(said, heard)| square(f64::from(*said) - f64::from(*heard))).sum();
    10.0 * (signal / noise).log10()
}

#[test]
fn what_others_encode_is_heard_as_they_hear_it() {
    let heard = G722Decoder::default().decode(THEIRS);
    let (said, theirs) = (signal(), they_heard());
    assert_eq!(heard.len(), theirs.len());
    for part in 0..4 {
        let at = part * 2_000 + 100..(part + 1) * 2_000 - 100;
        let late = at.start + DELAY..at.end + DELAY;
        let ours = snr_db(&said[at.clone()], &heard[late.clone()]);
        let other = snr_db(&said[at.clone()], &theirs[late]);
        println!("part {part}: {ours:.1} dB, as spandsp hears it {other:.1} dB");
        assert!(ours > other - 1.0 && ours > 8.0, "part {part}: {ours:.1} dB against {other:.1}");
    }
}

#[test]
fn what_we_encode_is_as_good_as_what_others_do() {
    let said = signal();
    let mut encoder = G722Encoder::default();
    let ours: Vec<u8> = said.chunks(320).flat_map(|frame| encoder.encode(frame)).collect();
    assert_eq!(ours.len(), THEIRS.len());
    let (ours, theirs) = (G722Decoder::default().decode(&ours), G722Decoder::default().decode(THEIRS));
    for part in 0..4 {
        let at = part * 2_000 + 100..(part + 1) * 2_000 - 100;
        let late = at.start + DELAY..at.end + DELAY;
        let (mine, other) =
            (snr_db(&said[at.clone()], &ours[late.clone()]), snr_db(&said[at], &theirs[late]));
        println!("part {part}: {mine:.1} dB, encoded by spandsp {other:.1} dB");
        assert!(mine > other - 1.0, "part {part}: {mine:.1} dB against {other:.1}");
    }
}

#[test]
fn no_bytes_and_no_sound_panic_and_pieces_are_as_the_whole() {
    let mut bytes: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    bytes.extend([0xff; 2_000]);
    bytes.extend([0x00; 2_000]);
    let mut decoder = G722Decoder::default();
    let pieces: Vec<i16> = bytes.chunks(160).flat_map(|payload| decoder.decode(payload)).collect();
    assert_eq!(pieces, G722Decoder::default().decode(&bytes));
    let mut encoder = G722Encoder::default();
    for loudest in [i16::MIN, i16::MAX] {
        let square: Vec<i16> = (0..4_001).map(|n| if n / 7 % 2 == 0 { loudest } else { !loudest }).collect();
        assert_eq!(encoder.encode(&square).len(), 2_000);
    }
    assert!(decoder.decode(&[]).is_empty() && encoder.encode(&[]).is_empty());
}
