use media_core::resample::Resampler;

use super::*;

const RATE_HZ: u32 = 24_000;
const FRAME: usize = 480;

/// Somebody who speaks, at 24 kHz.
fn speech() -> Vec<i16> {
    let mut wav = hound::WavReader::open(testkit::speech("desk_hours.wav")).expect("a recording");
    let rate_hz = wav.spec().sample_rate;
    let samples: Vec<i16> = wav.samples::<i16>().map(|sample| sample.expect("a sample")).collect();
    let mut out = Vec::new();
    let mut resampler = Resampler::new(rate_hz, RATE_HZ).expect("known rates");
    resampler.push(&samples, &mut out);
    resampler.flush(&mut out);
    out
}

fn opus(samples: &[i16], bitrate: u32) -> Vec<Bytes> {
    let options = opus::Options { bitrate, ..opus::Options::default() };
    let mut encoder = media_codec::OpusEncoder::new(&options).expect("an encoder");
    samples.chunks_exact(FRAME).map(|frame| encoder.encode(frame).expect("a frame")).collect()
}

fn begun() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// As a track brings them, from any number on.
fn live(samples: &[i16]) -> Vec<Packet> {
    let numbered = opus(samples, 32_000).into_iter().enumerate();
    numbered
        .map(|(at, payload)| Packet {
            codec: Codec::Opus,
            sequence: 65_530_u16.wrapping_add(at as u16),
            timestamp: 4_000_000_000_u32.wrapping_add(at as u32 * 960),
            marker: false,
            payload,
            at: begun(),
        })
        .collect()
}

fn webm(samples: &[i16]) -> Blob {
    let payloads = opus(samples, 96_000);
    let frames: Vec<&[u8]> = payloads.iter().map(AsRef::as_ref).collect();
    let attributes = [("trackId".to_owned(), "TR_1".to_owned())].into();
    Blob { mime: "audio/webm;codecs=opus".to_owned(), bytes: webm::tests::recorded(&frames), attributes }
}

fn frames(joined: &Joined) -> usize {
    let before: u32 = joined.before.iter().map(|(_, units)| units).sum();
    before as usize / 960 + joined.live.len()
}

#[test]
fn what_both_say_is_heard_once_wherever_they_overlap() {
    let speech = speech();
    let whole = speech.len() / FRAME;
    for (stops, begins) in [(90, 90), (90, 85), (90, 73), (103, 60), (60, 45)] {
        let joined = join(recorded(&webm(&speech[..stops * FRAME])), live(&speech[begins * FRAME..]));
        let off = frames(&joined).abs_diff(whole);
        assert!(off <= 1, "recorded to {stops}, live from {begins}: {} of {whole} frames", frames(&joined));
    }
}

#[test]
fn a_live_track_that_begins_later_or_says_something_else_is_left_as_it_is() {
    let speech = speech();
    let later = live(&speech[100 * FRAME..]);
    let joined = join(recorded(&webm(&speech[..60 * FRAME])), later.clone());
    assert_eq!(joined.live, later);
    let silent = live(&vec![0; 50 * FRAME]);
    let joined = join(recorded(&webm(&speech[..60 * FRAME])), silent.clone());
    assert_eq!((joined.before.len(), joined.live), (60, silent));
}

#[test]
fn samples_are_encoded_and_browsers_that_record_something_else_are_heard_live_alone() {
    let speech = speech();
    let bytes: Vec<u8> =
        speech[..48 * FRAME].iter().flat_map(|sample| [sample.to_le_bytes(); 2]).flatten().collect();
    let attributes: BTreeMap<String, String> =
        [("trackId", "TR_1"), ("sampleRate", "24000"), ("channels", "2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    let blob = Blob { mime: "application/octet-stream".to_owned(), bytes, attributes };
    let joined = join(recorded(&blob), live(&speech[40 * FRAME..]));
    assert!(frames(&joined).abs_diff(speech.len() / FRAME) <= 1, "{}", frames(&joined));
    let odd = |mime: &str, rate: &str| {
        let attributes = [("sampleRate".to_owned(), rate.to_owned())].into();
        Blob { mime: mime.to_owned(), bytes: vec![1; 4_000], attributes }
    };
    assert_eq!(recorded(&odd("video/mp4", "48000")), []);
    assert_eq!(recorded(&odd("audio/pcm", "48001")), []);
}

#[test]
fn more_than_ten_seconds_are_left_out_from_the_front() {
    let blob = webm(&speech()[..50 * FRAME]);
    let frames = webm::frames(&Bytes::from(blob.bytes.clone()));
    let many: Vec<&[u8]> = frames.iter().cycle().take(700).map(AsRef::as_ref).collect();
    let kept = recorded(&Blob { bytes: webm::tests::recorded(&many), ..blob });
    assert_eq!(kept.len(), 500);
    assert_eq!(kept.last().map(|(payload, _)| payload.as_ref()), many.last().copied());
}

#[test]
fn the_live_track_waits_for_what_was_said_before_once_and_not_for_long() {
    let (now, speech) = (begun(), speech());
    let mut before = Before::default();
    before.hears(Some("TR_1"), true, now);
    let packets = live(&speech[20 * FRAME..40 * FRAME]);
    for packet in &packets {
        assert_eq!(before.keeps(packet.clone()), None);
    }
    let other = Blob {
        attributes: [("trackId".to_owned(), "TR_2".to_owned())].into(),
        ..webm(&speech[..20 * FRAME])
    };
    assert_eq!(before.came(&other), None, "another track's");
    let joined = before.came(&webm(&speech[..20 * FRAME])).expect("it was waited for");
    assert_eq!((joined.before.len(), joined.live.len()), (20, 20));
    assert_eq!(before.keeps(packets[0].clone()), Some(packets[0].clone()));
    assert_eq!(before.came(&webm(&speech[..20 * FRAME])), None, "once");

    before.hears(Some("TR_1"), true, now);
    assert_eq!(before.due(), None, "it had its buffer");
    before.hears(Some("TR_3"), false, now);
    assert_eq!(before.due(), None, "none was announced");
    before.hears(Some("TR_4"), true, now);
    assert_eq!(before.due(), Some(now + WAITED_FOR));
    before.keeps(packets[0].clone());
    let alone = before.give_up(None).expect("the live track goes on");
    assert_eq!((alone.before.len(), alone.live.len()), (0, 1));
}
