//! WAV of G.711 as it was on the wire, or of 16-bit samples.

use std::io::{Seek, SeekFrom, Write};

use crate::packet::{Codec, Packet};
use crate::recording::Error;

const FORMAT_PCM: u16 = 1;
const FORMAT_ALAW: u16 = 6;
const FORMAT_ULAW: u16 = 7;
/// Where the length of the data stands; the header before the data is two bytes longer for the laws.
const RIFF_LENGTH_AT: u64 = 4;
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
        let mut wav = Self { out, codec, header: header.len() as u32, data: 0, updated: 0 };
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

    /// This many samples of silence.
    pub fn silence(&mut self, samples: u64) -> Result<(), Error> {
        const PIECE: usize = 1_024;
        let (byte, width) = match self.codec {
            Codec::Pcmu => (0xff, 1),
            Codec::Pcma => (0xd5, 1),
            _ => (0, 2),
        };
        let mut left = samples.saturating_mul(width).min(u64::from(DATA_MAX - self.data)) as usize;
        while left > 0 {
            let piece = left.min(PIECE);
            self.append(&[byte; PIECE][..piece])?;
            left -= piece;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<W, Error> {
        if self.data % 2 == 1 {
            self.out.write_all(&[0])?; // Chunks are padded to even length; the pad is not counted.
        }
        self.update()?;
        Ok(self.out)
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
