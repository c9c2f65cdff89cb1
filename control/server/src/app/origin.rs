//! Origins as browsers write them: lower case, without the scheme's own port.

/// `https://Voice.Example.com:443/` as `https://voice.example.com`.
pub(crate) fn normal(origin: &str) -> String {
    let lower = origin.trim_end_matches('/').to_ascii_lowercase();
    let port = match lower.split_once("://").map_or("", |(scheme, _)| scheme) {
        "https" => ":443",
        "http" => ":80",
        _ => return lower,
    };
    lower.strip_suffix(port).unwrap_or(&lower).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_the_schemes_own_port_make_no_other_origin() {
        for (written, same) in [
            ("https://Voice.Example.com:443/", "https://voice.example.com"),
            ("HTTP://a:80", "http://a"),
            ("http://a:443", "http://a:443"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("null", "null"),
        ] {
            assert_eq!(normal(written), same);
        }
    }
}
