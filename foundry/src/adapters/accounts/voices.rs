//! The voices of an agent one by one: the first, and those that stand in for it.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Voice;
use greetings::VoiceKey;
use providers_api::{Ability, Tts};
use providers_route::Key;
use providers_route::breaker::Standing;
use tokio::time::Instant;

use super::kept::Kept;
use super::{BUILT_IN, Bench, Binding, Found, Known, tenant};
use crate::adapters::alone::Alone;
use crate::adapters::attempts::Client;
use crate::adapters::catalogue::Callable;

/// One of an agent's voices by itself.
#[derive(Clone)]
pub(crate) struct OneVoice {
    pub(crate) who: VoiceKey,
    /// The provider itself, since a route gives sound when it is due to be played. What is asked of an account is on the books as a call's
    /// requests are.
    pub(crate) tts: Arc<dyn Tts>,
    /// It is not known to fail.
    pub(crate) well: bool,
}

impl Bench {
    /// Something that differs when voices may be others.
    pub(crate) fn stamp(&self) -> String {
        self.accounts.borrow().stamp.clone()
    }

    /// Of an agent, those in its regions.
    pub(crate) fn voices_of(&self, callable: &Callable) -> Vec<OneVoice> {
        let (ready, client) = (&callable.ready, callable.client());
        let chosen = self.within(&client, &ready.providers);
        self.voices(&client, &chosen.tts, &ready.options.voice)
    }

    /// In the order in which they are asked; never none.
    fn voices(&self, client: &Client, bindings: &[Binding], voice: &Voice) -> Vec<OneVoice> {
        let known = Arc::clone(&self.accounts.borrow());
        let mut voices: Vec<OneVoice> = bindings
            .iter()
            .enumerate()
            .filter_map(|(place, binding)| {
                let found = self.found(&known, client.org, binding, Some(&self.own_tts), Kept::tts);
                let Found { provider, vendor } = found.or_warn(client.org, binding)?;
                // A voice is known to its own vendor alone: the agent's is that of the first.
                let name = binding.voice.clone().or_else(|| (place > 0).then(String::new));
                let voice = name.map_or_else(|| voice.clone(), |name| Voice { name, ..voice.clone() });
                let info = provider.info().clone();
                let key = Key::new(tenant(client, binding).into(), Ability::Tts, &info);
                let well = self.health.standing(&key, Instant::now()) != Standing::Open;
                let who = VoiceKey {
                    provider: binding.provider.clone(),
                    account: account(&known, client, binding),
                    model: info.model.clone(),
                    voice,
                };
                if binding.provider == BUILT_IN {
                    return Some(OneVoice { who, tts: provider, well });
                }
                let vendors = HashMap::from([(binding.provider.clone(), vendor)]);
                let books = self.books(client.org, Some(client.clone()), vendors);
                Some(OneVoice { who, tts: Arc::new(Alone::new(provider, books)), well })
            })
            .collect();
        if voices.is_empty() {
            let model = self.own_tts.info().model.clone();
            let (provider, account) = (BUILT_IN.to_owned(), String::new());
            let who = VoiceKey { provider, account, model, voice: voice.clone() };
            voices.push(OneVoice { who, tts: Arc::clone(&self.own_tts), well: true });
        }
        voices
    }
}

/// The account that a binding names, and how it is set; nothing for the built-in models.
fn account(known: &Known, client: &Client, binding: &Binding) -> String {
    let kept = known.accounts.get(&(client.org, binding.provider.clone()));
    kept.map_or_else(String::new, |kept| {
        let options = serde_json::to_string(&kept.account.options).unwrap_or_default();
        format!("{} {} {options}", kept.account.id, kept.account.vendor.name())
    })
}
