#![expect(clippy::disallowed_methods, reason = "packets carry an instant, whichever")]

use std::io::{self, Cursor};

use media_core::Codec;

use super::*;
use crate::ports::RecordingFile;

struct Nowhere;

impl Recordings for Nowhere {
    fn begin(&mut self, _part: &RecordedPart) -> io::Result<Box<dyn RecordingFile>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }

    fn end(&mut self, _part: &RecordedPart) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn packets_that_found_no_room_are_silence_and_the_part_is_known_to_be_incomplete() {
    let (queue, mut taken) = mpsc::channel(10);
    let (_reporter, reports) = mpsc::channel(1);
    let lost = metrics::Counter::noop();
    let mut recording = Recording { queue, reports, lost, gaps: Gaps::default() };
    let zero = std::time::Instant::now();
    let codec = Codec::Pcm16 { rate_hz: 16_000 };
    let mut piece = Vec::new();
    for n in 0..30_u16 {
        let (timestamp, at) = (u32::from(n) * 320, zero + Duration::from_millis(20) * u32::from(n));
        let payload = vec![1; 640].into();
        recording.packet(Role::Agent, Packet { codec, sequence: n, timestamp, marker: false, payload, at });
        if n == 19 {
            piece.extend(std::iter::from_fn(|| taken.try_recv().ok())); // ten of twenty had found room
        }
    }
    piece.extend(std::iter::from_fn(|| taken.try_recv().ok()));
    assert_eq!(piece.len(), 20);
    let reports = Desk::new(Box::new(Nowhere), zero).put(piece, None);
    let [Report::Ended(part)] = &reports[..] else { unreachable!("one part, and no failure") };
    assert_eq!((part.complete, part.length), (false, Duration::from_millis(600)));
}
