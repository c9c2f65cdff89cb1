//! Instants as requests write them (RFC 3339), and why one cannot be taken.

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;

use super::fields::Fields;

/// # Errors
/// Says what is wrong with it: it is none, or lies beyond what a clock here can tell.
pub(crate) fn read(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| {
        let whole = Pieces::parse(text)
            .is_ok_and(|pieces| pieces.time().is_some() && pieces.to_numeric_offset().is_some());
        if whole {
            format!("{text:?} lies beyond what can be told: instants end with {:.0}", last())
        } else {
            format!("{text:?} is no time such as 2026-11-26T10:00:00Z")
        }
    })
}

/// As a field of a request gives it; what stands in its place where it gives none, or a wrong one.
pub(crate) fn field(fields: &mut Fields, pointer: &str, at: Option<&str>, otherwise: Timestamp) -> Timestamp {
    let Some(at) = at else { return otherwise };
    read(at).unwrap_or_else(|why| {
        fields.wrong(pointer, "invalid", why);
        otherwise
    })
}

/// To the second: a zone must be able to tell any instant in its own hours, too.
fn last() -> Timestamp {
    Timestamp::from_second(Timestamp::MAX.as_second()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_instant_and_what_lies_too_far_are_told_apart() {
        assert_eq!(read("2026-11-26T10:00:00+01:00").expect("a time").to_string(), "2026-11-26T09:00:00Z");
        assert_eq!(read("9999-12-30T22:00:00Z").expect("the last second"), last());
        let far =
            "\"9999-12-31T23:59:59Z\" lies beyond what can be told: instants end with 9999-12-30T22:00:00Z";
        assert_eq!(read("9999-12-31T23:59:59Z"), Err(far.to_owned()));
        assert!(read("9999-12-31T00:00:00-08:00").is_err_and(|why| why.contains("lies beyond")));
        for none in ["", "yesterday", "2026-11-26", "2026-11-26T10:00:00", "2026-13-01T00:00:00Z"] {
            assert_eq!(read(none), Err(format!("{none:?} is no time such as 2026-11-26T10:00:00Z")));
        }
    }
}
