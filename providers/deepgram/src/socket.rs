//! Opening a socket at Deepgram, and what its refusals and close codes mean.

use domain::Secret;
use providers_api::{Ability, Error, ErrorKind};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, http};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::options::Options;

pub(crate) const NAME: &str = "deepgram";

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) async fn open(options: &Options, ability: Ability, path_and_query: &str) -> Result<Socket, Error> {
    let fail = |kind, reason: String| Error::new(ability, kind, NAME, reason);
    let url = format!("{}{path_and_query}", options.base_url.trim_end_matches('/'));
    let mut request =
        url.into_client_request().map_err(|error| fail(ErrorKind::Rejected, error.to_string()))?;
    request.headers_mut().insert(
        "authorization",
        authorization(&options.api_key).map_err(|why| fail(ErrorKind::Unauthorized, why))?,
    );
    let connecting = tokio_tungstenite::connect_async_with_config(request, None, true);
    match tokio::time::timeout(options.connect_timeout, connecting).await {
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(tungstenite::Error::Http(response))) => Err(refused(ability, &response)),
        Ok(Err(error)) => Err(fail(ErrorKind::Unreachable, error.to_string())),
        Err(_elapsed) => {
            Err(fail(ErrorKind::Unreachable, format!("no connection within {:?}", options.connect_timeout)))
        }
    }
}

fn authorization(key: &Secret<String>) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(&format!("Token {}", key.expose()))
        .map_err(|_| "the API key holds characters that no key has".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// A refused handshake says why in the header `dg-error`.
fn refused<B>(ability: Ability, response: &http::Response<B>) -> Error {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let kind = match response.status().as_u16() {
        401 | 403 => ErrorKind::Unauthorized,
        402 => ErrorKind::Limited(None),
        429 => ErrorKind::Limited(
            header("retry-after")
                .and_then(|seconds| seconds.parse().ok())
                .map(std::time::Duration::from_secs),
        ),
        500.. => ErrorKind::Unreachable,
        _ => ErrorKind::Rejected,
    };
    let reason = format!("HTTP {}: {}", response.status(), header("dg-error").unwrap_or("no reason given"));
    Error::new(ability, kind, NAME, reason)
}

/// The end of a socket that we did not ask for.
pub(crate) fn closed(ability: Ability, frame: Option<&CloseFrame>) -> Error {
    let Some(frame) = frame else {
        return Error::new(ability, ErrorKind::Closed, NAME, "the connection broke off");
    };
    let kind = if u16::from(frame.code) == 1008 { ErrorKind::Rejected } else { ErrorKind::Closed };
    Error::new(ability, kind, NAME, format!("close code {}: {}", u16::from(frame.code), frame.reason))
}

pub(crate) fn broken(ability: Ability, error: &tungstenite::Error) -> Error {
    Error::new(ability, ErrorKind::Closed, NAME, error)
}

/// The vendor's seconds as a position on our track.
pub(crate) fn position(seconds: f64) -> domain::MediaTime {
    domain::MediaTime((seconds.max(0.0) * f64::from(domain::MediaTime::RATE)) as u64)
}

/// Percent-encoding for a query value.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_value_is_encoded() {
        assert_eq!(encoded("Maria López&x"), "Maria%20L%C3%B3pez%26x");
    }
}
