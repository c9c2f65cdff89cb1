//! How a greeting sounds, for who writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use control_api::greeting::GreetingAudio;
use control_server::ports::{self, Speaking, Unspoken};
use domain::{MediaTime, OrgId};
use futures::FutureExt;
use futures::future::BoxFuture;
use greetings::cache::Rendered;
use media_session::sentence;

use super::Greeter;
use crate::adapters::accounts::{OneVoice, wav};
use crate::adapters::catalogue::{Callable, HOME_ENVIRONMENT};

impl ports::Greetings for Greeter {
    fn changed(&self, _: OrgId) {
        self.changed.notify_one();
    }

    fn speak(&self, wanted: Speaking) -> BoxFuture<'_, Result<GreetingAudio, Unspoken>> {
        async move {
            let callable = self.callable(&wanted).await.map_err(Unspoken::Failed)?;
            let mut voices = self.bench.voices_of(&callable);
            let names: Vec<String> = voices.iter().map(name).collect();
            if wanted.voice >= voices.len() {
                return Err(Unspoken::NoVoice(voices.len()));
            }
            let voice = voices.swap_remove(wanted.voice);
            let spoken = self.spoken(&voice, &wanted.text).await;
            let (sound, rendered_ahead) = spoken.map_err(Unspoken::Failed)?;
            let length = MediaTime::from_samples(sound.samples.len() as u64, sound.rate_hz);
            let wav =
                wav(&sound.samples, sound.rate_hz).map_err(|error| Unspoken::Failed(error.to_string()))?;
            Ok(GreetingAudio {
                audio: BASE64.encode(wav),
                voices: names,
                length_ms: length.as_duration().as_secs_f64() * 1_000.0,
                rendered_ahead,
            })
        }
        .boxed()
    }
}

impl Greeter {
    async fn callable(&self, wanted: &Speaking) -> Result<Callable, String> {
        let environment = wanted.environment.as_deref().unwrap_or(HOME_ENVIRONMENT);
        let name = format!("{}/{}@{environment}", wanted.org, wanted.agent);
        if let Some(callable) = self.catalogue.find(&name) {
            return Ok(callable);
        }
        let drafted = self.catalogue.at(wanted.org, &wanted.agent, 0).await;
        let drafted = drafted.map_err(|error| format!("the agent cannot be called: {error:#}"))?;
        drafted.ok_or_else(|| "the agent is neither served nor drafted".to_owned())
    }

    /// The whole text, and whether all of it was there already.
    async fn spoken(&self, voice: &OneVoice, text: &str) -> Result<(Rendered, bool), String> {
        let mut samples: Vec<i16> = Vec::new();
        let (mut rate_hz, mut ahead) = (voice.tts.info().rate_hz, true);
        for text in sentence::cut(text) {
            let clip = match self.shelf.get(&text, &voice.who) {
                Some(clip) => clip,
                None => {
                    ahead = false;
                    let clip = self.shelf.render(voice, &text).await;
                    clip.ok_or_else(|| format!("{} gave no sound", name(voice)))?
                }
            };
            rate_hz = clip.rate_hz;
            samples.extend_from_slice(&clip.samples);
        }
        Ok((Rendered { samples: samples.into(), rate_hz }, ahead))
    }
}

fn name(voice: &OneVoice) -> String {
    let who = &voice.who;
    let parts = [who.provider.as_str(), &who.model, &who.voice.name];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}
