//! Streams of text and of bytes: a header, chunks and a trailer for each, over the reliable data channel. Both directions for texts, bytes
//! are read alone. Without I/O.

use std::collections::{BTreeMap, HashMap};

use crate::wire::{Data, DataPacket, StreamChunk, StreamHeader, StreamTrailer, TextHeader};

/// Largest content of a chunk, in bytes: what every client's data channel takes as one message.
const CHUNK_BYTES: usize = 15_000;
/// Longest text that is taken in, in bytes. A longer one is dropped whole.
const LONGEST_TEXT: usize = 64 * 1024;
/// Texts at once that have begun and not ended. The oldest is forgotten for one more.
const MOST_OPEN: usize = 16;
/// The same of streams of bytes. Ten seconds of stereo PCM at 48 kHz are 1.9 MB.
const LONGEST_BYTES: usize = 2 * 1024 * 1024;
const MOST_OPEN_BYTES: usize = 2;

/// Who says what, where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label<'a> {
    /// In whose name; the sender's own where empty.
    pub(crate) sender: &'a str,
    pub(crate) topic: &'a str,
    pub(crate) attributes: &'a [(&'a str, &'a str)],
}

/// Writes streams with names of its own.
#[derive(Debug)]
pub(crate) struct Writer {
    prefix: String,
    begun: u64,
}

/// A stream that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    id: String,
    sender: String,
    chunks: u64,
}

impl Writer {
    /// `prefix` makes the names of streams unique among all who write in a room.
    pub(crate) fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), begun: 0 }
    }

    /// A whole text.
    pub(crate) fn whole(&mut self, label: Label<'_>, text: &str, now_ms: i64) -> Vec<DataPacket> {
        let (mut open, header) = self.open(label, now_ms);
        let mut packets = vec![header];
        packets.extend(open.append(text));
        packets.push(open.close(&[]));
        packets
    }

    /// A text that comes piece by piece.
    pub(crate) fn open(&mut self, label: Label<'_>, now_ms: i64) -> (Open, DataPacket) {
        self.begun += 1;
        let id = format!("{}-{}", self.prefix, self.begun);
        let header = StreamHeader {
            stream_id: id.clone(),
            timestamp: now_ms,
            topic: label.topic.to_owned(),
            mime_type: "text/plain".to_owned(),
            attributes: owned(label.attributes),
            text: Some(TextHeader::default()),
            ..StreamHeader::default()
        };
        let open = Open { id, sender: label.sender.to_owned(), chunks: 0 };
        let packet = open.packet(Data::StreamHeader(header));
        (open, packet)
    }
}

impl Open {
    pub(crate) fn append(&mut self, text: &str) -> Vec<DataPacket> {
        let mut packets = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = (0..=rest.len().min(CHUNK_BYTES)).rev().find(|end| rest.is_char_boundary(*end));
            let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
            let chunk = StreamChunk {
                stream_id: self.id.clone(),
                chunk_index: self.chunks,
                content: piece.as_bytes().to_vec(),
            };
            self.chunks += 1;
            packets.push(self.packet(Data::StreamChunk(chunk)));
            rest = after;
        }
        packets
    }

    /// `attributes` take the place of those that the header had under the same names.
    pub(crate) fn close(self, attributes: &[(&str, &str)]) -> DataPacket {
        let attributes = owned(attributes);
        let trailer = StreamTrailer { stream_id: self.id.clone(), reason: String::new(), attributes };
        self.packet(Data::StreamTrailer(trailer))
    }

    fn packet(&self, value: Data) -> DataPacket {
        DataPacket {
            participant_identity: self.sender.clone(),
            destination_identities: Vec::new(),
            value: Some(value),
        }
    }
}

fn owned(attributes: &[(&str, &str)]) -> HashMap<String, String> {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A text that came whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) sender: String,
    pub(crate) topic: String,
    pub(crate) text: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// Bytes that came whole, or as far as they have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) mime: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// Puts texts of the topics it is asked for together. Bytes from outside: nothing it is given makes it keep more than its bounds.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    open: Vec<(String, Incoming)>,
    /// Of bytes, and not of texts.
    binary: bool,
    /// In bytes; 0: as usual.
    longest: usize,
    /// What the one said of itself that was dropped last for its length.
    overlong: Option<BTreeMap<String, String>>,
}

#[derive(Debug)]
struct Incoming {
    sender: String,
    topic: String,
    mime: String,
    attributes: BTreeMap<String, String>,
    bytes: Vec<u8>,
    next: u64,
}

impl Reader {
    /// Of streams of bytes.
    pub(crate) fn of_bytes() -> Self {
        Self { binary: true, ..Self::default() }
    }

    /// Of texts of up to so many bytes.
    pub(crate) fn of_texts(longest: usize) -> Self {
        Self { longest, ..Self::default() }
    }

    /// Whether this stream is being read.
    pub(crate) fn reads(&self, stream: &str) -> bool {
        self.open.iter().any(|(id, _)| id == stream)
    }

    /// The attributes of a stream that has just been dropped because it was too long.
    pub(crate) const fn take_overlong(&mut self) -> Option<BTreeMap<String, String>> {
        self.overlong.take()
    }

    /// Gives a text with its trailer. A stream with a hole, or one that is too long, gives nothing.
    pub(crate) fn read(&mut self, sender: &str, value: &Data, wanted: &[&str]) -> Option<Text> {
        let Incoming { sender, topic, bytes, attributes, .. } = self.take_in(sender, value, wanted)?;
        Some(Text { sender, topic, text: String::from_utf8(bytes).ok()?, attributes })
    }

    /// As `read`, of bytes.
    pub(crate) fn read_bytes(&mut self, sender: &str, value: &Data, topic: &str) -> Option<Blob> {
        self.take_in(sender, value, &[topic]).map(blob)
    }

    /// What has come of the bytes that began first, which are expected no longer.
    pub(crate) fn break_off(&mut self) -> Option<Blob> {
        let first = (!self.open.is_empty()).then(|| self.open.remove(0).1);
        self.open.clear();
        first.map(blob)
    }

    fn take_in(&mut self, sender: &str, value: &Data, wanted: &[&str]) -> Option<Incoming> {
        match value {
            Data::StreamHeader(header) => {
                self.begin(sender, header, wanted);
                None
            }
            Data::StreamChunk(chunk) => {
                self.more(chunk);
                None
            }
            Data::StreamTrailer(trailer) => self.end(trailer),
            _ => None,
        }
    }

    const fn longest(&self) -> usize {
        match (self.binary, self.longest) {
            (true, _) => LONGEST_BYTES,
            (false, 0) => LONGEST_TEXT,
            (false, longest) => longest,
        }
    }

    const fn most_open(&self) -> usize {
        if self.binary { MOST_OPEN_BYTES } else { MOST_OPEN }
    }

    /// What has come of a text that goes on. Nothing where the last chunk ends within a character.
    pub(crate) fn so_far(&self, stream: &str) -> Option<Text> {
        let (_, incoming) = self.open.iter().find(|(id, _)| id == stream)?;
        Some(Text {
            sender: incoming.sender.clone(),
            topic: incoming.topic.clone(),
            text: String::from_utf8(incoming.bytes.clone()).ok()?,
            attributes: incoming.attributes.clone(),
        })
    }

    fn begin(&mut self, sender: &str, header: &StreamHeader, wanted: &[&str]) {
        let fits = if self.binary { header.bytes.is_some() } else { header.text.is_some() };
        if !fits || header.compression != 0 || !wanted.contains(&header.topic.as_str()) {
            return;
        }
        let incoming = Incoming {
            sender: sender.to_owned(),
            topic: header.topic.clone(),
            mime: header.mime_type.clone(),
            attributes: header.attributes.clone().into_iter().collect(),
            bytes: header.inline_content.clone().unwrap_or_default(),
            next: 0,
        };
        if incoming.bytes.len() > self.longest() {
            return;
        }
        self.open.retain(|(id, _)| *id != header.stream_id);
        if self.open.len() == self.most_open() {
            self.open.remove(0);
        }
        self.open.push((header.stream_id.clone(), incoming));
    }

    fn more(&mut self, chunk: &StreamChunk) {
        let longest = self.longest();
        let Some(at) = self.open.iter().position(|(id, _)| *id == chunk.stream_id) else { return };
        let incoming = &mut self.open[at].1;
        if chunk.chunk_index < incoming.next {
            return; // repeated
        }
        let fits = incoming.bytes.len() + chunk.content.len() <= longest;
        if chunk.chunk_index > incoming.next || !fits {
            let (_, dropped) = self.open.remove(at);
            self.overlong = (!fits).then_some(dropped.attributes);
            return;
        }
        incoming.next += 1;
        incoming.bytes.extend_from_slice(&chunk.content);
    }

    fn end(&mut self, trailer: &StreamTrailer) -> Option<Incoming> {
        let at = self.open.iter().position(|(id, _)| *id == trailer.stream_id)?;
        let (_, mut incoming) = self.open.remove(at);
        // A reason is given where the stream was broken off.
        if !trailer.reason.is_empty() {
            return None;
        }
        incoming.attributes.extend(trailer.attributes.clone());
        Some(incoming)
    }
}

fn blob(incoming: Incoming) -> Blob {
    let Incoming { mime, bytes, attributes, .. } = incoming;
    Blob { mime, bytes, attributes }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: Label<'_> = Label { sender: "", topic: "lk.chat", attributes: &[("a", "1")] };

    fn read(reader: &mut Reader, packets: Vec<DataPacket>) -> Vec<Text> {
        let value = |packet: DataPacket| packet.value.expect("a value");
        packets.into_iter().filter_map(|packet| reader.read("ann", &value(packet), &["lk.chat"])).collect()
    }

    #[test]
    fn what_is_written_is_read_whole_whatever_its_length() {
        let long = "äöü €".repeat(4_000);
        for text in ["", "hello", long.as_str()] {
            let packets = Writer::new("x").whole(CHAT, text, 7);
            let texts = read(&mut Reader::default(), packets);
            assert_eq!(texts.len(), 1);
            assert_eq!((texts[0].text.as_str(), texts[0].sender.as_str()), (text, "ann"));
        }
        let packets = Writer::new("x").whole(CHAT, &long, 7);
        assert!(packets.len() > 4, "in more than one chunk");
    }

    #[test]
    fn a_text_that_grows_ends_with_what_its_trailer_says() {
        let mut writer = Writer::new("x");
        let (mut open, header) = writer.open(CHAT, 7);
        let mut packets = vec![header];
        packets.extend(open.append("one "));
        packets.extend(open.append("two"));
        packets.push(open.close(&[("a", "2")]));
        let texts = read(&mut Reader::default(), packets);
        assert_eq!(texts[0].text, "one two");
        assert_eq!(texts[0].attributes["a"], "2");
    }

    #[test]
    fn a_hole_another_topic_and_too_long_a_text_give_nothing() {
        let mut writer = Writer::new("x");
        let mut holed = writer.whole(CHAT, &"x".repeat(40_000), 7);
        holed.remove(2);
        assert_eq!(read(&mut Reader::default(), holed), []);
        let other = writer.whole(Label { topic: "files", ..CHAT }, "hello", 7);
        assert_eq!(read(&mut Reader::default(), other), []);
        let endless = writer.whole(CHAT, &"x".repeat(LONGEST_TEXT + 1), 7);
        assert_eq!(read(&mut Reader::default(), endless), []);
    }

    #[test]
    fn whoever_begins_texts_without_end_is_forgotten() {
        let mut writer = Writer::new("x");
        let mut reader = Reader::default();
        let (mut first, header) = writer.open(CHAT, 7);
        read(&mut reader, vec![header]);
        for _ in 0..MOST_OPEN {
            let (_, header) = writer.open(CHAT, 7);
            read(&mut reader, vec![header]);
        }
        assert_eq!(reader.open.len(), MOST_OPEN);
        let mut rest = first.append("late");
        rest.push(first.close(&[]));
        assert_eq!(read(&mut reader, rest), []);
    }

    proptest::proptest! {
        #[test]
        fn no_order_of_packets_panics(bytes in proptest::collection::vec(0_u8..8, 0..200)) {
            let mut writer = Writer::new("x");
            let packets: Vec<_> = (0..2).flat_map(|_| writer.whole(CHAT, "hello", 7)).collect();
            let mut reader = Reader::default();
            for byte in bytes {
                if let Some(packet) = packets.get(usize::from(byte)) {
                    read(&mut reader, vec![packet.clone()]);
                }
            }
        }
    }
}
