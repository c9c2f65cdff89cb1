//! The voices that an account has.

use providers_api::{Ability, Error, VoiceListing};
use providers_link::Fault;
use providers_link::http::{Client, json};
use providers_link::socket::encoded;

use crate::options::Options;
use crate::wire::{Voice, Voices};
use crate::{NAME, refusal};

/// The vendor's maximum of one page.
const PAGE: usize = 100;
/// An account with more voices than this is shown the first ones.
const PAGES: usize = 20;

/// All voices of the account: its own, those it saved, and the vendor's defaults.
///
/// # Errors
/// When the vendor refuses or what it answers is no list of voices.
pub async fn voices(options: &Options, client: &Client) -> Result<Vec<VoiceListing>, Error> {
    let mut all = Vec::new();
    let mut token = String::new();
    for _page in 0..PAGES {
        let page = page(options, client, &token).await.map_err(|fault| fault.of(Ability::Tts, NAME))?;
        all.extend(page.voices.into_iter().map(listed));
        match page.next_page_token.filter(|next| page.has_more && !next.is_empty()) {
            Some(next) => token = next,
            None => break,
        }
    }
    Ok(all)
}

async fn page(options: &Options, client: &Client, token: &str) -> Result<Voices, Fault> {
    let mut url = format!("{}/v2/voices?page_size={PAGE}", options.http_base());
    if !token.is_empty() {
        url.push_str(&format!("&next_page_token={}", encoded(token)));
    }
    let request = client.get(&url).header("xi-api-key", options.api_key.expose());
    let (_, body) = client.send(request, refusal::answer).await?;
    json(body).await
}

fn listed(voice: Voice) -> VoiceListing {
    let language = voice.language();
    VoiceListing {
        name: voice.name.unwrap_or_else(|| voice.voice_id.clone()),
        id: voice.voice_id,
        language,
        preview_url: voice.preview_url,
    }
}
