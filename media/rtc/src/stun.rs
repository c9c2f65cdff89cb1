//! A look into a datagram that is cheap enough for a flood: is it STUN, and for which of our ICE sessions?
//!
//! Authenticates nothing. The peer that the answer names checks the message's integrity itself (RFC 8489).

const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const USERNAME: u16 = 0x0006;

/// RFC 7983: the first byte tells STUN from DTLS and RTP.
pub(crate) fn is_stun(datagram: &[u8]) -> bool {
    datagram.len() >= HEADER && datagram[0] < 4 && datagram[4..8] == MAGIC_COOKIE
}

/// Our user fragment: what stands before the colon in the USERNAME of a binding request.
pub(crate) fn our_ufrag(datagram: &[u8]) -> Option<&str> {
    if !is_stun(datagram) || u16::from_be_bytes([datagram[0], datagram[1]]) != BINDING_REQUEST {
        return None;
    }
    let mut rest = datagram.get(HEADER..)?;
    while let [type_high, type_low, length_high, length_low, value @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
        if u16::from_be_bytes([*type_high, *type_low]) == USERNAME {
            let name = std::str::from_utf8(value.get(..length)?).ok()?;
            return name.split_once(':').map(|(ours, _)| ours);
        }
        rest = value.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0];
        bytes.extend(MAGIC_COOKIE);
        bytes.extend([7; 12]);
        for (kind, value) in attributes {
            bytes.extend(kind.to_be_bytes());
            bytes.extend((value.len() as u16).to_be_bytes());
            bytes.extend(*value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    #[test]
    fn the_user_name_is_found_behind_other_attributes() {
        let datagram = request(&[(0x8022, b"agent"), (USERNAME, b"ours:theirs")]);
        assert_eq!(our_ufrag(&datagram), Some("ours"));
    }

    #[test]
    fn what_is_not_a_binding_request_for_us_names_nobody() {
        assert_eq!(our_ufrag(&request(&[])), None);
        assert_eq!(our_ufrag(&request(&[(USERNAME, b"no colon")])), None);
        assert_eq!(our_ufrag(&request(&[(USERNAME, &[0xff, b':'])])), None);
        let mut response = request(&[(USERNAME, b"ours:theirs")]);
        response[0] = 1;
        assert_eq!(our_ufrag(&response), None);
        assert_eq!(our_ufrag(&[0x80; 40]), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(tail in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            our_ufrag(&tail);
            let mut datagram = request(&[]);
            datagram.extend(tail);
            our_ufrag(&datagram);
        }
    }
}
