//! Reads and writes the fields of protocol-buffer messages without a schema. Keeps what it does not know byte for
//! byte; refuses damaged input with an error, never a panic.

/// The bytes are no protocol-buffer message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged model file: no valid field at byte {at}")]
pub struct Damaged {
    pub at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    pub(crate) value: Value<'a>,
    /// The whole field as it stood: tag, length and value.
    pub(crate) raw: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed(u64),
}

impl<'a> Field<'a> {
    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        match self.value {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        self.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    pub(crate) fn varint(&self) -> Option<u64> {
        match self.value {
            Value::Varint(value) => Some(value),
            _ => None,
        }
    }
}

/// The fields of a message in order.
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, Damaged>> {
    let mut at = 0;
    let mut broken = false;
    std::iter::from_fn(move || {
        if broken || at >= message.len() {
            return None;
        }
        let field = next(message, at).ok_or(Damaged { at });
        match &field {
            Ok(field) => at += field.raw.len(),
            Err(_) => broken = true,
        }
        Some(field)
    })
}

fn next(message: &[u8], start: usize) -> Option<Field<'_>> {
    const KINDS: u64 = 8;
    let (tag, at) = varint(message, start)?;
    let (value, end) = match tag % KINDS {
        0 => varint(message, at).map(|(value, end)| (Value::Varint(value), end))?,
        1 => {
            let bytes = message.get(at..at.checked_add(8)?)?;
            (Value::Fixed(u64::from_le_bytes(bytes.try_into().ok()?)), at + 8)
        }
        2 => {
            let (length, at) = varint(message, at)?;
            let end = at.checked_add(usize::try_from(length).ok()?)?;
            (Value::Bytes(message.get(at..end)?), end)
        }
        5 => {
            let bytes = message.get(at..at.checked_add(4)?)?;
            (Value::Fixed(u64::from(u32::from_le_bytes(bytes.try_into().ok()?))), at + 4)
        }
        _ => return None,
    };
    Some(Field { number: tag / KINDS, value, raw: message.get(start..end)? })
}

/// The number at `at` and the position after it.
fn varint(message: &[u8], mut at: usize) -> Option<(u64, usize)> {
    const LONGEST: u32 = 10;
    let mut value = 0;
    for n in 0..LONGEST {
        let byte = *message.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(7 * n)?;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

/// The numbers of a packed repeated field.
pub(crate) fn packed(bytes: &[u8]) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (number, end) = varint(bytes, at)?;
        numbers.push(number);
        at = end;
    }
    Some(numbers)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field that holds bytes, a string or a message.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn put_number(out: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(out, number << 3);
    put_varint(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_with_unknown_fields_untouched() {
        let mut message = Vec::new();
        put_number(&mut message, 1, 300);
        put_bytes(&mut message, 1000, b"graph");
        message.extend_from_slice(&[13 << 3 | 5, 1, 2, 3, 4, 14 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8]);
        let read: Vec<_> = fields(&message).collect::<Result<_, _>>().expect("valid");
        assert_eq!(read[0].varint(), Some(300));
        assert_eq!((read[1].number, read[1].text()), (1000, Some("graph")));
        assert_eq!(read.iter().flat_map(|f| f.raw).copied().collect::<Vec<u8>>(), message);
    }

    #[test]
    fn damage_is_an_error_at_its_place() {
        let mut message = Vec::new();
        put_number(&mut message, 1, 1);
        for broken in [
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..],
            &[0x0b],
            &[0x80; 11],
            &[0x0d, 1, 2],
            &[0x12, 5, 1],
        ] {
            let damaged = [&message, broken].concat();
            assert_eq!(fields(&damaged).nth(1), Some(Err(Damaged { at: 2 })), "{broken:x?}");
            assert_eq!(fields(&damaged).count(), 2);
        }
    }
}
