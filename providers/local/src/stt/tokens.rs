//! The recogniser's vocabulary: token ids to text. Reads the file that comes with the model; never writes one.

/// Begins every transcript.
pub(super) const START: i64 = 1;
/// Ends every transcript.
pub(super) const END: i64 = 2;

#[derive(Debug)]
pub(super) struct Tokens(Vec<Vec<u8>>);

impl Tokens {
    /// The file is one entry after the other: a length (one byte below 128, else two, low part first with its top bit
    /// set), then that many bytes.
    pub(super) fn read(file: &[u8]) -> Result<Self, String> {
        let mut rest = file;
        let mut tokens = Vec::new();
        while let Some((&low, tail)) = rest.split_first() {
            rest = tail;
            let mut length = usize::from(low);
            if low >= 128 {
                let (&high, tail) = rest.split_first().ok_or("ends inside a length")?;
                rest = tail;
                length = usize::from(high) * 128 + usize::from(low) - 128;
            }
            let token = rest.split_off(..length).ok_or("ends inside a token")?;
            tokens.push(token.to_vec());
        }
        Ok(Self(tokens))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The text of `ids`; ids outside the vocabulary and control tokens say nothing.
    pub(super) fn text(&self, ids: &[i64]) -> String {
        let mut bytes = Vec::new();
        for id in ids {
            let token =
                usize::try_from(*id).ok().and_then(|id| self.0.get(id)).map_or(&[][..], Vec::as_slice);
            if !is_control(*id, token) {
                bytes.extend_from_slice(token);
            }
        }
        let text = String::from_utf8_lossy(&bytes).replace('\u{2581}', " ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn is_control(id: i64, token: &[u8]) -> bool {
    id <= END || (token.starts_with(b"<<ST_") && token.ends_with(b">>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tokens: &[&str]) -> Vec<u8> {
        let mut file = Vec::new();
        for token in tokens {
            match token.len() {
                n @ 0..128 => file.push(n as u8),
                n => file.extend([(n % 128 + 128) as u8, (n / 128) as u8]),
            }
            file.extend(token.as_bytes());
        }
        file
    }

    #[test]
    fn words_are_joined_and_control_tokens_are_silent() {
        let long = "x".repeat(300);
        let all = ["<unk>", "<s>", "</s>", "\u{2581}good", "bye", "\u{2581}now", "<<ST_7>>", &long];
        let tokens = Tokens::read(&file(&all)).unwrap();
        assert_eq!(tokens.len(), 8);
        assert_eq!(tokens.text(&[1, 3, 4, 6, 5, 2, 99, -1]), "goodbye now");
        assert_eq!(tokens.text(&[7]), long);
    }

    #[test]
    fn a_cut_file_is_an_error() {
        let whole = file(&["abc", "defg"]);
        assert!(Tokens::read(&whole[..whole.len() - 1]).is_err());
        assert!(Tokens::read(&[0x81]).is_err());
    }
}
