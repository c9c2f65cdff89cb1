//! Recordings in and out: any mono or stereo 16-bit WAV in, 16 kHz mono inside.

use std::path::Path;

use media_core::resample::Resampler;

/// Rate in Hz of everything a caller speaks and records here.
pub const RATE_HZ: u32 = 16_000;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {path}: {reason}")]
    Read { path: String, reason: String },
    #[error(
        "{path} is not 16-bit PCM ({bits} bits): convert it, for example with `sox {path} -b 16 out.wav`"
    )]
    Format { path: String, bits: u16 },
    #[error("cannot write {path}: {reason}")]
    Write { path: String, reason: String },
}

impl Error {
    #[must_use]
    pub const fn failure(&self) -> domain::Failure {
        match self {
            Self::Read { .. } | Self::Format { .. } | Self::Write { .. } => {
                domain::Failure::caller("RECORDING_UNUSABLE")
            }
        }
    }
}

/// The recording as 16 kHz mono; stereo is mixed down.
///
/// # Errors
/// When the file is missing, is no WAV, or has samples other than 16 bit.
pub fn read(path: &Path) -> Result<Vec<i16>, Error> {
    let name = path.display().to_string();
    let failed = |reason: String| Error::Read { path: name.clone(), reason };
    let mut reader = hound::WavReader::open(path).map_err(|error| failed(error.to_string()))?;
    let spec = reader.spec();
    if spec.bits_per_sample != 16 || spec.sample_format != hound::SampleFormat::Int {
        return Err(Error::Format { path: name, bits: spec.bits_per_sample });
    }
    let all =
        reader.samples::<i16>().collect::<Result<Vec<_>, _>>().map_err(|error| failed(error.to_string()))?;
    let channels = i32::from(spec.channels.max(1));
    let mono: Vec<i16> = all
        .chunks(channels as usize)
        .map(|frame| (frame.iter().map(|s| i32::from(*s)).sum::<i32>() / channels) as i16)
        .collect();
    resampled(&mono, spec.sample_rate, RATE_HZ).map_err(failed)
}

/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, samples: &[i16]) -> Result<(), Error> {
    let failed =
        |error: hound::Error| Error::Write { path: path.display().to_string(), reason: error.to_string() };
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).map_err(failed)?;
    for sample in samples {
        writer.write_sample(*sample).map_err(failed)?;
    }
    writer.finalize().map_err(failed)
}

/// # Errors
/// When a rate is none of those that the signal path knows.
pub fn resampled(samples: &[i16], from_hz: u32, to_hz: u32) -> Result<Vec<i16>, String> {
    if from_hz == to_hz {
        return Ok(samples.to_vec());
    }
    let mut resampler = Resampler::new(from_hz, to_hz).map_err(|error| error.to_string())?;
    let mut out =
        Vec::with_capacity((samples.len() as u64 * u64::from(to_hz) / u64::from(from_hz)) as usize + 1);
    resampler.push(samples, &mut out);
    resampler.flush(&mut out);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_a_missing_file_is_named() {
        let path = std::env::temp_dir().join(format!("loadtest-wav-{}.wav", std::process::id()));
        let samples: Vec<i16> = (0..1600).map(|n| n * 3).collect();
        write(&path, &samples).expect("writable");
        assert_eq!(read(&path).expect("readable"), samples);
        std::fs::remove_file(&path).expect("removable");
        assert!(read(&path).expect_err("gone").to_string().contains("loadtest-wav"));
    }
}
