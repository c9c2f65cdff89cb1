//! The voices that an account has.

use providers_api::{Ability, Error, VoiceListing};
use providers_link::Fault;
use providers_link::http::{Client, json};
use providers_link::socket::encoded;

use crate::options::{Options, VERSION};
use crate::wire::{Voice, Voices};
use crate::{NAME, refusal};

/// The vendor's maximum of one page.
const PAGE: usize = 100;
/// Who has more voices than this is shown the first ones.
const PAGES: usize = 20;

/// All voices of the account and the public ones. A preview is only given to who sends the account's key with the request.
///
/// # Errors
/// When the vendor refuses or what it answers is no list of voices.
pub async fn voices(options: &Options, client: &Client) -> Result<Vec<VoiceListing>, Error> {
    let mut all: Vec<VoiceListing> = Vec::new();
    for _page in 0..PAGES {
        let after = all.last().map(|voice| voice.id.clone());
        let page = page(options, client, after).await.map_err(|fault| fault.of(Ability::Tts, NAME))?;
        let has_more = page.has_more && !page.data.is_empty();
        all.extend(page.data.into_iter().map(listed));
        if !has_more {
            break;
        }
    }
    Ok(all)
}

async fn page(options: &Options, client: &Client, after: Option<String>) -> Result<Voices, Fault> {
    let mut url = format!("{}/voices?limit={PAGE}&expand[]=preview_file_url", options.http_base());
    if let Some(after) = after {
        url.push_str(&format!("&starting_after={}", encoded(&after)));
    }
    let request =
        client.get(&url).header("authorization", options.authorization()).header("cartesia-version", VERSION);
    let (_, body) = client.send(request, refusal::answer).await?;
    json(body).await
}

fn listed(voice: Voice) -> VoiceListing {
    VoiceListing {
        name: voice.name.unwrap_or_else(|| voice.id.clone()),
        id: voice.id,
        language: voice.language,
        preview_url: voice.preview_file_url,
    }
}
