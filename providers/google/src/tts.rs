//! Text to speech over `text:synthesize`: a request for each sentence.

mod recital;

use domain::Language;
use futures::FutureExt;
use futures::future::BoxFuture;
use providers_api::{Ability, Error, ProviderInfo, Tts, TtsRequest, TtsStream};
use providers_link::http::json;
use providers_link::{Client, Reciting};

use crate::NAME;
use crate::auth::Auth;
use crate::options::Options;
use crate::wire::Voices;

pub struct GoogleTts {
    options: Options,
    client: Client,
    auth: Auth,
    inner: Reciting<recital::Synthesis>,
}

/// A voice that Google offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVoice {
    /// What a `Voice` is named by.
    pub name: String,
    pub languages: Vec<Language>,
    /// `MALE`, `FEMALE`, `NEUTRAL`; empty where Google does not say.
    pub gender: String,
    /// In Hz, the rate that it was made at.
    pub natural_rate_hz: u32,
}

impl GoogleTts {
    #[must_use]
    pub fn new(options: Options, client: Client) -> Self {
        let info = ProviderInfo {
            name: NAME.to_owned(),
            model: recital::model(&options.voice).to_owned(),
            region: options.location.clone(),
            rate_hz: options.tts_rate_hz,
            ..ProviderInfo::default()
        };
        let auth = Auth::new(client.clone(), &options);
        let synthesis = recital::Synthesis::new(&options, auth.clone());
        let inner = Reciting::new(info, client.clone(), synthesis);
        Self { options, client, auth, inner }
    }

    /// Every voice that Google offers, of one language where one is given.
    ///
    /// # Errors
    /// When Google cannot be reached, refuses, or answers something else.
    pub async fn voices(&self, language: Option<&Language>) -> Result<Vec<ListedVoice>, Error> {
        self.list(language).await.map_err(|fault| fault.of(Ability::Tts, NAME))
    }

    async fn list(&self, language: Option<&Language>) -> Result<Vec<ListedVoice>, providers_link::Fault> {
        self.auth.ready().await?;
        let query = language.map_or_else(String::new, |language| {
            format!("?languageCode={}", providers_link::socket::encoded(&language.0))
        });
        let url = format!("{}/v1/voices{query}", self.options.tts_url().trim_end_matches('/'));
        let mut request = self.client.get(&url);
        for (name, value) in self.auth.headers() {
            request = request.header(name, value.expose());
        }
        let refused = |answer: &providers_link::http::Answer, body: &str| self.auth.judged(answer, body);
        let (_, body) = self.client.send(request, refused).await?;
        let listed: Voices = json(body).await?;
        Ok(listed.voices.into_iter().map(ListedVoice::from).collect())
    }
}

impl Tts for GoogleTts {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    /// A token is fetched here where one is due, so that no sentence waits for it.
    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        async move {
            self.auth.ready().await.map_err(|fault| fault.of(Ability::Tts, NAME))?;
            self.inner.open(request).await
        }
        .boxed()
    }
}

impl From<crate::wire::ListedVoice> for ListedVoice {
    fn from(wire: crate::wire::ListedVoice) -> Self {
        Self {
            name: wire.name,
            languages: wire.language_codes.into_iter().map(Language).collect(),
            gender: wire.ssml_gender,
            natural_rate_hz: wire.natural_sample_rate_hertz,
        }
    }
}
