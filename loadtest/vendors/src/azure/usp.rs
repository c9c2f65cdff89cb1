//! Frames of the socket, as the service reads them: strictly.

use serde_json::Value;

/// Close code and reason.
pub(super) type Violation = (u16, String);

/// What a client sent.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) path: String,
    pub(super) request_id: String,
    pub(super) body: &'a [u8],
}

/// 32 hexadecimal digits: a UUID without dashes.
pub(super) fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(super) fn text(frame: &str) -> Result<Message<'_>, Violation> {
    let Some((head, body)) = frame.split_once("\r\n\r\n") else {
        return Err((
            1007,
            "Incorrect message format. Text message contains no header separator.".to_owned(),
        ));
    };
    message(head, body.as_bytes())
}

pub(super) fn binary(frame: &[u8]) -> Result<Message<'_>, Violation> {
    const LARGEST_HEAD: usize = 8_192;
    let wrong = |what: &str| (1007, format!("Incorrect message format. Binary message has invalid {what}."));
    let [high, low, rest @ ..] = frame else { return Err(wrong("header size prefix")) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > LARGEST_HEAD || length > rest.len() {
        return Err(wrong("header size"));
    }
    let (head, body) = rest.split_at(length);
    let head = std::str::from_utf8(head).map_err(|_| wrong("headers"))?;
    message(head, body)
}

fn message<'a>(head: &str, body: &'a [u8]) -> Result<Message<'a>, Violation> {
    let find = |wanted: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .ok_or_else(|| (1002, format!("Missing/Empty header. {wanted}")))
    };
    let (path, request_id, stamp) = (find("Path")?, find("X-RequestId")?, find("X-Timestamp")?);
    if !is_id(&request_id) {
        let reason = "Invalid request. X-RequestId header value was not specified in no-dash UUID format.";
        return Err((1002, reason.to_owned()));
    }
    if !stamp.ends_with('Z') || !stamp.contains('T') {
        return Err((1002, "Invalid request. X-Timestamp is not ISO 8601 in UTC.".to_owned()));
    }
    Ok(Message { path, request_id, body })
}

/// The rate that the head of a WAV file promises.
pub(super) fn rate_of(riff: &[u8]) -> Result<u32, Violation> {
    let wrong = || (1007, "The audio does not begin with a RIFF header of 16-bit mono PCM.".to_owned());
    let field =
        |at: usize| riff.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    // PCM is 1, and so is mono: both in one word.
    let is_pcm =
        riff.starts_with(b"RIFF") && riff.get(8..12) == Some(b"WAVE") && field(20) == Some(0x0001_0001);
    let rate_hz =
        field(24).filter(|rate_hz| is_pcm && (8_000..=48_000).contains(rate_hz)).ok_or_else(wrong)?;
    let is_16_bit = riff.get(34..36) == Some(&[16, 0]) && riff.get(36..40) == Some(b"data");
    if is_16_bit { Ok(rate_hz) } else { Err(wrong()) }
}

/// A message of the service. Its headers have no blank after the colon.
pub(super) fn answer(path: &str, request_id: &str, body: &Value) -> String {
    let head = format!("X-RequestId:{request_id}\r\nPath:{path}\r\n");
    if body.is_null() {
        return format!("{head}\r\n");
    }
    format!("{head}Content-Type:application/json; charset=utf-8\r\n\r\n{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn code<T>(read: Result<T, Violation>) -> Option<u16> {
        read.err().map(|(code, _)| code)
    }

    #[test]
    fn frames_are_read_strictly() {
        let head = format!("Path: audio\r\nX-RequestId: {ID}\r\nX-Timestamp: 2026-01-01T00:00:00.000Z\r\n");
        let frame = |length: usize, head: &str| {
            let length = u16::try_from(length).expect("short");
            [&length.to_be_bytes(), head.as_bytes(), b"sound"].concat()
        };
        let good = frame(head.len(), &head);
        let message = binary(&good).expect("as documented");
        assert_eq!(
            (message.path.as_str(), message.request_id.as_str(), message.body),
            ("audio", ID, &b"sound"[..])
        );
        assert_eq!(code(binary(&frame(60_000, &head))), Some(1007));
        assert_eq!(code(binary(&[1])), Some(1007));
        assert_eq!(code(text("Path: speech.config")), Some(1007));
        for wrong in [
            head.replace(ID, "01234567-89ab-cdef-0123-456789abcdef"),
            head.replace("Path: audio\r\n", ""),
            head.replace("2026-01-01T00:00:00.000Z", "noon"),
        ] {
            assert_eq!(code(binary(&frame(wrong.len(), &wrong))), Some(1002), "{wrong}");
        }
    }

    #[test]
    fn the_head_of_the_audio_must_be_that_of_mono_pcm() {
        let mut riff =
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\0\0\0\0"
                .to_vec();
        assert_eq!(rate_of(&riff), Ok(16_000));
        riff[22] = 2;
        assert_eq!(code(rate_of(&riff)), Some(1007));
        assert_eq!(code(rate_of(b"")), Some(1007));
    }
}
