//! Whole SIP messages out of a stream of bytes (RFC 3261 section 18.3). Pure: bytes in, messages out.
//!
//! Bounded, and each byte is looked at once: neither a long message nor one that comes byte by byte costs more than it weighs.

/// Longer than any message that means a call.
const LONGEST: usize = 65_535;
const HEAD_END: &[u8] = b"\r\n\r\n";

#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// Up to here there is no end of a head.
    looked: usize,
    /// Length of the message that has begun, once its head is there.
    whole: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// An empty line before a message; two of them ask for one back (RFC 5626 section 4.4.1).
    Ping,
    Message(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unframed {
    #[error("a message is longer than {LONGEST} bytes")]
    TooLong,
    #[error("a message does not say how long it is, or says it in two ways")]
    NoLength,
}

impl Frames {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether a message has begun that is not whole.
    pub(super) fn is_amid(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// What came whole; `None` until more bytes come.
    ///
    /// # Errors
    /// Where nobody can say any more where messages begin: the stream is of no use.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Unframed> {
        if self.whole.is_none() && self.looked == 0 {
            let blank = self.bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            // A line that is not whole yet may be the first half of a ping.
            let lines = blank - blank % 2;
            if lines > 0 {
                self.bytes.drain(..lines);
                if lines >= 4 {
                    return Ok(Some(Frame::Ping));
                }
            }
            if self.bytes.len() < 2 {
                return Ok(None);
            }
        }
        let whole = match self.whole {
            Some(whole) => whole,
            None => {
                let from = self.looked.saturating_sub(HEAD_END.len() - 1);
                let end = self.bytes[from..].windows(HEAD_END.len()).position(|at| at == HEAD_END);
                let Some(end) = end else {
                    self.looked = self.bytes.len();
                    return if self.bytes.len() > LONGEST { Err(Unframed::TooLong) } else { Ok(None) };
                };
                let head = from + end + HEAD_END.len();
                let whole = head + length(&self.bytes[..head]).ok_or(Unframed::NoLength)?;
                *self.whole.insert(whole)
            }
        };
        if whole > LONGEST {
            return Err(Unframed::TooLong);
        }
        if self.bytes.len() < whole {
            return Ok(None);
        }
        let rest = self.bytes.split_off(whole);
        (self.looked, self.whole) = (0, None);
        Ok(Some(Frame::Message(std::mem::replace(&mut self.bytes, rest))))
    }
}

/// Of the body. None is said: there is none (some phones leave it out of an ACK). Said in two ways it is a message in a message.
fn length(head: &[u8]) -> Option<usize> {
    let mut said = None;
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l") {
            let digits =
                std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|at| at.is_ascii_digit()))?;
            let value: usize = digits.parse().ok()?;
            if said.is_some_and(|said| said != value) {
                return None;
            }
            said = Some(value);
        }
    }
    Some(said.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Vec<u8> {
        format!("INFO sip:a@b SIP/2.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    fn all(frames: &mut Frames) -> Vec<Frame> {
        std::iter::from_fn(|| frames.next().expect("in order")).collect()
    }

    #[test]
    fn messages_come_out_whole_however_they_came_in() {
        let stream = [message("Signal=1"), message(""), message("a\r\n\r\nb")].concat();
        for step in [1, 7, stream.len()] {
            let mut frames = Frames::default();
            let mut out = Vec::new();
            for part in stream.chunks(step) {
                frames.push(part);
                out.extend(all(&mut frames));
            }
            let wanted = [message("Signal=1"), message(""), message("a\r\n\r\nb")].map(Frame::Message);
            assert_eq!(out, wanted, "in steps of {step}");
            assert!(!frames.is_amid());
        }
    }

    #[test]
    fn two_empty_lines_ask_for_one_and_one_is_an_answer() {
        let mut frames = Frames::default();
        frames.push(b"\r\n\r\n");
        assert_eq!(all(&mut frames), [Frame::Ping]);
        frames.push(b"\r\n");
        frames.push(&message("x"));
        assert_eq!(all(&mut frames), [Frame::Message(message("x"))]);
        frames.push(b"\r\n\r\n");
        frames.push(&message("x"));
        assert_eq!(all(&mut frames), [Frame::Ping, Frame::Message(message("x"))]);
    }

    #[test]
    fn a_stream_whose_messages_have_no_end_is_given_up() {
        let fails = |bytes: &[u8]| {
            let mut frames = Frames::default();
            frames.push(bytes);
            frames.next().expect_err("no use")
        };
        assert_eq!(fails(&vec![b'x'; LONGEST + 1]), Unframed::TooLong);
        assert_eq!(fails(b"INFO sip:a@b SIP/2.0\r\nl: 70000\r\n\r\n"), Unframed::TooLong);
        for wrong in ["l: -1", "Content-Length: +3", "Content-Length: 99999999999999999999", "l: 3\r\nl: 4"] {
            assert_eq!(
                fails(format!("INFO sip:a@b SIP/2.0\r\n{wrong}\r\n\r\n").as_bytes()),
                Unframed::NoLength
            );
        }
    }

    proptest::proptest! {
        #![proptest_config(testkit::seed::cases(256))]

        #[test]
        fn no_bytes_panic(parts in proptest::collection::vec(proptest::collection::vec(0_u8.., 0..60), 0..8)) {
            let mut frames = Frames::default();
            for part in parts {
                frames.push(&part);
                while let Ok(Some(_)) = frames.next() {}
            }
        }
    }
}
