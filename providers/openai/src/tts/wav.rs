//! WAV as it streams: the header in pieces of any length, sizes that were not known when it was written, one channel or more.

use providers_link::Fault;

/// A header that has not reached its samples by then is none.
const LARGEST_HEADER: usize = 64 << 10;
const RIFF: usize = 12;
const CHUNK: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Wav {
    /// Of the header, and later what is less than one sample of every channel.
    held: Vec<u8>,
    format: Option<Format>,
    /// Bytes of samples still to come; none before the samples.
    left: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Format {
    rate_hz: u32,
    channels: usize,
}

impl Wav {
    /// Known before the first sample.
    pub(super) fn rate_hz(&self) -> Option<u32> {
        self.format.map(|format| format.rate_hz)
    }

    /// The samples that the bytes complete, mixed to one channel.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<i16>, Fault> {
        self.held.extend_from_slice(bytes);
        if self.left.is_none() {
            self.header()?;
        }
        let (Some(left), Some(format)) = (self.left, self.format) else { return Ok(Vec::new()) };
        let frame = 2 * format.channels;
        let come = usize::try_from(left).unwrap_or(usize::MAX).min(self.held.len());
        let whole = come - come % frame;
        let samples = self.held[..whole]
            .chunks_exact(frame)
            .map(|frame| {
                let sum: i32 =
                    frame.chunks_exact(2).map(|pair| i32::from(i16::from_le_bytes([pair[0], pair[1]]))).sum();
                (sum / format.channels as i32) as i16
            })
            .collect();
        self.left = Some(left - whole as u64);
        // Other chunks may follow the samples; they sound like noise.
        self.held.drain(..if whole as u64 == left { self.held.len() } else { whole });
        Ok(samples)
    }

    /// Reads chunk after chunk up to the samples, as far as they have come.
    fn header(&mut self) -> Result<(), Fault> {
        let mut at = RIFF;
        if self.held.len() >= RIFF && &self.held[8..12] != b"WAVE" {
            return Err(Fault::protocol("a RIFF file that is no WAV"));
        }
        while let Some(chunk) = self.held.get(at..at + CHUNK) {
            let size = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
            if &chunk[..4] == b"data" {
                if self.format.is_none() {
                    return Err(Fault::protocol("a WAV without a format"));
                }
                // 0 or everything: the server did not know yet how much would come.
                let unknown = size == 0 || size >= u32::MAX - 64;
                self.left = Some(if unknown { u64::MAX } else { u64::from(size) });
                self.held.drain(..at + CHUNK);
                return Ok(());
            }
            let begin = at + CHUNK;
            let Some(end) = begin.checked_add(size as usize + size as usize % 2) else { break };
            if &chunk[..4] == b"fmt " {
                let Some(body) = self.held.get(begin..end) else { break };
                self.format = Some(format(body)?);
            }
            at = end;
        }
        if self.held.len() > LARGEST_HEADER {
            return Err(Fault::protocol("a WAV without samples"));
        }
        Ok(())
    }
}

fn format(body: &[u8]) -> Result<Format, Fault> {
    const PCM: u16 = 1;
    const EXTENSIBLE: u16 = 0xFFFE;
    let short = |at: usize| body.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let long = |at: usize| body.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    match (short(0), short(2), long(4), short(14)) {
        (Some(PCM | EXTENSIBLE), Some(channels @ 1..=8), Some(rate_hz @ 8_000..=192_000), Some(16)) => {
            Ok(Format { rate_hz, channels: usize::from(channels) })
        }
        _ => Err(Fault::protocol("a WAV of another kind than 16-bit PCM")),
    }
}
