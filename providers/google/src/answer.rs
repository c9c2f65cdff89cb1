//! A small answer of Google's, read to its end.

use futures::StreamExt;
use providers_link::Fault;
use providers_link::http::Body;
use serde::de::DeserializeOwned;

/// The list of all voices has about 1 MB.
const LARGEST: usize = 8 << 20;

/// # Errors
/// When the answer breaks off, is too large, or is not what was asked for. The reason never quotes it: it may hold a token.
pub(crate) async fn json<T: DeserializeOwned>(mut body: Body) -> Result<T, Fault> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece?);
        if bytes.len() > LARGEST {
            return Err(Fault::protocol(format!("an answer of more than {LARGEST} bytes")));
        }
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        Fault::protocol(format!("an answer that is not as documented, at line {}", error.line()))
    })
}
