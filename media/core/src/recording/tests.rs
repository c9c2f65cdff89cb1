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
    let mut file = Vec::new();
    let mut ogg = OggOpus::new(&mut file, 77, 48_000).unwrap();
    for n in 0..150_u8 {
        // One frame of 20 ms; lengths around the lacing limit of 255.
        let mut payload = vec![n; 200 + usize::from(n)];
        payload[0] = 0x78;
        ogg.write(&packet(Codec::Opus, payload)).unwrap();
    }
    ogg.finish().unwrap();
    let told = ogg.bytes();
    assert_eq!(told, file.len() as u64);
    let pages = pages(&file);
    assert_eq!(&pages[0].3[..8], b"OpusHead");
    assert_eq!(&pages[1].3[..8], b"OpusTags");
    let shape: Vec<_> = pages.iter().map(|(flags, granule, number, _)| (*flags, *granule, *number)).collect();
    assert_eq!(shape, [(2, 0, 0), (0, 0, 1), (0, 48_000, 2), (0, 96_000, 3), (4, 144_000, 4)]);
    let bytes: usize = pages[2..].iter().map(|page| page.3.len()).sum();
    assert_eq!(bytes, (0..150).map(|n| 200 + n).sum::<usize>());
}

#[test]
fn silence_in_opus_is_exact_to_the_nearest_two_and_a_half_milliseconds() {
    let mut file = Vec::new();
    let mut ogg = OggOpus::new(&mut file, 1, 48_000).unwrap();
    assert_eq!(ogg.silence(1_000).unwrap(), 960);
    assert_eq!(ogg.silence(1_800 + 59).unwrap(), 1_800);
    assert_eq!(ogg.silence(59).unwrap(), 0);
    assert!(matches!(ogg.write(&packet(Codec::Pcmu, vec![0; 160])), Err(Error::Codec { .. })));
    assert_eq!(ogg.units(), 2_760);
    ogg.finish().unwrap();
    let last = pages(&file).pop().unwrap();
    assert_eq!(last.1, 2_760);
    let silence = |head| [head, 0xff, 0xfe];
    assert_eq!(last.3, [0xf8, 0xf8, 0xf0, 0xe8, 0xe0].map(silence).concat());
}

#[test]
fn what_was_flushed_is_there_after_a_crash_and_the_page_that_ends_the_file_is_never_empty() {
    let mut file = Vec::new();
    let mut ogg = OggOpus::new(&mut file, 1, 48_000).unwrap();
    for _ in 0..2 {
        for _ in 0..10 {
            ogg.write(&packet(Codec::Opus, vec![0x78; 40])).unwrap();
        }
        ogg.flush().unwrap();
    }
    ogg.flush().unwrap();
    assert_eq!(ogg.units(), 20 * 960);
    ogg.finish().unwrap();
    let granules: Vec<_> = pages(&file)[2..].iter().map(|page| (page.0, page.1, page.3.len())).collect();
    assert_eq!(granules, [(0, 9 * 960, 9 * 40), (0, 19 * 960, 10 * 40), (4, 20 * 960, 40)]);
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
        assert_eq!(wav.units(), 801 + 2 / block as u64);
        let told = wav.bytes();
        let bytes = file.into_inner();
        assert_eq!((bytes.len() % 2, bytes.len() as u64), (0, told));
        assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize, bytes.len() - 8);
    }
}

#[test]
fn a_wav_file_that_a_crash_cut_off_is_mended_to_its_length() {
    for (codec, block) in [(Codec::Pcmu, 1), (Codec::Pcm16 { rate_hz: 16_000 }, 2)] {
        let mut file = Cursor::new(Vec::new());
        {
            let mut wav = Wav::new(&mut file, codec).unwrap();
            wav.write(&packet(codec, vec![7; 333 * block])).unwrap();
            wav.flush().unwrap();
            wav.write(&packet(codec, vec![7; 100 * block])).unwrap();
        }
        if block == 2 {
            let end = file.get_ref().len() as u64;
            file.set_position(end);
            std::io::Write::write_all(&mut file, &[1]).unwrap(); // half a sample
        }
        let told = duration(433, codec.clock_hz());
        assert_eq!(length(&mut file).unwrap(), Some(told), "what there is, not what the header says");
        assert!(mend(&mut file).unwrap());
        assert_eq!(length(&mut file).unwrap(), Some(told));
        let bytes = file.into_inner();
        let data = bytes.windows(4).position(|window| window == b"data").unwrap();
        let said = u32::from_le_bytes(bytes[data + 4..data + 8].try_into().unwrap()) as usize;
        assert_eq!(said, 433 * block);
    }
    for foreign in [&b""[..], b"RIFF", &[0; 60], b"OggS\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        let mut file = Cursor::new(foreign.to_vec());
        assert!(!mend(&mut file).unwrap());
        assert_eq!((length(&mut file).unwrap(), file.get_ref().as_slice()), (None, foreign));
    }
}

#[test]
fn an_ogg_file_that_a_crash_cut_off_in_a_page_is_as_long_as_its_whole_pages() {
    let mut file = Vec::new();
    let mut ogg = OggOpus::new(&mut file, 1, 48_000).unwrap();
    for _ in 0..120 {
        ogg.write(&packet(Codec::Opus, vec![0x78; 90])).unwrap();
    }
    ogg.flush().unwrap();
    drop(ogg);
    assert_eq!(length(&mut Cursor::new(&file)).unwrap(), Some(duration(119 * 960, 48_000)));
    file.truncate(file.len() - 1);
    assert_eq!(length(&mut Cursor::new(&file)).unwrap(), Some(duration(100 * 960, 48_000)));
}

mod placing {
    use std::time::{Duration, Instant};

    use super::super::{Placement, Stamp, Step};
    use crate::{Codec, Packet};

    const CODEC: Codec = Codec::Pcm16 { rate_hz: 16_000 };
    const HOLD: Duration = Duration::from_millis(500);
    const FRAME: u64 = 320;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// The n-th packet of a sender who never pauses.
    fn nth(n: u64) -> Packet {
        let payload = vec![1 + (n % 100) as u8; 640].into();
        let (sequence, timestamp) = ((65_500 + n) as u16, (n * FRAME) as u32);
        Packet { codec: CODEC, sequence, timestamp, marker: false, payload, at: Instant::now() }
    }

    /// Where each packet begins, in ms, after all came as told: (number, arrival in ms).
    fn placed(arrivals: impl IntoIterator<Item = (u64, f64)>) -> Vec<(u64, f64)> {
        let mut placement = Placement::new(CODEC, Stamp::End, HOLD);
        let (mut written, mut placed) = (0, Vec::new());
        let mut take = |placement: &mut Placement, now: Option<Duration>| {
            while let Some(step) = placement.poll(now, written) {
                match step {
                    Step::Silence(units) => written += units,
                    Step::Packet(packet) => {
                        placed.push((u64::from(packet.timestamp) / FRAME, written as f64 / 16.0));
                        written += FRAME;
                    }
                }
            }
        };
        for (n, at_ms) in arrivals {
            let at = Duration::from_secs_f64(at_ms / 1000.0);
            placement.push(nth(n), at);
            take(&mut placement, Some(at));
        }
        take(&mut placement, None);
        placed
    }

    #[test]
    fn a_stream_on_time_lies_where_it_was_spoken_without_a_hole() {
        let placed = placed((0..100).map(|n| (n, 1_000.0 + 20.0 * n as f64)));
        let expected: Vec<_> = (0..100).map(|n| (n, 980.0 + 20.0 * n as f64)).collect();
        assert_eq!(placed, expected);
    }

    #[test]
    fn packets_that_are_late_reordered_or_doubled_leave_no_hole() {
        // Three of four are late by up to 60 ms, the second comes twice.
        let late = [47.0, 0.0, 60.0, 33.0];
        let mut arrivals: Vec<_> =
            (0..200).map(|n| (n, 200.0 + 20.0 * n as f64 + late[n as usize % 4])).collect();
        arrivals.push((1, 260.0));
        arrivals.sort_by(|a, b| a.1.total_cmp(&b.1));
        let placed = placed(arrivals);
        assert_eq!(placed, (0..200).map(|n| (n, 180.0 + 20.0 * n as f64)).collect::<Vec<_>>());
    }

    #[test]
    fn what_a_stalled_network_lets_through_at_once_stays_together() {
        let arrivals = (0..300).map(|n| {
            let sent = 100.0 + 20.0 * n as f64;
            (n, if (2_000.0..4_500.0).contains(&sent) { 4_500.0 } else { sent })
        });
        assert_eq!(placed(arrivals), (0..300).map(|n| (n, 80.0 + 20.0 * n as f64)).collect::<Vec<_>>());
    }

    #[test]
    fn lost_packets_and_pauses_are_silence_of_their_length() {
        let kept = (0..300).filter(|n| !(n % 7 == 3 || (100..200).contains(n)));
        let placed = placed(kept.map(|n| (n, 100.0 + 20.0 * n as f64)));
        assert!(placed.iter().all(|(n, at)| *at == 80.0 + 20.0 * *n as f64), "{placed:?}");
    }

    #[test]
    fn a_sender_that_counts_on_after_a_pause_is_placed_by_the_clock() {
        // A socket counts what it was given: its timestamps know of no pause.
        let arrivals = (0..200).map(|n| (n, 20.0 * n as f64 + if n < 100 { 100.0 } else { 9_100.0 }));
        let placed = placed(arrivals);
        assert_eq!((placed[99], placed[100]), ((99, 80.0 + 1_980.0), (100, 9_080.0 + 2_000.0)));
    }

    #[test]
    fn clocks_that_differ_stay_within_20_ms_over_an_hour() {
        // A slow clock is mended with silence at any time, a fast one where the sender pauses.
        for rate in [1.0001, 0.9999] {
            let arrivals = (0..180_000).filter(|n| n % 500 != 7).map(|n| (n, 100.0 + 20.0 * n as f64 * rate));
            for (n, at) in placed(arrivals) {
                let off = at - (80.0 + 20.0 * n as f64 * rate);
                assert!(off.abs() <= 20.0, "packet {n} is off by {off} ms");
            }
        }
    }

    #[test]
    fn a_sender_who_floods_gets_no_more_than_a_minute_beyond_what_has_passed() {
        let placed = placed((0..30_000).map(|n| (n, 1_000.0 + n as f64 / 10.0)));
        let kept = Duration::from_millis(20) * u32::try_from(placed.len()).unwrap();
        assert!((60..=66).contains(&kept.as_secs()), "{kept:?} of ten minutes that came within 3 s");
    }

    #[test]
    fn a_clock_that_jumps_is_no_pause() {
        let mut placement = Placement::new(CODEC, Stamp::Begin, Duration::ZERO);
        let mut packet = nth(0);
        placement.push(packet.clone(), ms(40));
        assert_eq!(placement.poll(Some(ms(40)), 0), Some(Step::Silence(640)));
        assert_eq!(placement.poll(Some(ms(40)), 640), Some(Step::Packet(packet.clone())));
        for (sequence, timestamp, at) in [(65_501_u16, 4_000_000_000_u32, ms(60)), (3, 17, ms(80))] {
            (packet.sequence, packet.timestamp) = (sequence, timestamp);
            placement.push(packet.clone(), at);
            let written = (at.as_millis() as u64) * 16;
            assert_eq!(placement.poll(Some(at), written), Some(Step::Packet(packet.clone())));
        }
        assert_eq!(placement.poll(None, 0), None);
    }
}
