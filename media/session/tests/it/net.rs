//! What a network does to packets: loss, jitter, reordering, by a seed.

use std::time::Duration;

/// Seeded, so that a failing run can be run again.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Net {
    /// Share of packets lost, 0 to 1.
    pub loss: f64,
    /// Each packet is late by 0 to this, so that packets overtake each other.
    pub jitter: Duration,
    pub delay: Duration,
    pub duplicate: f64,
}

impl Net {
    /// When the packet arrives after it was sent; none: lost; two: duplicated.
    pub(crate) fn fate(&self, rng: &mut Rng) -> Vec<Duration> {
        if rng.unit() < self.loss {
            return Vec::new();
        }
        let mut arrival = || self.delay + self.jitter.mul_f64(rng.unit());
        let first = arrival();
        let second = arrival();
        if rng.unit() < self.duplicate { vec![first, second] } else { vec![first] }
    }
}
