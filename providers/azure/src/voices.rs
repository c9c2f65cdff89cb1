//! Which voices the resource offers.

use providers_api::{Ability, Error};
use providers_link::http::json;
use providers_link::{Client, Fault};

use crate::options::Options;
use crate::tts::refused;
use crate::wire::VoiceEntry;

/// A voice that can be asked for by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    pub name: String,
    /// Such as `de-CH`; the voice's own first.
    pub locales: Vec<String>,
    /// As the vendor says, such as `Female`.
    pub gender: String,
    pub styles: Vec<String>,
}

/// # Errors
/// When the service refuses, is not there, or answers something else than its list.
pub async fn voices(options: &Options, client: &Client) -> Result<Vec<Offered>, Error> {
    list(options, client).await.map_err(|fault| fault.of(Ability::Tts, "azure"))
}

async fn list(options: &Options, client: &Client) -> Result<Vec<Offered>, Fault> {
    let url = format!("{}/cognitiveservices/voices/list", options.tts_url.trim_end_matches('/'));
    let request = client.get(&url).header("Ocp-Apim-Subscription-Key", options.key.expose());
    let (_, body) = client.send(request, refused).await?;
    let entries: Vec<VoiceEntry> = json(body).await?;
    Ok(entries.into_iter().map(offered).collect())
}

fn offered(entry: VoiceEntry) -> Offered {
    let VoiceEntry { short_name, locale, gender, style_list, secondary_locale_list } = entry;
    let locales = std::iter::once(locale).chain(secondary_locale_list).collect();
    Offered { name: short_name, locales, gender, styles: style_list }
}
