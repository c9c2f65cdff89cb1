//! Ogg Opus, RFC 7845 in RFC 3533: one packet after the other, one page a second.

use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

use bytes::Bytes;

use crate::packet::{Codec, Packet};
use crate::recording::Error;

/// Samples at 48 kHz that a decoder drops at the begin: what the encoders of browsers and libopus look ahead.
const PRE_SKIP: u16 = 312;
const PAGE_UNITS: u64 = 48_000;
/// A page has at most so many segments of 255 bytes.
const SEGMENTS_MAX: usize = 255;
/// Silence as libopus itself sends it: CELT, fullband, one frame of 20, 10, 5 or 2.5 ms. The first byte tells the length,
/// here with it in 1/48000 s; longest first.
const SILENCES: [(u8, u32); 4] = [(0xf8, 960), (0xf0, 480), (0xe8, 240), (0xe0, 120)];
const SILENCE_REST: [u8; 2] = [0xff, 0xfe];
/// What silence is rounded to.
const SILENCE_STEP: u64 = 120;

/// Header, segments, and as many bytes as these can hold.
const PAGE_BYTES_MOST: u64 = 27 + 255 + 255 * 255;

const CONTINUES_NOT: u8 = 0;
const FIRST: u8 = 2;
const LAST: u8 = 4;

/// Writes one track. Dropping it without `finish` leaves a file that players take, short of what came since the last
/// second began or `flush` was called.
pub struct OggOpus<W: Write> {
    out: W,
    serial: u32,
    page: u32,
    /// Position after the last packet, in 1/48000 s from the first one.
    granule: u64,
    /// Position after the last packet of the page before.
    flushed: u64,
    /// The last packet, which is kept back so that the page that ends the file is never empty.
    last: Option<(Bytes, u32)>,
    written: u64,
    segments: Vec<u8>,
    body: Vec<u8>,
}

impl<W: Write> OggOpus<W> {
    /// `serial` tells tracks apart that are muxed into one file; any number will do. `rate_hz` is only a note to players.
    pub fn new(out: W, serial: u32, rate_hz: u32) -> Result<Self, Error> {
        let mut ogg = Self {
            out,
            serial,
            page: 0,
            granule: 0,
            flushed: 0,
            last: None,
            written: 0,
            segments: Vec::with_capacity(SEGMENTS_MAX),
            body: Vec::new(),
        };
        let mut head = b"OpusHead\x01\x01".to_vec();
        head.extend(PRE_SKIP.to_le_bytes());
        head.extend(rate_hz.to_le_bytes());
        head.extend([0, 0, 0]); // Output gain 0 dB, mapping family 0.
        ogg.add(&head);
        ogg.write_page(FIRST, 0)?;
        let vendor = b"Agent Foundry";
        let mut tags = b"OpusTags".to_vec();
        tags.extend((vendor.len() as u32).to_le_bytes());
        tags.extend(vendor);
        tags.extend(0_u32.to_le_bytes());
        ogg.add(&tags);
        ogg.write_page(CONTINUES_NOT, 0)?;
        ogg.out.flush()?;
        Ok(ogg)
    }

    /// Packets in order. What holds no audio is left out.
    pub fn write(&mut self, packet: &Packet) -> Result<(), Error> {
        if packet.codec != Codec::Opus {
            return Err(Error::Codec { recording: Codec::Opus, packet: packet.codec });
        }
        match packet.units() {
            Some(units) => self.append(packet.payload.clone(), units),
            None => Ok(()),
        }
    }

    /// This much silence, to the nearest 2.5 ms; how much was written is returned. In 1/48000 s.
    pub fn silence(&mut self, units: u64) -> Result<u64, Error> {
        let mut left = (units + SILENCE_STEP / 2) / SILENCE_STEP * SILENCE_STEP;
        let written = left;
        for (head, length) in SILENCES {
            let packet = Bytes::copy_from_slice(&[head, SILENCE_REST[0], SILENCE_REST[1]]);
            while left >= u64::from(length) {
                self.append(packet.clone(), length)?;
                left -= u64::from(length);
            }
        }
        Ok(written)
    }

    /// Everything but the last packet goes out now.
    pub fn flush(&mut self) -> Result<(), Error> {
        if !self.segments.is_empty() {
            self.write_page(CONTINUES_NOT, self.granule)?;
        }
        self.out.flush()?;
        Ok(())
    }

    /// What was written so far, in 1/48000 s.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.granule + self.last.as_ref().map_or(0, |(_, units)| u64::from(*units))
    }

    /// Of the file, as far as it has gone out.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.written
    }

    /// Writes what is left and marks the end.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.settle()?;
        self.write_page(LAST, self.granule)?;
        self.out.flush()?;
        Ok(())
    }

    fn append(&mut self, payload: Bytes, units: u32) -> Result<(), Error> {
        if payload.len() / 255 + 1 > SEGMENTS_MAX {
            return Ok(()); // 64 KiB are no Opus packet.
        }
        self.settle()?;
        self.last = Some((payload, units));
        Ok(())
    }

    /// The packet that was kept back goes into its page, which begins a new one where the one before is full.
    fn settle(&mut self) -> Result<(), Error> {
        let Some((payload, units)) = self.last.take() else { return Ok(()) };
        let is_full = self.segments.len() + payload.len() / 255 + 1 > SEGMENTS_MAX;
        if is_full || self.granule - self.flushed >= PAGE_UNITS {
            self.write_page(CONTINUES_NOT, self.granule)?;
            self.out.flush()?;
        }
        self.add(&payload);
        self.granule += u64::from(units);
        Ok(())
    }

    /// Lacing, RFC 3533 section 6: 255 means that the packet goes on.
    fn add(&mut self, packet: &[u8]) {
        self.segments.extend(std::iter::repeat_n(255, packet.len() / 255));
        self.segments.push((packet.len() % 255) as u8);
        self.body.extend_from_slice(packet);
    }

    fn write_page(&mut self, flags: u8, granule: u64) -> Result<(), Error> {
        let mut page = Vec::with_capacity(27 + self.segments.len() + self.body.len());
        page.extend(b"OggS\0");
        page.push(flags);
        page.extend(granule.to_le_bytes());
        page.extend(self.serial.to_le_bytes());
        page.extend(self.page.to_le_bytes());
        page.extend([0; 4]);
        page.push(self.segments.len() as u8);
        page.append(&mut self.segments);
        page.append(&mut self.body);
        let checksum = crc(&page);
        page[22..26].copy_from_slice(&checksum.to_le_bytes());
        self.out.write_all(&page)?;
        self.written += page.len() as u64;
        self.page += 1;
        self.flushed = self.granule;
        Ok(())
    }
}

/// How long the file sounds up to its last whole page. `None`: no Ogg.
pub(super) fn length<F: Read + Seek>(file: &mut F) -> std::io::Result<Option<Duration>> {
    let bytes = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(bytes.saturating_sub(2 * PAGE_BYTES_MOST)))?;
    let mut tail = Vec::new();
    Read::by_ref(file).take(2 * PAGE_BYTES_MOST).read_to_end(&mut tail)?;
    let ends = |at: &usize| whole_page(tail.get(*at..).unwrap_or_default());
    let granule =
        (0..tail.len()).rev().filter(|at| tail[*at..].starts_with(b"OggS\0")).find_map(|at| ends(&at));
    Ok(granule.map(|units| super::duration(units, Codec::Opus.clock_hz())))
}

/// The position that the page tells, where all of it is there.
fn whole_page(page: &[u8]) -> Option<u64> {
    let granule = u64::from_le_bytes(page.get(6..14)?.try_into().ok()?);
    let segments = usize::from(*page.get(26)?);
    let body: usize = page.get(27..27 + segments)?.iter().map(|length| usize::from(*length)).sum();
    page.get(..27 + segments + body)?;
    Some(granule)
}

static CRC: [u32; 256] = crc_table();

/// Polynomial 0x04c11db7, not reflected, begin and end 0.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ CRC[((crc >> 24) as u8 ^ byte) as usize])
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 0x8000_0000 != 0 { (value << 1) ^ 0x04c1_1db7 } else { value << 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}
