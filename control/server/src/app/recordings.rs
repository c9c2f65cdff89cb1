//! Recordings: the parts of a call, one of them, and what of it a client wants.

use std::ops::Range;

use control_api::problem;
use control_api::recording::{Name, Recording, Recordings};
use domain::SessionId;

use crate::Server;
use crate::app::ctx::Ctx;
use crate::app::sessions;
use crate::app::summary::ms;
use crate::error::Error;
use crate::ports::RecordingFile;

pub(crate) async fn list(ctx: &Ctx, server: &Server, id: &str) -> Result<Recordings, Error> {
    let session = sessions::own(ctx, server, id).await?;
    let parts = server.ports.recordings.parts(session).await?;
    let data = parts.into_iter().map(|part| Recording {
        leg: part.name.leg,
        part: part.name.part,
        codec: part.codec,
        content_type: part.name.container.content_type().to_owned(),
        offset_ms: ms(part.offset),
        length_ms: ms(part.length),
        bytes: part.bytes,
        complete: part.complete,
        cut_off: part.cut_off,
        url: part.name.url(session),
    });
    Ok(Recordings { data: data.collect() })
}

pub(crate) async fn open(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    file: &str,
) -> Result<(SessionId, Name, RecordingFile), Error> {
    let session = sessions::own(ctx, server, id).await?;
    let found = match file.parse::<Name>() {
        Ok(name) => server.ports.recordings.open(session, name).await?.map(|found| (session, name, found)),
        Err(_not_a_name) => None,
    };
    match found {
        Some(found) => Ok(found),
        None => {
            let detail = format!(
                "the call has no recording {file:?}; GET /v1/sessions/{session}/recordings lists them"
            );
            Err(Error::new(&problem::RECORDING_UNKNOWN, detail))
        }
    }
}

/// What a client wants of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    Part(Range<u64>),
    /// Nothing that there is.
    Nothing,
}

/// RFC 9110 section 14: one range of bytes. What is no such thing is as good as absent, and so are several ranges, which a
/// server may answer with the whole.
pub(crate) fn wanted(range: Option<&str>, length: u64) -> Wanted {
    let spec = range.and_then(|range| range.trim().strip_prefix("bytes=")).map(str::trim);
    let Some((from, to)) = spec.and_then(|spec| spec.split_once('-')) else { return Wanted::All };
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More than fits is more than there is.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (number(from), number(to)) {
        (Some(from), None) if to.is_empty() => within(from, length, length),
        (Some(from), Some(to)) if from <= to => within(from, to.saturating_add(1), length),
        (None, Some(last)) if from.is_empty() => within(length.saturating_sub(last), length, length),
        _ => Wanted::All,
    }
}

fn within(from: u64, to: u64, length: u64) -> Wanted {
    if from < length { Wanted::Part(from..to.min(length)) } else { Wanted::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_taken_and_what_is_none_is_the_whole() {
        let of_ten = |range| wanted(Some(range), 10);
        assert_eq!(wanted(None, 10), Wanted::All);
        for (range, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-", 0..10),
            ("bytes=4-6", 4..7),
            ("bytes=9-", 9..10),
            ("bytes=4-99999999999999999999999", 4..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
            (" bytes= 2-3 ", 2..4),
        ] {
            assert_eq!(of_ten(range), Wanted::Part(part), "{range}");
        }
        for range in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(of_ten(range), Wanted::Nothing, "{range}");
        }
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=6-4",
            "bytes=a-b",
            "bytes=0-1,3-4",
            "items=0-1",
            "bytes=+1-2",
        ] {
            assert_eq!(of_ten(range), Wanted::All, "{range}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
    }
}
