//! Keys as tones in the audio (ITU-T Q.23), of lines that say them in no other way. Pure: packets and `now` in, keys out.

use std::time::{Duration, Instant};

use domain::Digit;
use media_core::dtmf::Detector;
use media_core::{Codec, Packet};

use crate::linear;
use crate::rtp::is_ahead;

/// A line that says a key as an event too says it within so long.
const ECHO: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Tones {
    detector: Detector,
    codec: Codec,
    /// Sequence of the last packet.
    last: Option<u16>,
    heard: Option<(Digit, Instant)>,
}

impl Tones {
    /// `None` for codecs that no line with tones alone speaks.
    pub(crate) fn of(codec: Codec) -> Option<Self> {
        let rate_hz = linear::rate_hz(codec)?;
        Some(Self { detector: Detector::new(rate_hz), codec, last: None, heard: None })
    }

    pub(crate) fn is_of(&self, codec: Codec) -> bool {
        self.codec == codec
    }

    /// What follows is another stream, with numbers of its own.
    pub(crate) fn begin(&mut self) {
        self.last = None;
    }

    /// The keys that were recognised with this packet. One that is late or comes again says nothing new.
    pub(crate) fn hear(&mut self, packet: &Packet, now: Instant) -> Vec<Digit> {
        if packet.codec != self.codec || !is_ahead(self.last, packet.sequence) {
            return Vec::new();
        }
        self.last = Some(packet.sequence);
        let keys = self.detector.feed(&linear::samples(self.codec, &packet.payload));
        if let Some(key) = keys.last() {
            self.heard = Some((*key, now));
        }
        keys
    }

    /// Whether a key that now comes as an event was heard as a tone just before.
    pub(crate) fn told(&self, key: Digit, now: Instant) -> bool {
        self.heard.is_some_and(|(heard, at)| heard == key && now.saturating_duration_since(at) < ECHO)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use media_core::{Resampler, dtmf};

    use super::*;
    use crate::sdp::G722;

    fn packets(codec: Codec, samples: &[i16], first: u16) -> Vec<Packet> {
        let length = if codec == G722 { 320 } else { 160 };
        let packet = |(n, frame): (usize, &[i16])| Packet {
            codec,
            sequence: first.wrapping_add(n as u16),
            timestamp: (n * length) as u32,
            marker: false,
            payload: linear::payload(codec, frame),
            at: Instant::now(),
        };
        samples.chunks_exact(length).enumerate().map(packet).collect()
    }

    fn digit(key: char) -> Digit {
        Digit::try_from(key).expect("a key")
    }

    #[test]
    fn each_key_of_a_line_is_heard_once_whatever_it_speaks_and_packets_that_come_again_say_nothing() {
        let now = Instant::now();
        for codec in [Codec::Pcmu, Codec::Pcma, G722] {
            let rate_hz = if codec == G722 { 16_000 } else { 8_000 };
            let mut samples = Vec::new();
            for key in "4711#*0AD".chars() {
                samples.extend(dtmf::tones(digit(key), Duration::from_millis(100), rate_hz));
                samples.extend(vec![0; rate_hz as usize / 10]);
            }
            let mut tones = Tones::of(codec).expect("a phone's");
            let mut heard = String::new();
            for packet in packets(codec, &samples, u16::MAX - 5) {
                heard.extend(tones.hear(&packet, now).into_iter().map(char::from));
                heard.extend(tones.hear(&packet, now).into_iter().map(char::from));
            }
            assert_eq!(heard, "4711#*0AD", "{codec:?}");
            assert!(tones.told(digit('D'), now) && !tones.told(digit('4'), now));
            assert!(!tones.told(digit('D'), now + Duration::from_secs(1)), "pressed again");
        }
        assert!(Tones::of(Codec::Opus).is_none());
    }

    #[test]
    fn what_people_say_on_the_phone_presses_no_key() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/speech");
        let files = std::fs::read_dir(folder).expect("part of the project").flatten().map(|file| file.path());
        let recordings: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|end| end == "wav")).collect();
        assert!(recordings.len() >= 20, "{}", recordings.len());
        for path in recordings {
            let mut reader = hound::WavReader::open(&path).expect("a recording");
            let said: Vec<i16> = reader.samples::<i16>().flatten().collect();
            let mut narrow = Vec::new();
            let mut resampler = Resampler::new(reader.spec().sample_rate, 8_000).expect("rates we know");
            resampler.push(&said, &mut narrow);
            // As loud as it gets without being cut, where phones and their levels are most alike to tones.
            let peak = narrow.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(1).max(1);
            let loud =
                narrow.iter().map(|sample| (i32::from(*sample) * 32_000 / i32::from(peak)) as i16).collect();
            for (codec, samples) in [(Codec::Pcmu, &narrow), (Codec::Pcma, &loud), (G722, &said)] {
                let mut tones = Tones::of(codec).expect("a phone's");
                for packet in packets(codec, samples, 0) {
                    let keys = tones.hear(&packet, packet.at);
                    assert!(keys.is_empty(), "{keys:?} in {} over {codec:?}", path.display());
                }
            }
        }
    }
}
