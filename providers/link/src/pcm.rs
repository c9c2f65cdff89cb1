//! Samples out of bytes that come in pieces of any length.

/// Little-endian 16-bit samples; an odd byte waits for the next piece.
#[derive(Debug, Default)]
pub struct Samples {
    odd: Option<u8>,
}

impl Samples {
    pub fn push(&mut self, bytes: &[u8]) -> Vec<i16> {
        let mut bytes = self.odd.take().into_iter().chain(bytes.iter().copied());
        let mut samples = Vec::with_capacity(bytes.size_hint().0 / 2);
        while let Some(low) = bytes.next() {
            match bytes.next() {
                Some(high) => samples.push(i16::from_le_bytes([low, high])),
                None => self.odd = Some(low),
            }
        }
        samples
    }
}

/// The bytes of samples, little-endian.
#[must_use]
pub fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_put_together_over_the_edges_of_pieces() {
        let mut samples = Samples::default();
        let all = bytes(&[1, -2, 300]);
        assert!(samples.push(&all[..1]).is_empty());
        assert_eq!(samples.push(&all[1..5]), [1, -2]);
        assert_eq!(samples.push(&all[5..]), [300]);
    }
}
