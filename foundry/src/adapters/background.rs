//! The sound under an agent's calls, from a WAV file.

use std::path::Path;

use anyhow::Context;
use hound::{SampleFormat, WavReader};
use media_session::{Background, background};

/// Longer recordings cost memory for every agent (0.2 MB a second) and are no better to listen to.
const LONGEST_S: u32 = 30;

/// Reads the file below `folder`: definitions come from whoever may edit agents, and must not name any other file of the machine.
///
/// # Errors
/// Names the file and what is wrong with it.
pub(crate) fn load(options: &background::Options, folder: &Path) -> anyhow::Result<Background> {
    let named = Path::new(&options.file);
    let plain = named.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let below = plain && !folder.as_os_str().is_empty();
    let path = folder.join(named);
    anyhow::ensure!(
        below && path.is_file(),
        "the background {}: there is no such file below the agents folder",
        named.display()
    );
    read(&path, options.gain_db).with_context(|| format!("the background {}", path.display()))
}

fn read(path: &Path, gain_db: f32) -> anyhow::Result<Background> {
    let mut file = WavReader::open(path).context("cannot be read as WAV")?;
    let (spec, length) = (file.spec(), file.duration());
    anyhow::ensure!(length > 0 && spec.channels > 0, "is empty");
    anyhow::ensure!(length <= LONGEST_S * spec.sample_rate, "is longer than {LONGEST_S} s");
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => file.samples().collect::<Result<_, _>>(),
        SampleFormat::Int => {
            let full = (1_i64 << (spec.bits_per_sample - 1)) as f32;
            file.samples::<i32>().map(|sample| Ok(sample? as f32 / full)).collect()
        }
    }
    .context("cannot be read as WAV")?;
    let mono = samples.chunks(spec.channels.into()).map(|channels| {
        let sum: f32 = channels.iter().sum();
        (sum / channels.len() as f32 * f32::from(i16::MAX)) as i16
    });
    Ok(Background::new(mono.collect(), spec.sample_rate, gain_db)?)
}
