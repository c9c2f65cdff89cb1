//! What is to be spoken, as the service's markup. Nothing of the text becomes markup.

use domain::Voice;

use crate::locale::locale;
use crate::options::Options;

/// What the service takes as a multiple of the voice's own pace.
const PACES: std::ops::RangeInclusive<f32> = 0.5..=2.0;

/// One document for one sentence.
pub(crate) fn document(options: &Options, voice: &Voice, text: &str) -> String {
    let name = if voice.name.is_empty() { &options.voice } else { &voice.name };
    let mut inner = escaped(text);
    let pace = voice.speed.clamp(*PACES.start(), *PACES.end());
    if (pace - 1.0).abs() > 0.005 {
        inner = format!(r#"<prosody rate="{pace:.2}">{inner}</prosody>"#);
    }
    if let Some(style) = &options.style {
        inner = format!(r#"<mstts:express-as style="{}">{inner}</mstts:express-as>"#, escaped(style));
    }
    format!(
        concat!(
            r#"<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" "#,
            r#"xmlns:mstts="https://www.w3.org/2001/mstts" xml:lang="{}">"#,
            r#"<voice name="{}">{}</voice></speak>"#,
        ),
        escaped(&locale(&voice.language)),
        escaped(name),
        inner,
    )
}

/// What XML has no way to hold is left out: control characters and what is no character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\r' | '\t' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use domain::{Language, Secret};

    use super::*;

    fn options() -> Options {
        Options::new(Secret::new(String::new()), "eastus")
    }

    #[test]
    fn the_text_stays_text() {
        let voice = Voice::default();
        let text = "Tom & Jerry say \"1 < 2\"\u{0},\nisn't it?]]></voice>";
        let document = document(&options(), &voice, text);
        assert!(document.contains(
            "<voice name=\"en-US-AvaMultilingualNeural\">Tom &amp; Jerry say &quot;1 &lt; 2&quot;, \
             isn&apos;t it?]]&gt;&lt;/voice&gt;</voice></speak>"
        ));
        assert!(document.contains(r#"xml:lang="en-US""#) && !document.contains("prosody"));
    }

    #[test]
    fn voice_language_pace_and_style_are_those_asked_for() {
        let voice =
            Voice { name: "de-DE-KatjaNeural".to_owned(), language: Language("de".to_owned()), speed: 9.0 };
        let options = Options { style: Some("cheerful".to_owned()), ..options() };
        let document = document(&options, &voice, "Hallo");
        assert!(document.contains(r#"xml:lang="de-DE""#));
        assert!(document.contains(concat!(
            r#"<voice name="de-DE-KatjaNeural"><mstts:express-as style="cheerful">"#,
            r#"<prosody rate="2.00">Hallo</prosody></mstts:express-as></voice>"#,
        )));
    }
}
