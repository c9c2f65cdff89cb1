//! Telephone keys: as events beside the audio (RFC 4733) and as tones in it.
//!
//! The tone detector is slow to believe, since a key that nobody pressed is worse than one that must be pressed again.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use domain::Digit;

const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// The payload of one telephone-event packet, RFC 4733 section 2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    pub digit: Digit,
    pub end: bool,
    /// 0 to 63, in dB below 0 dBm0.
    pub volume: u8,
    /// In units of the clock that the session negotiated.
    pub duration: u16,
}

impl TelephoneEvent {
    /// `None` where it is no key (fax tones, line events) or is cut off.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low] = *payload.first_chunk::<4>()?;
        let digit = digit(usize::from(event))?;
        Some(Self {
            digit,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    #[must_use]
    pub fn payload(&self) -> Bytes {
        let key = char::from(self.digit);
        let event = KEYS.iter().position(|known| *known == key).unwrap_or(0);
        let mut payload = BytesMut::with_capacity(4);
        payload.put_u8(event as u8);
        payload.put_u8(if self.end { 0x80 } else { 0 } | self.volume.min(63));
        payload.put_u16(self.duration);
        payload.freeze()
    }

    /// All payloads of one key press, to be sent every 20 ms on one timestamp: growing, then the end three times, since
    /// any of them may be lost (section 2.5.1.4).
    #[must_use]
    pub fn press(digit: Digit, length: Duration, clock_hz: u32) -> Vec<Bytes> {
        let frames = (length.as_millis() / 20).clamp(2, 250) as u32;
        let duration = |frame: u32| u16::try_from(frame * clock_hz / 50).unwrap_or(u16::MAX);
        let event =
            |frame: u32, end: bool| Self { digit, end, volume: 10, duration: duration(frame) }.payload();
        (1..frames).map(|frame| event(frame, false)).chain((0..3).map(|_| event(frames, true))).collect()
    }
}

/// Makes one key of the many packets of a press.
#[derive(Debug, Default)]
pub struct Events {
    last: Option<u32>,
}

impl Events {
    /// The key, once for each press, as soon as the first packet of it is seen: whichever that is.
    pub fn received(&mut self, timestamp: u32, payload: &[u8]) -> Option<Digit> {
        let event = TelephoneEvent::parse(payload)?;
        // All packets of a press carry the timestamp of its begin; one from before it came late.
        if self.last.is_some_and(|last| (timestamp.wrapping_sub(last) as i32) <= 0) {
            return None;
        }
        self.last = Some(timestamp);
        Some(event.digit)
    }
}

/// Hz of the two groups; ITU-T Q.23.
const ROWS_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS_HZ: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const PAD: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
/// Blocks are 25.6 ms every 12.8 ms: narrow enough to tell the rows, and three of them fit the shortest valid tone (40 ms
/// and its edges).
const BLOCK_US: u64 = 25_600;
/// Blocks in a row that must agree, and blocks without the tone that end it.
const AGREE: u32 = 3;
const RELEASE: u32 = 3;
/// Both tones together hold at least this part of the block's energy. Speech has harmonics, keys have none.
const PURITY: f32 = 0.85;
/// The column may be 8 dB weaker or 4 dB stronger than the row, and a little for lines that bend it (Q.24).
const COLUMN_WEAKER: f32 = 10.0;
const COLUMN_STRONGER: f32 = 4.0;
/// -40 dBFS for both tones together.
const LEAST_LEVEL: f32 = 0.01;

/// Goertzel detector of keys in audio at 8 or 16 kHz.
#[derive(Debug)]
pub struct Detector {
    block: Vec<f32>,
    length: usize,
    coefficients: [[f32; 4]; 2],
    agreeing: u32,
    candidate: Option<char>,
    /// Pressed and not yet released.
    down: Option<char>,
    missing: u32,
}

impl Detector {
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        let length = (u64::from(rate_hz) * BLOCK_US / 1_000_000) as usize & !1;
        let coefficient = |hz: f32| 2.0 * (2.0 * std::f32::consts::PI * hz / rate_hz.max(1) as f32).cos();
        Self {
            block: Vec::with_capacity(length * 2),
            length: length.max(2),
            coefficients: [ROWS_HZ.map(coefficient), COLUMNS_HZ.map(coefficient)],
            agreeing: 0,
            candidate: None,
            down: None,
            missing: 0,
        }
    }

    /// The keys whose press was recognised within these samples.
    pub fn feed(&mut self, samples: &[i16]) -> Vec<Digit> {
        let mut pressed = Vec::new();
        for sample in samples {
            self.block.push(f32::from(*sample) / 32_768.0);
            if self.block.len() == self.length {
                let key = self.judge();
                self.block.drain(..self.length / 2);
                pressed.extend(self.follow(key).and_then(|key| Digit::try_from(key).ok()));
            }
        }
        pressed
    }

    fn follow(&mut self, key: Option<char>) -> Option<char> {
        if self.down.is_some() && key != self.down {
            self.missing += 1;
            if self.missing >= RELEASE {
                self.down = None;
            }
        } else {
            self.missing = 0;
        }
        self.agreeing = if key.is_some() && key == self.candidate { self.agreeing + 1 } else { 1 };
        self.candidate = key;
        let pressed = key.filter(|_| self.agreeing >= AGREE && self.down.is_none())?;
        self.down = Some(pressed);
        self.missing = 0;
        Some(pressed)
    }

    fn judge(&self) -> Option<char> {
        let energy: f32 = self.block.iter().map(|sample| sample * sample).sum();
        let length = self.length as f32;
        if energy / length < LEAST_LEVEL * LEAST_LEVEL {
            return None;
        }
        let [(row, row_power), (column, column_power)] =
            self.coefficients.map(|group| self.strongest(&group));
        // A tone of amplitude a has the Goertzel power (a n / 2)^2 and the energy a^2 n / 2.
        let pure = (row_power + column_power) * 2.0 / length / energy;
        let balanced = row_power < column_power * 10_f32.powf(COLUMN_WEAKER / 10.0)
            && column_power < row_power * 10_f32.powf(COLUMN_STRONGER / 10.0);
        (pure >= PURITY && balanced).then_some(PAD[row][column])
    }

    /// Which of a group is strongest, and its power.
    fn strongest(&self, group: &[f32; 4]) -> (usize, f32) {
        let powers = group.map(|coefficient| self.goertzel(coefficient));
        let best = (0..4).max_by(|a, b| powers[*a].total_cmp(&powers[*b])).unwrap_or(0);
        (best, powers[best])
    }

    fn goertzel(&self, coefficient: f32) -> f32 {
        let (mut before, mut last) = (0.0_f32, 0.0_f32);
        for sample in &self.block {
            let next = sample + coefficient * last - before;
            before = last;
            last = next;
        }
        last * last + before * before - coefficient * last * before
    }
}

/// The tones of a key, for lines that take nothing else. Each tone is 9 dB below full scale, with 5 ms edges.
#[must_use]
pub fn tones(key: Digit, length: Duration, rate_hz: u32) -> Vec<i16> {
    let key = char::from(key);
    let at = PAD.iter().flatten().position(|known| *known == key).unwrap_or(0);
    let (row, column) = (ROWS_HZ[at / 4], COLUMNS_HZ[at % 4]);
    let samples = (length.as_secs_f64() * f64::from(rate_hz)) as usize;
    let edge = (rate_hz / 200).max(1) as f32;
    (0..samples)
        .map(|n| {
            let angle = 2.0 * std::f64::consts::PI * n as f64 / f64::from(rate_hz);
            let sum = (angle * f64::from(row)).sin() + (angle * f64::from(column)).sin();
            let edge = (n.min(samples - 1 - n) as f32 / edge).min(1.0);
            (sum as f32 * edge * 11_600.0) as i16
        })
        .collect()
}

fn digit(event: usize) -> Option<Digit> {
    KEYS.get(event).and_then(|key| Digit::try_from(*key).ok())
}

#[cfg(test)]
mod tests;
