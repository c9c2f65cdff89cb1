//! How loud: RMS and peak in dB below full scale, and a meter that falls slowly enough to be seen.

/// What digital silence reads; quieter does not exist in 16 bits.
pub const SILENCE_DBFS: f32 = -90.0;

/// From this amplitude on a sample can be heard (-50 dBFS).
pub const AUDIBLE: u16 = 104;

/// Whether any of it can be heard.
#[must_use]
pub fn is_audible(samples: &[i16]) -> bool {
    samples.iter().any(|sample| sample.unsigned_abs() >= AUDIBLE)
}

/// Root mean square in dB below full scale (a full-scale square wave is 0).
#[must_use]
pub fn rms_dbfs(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return SILENCE_DBFS;
    }
    let energy: u64 = samples.iter().map(|sample| i64::from(*sample).pow(2).unsigned_abs()).sum();
    let mean = energy as f64 / samples.len() as f64;
    decibels((mean.sqrt() / 32_768.0) as f32)
}

#[must_use]
pub fn peak_dbfs(samples: &[i16]) -> f32 {
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    decibels(f32::from(peak) / 32_768.0)
}

/// Of an amplitude, 1 being full scale.
#[must_use]
pub fn decibels(amplitude: f32) -> f32 {
    if amplitude <= 0.0 { SILENCE_DBFS } else { (20.0 * amplitude.log10()).max(SILENCE_DBFS) }
}

/// The factor that changes the level by this much.
#[must_use]
pub fn gain(decibels: f32) -> f32 {
    10_f32.powf(decibels / 20.0)
}

/// Rises at once, falls by 24 dB a second of audio.
#[derive(Debug, Clone)]
pub struct Meter {
    level_dbfs: f32,
}

impl Default for Meter {
    fn default() -> Self {
        Self { level_dbfs: SILENCE_DBFS }
    }
}

impl Meter {
    const FALL_DB_PER_S: f32 = 24.0;

    pub fn feed(&mut self, samples: &[i16], rate_hz: u32) -> f32 {
        let seconds = samples.len() as f32 / rate_hz.max(1) as f32;
        let fallen = (self.level_dbfs - Self::FALL_DB_PER_S * seconds).max(SILENCE_DBFS);
        self.level_dbfs = rms_dbfs(samples).max(fallen);
        self.level_dbfs
    }

    #[must_use]
    pub fn level_dbfs(&self) -> f32 {
        self.level_dbfs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_signals_read_their_level() {
        assert_eq!(rms_dbfs(&[0; 320]), SILENCE_DBFS);
        assert_eq!(rms_dbfs(&[]), SILENCE_DBFS);
        assert!((rms_dbfs(&[i16::MIN; 320])).abs() < 0.01);
        assert!((rms_dbfs(&[3277; 320]) + 20.0).abs() < 0.01);
        assert!((peak_dbfs(&[0, -16_384, 5]) + 6.02).abs() < 0.01);
        assert!((gain(-6.0206) - 0.5).abs() < 1e-4);
    }

    #[test]
    fn one_sample_that_can_be_heard_is_enough() {
        assert!(is_audible(&[0, -(AUDIBLE as i16), 0]) && is_audible(&[i16::MIN]));
        assert!(!is_audible(&[AUDIBLE as i16 - 1, 1 - AUDIBLE as i16]) && !is_audible(&[]));
    }

    #[test]
    fn a_meter_rises_at_once_and_falls_slowly() {
        let mut meter = Meter::default();
        assert!((meter.feed(&[3277; 320], 16_000) + 20.0).abs() < 0.01);
        assert!((meter.feed(&[0; 320], 16_000) + 20.48).abs() < 0.01);
    }
}
