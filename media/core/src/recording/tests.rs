#![expect(clippy::disallowed_methods, reason = "packets carry an instant, whichever")]

use std::io::Cursor;
use std::time::Instant;

use super::*;
use crate::{Codec, Packet};

fn packet(codec: Codec, payload: Vec<u8>) -> Packet {
    Packet { codec, sequence: 0, timestamp: 0, marker: false, payload: payload.into(), at: Instant::now() }
}

/// Pages as (flags, granule, number, packets' bytes), each with its checksum verified against a bitwise one.
fn pages(mut file: &[u8]) -> Vec<(u8, u64, u32, Vec<u8>)> {
    let mut pages = Vec::new();
    while !file.is_empty() {
        assert_eq!(&file[..5], b"OggS\0");
        let segments = usize::from(file[26]);
        let body: usize = file[27..27 + segments].iter().map(|length| usize::from(*length)).sum();
        let mut page = file[..27 + segments + body].to_vec();
        let said = u32::from_le_bytes(page[22..26].try_into().unwrap());
        page[22..26].fill(0);
        let mut crc = 0_u32;
        for byte in &page {
            crc ^= u32::from(*byte) << 24;
            for _ in 0..8 {
                crc = (crc << 1) ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 };
            }
        }
        assert_eq!(crc, said, "checksum of page {}", pages.len());
        let number = u32::from_le_bytes(page[18..22].try_into().unwrap());
        let granule = u64::from_le_bytes(page[6..14].try_into().unwrap());
        pages.push((page[5], granule, number, page[27 + segments..].to_vec()));
        file = &file[27 + segments + body..];
    }
    pages
}

#[test]
fn opus_packets_lie_in_a_page_a_second_and_all_but_the_last_second_survives_a_crash() {
    let mut ogg = OggOpus::new(Vec::new(), 77, 48_000).unwrap();
    for n in 0..150_u8 {
        // One frame of 20 ms; lengths around the lacing limit of 255.
        let mut payload = vec![n; 200 + usize::from(n)];
        payload[0] = 0x78;
        ogg.write(&packet(Codec::Opus, payload)).unwrap();
    }
    let file = ogg.finish().unwrap();
    let pages = pages(&file);
    assert_eq!(&pages[0].3[..8], b"OpusHead");
    assert_eq!(&pages[1].3[..8], b"OpusTags");
    let shape: Vec<_> = pages.iter().map(|(flags, granule, number, _)| (*flags, *granule, *number)).collect();
    assert_eq!(shape, [(2, 0, 0), (0, 0, 1), (0, 48_000, 2), (0, 96_000, 3), (4, 144_000, 4)]);
    let bytes: usize = pages[2..].iter().map(|page| page.3.len()).sum();
    assert_eq!(bytes, (0..150).map(|n| 200 + n).sum::<usize>());
}

#[test]
fn silence_in_opus_is_written_in_whole_packets() {
    let mut ogg = OggOpus::new(Vec::new(), 1, 48_000).unwrap();
    assert_eq!(ogg.silence(1_000).unwrap(), 1_920);
    assert!(matches!(ogg.write(&packet(Codec::Pcmu, vec![0; 160])), Err(Error::Codec { .. })));
    assert_eq!(pages(&ogg.finish().unwrap()).last().unwrap().1, 1_920);
}

#[test]
fn a_wav_file_is_whole_each_second_and_at_its_end() {
    for (codec, format, block) in
        [(Codec::Pcmu, 7, 1), (Codec::Pcma, 6, 1), (Codec::Pcm16 { rate_hz: 8_000 }, 1, 2)]
    {
        let mut file = Cursor::new(Vec::new());
        {
            let mut wav = Wav::new(&mut file, codec).unwrap();
            for _ in 0..225 {
                wav.write(&packet(codec, vec![1; 160 * block])).unwrap();
            }
            // Never finished: the process died.
        }
        let bytes = file.into_inner();
        let data = bytes.windows(4).position(|window| window == b"data").unwrap();
        let said = u32::from_le_bytes(bytes[data + 4..data + 8].try_into().unwrap()) as usize;
        let written = 225 * 160 * block;
        assert!(said <= written && written - said <= 16_000 * block, "{said} of {written}");
        assert_eq!(u16::from_le_bytes([bytes[20], bytes[21]]), format);
        assert_eq!(bytes.len(), data + 8 + written, "the data follows the header without a hole");

        let mut file = Cursor::new(Vec::new());
        let mut wav = Wav::new(&mut file, codec).unwrap();
        wav.write(&packet(codec, vec![1; 2])).unwrap();
        wav.silence(801).unwrap();
        wav.finish().unwrap();
        let bytes = file.into_inner();
        assert_eq!(bytes.len() % 2, 0);
        assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize, bytes.len() - 8);
    }
}
