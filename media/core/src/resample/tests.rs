use super::*;

fn tone(hz: f64, rate_hz: u32, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| (10_000.0 * (2.0 * PI * hz * n as f64 / f64::from(rate_hz)).sin()).round() as i16)
        .collect()
}

/// Level in dB against the input tone, without the first and last 20 ms.
fn passed(from_hz: u32, to_hz: u32, hz: f64) -> f64 {
    let mut out = Vec::new();
    let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
    resampler.push(&tone(hz, from_hz, from_hz as usize / 2), &mut out);
    resampler.flush(&mut out);
    let edge = to_hz as usize / 50;
    let middle = &out[edge..out.len() - edge];
    let energy: f64 = middle.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    10.0 * (energy / middle.len() as f64 / (10_000.0_f64.powi(2) / 2.0)).max(1e-9).log10()
}

#[test]
fn what_would_alias_is_down_sixty_decibels_and_the_voice_band_is_flat() {
    for from_hz in RATES_HZ {
        for to_hz in RATES_HZ {
            let lower = f64::from(from_hz.min(to_hz)) / 2.0;
            for share in [0.05, 0.25, 0.5, 0.85] {
                let level = passed(from_hz, to_hz, lower * share);
                assert!(
                    level.abs() < 0.1,
                    "{from_hz} to {to_hz}: {share} of Nyquist comes out at {level:.2} dB"
                );
            }
            if from_hz > to_hz {
                for share in [1.06, 1.2, 1.5, 1.9] {
                    let hz = lower * share;
                    if hz < f64::from(from_hz) / 2.0 {
                        let level = passed(from_hz, to_hz, hz);
                        assert!(
                            level < -60.0,
                            "{from_hz} to {to_hz}: {share} of Nyquist aliases at {level:.2} dB"
                        );
                    }
                }
            }
        }
    }
}

/// The mirror image of a tone above the old Nyquist frequency, which going up must not create.
#[test]
fn going_up_creates_no_images() {
    for (from_hz, to_hz) in [(8_000, 16_000), (8_000, 48_000), (16_000, 48_000), (24_000, 48_000)] {
        let hz = f64::from(from_hz) * 0.4;
        let mut out = Vec::new();
        let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
        resampler.push(&tone(hz, from_hz, from_hz as usize / 2), &mut out);
        let wanted = tone(hz, to_hz, out.len());
        let edge = to_hz as usize / 50;
        let difference: f64 = out[edge..]
            .iter()
            .zip(&wanted[edge..])
            .map(|(got, wanted)| f64::from(got - wanted).powi(2))
            .sum::<f64>()
            / (out.len() - edge) as f64;
        let level = 10.0 * (difference / (10_000.0_f64.powi(2) / 2.0)).log10();
        assert!(level < -60.0, "{from_hz} to {to_hz}: difference to the ideal tone {level:.1} dB");
    }
}

#[test]
fn output_is_as_long_as_the_input_however_it_is_cut() {
    for (from_hz, to_hz) in
        [(22_050, 24_000), (44_100, 16_000), (8_000, 48_000), (48_000, 8_000), (24_000, 24_000)]
    {
        let input = tone(440.0, from_hz, 44_101);
        let whole = {
            let mut out = Vec::new();
            let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
            resampler.push(&input, &mut out);
            resampler.flush(&mut out);
            out
        };
        let expected = (input.len() as u64 * u64::from(to_hz)).div_ceil(u64::from(from_hz));
        assert_eq!(whole.len() as u64, expected, "{from_hz} to {to_hz}");
        for piece in [1, 7, 160, 441, 5_000] {
            let mut out = Vec::new();
            let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
            input.chunks(piece).for_each(|piece| resampler.push(piece, &mut out));
            resampler.flush(&mut out);
            assert!(out == whole, "{from_hz} to {to_hz} in pieces of {piece} differs");
        }
    }
}

#[test]
fn rates_that_nobody_uses_are_refused() {
    assert!(Resampler::new(0, 16_000).is_err());
    assert!(Resampler::new(16_000, 16_001).is_err());
}
