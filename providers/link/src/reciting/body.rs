//! Audio as vendors put it into bodies: bare samples, or a WAV file around them.

use providers_api::ErrorKind;

use super::AudioBody;
use crate::codes::Fault;
use crate::pcm::Samples;
use crate::speaking::Spoken;

/// Of a WAV file, more than this before its samples is none.
const LARGEST_HEAD: usize = 64 << 10;
const PCM: u16 = 1;
const EXTENSIBLE: u16 = 0xFFFE;

/// Bare little-endian 16-bit samples.
#[derive(Debug, Default)]
pub struct RawBody {
    samples: Samples,
}

impl AudioBody for RawBody {
    fn push(&mut self, piece: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        let samples = self.samples.push(piece);
        if !samples.is_empty() {
            out.push(Spoken::Audio(samples));
        }
        Ok(())
    }
}

/// Bare samples or a WAV file, told apart by their beginning: servers give the one where the other was asked for. Other rates than
/// the promised one, more channels and other formats are refused.
#[derive(Debug)]
pub struct WavBody {
    rate_hz: u32,
    head: Vec<u8>,
    /// Bytes of samples that are left; None while the head is read.
    left: Option<u64>,
    raw: RawBody,
}

impl WavBody {
    /// `rate_hz`: what the provider's `info` promises.
    #[must_use]
    pub fn new(rate_hz: u32) -> Self {
        Self { rate_hz, head: Vec::new(), left: None, raw: RawBody::default() }
    }

    fn samples(&mut self, piece: &[u8], left: u64, out: &mut Vec<Spoken>) -> Result<(), Fault> {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        self.left = Some(left - count as u64);
        self.raw.push(&piece[..count], out)
    }
}

impl AudioBody for WavBody {
    fn push(&mut self, piece: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        if let Some(left) = self.left {
            return self.samples(piece, left, out);
        }
        self.head.extend_from_slice(piece);
        match read_head(&self.head, self.rate_hz)? {
            Some((begin, left)) => {
                let head = std::mem::take(&mut self.head);
                self.samples(&head[begin..], left, out)
            }
            None if self.head.len() > LARGEST_HEAD => Err(Fault::protocol("a WAV file without samples")),
            None => Ok(()),
        }
    }

    fn end(&mut self, out: &mut Vec<Spoken>) -> Result<(), Fault> {
        // Fewer bytes than `RIFF` has can only be samples; a head that broke off has none.
        if self.left.is_none() && !self.head.starts_with(b"RIFF") {
            self.raw.push(&self.head, out)?;
        }
        Ok(())
    }
}

/// Where the samples begin and how many bytes they have; `None`: more is needed.
fn read_head(head: &[u8], rate_hz: u32) -> Result<Option<(usize, u64)>, Fault> {
    let magic = head.len().min(4);
    if head[..magic] != b"RIFF"[..magic] {
        return Ok(Some((0, u64::MAX)));
    }
    let mut at = 12;
    let mut format_seen = false;
    while let (Some(name), Some(length)) = (head.get(at..at + 4), u32_at(head, at + 4)) {
        if name == b"data" {
            if !format_seen {
                return Err(Fault::protocol("a WAV file that does not say what its samples are"));
            }
            // Streamed files do not know their length.
            let left = if matches!(length, 0 | 0xFFFF_FFFF) { u64::MAX } else { u64::from(length) };
            return Ok(Some((at + 8, left)));
        }
        let Ok(length) = usize::try_from(length) else { break };
        if name == b"fmt " {
            let Some(format) = head.get(at + 8..at + 24) else { return Ok(None) };
            check(format, rate_hz)?;
            format_seen = true;
        }
        // Chunks begin at even places.
        at = at.saturating_add(8 + length + length % 2);
        if at > LARGEST_HEAD {
            return Err(Fault::protocol("a WAV file without samples"));
        }
    }
    Ok(None)
}

fn check(format: &[u8], promised_hz: u32) -> Result<(), Fault> {
    let (kind, channels) = (u16_at(format, 0), u16_at(format, 2));
    let (rate_hz, bits) = (u32_at(format, 4), u16_at(format, 14));
    if !matches!(kind, Some(PCM | EXTENSIBLE)) || channels != Some(1) || bits != Some(16) {
        return Err(Fault::new(
            ErrorKind::Rejected,
            "the server's WAV files are not mono with 16 bits a sample",
        ));
    }
    match rate_hz {
        Some(rate_hz) if rate_hz == promised_hz => Ok(()),
        other => Err(Fault::new(
            ErrorKind::Rejected,
            format!(
                "the server's audio has {} Hz, not {promised_hz}: set the provider's rate to it",
                other.unwrap_or_default()
            ),
        )),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcm::bytes;

    fn wav(rate_hz: u32, length: u32, samples: &[i16]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
        file.extend(b"LIST\x03\0\0\0abc\0"); // of odd length, padded
        file.extend(b"fmt \x10\0\0\0\x01\0\x01\0");
        file.extend(rate_hz.to_le_bytes());
        file.extend((rate_hz * 2).to_le_bytes());
        file.extend(b"\x02\0\x10\0data");
        file.extend(length.to_le_bytes());
        file.extend(bytes(samples));
        file
    }

    fn read(body: &[u8], piece: usize) -> Result<Vec<i16>, Fault> {
        let (mut reader, mut spoken) = (WavBody::new(24_000), Vec::new());
        for piece in body.chunks(piece) {
            reader.push(piece, &mut spoken)?;
        }
        reader.end(&mut spoken)?;
        Ok(spoken
            .into_iter()
            .flat_map(|spoken| match spoken {
                Spoken::Audio(samples) => samples,
                other => panic!("{other:?}"),
            })
            .collect())
    }

    #[test]
    fn a_wav_file_is_read_over_the_edges_of_pieces_and_its_tail_is_not_heard() {
        let mut file = wav(24_000, 6, &[1, -2, 300]);
        file.extend(b"LIST\x02\0\0\0xx");
        for piece in [1, 7, 1000] {
            assert_eq!(read(&file, piece).expect("well formed"), [1, -2, 300]);
        }
        assert_eq!(read(&wav(24_000, 0, &[5, 6]), 3).expect("a stream"), [5, 6]);
    }

    #[test]
    fn bare_samples_are_taken_as_they_are() {
        assert_eq!(read(&bytes(&[7, 8, 9]), 1).expect("samples"), [7, 8, 9]);
        assert_eq!(read(&bytes(&[0x4952]), 2).expect("the letters RI alone are a sample"), [0x4952]);
    }

    #[test]
    fn another_rate_or_format_is_refused_and_half_a_file_has_no_samples() {
        assert_eq!(read(&wav(22_050, 0, &[1]), 99).expect_err("another rate").kind, ErrorKind::Rejected);
        let mut stereo = wav(24_000, 0, &[1]);
        stereo[34] = 2;
        assert_eq!(read(&stereo, 99).expect_err("two channels").kind, ErrorKind::Rejected);
        assert_eq!(read(&wav(24_000, 0, &[1])[..30], 99), Ok(Vec::new()));
        assert!(read(b"RIFF\0\0\0\0WAVEdata\0\0\0\0xx", 99).is_err());
    }
}
