use super::*;

const TONE: Duration = Duration::from_millis(80);

fn key(key: char) -> Digit {
    Digit::try_from(key).expect("a key")
}

#[test]
fn every_key_survives_the_wire_and_a_press_is_one_key_whatever_is_lost() {
    let mut events = Events::default();
    for (n, name) in KEYS.iter().enumerate() {
        let payloads = TelephoneEvent::press(key(*name), Duration::from_millis(100), 8_000);
        assert_eq!(payloads.len(), 7);
        let survivors = payloads.iter().skip(n % 7);
        let pressed: Vec<_> =
            survivors.filter_map(|payload| events.received(n as u32 * 4_000, payload)).collect();
        assert_eq!(pressed, [key(*name)]);
    }
    let late = TelephoneEvent::press(key('1'), TONE, 8_000);
    assert_eq!(events.received(0, &late[0]), None, "a straggler of an earlier press");
}

#[test]
fn what_is_no_key_is_ignored() {
    for payload in [&[][..], &[1, 2, 3], &[16, 0, 0, 0], &[255, 255, 255, 255]] {
        assert_eq!(TelephoneEvent::parse(payload), None);
    }
    let event = TelephoneEvent { digit: key('#'), end: true, volume: 10, duration: 800 };
    assert_eq!(TelephoneEvent::parse(&event.payload()), Some(event));
}

fn noisy(samples: &[i16], amplitude: i32) -> Vec<i16> {
    let mut seed = 5_u32;
    samples
        .iter()
        .map(|sample| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            sample.saturating_add(((seed >> 16) as i32 % (2 * amplitude + 1) - amplitude) as i16)
        })
        .collect()
}

#[test]
fn tones_are_read_at_both_rates_in_noise_and_however_they_are_cut() {
    for rate_hz in [8_000, 16_000] {
        for piece in [37, 320, 5_000] {
            let mut audio = Vec::new();
            for name in KEYS {
                audio.extend(tones(key(name), TONE, rate_hz).iter().map(|sample| sample / 4));
                audio.extend(vec![0; rate_hz as usize * 80 / 1000]);
            }
            let mut detector = Detector::new(rate_hz);
            let read: Vec<Digit> =
                noisy(&audio, 300).chunks(piece).flat_map(|piece| detector.feed(piece)).collect();
            assert_eq!(read, KEYS.map(key), "{rate_hz} Hz in pieces of {piece}");
        }
    }
}

#[test]
fn a_key_that_is_held_is_one_key_and_the_same_key_twice_is_two() {
    let mut detector = Detector::new(8_000);
    let mut audio = tones(key('5'), Duration::from_secs(2), 8_000);
    audio.extend(vec![0; 800]);
    audio.extend(tones(key('5'), TONE, 8_000));
    assert_eq!(detector.feed(&audio), [key('5'); 2]);
}

#[test]
fn one_tone_or_a_twisted_pair_is_no_key() {
    let sine = |hz: f64, amplitude: f64| {
        (0..8_000).map(move |n| amplitude * (2.0 * std::f64::consts::PI * hz * f64::from(n) / 8_000.0).sin())
    };
    let single: Vec<i16> = sine(697.0, 8_000.0).map(|sample| sample as i16).collect();
    assert_eq!(Detector::new(8_000).feed(&single), []);
    let twisted: Vec<i16> =
        sine(697.0, 8_000.0).zip(sine(1_209.0, 1_500.0)).map(|(row, column)| (row + column) as i16).collect();
    assert_eq!(Detector::new(8_000).feed(&twisted), []);
}

/// Talk-off: nothing that people say is a key.
#[test]
fn speech_presses_no_keys() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/speech");
    let files: Vec<_> = std::fs::read_dir(folder)
        .expect("the speech for tests is part of the project")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
        .collect();
    assert!(files.len() >= 10, "speech files are missing");
    for path in files {
        let bytes = std::fs::read(&path).expect("readable");
        let data = bytes.windows(4).position(|window| window == b"data").expect("a WAV file") + 8;
        let samples: Vec<i16> =
            bytes[data..].as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
        assert_eq!(Detector::new(16_000).feed(&samples), [], "{}", path.display());
    }
}
