//! Ogg Opus, RFC 7845 in RFC 3533: one packet after the other, one page a second.

use std::io::Write;

use crate::packet::{Codec, Packet};
use crate::recording::Error;

/// Samples at 48 kHz that a decoder drops at the begin: what the encoders of browsers and libopus look ahead.
const PRE_SKIP: u16 = 312;
const PAGE_UNITS: u64 = 48_000;
/// A page has at most so many segments of 255 bytes.
const SEGMENTS_MAX: usize = 255;
/// 20 ms of silence: CELT, fullband, one frame that libopus itself sends for digital silence.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
const SILENCE_UNITS: u32 = 960;

const CONTINUES_NOT: u8 = 0;
const FIRST: u8 = 2;
const LAST: u8 = 4;

/// Writes one track. Dropping it without `finish` leaves a file that players take, short of the last second.
pub struct OggOpus<W: Write> {
    out: W,
    serial: u32,
    page: u32,
    /// Position after the last packet, in 1/48000 s from the first one.
    granule: u64,
    /// Position after the last packet of the page before.
    flushed: u64,
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
            Some(units) => self.append(&packet.payload, units),
            None => Ok(()),
        }
    }

    /// At least this much silence, in whole packets of 20 ms; how much was written is returned, in 1/48000 s.
    pub fn silence(&mut self, units: u64) -> Result<u64, Error> {
        let packets = units.div_ceil(u64::from(SILENCE_UNITS));
        for _ in 0..packets {
            self.append(&SILENCE, SILENCE_UNITS)?;
        }
        Ok(packets * u64::from(SILENCE_UNITS))
    }

    /// Writes what is left and marks the end.
    pub fn finish(mut self) -> Result<W, Error> {
        self.write_page(LAST, self.granule)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn append(&mut self, payload: &[u8], units: u32) -> Result<(), Error> {
        let segments = payload.len() / 255 + 1;
        if segments > SEGMENTS_MAX {
            return Ok(()); // 64 KiB are no Opus packet.
        }
        // A page is written when the next packet comes, so that the last page is never empty.
        let is_full = self.segments.len() + segments > SEGMENTS_MAX;
        if is_full || self.granule - self.flushed >= PAGE_UNITS {
            self.write_page(CONTINUES_NOT, self.granule)?;
            self.out.flush()?;
        }
        self.add(payload);
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
        self.page += 1;
        self.flushed = self.granule;
        Ok(())
    }
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
