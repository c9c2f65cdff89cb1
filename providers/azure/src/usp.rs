//! Frames of the service's socket: header lines and a body, as text or, with the length of the header before it, as bytes.

use providers_link::{Fault, Frame};

/// A message of the service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Lower-case: the service's spelling differs between its answers.
    pub(crate) path: String,
    pub(crate) request_id: String,
    pub(crate) body: String,
}

/// What identifies one message of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) path: &'a str,
    /// 32 hexadecimal digits.
    pub(crate) request_id: &'a str,
    /// When it is sent, ISO 8601 in UTC.
    pub(crate) stamp: &'a str,
    pub(crate) content_type: &'a str,
}

impl Head<'_> {
    fn lines(self) -> String {
        let Self { path, request_id, stamp, content_type } = self;
        format!(
            "Path: {path}\r\nX-RequestId: {request_id}\r\nX-Timestamp: {stamp}\r\nContent-Type: {content_type}\r\n"
        )
    }

    pub(crate) fn text(self, body: &str) -> Frame {
        Frame::Text(format!("{}\r\n{body}", self.lines()))
    }

    pub(crate) fn binary(self, body: &[u8]) -> Frame {
        let lines = self.lines();
        // Four short lines: never near the service's 8192.
        let length = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        Frame::Binary([&length.to_be_bytes(), lines.as_bytes(), body].concat().into())
    }
}

/// Reads what came.
///
/// # Errors
/// When it is none of the service's messages.
pub(crate) fn read(frame: &Frame) -> Result<Message, Fault> {
    let Frame::Text(text) = frame else {
        return Err(Fault::protocol("bytes where text was expected"));
    };
    // `turn.end` has no body, and sometimes no blank line.
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut message = Message { path: String::new(), request_id: String::new(), body: body.to_owned() };
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else {
            return Err(Fault::protocol("a header line without a name"));
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "path" => message.path = value.trim().to_ascii_lowercase(),
            "x-requestid" => message.request_id = value.trim().to_ascii_lowercase(),
            _ => {}
        }
    }
    if message.path.is_empty() {
        return Err(Fault::protocol("a message without a path"));
    }
    Ok(message)
}

/// The head of a WAV file whose end is not known, which stands before a request's audio.
pub(crate) fn riff(rate_hz: u32) -> [u8; 44] {
    const BYTES_PER_SAMPLE: u16 = 2;
    let mut head = [0; 44];
    let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"RIFF");
    put(8, b"WAVEfmt ");
    put(16, &16_u32.to_le_bytes());
    put(20, &1_u16.to_le_bytes()); // PCM
    put(22, &1_u16.to_le_bytes()); // mono
    put(24, &rate_hz.to_le_bytes());
    put(28, &(rate_hz * u32::from(BYTES_PER_SAMPLE)).to_le_bytes());
    put(32, &BYTES_PER_SAMPLE.to_le_bytes());
    put(34, &(8 * BYTES_PER_SAMPLE).to_le_bytes());
    put(36, b"data");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_whatever_the_spelling_of_its_head() {
        let frame = |text: &str| read(&Frame::Text(text.to_owned()));
        let read =
            frame("X-RequestId:AB\r\nContent-Type:application/json\r\nPath:speech.endDetected\r\n\r\n{}");
        let (path, request_id) = ("speech.enddetected".to_owned(), "ab".to_owned());
        assert_eq!(read, Ok(Message { path, request_id, body: "{}".to_owned() }));
        let end = frame("Path: turn.end\r\nX-RequestId: ab\r\n").expect("no body is needed");
        assert_eq!([end.path, end.body], ["turn.end", ""]);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for wrong in ["", "hello", "X-RequestId: ab\r\n\r\n{}"] {
            assert!(read(&Frame::Text(wrong.to_owned())).is_err(), "{wrong:?}");
        }
        assert!(read(&Frame::Binary(vec![0, 1].into())).is_err());
    }

    #[test]
    fn bytes_have_the_length_of_their_head_before_them() {
        let head = Head { path: "audio", request_id: "ab", stamp: "now", content_type: "audio/x-wav" };
        let Frame::Binary(bytes) = head.binary(b"sound") else { panic!("binary") };
        let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
        assert!(bytes[2..2 + length].starts_with(b"Path: audio\r\nX-RequestId: ab\r\n"));
        assert_eq!(&bytes[2 + length..], b"sound");
    }

    #[test]
    fn the_head_of_the_audio_says_its_rate() {
        let head = riff(8_000);
        assert_eq!((&head[..4], &head[8..16], &head[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
        assert_eq!(head[24..28], 8_000_u32.to_le_bytes());
        assert_eq!(head[28..32], 16_000_u32.to_le_bytes());
    }
}
