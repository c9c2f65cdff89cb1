//! What a dialogue with ears of its own is given of the caller's track: their voice with a little around it, and no silence.
//!
//! A vendor charges for what it hears. Decides nothing about turns.

use domain::{AudioFrame, MediaTime};

use crate::listen::Ring;

/// Before a voice is detected it has begun.
const LEAD: MediaTime = MediaTime::from_millis(400);
/// A shorter pause is part of what is said.
const PAUSE: MediaTime = MediaTime::from_millis(800);

#[derive(Default)]
pub(crate) struct Ears {
    /// Audio up to here was given or left out.
    given: MediaTime,
    /// Audio up to here is wanted.
    until: MediaTime,
}

impl Ears {
    /// The detector heard a voice here.
    pub(crate) fn voiced(&mut self, at: MediaTime) {
        if at > self.until {
            self.given = self.given.max(at - LEAD);
        }
        self.until = self.until.max(at + PAUSE);
    }

    /// What is wanted of the track and was not given yet.
    pub(crate) fn next(&mut self, ring: &Ring) -> Option<AudioFrame> {
        let to = ring.end().min(self.until);
        if self.given >= to {
            return None;
        }
        let frame = ring.stretch(self.given, to);
        self.given = to;
        Some(frame)
    }

    /// A turn ended: what follows belongs to the next.
    pub(crate) fn settle(&mut self, end: MediaTime) {
        self.given = self.given.max(end);
        self.until = self.until.min(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> MediaTime {
        MediaTime::from_millis(n)
    }

    /// The stretches given of a track of so many ms, a voice being detected at these instants.
    fn given(ears: &mut Ears, ring: &mut Ring, to: u64, voiced: &[u64]) -> Vec<(u64, u64)> {
        let mut given: Vec<(u64, u64)> = Vec::new();
        while ring.end() < ms(to) {
            ring.push(&AudioFrame { samples: vec![0; 320], rate_hz: 16_000, at: ring.end() });
            let now = ring.end().as_millis();
            // The detector lags by a frame.
            if voiced.contains(&(now - 20)) {
                ears.voiced(ms(now - 20));
            }
            if let Some(frame) = ears.next(ring) {
                let (from, to) = (frame.at.as_millis(), frame.end().as_millis());
                match given.last_mut() {
                    Some(last) if last.1 == from => last.1 = to,
                    _ => given.push((from, to)),
                }
            }
        }
        given
    }

    #[test]
    fn a_voice_is_given_with_its_beginning_and_silence_is_left_out() {
        let (mut ears, mut ring) = (Ears::default(), Ring::new());
        let spoken: Vec<u64> = (1_000..2_000).step_by(20).chain((5_000..5_100).step_by(20)).collect();
        assert_eq!(given(&mut ears, &mut ring, 8_000, &spoken), [(600, 2_780), (4_600, 5_880)]);
    }

    #[test]
    fn what_follows_the_end_of_a_turn_waits_for_the_next_voice() {
        let (mut ears, mut ring) = (Ears::default(), Ring::new());
        assert_eq!(given(&mut ears, &mut ring, 1_300, &[1_000]), [(600, 1_300)]);
        ears.settle(ring.end());
        assert_eq!(given(&mut ears, &mut ring, 2_000, &[1_800]), [(1_400, 2_000)]);
    }
}
