//! The packets of a WebM recording that a browser makes of one track (`MediaRecorder`): segment and clusters of unknown length, blocks
//! without lacing, the end cut off anywhere. Nothing else of Matroska is read. Without I/O.

use bytes::Bytes;

/// Elements whose content is read as if it stood in their place: segment, cluster, group of blocks.
const OPENED: [u32; 3] = [0x1853_8067, 0x1f43_b675, 0xa0];
/// A block alone, and one in a group.
const BLOCKS: [u32; 2] = [0xa3, 0xa1];
/// Of a block's flags: how several frames lie in it.
const LACING: u8 = 0x06;

/// The frames of all blocks, in order, until the first thing that is no Matroska.
pub(crate) fn frames(bytes: &Bytes) -> Vec<Bytes> {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some((id, length, content)) = element(bytes, at) {
        if OPENED.contains(&id) {
            at = content;
            continue;
        }
        // Of unknown length are only those that are opened.
        let Some(end) = length.and_then(|length| content.checked_add(length)) else { break };
        if end > bytes.len() {
            break; // cut off within it
        }
        if BLOCKS.contains(&id)
            && let Some(from) = frame(bytes, content, end)
        {
            frames.push(bytes.slice(from..end));
        }
        at = end;
    }
    frames
}

/// Where the frame of a block begins: after track, time and flags.
fn frame(bytes: &[u8], content: usize, end: usize) -> Option<usize> {
    let (_track, length) = number(bytes.get(content..end)?)?;
    let flags = *bytes.get(content + length + 2)?;
    let from = content + length + 3;
    (flags & LACING == 0 && from < end).then_some(from)
}

/// The id of the element at `at`, the length of its content where that is known, and where it begins.
fn element(bytes: &[u8], at: usize) -> Option<(u32, Option<usize>, usize)> {
    let rest = bytes.get(at..)?;
    let wide = rest.first()?.leading_zeros() as usize + 1;
    if wide > 4 {
        return None;
    }
    let id = rest.get(..wide)?.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let (length, width) = number(rest.get(wide..)?)?;
    let length = length.and_then(|length| usize::try_from(length).ok());
    Some((id, length, at + wide + width))
}

/// A number of variable width, `None` where it says that nothing is known; and how many bytes it takes.
fn number(bytes: &[u8]) -> Option<(Option<u64>, usize)> {
    let first = *bytes.first()?;
    let width = first.leading_zeros() as usize + 1;
    if width > 8 {
        return None;
    }
    let marker = 1_u64 << (7 * width);
    let value =
        bytes.get(..width)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)) & (marker - 1);
    Some(((value != marker - 1).then_some(value), width))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// As Chromium writes it: a header, a segment and clusters that do not know how long they will be.
    pub(crate) fn recorded(frames: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0x1a, 0x45, 0xdf, 0xa3, 0x84, 0x42, 0x86, 0x81, 0x01];
        bytes.extend([0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        for pair in frames.chunks(2) {
            bytes.extend([0x1f, 0x43, 0xb6, 0x75, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
            bytes.extend([0xe7, 0x81, 0x00]);
            for frame in pair {
                let length = u16::try_from(frame.len() + 4).expect("short") | 0x4000;
                bytes.push(0xa3);
                bytes.extend(length.to_be_bytes());
                bytes.extend([0x81, 0, 0, 0x80]);
                bytes.extend(*frame);
            }
        }
        bytes
    }

    #[test]
    fn blocks_of_clusters_without_a_length_are_found_in_order() {
        let long = [7_u8; 300];
        let written: [&[u8]; 3] = [b"one", &long, b"three"];
        let bytes = Bytes::from(recorded(&written));
        assert_eq!(frames(&bytes), written);
        let cut = bytes.slice(..bytes.len() - 1);
        assert_eq!(frames(&cut), written[..2], "the last one is not whole");
    }

    #[test]
    fn laced_blocks_and_nonsense_give_nothing() {
        let mut laced = recorded(&[b"one"]);
        let flags = laced.len() - 4;
        laced[flags] = 0x02;
        assert_eq!(frames(&Bytes::from(laced)), Vec::<Bytes>::new());
        for bytes in [b"".as_slice(), b"RIFF....WAVE", &[0xa3], &[0xa3, 0x84, 0x81]] {
            assert_eq!(frames(&Bytes::copy_from_slice(bytes)), Vec::<Bytes>::new());
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(tail in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let mut bytes = recorded(&[b"one"]);
            bytes.extend(tail);
            frames(&Bytes::from(bytes));
        }
    }
}
