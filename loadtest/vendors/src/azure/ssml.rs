//! Enough of XML to say what a document speaks, and to refuse what is none.

/// What is spoken, and by whom.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spoken {
    pub(super) voice: String,
    pub(super) text: String,
}

/// `None` where the document is not well formed, has no language, or has no voice.
pub(super) fn read(document: &str) -> Option<Spoken> {
    let mut open: Vec<&str> = Vec::new();
    let mut spoken = Spoken { voice: String::new(), text: String::new() };
    let mut rest = document.trim();
    while !rest.is_empty() {
        if let Some(tag) = rest.strip_prefix('<') {
            let (tag, after) = tag.split_once('>')?;
            rest = after;
            if let Some(name) = tag.strip_prefix('/') {
                if open.pop()? != name.trim() {
                    return None;
                }
                if open.is_empty() && !rest.is_empty() {
                    return None;
                }
            } else if !tag.ends_with('/') {
                let name = tag.split_whitespace().next()?;
                match name {
                    "speak"
                        if attribute(tag, "version")? != "1.0" || attribute(tag, "xml:lang")?.is_empty() =>
                    {
                        return None;
                    }
                    "voice" => spoken.voice = attribute(tag, "name")?,
                    _ if open.is_empty() && name != "speak" => return None,
                    _ => {}
                }
                open.push(name);
            }
        } else {
            let (text, after) = rest.split_at(rest.find('<')?);
            spoken.text.push_str(&unescaped(text)?);
            rest = after;
        }
    }
    (open.is_empty() && !spoken.voice.is_empty()).then_some(spoken)
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    unescaped(value.split_once('"')?.0)
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('&') {
        out.push_str(plain);
        let (name, after) = after.split_once(';')?;
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => return None,
        });
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_says_what_is_spoken_and_markup_in_the_text_is_refused() {
        let document = |text: &str| {
            read(&format!(
                r#"<speak version="1.0" xml:lang="en-US"><voice name="Ava">{text}</voice></speak>"#
            ))
        };
        assert_eq!(
            document("Tom &amp; <prosody rate=\"1.1\">Jerry</prosody>"),
            Some(Spoken { voice: "Ava".to_owned(), text: "Tom & Jerry".to_owned() })
        );
        for wrong in ["Tom & Jerry", "1 < 2", "</voice>", "&nbsp;"] {
            assert_eq!(document(wrong), None, "{wrong}");
        }
        assert_eq!(read(r#"<speak version="1.0" xml:lang="en-US">Hi</speak>"#), None);
        assert_eq!(read(r#"<speak version="1.0"><voice name="Ava">Hi</voice></speak>"#), None);
    }
}
