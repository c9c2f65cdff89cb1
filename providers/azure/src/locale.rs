//! Languages as Azure names them: always with a region.

use domain::Language;

/// Where the region is not the language's own name in capitals.
const REGIONS: [(&str, &str); 30] = [
    ("en", "en-US"),
    ("zh", "zh-CN"),
    ("ja", "ja-JP"),
    ("ko", "ko-KR"),
    ("ar", "ar-EG"),
    ("cs", "cs-CZ"),
    ("da", "da-DK"),
    ("el", "el-GR"),
    ("et", "et-EE"),
    ("eu", "eu-ES"),
    ("fa", "fa-IR"),
    ("ga", "ga-IE"),
    ("gl", "gl-ES"),
    ("he", "he-IL"),
    ("hi", "hi-IN"),
    ("ca", "ca-ES"),
    ("ms", "ms-MY"),
    ("nb", "nb-NO"),
    ("no", "nb-NO"),
    ("pt", "pt-BR"),
    ("sl", "sl-SI"),
    ("sq", "sq-AL"),
    ("sr", "sr-RS"),
    ("sv", "sv-SE"),
    ("sw", "sw-KE"),
    ("ta", "ta-IN"),
    ("te", "te-IN"),
    ("uk", "uk-UA"),
    ("ur", "ur-IN"),
    ("vi", "vi-VN"),
];

/// `en` is `en-US`, `de` is `de-DE`; a tag that names a region stays.
pub(crate) fn locale(language: &Language) -> String {
    let tag = language.0.as_str();
    if tag.contains('-') {
        return tag.to_owned();
    }
    let known = REGIONS.iter().find(|(primary, _)| *primary == tag);
    known.map_or_else(|| format!("{tag}-{}", tag.to_ascii_uppercase()), |(_, locale)| (*locale).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_without_a_region_gets_the_usual_one() {
        let of = |tag: &str| locale(&Language(tag.to_owned()));
        assert_eq!([of("en"), of("de"), of("sv"), of("de-CH")], ["en-US", "de-DE", "sv-SE", "de-CH"]);
    }
}
