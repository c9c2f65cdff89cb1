//! Which headers of an INVITE are told to whoever takes the call: those that the options name, and never a password.

use domain::Pii;
use rsipstack::sip::Request;

/// Of one call: whoever calls decides how many there are.
const MOST: usize = 32;
/// Longer ones say nothing that a route or a greeting could use.
const LONGEST: usize = 256;
/// Answers to challenges.
const SECRET: [&str; 2] = ["authorization", "proxy-authorization"];

/// Names and values as they stood in the message, in its order: claims of whoever sent it.
pub type Headers = Vec<(String, Pii<String>)>;

pub(crate) fn told(request: &Request, allowed: &[String]) -> Headers {
    let fits = |value: &str| value.len() <= LONGEST && !value.chars().any(char::is_control);
    let wanted = request.headers.iter().filter_map(|header| {
        let (name, value) = (header.name(), header.value().trim());
        (is_allowed(name, allowed) && fits(value)).then(|| (name.to_owned(), Pii(value.to_owned())))
    });
    wanted.take(MOST).collect()
}

fn is_allowed(name: &str, allowed: &[String]) -> bool {
    let name = name.to_ascii_lowercase();
    !SECRET.contains(&name.as_str())
        && allowed.iter().any(|one| match one.to_ascii_lowercase().strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => one.eq_ignore_ascii_case(&name),
        })
}

/// Whether the options may name it: a header's name, or the beginning of one with `*`.
pub(crate) fn may_be_named(name: &str) -> bool {
    let plain = name.strip_suffix('*').unwrap_or(name);
    !plain.is_empty()
        && plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(headers: &str) -> Request {
        let text = format!(
            "INVITE sip:desk@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:desk@127.0.0.1>\r\n\
             Call-ID: 1\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        Request::try_from(text.as_str()).expect("a request")
    }

    #[test]
    fn what_the_options_name_is_told_and_nothing_else() {
        let all = "X-Line: vip\r\nx-other:  a b \r\nDiversion: <sip:+4930@x>\r\nSubject: hello\r\nAuthorization: Digest secret\r\n";
        let allowed = ["X-*", "diversion"].map(str::to_owned);
        let told = told(&invite(all), &allowed);
        let told: Vec<_> = told.iter().map(|(name, value)| (name.as_str(), value.0.as_str())).collect();
        assert_eq!(told, [("X-Line", "vip"), ("x-other", "a b"), ("Diversion", "<sip:+4930@x>")]);
        let everything = ["*".to_owned(), "Authorization".to_owned()];
        assert!(super::told(&invite(all), &everything).iter().all(|(name, _)| name != "Authorization"));
    }

    #[test]
    fn a_caller_does_not_fill_what_is_kept_of_a_call() {
        let many: String = (0..100).map(|n| format!("X-{n}: 1\r\n")).collect();
        let allowed = ["X-*".to_owned()];
        assert_eq!(told(&invite(&many), &allowed).len(), MOST);
        assert_eq!(told(&invite(&format!("X-A: {}\r\n", "1".repeat(LONGEST + 1))), &allowed), Headers::new());
    }

    #[test]
    fn only_names_of_headers_can_be_named_and_no_password() {
        assert!(["X-Line", "x-*", "P-Asserted-Identity"].into_iter().all(may_be_named));
        assert!(
            !["", "*", "X Line", "X-*-Y", "Authorization", "proxy-authorization"]
                .into_iter()
                .any(may_be_named)
        );
    }
}
