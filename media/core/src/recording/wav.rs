//! WAV of G.711 as it was on the wire, or of 16-bit samples.

use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

use crate::packet::{Codec, Packet};
use crate::recording::Error;

const FORMAT_PCM: u16 = 1;
const FORMAT_ALAW: u16 = 6;
const FORMAT_ULAW: u16 = 7;
/// Where the length of the data stands; the header before the data is two bytes longer for the laws.
const RIFF_LENGTH_AT: u64 = 4;
const HEADER_MOST: usize = 46;
/// The format can count no further than 4 GiB.
const DATA_MAX: u32 = u32::MAX - 64;

/// Writes one track. The lengths in the header are brought up to date each second, so that a crash leaves a file that
/// every player takes.
pub struct Wav<W: Write + Seek> {
    out: W,
    codec: Codec,
    header: u32,
    data: u32,
    updated: u32,
    /// The data has an odd length and was padded.
    pad: u32,
}

impl<W: Write + Seek> Wav<W> {
    /// `codec` is G.711 or PCM.
    pub fn new(mut out: W, codec: Codec) -> Result<Self, Error> {
        let (format, bits): (u16, u16) = match codec {
            Codec::Pcmu => (FORMAT_ULAW, 8),
            Codec::Pcma => (FORMAT_ALAW, 8),
            Codec::Pcm16 { .. } => (FORMAT_PCM, 16),
            Codec::Opus => return Err(Error::Codec { recording: codec, packet: codec }),
        };
        let rate = codec.clock_hz();
        let block = bits / 8;
        let format_length: u32 = if format == FORMAT_PCM { 16 } else { 18 };
        let mut header = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
        header.extend(format_length.to_le_bytes());
        header.extend(format.to_le_bytes());
        header.extend(1_u16.to_le_bytes());
        header.extend(rate.to_le_bytes());
        header.extend(rate.saturating_mul(u32::from(block)).to_le_bytes());
        header.extend(block.to_le_bytes());
        header.extend(bits.to_le_bytes());
        if format != FORMAT_PCM {
            header.extend([0; 2]);
        }
        header.extend(b"data\0\0\0\0");
        out.write_all(&header)?;
        let mut wav = Self { out, codec, header: header.len() as u32, data: 0, updated: 0, pad: 0 };
        wav.update()?;
        Ok(wav)
    }

    /// Packets in order.
    pub fn write(&mut self, packet: &Packet) -> Result<(), Error> {
        if packet.codec != self.codec {
            return Err(Error::Codec { recording: self.codec, packet: packet.codec });
        }
        self.append(&packet.payload)
    }

    /// This many samples of silence; how many were written is returned.
    pub fn silence(&mut self, samples: u64) -> Result<u64, Error> {
        const PIECE: usize = 1_024;
        let byte = match self.codec {
            Codec::Pcmu => 0xff,
            Codec::Pcma => 0xd5,
            Codec::Opus | Codec::Pcm16 { .. } => 0,
        };
        let mut left = samples
            .saturating_mul(u64::from(width(self.codec)))
            .min(u64::from(DATA_MAX - self.data)) as usize;
        while left > 0 {
            let piece = left.min(PIECE);
            self.append(&[byte; PIECE][..piece])?;
            left -= piece;
        }
        Ok(samples)
    }

    /// Everything goes out now, and the header says so.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.update()
    }

    /// Samples written so far.
    #[must_use]
    pub fn units(&self) -> u64 {
        u64::from(self.data / width(self.codec))
    }

    /// Of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.header) + u64::from(self.data) + u64::from(self.pad)
    }

    pub fn finish(&mut self) -> Result<(), Error> {
        if self.data % 2 == 1 {
            self.pad = 1;
            self.out.write_all(&[0])?; // Chunks are padded to even length; the pad is not counted.
        }
        self.update()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let room = (DATA_MAX - self.data) as usize;
        let bytes = &bytes[..bytes.len().min(room)];
        self.out.write_all(bytes)?;
        self.data += bytes.len() as u32;
        let second = self.codec.clock_hz().saturating_mul(2).max(1);
        if self.data - self.updated >= second {
            self.update()?;
        }
        Ok(())
    }

    fn update(&mut self) -> Result<(), Error> {
        let padded = self.data + self.data % 2;
        self.out.seek(SeekFrom::Start(RIFF_LENGTH_AT))?;
        self.out.write_all(&(self.header - 8 + padded).to_le_bytes())?;
        self.out.seek(SeekFrom::Start(u64::from(self.header) - 4))?;
        self.out.write_all(&self.data.to_le_bytes())?;
        self.out.seek(SeekFrom::End(0))?;
        self.out.flush()?;
        self.updated = self.data;
        Ok(())
    }
}

/// Bytes of a sample.
const fn width(codec: Codec) -> u32 {
    match codec {
        Codec::Pcmu | Codec::Pcma => 1,
        Codec::Opus | Codec::Pcm16 { .. } => 2,
    }
}

/// Makes the header of a recording tell the length of its file, which a crash has left it behind. Returns whether it is a
/// recording that `Wav` began; another is left alone.
pub(super) fn mend<F: Read + Write + Seek>(file: &mut F) -> std::io::Result<bool> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut header = Vec::with_capacity(HEADER_MOST);
    Read::by_ref(file).take(HEADER_MOST as u64).read_to_end(&mut header)?;
    let Some(shape) = shape(&header) else { return Ok(false) };
    let data =
        u32::try_from(length.saturating_sub(u64::from(shape.data_at))).unwrap_or(DATA_MAX).min(DATA_MAX);
    let data = data - data % u32::from(shape.block);
    file.seek(SeekFrom::Start(RIFF_LENGTH_AT))?;
    file.write_all(&(shape.data_at - 8 + data + data % 2).to_le_bytes())?;
    file.seek(SeekFrom::Start(u64::from(shape.data_at) - 4))?;
    file.write_all(&data.to_le_bytes())?;
    file.flush()?;
    Ok(true)
}

struct Shape {
    data_at: u32,
    rate_hz: u32,
    block: u16,
}

fn shape(header: &[u8]) -> Option<Shape> {
    let two = |at: usize| Some(u16::from_le_bytes(header.get(at..at + 2)?.try_into().ok()?));
    let four = |at: usize| Some(u32::from_le_bytes(header.get(at..at + 4)?.try_into().ok()?));
    if header.get(..4)? != b"RIFF" || header.get(8..16)? != b"WAVEfmt " {
        return None;
    }
    let data_at = match four(16)? {
        16 => 44_u32,
        18 => 46,
        _ => return None,
    };
    let at = data_at as usize;
    let block = two(32)?;
    let fits = header.get(at - 8..at - 4)? == b"data" && (1..=2).contains(&block);
    fits.then_some(Shape { data_at, rate_hz: four(24)?, block })
}

/// How long the file sounds, whatever its header says. `None`: no recording that `Wav` began.
pub(super) fn length<F: Read + Seek>(file: &mut F) -> std::io::Result<Option<Duration>> {
    let bytes = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut header = Vec::with_capacity(HEADER_MOST);
    Read::by_ref(file).take(HEADER_MOST as u64).read_to_end(&mut header)?;
    let Some(shape) = shape(&header) else { return Ok(None) };
    let samples = bytes.saturating_sub(u64::from(shape.data_at)) / u64::from(shape.block);
    Ok(Some(super::duration(samples, shape.rate_hz)))
}
