//! From an account at a vendor to whoever listens, thinks or speaks: the one place that knows every vendor by name.

use std::sync::Arc;

use control_api::provider_account::{Ability, AccountOptions, Vendor, VendorAbout, VoiceChoice};
use control_server::GivenAccount;
use control_server::ports::Account;
use domain::Secret;
use providers_api::voices::VoiceListing;
use providers_api::{Llm, SpeechModel, Stt, Tts};
use providers_link::{Client, Pool};

/// What is needed to reach any vendor. Cheap to clone; connections are shared.
#[derive(Clone)]
pub(crate) struct Reach {
    pub(crate) client: Client,
    pub(crate) pool: Pool,
}

/// Why an account serves nobody, for people.
pub(crate) type Unfit = String;

pub(crate) fn stt(reach: &Reach, account: &Account, model: Option<&str>) -> Result<Arc<dyn Stt>, Unfit> {
    let options = &account.options;
    let model = model.or(options.stt_model.as_deref());
    Ok(match account.vendor {
        Vendor::Deepgram => Arc::new(providers_deepgram::DeepgramStt::new(deepgram(account, model, None)?)),
        Vendor::Assemblyai => {
            let mut own = providers_assemblyai::Options::new(key(account)?);
            set(&mut own.base_url, options.base_url.as_deref());
            set(&mut own.model, model);
            Arc::new(providers_assemblyai::stt(own))
        }
        Vendor::Azure => {
            let mut own = azure(account)?;
            own.endpoint_id = model.map(str::to_owned);
            Arc::new(providers_azure::stt(own))
        }
        Vendor::Google => {
            let mut own = google(account)?;
            set(&mut own.stt_model, model);
            Arc::new(providers_google::GoogleStt::new(own, reach.client.clone()))
        }
        Vendor::Openai => {
            let mut own = providers_openai::RealtimeOptions::default();
            set(&mut own.model, model);
            Arc::new(providers_openai::realtime(openai(account)?, own))
        }
        Vendor::OpenaiCompatible => {
            let mut own = providers_openai::TranscribeOptions::default();
            set(&mut own.model, model);
            Arc::new(providers_openai::OpenAiStt::new(openai(account)?, own, reach.client.clone()))
        }
        other => return Err(cannot(other, "listen")),
    })
}

pub(crate) fn tts(reach: &Reach, account: &Account, model: Option<&str>) -> Result<Arc<dyn Tts>, Unfit> {
    let options = &account.options;
    let model = model.or(options.tts_model.as_deref());
    let voice = options.voice.as_deref();
    Ok(match account.vendor {
        Vendor::Deepgram => {
            let own = deepgram(account, None, voice.or(model))?;
            Arc::new(providers_deepgram::DeepgramTts::new(own, reach.pool.clone()))
        }
        Vendor::Elevenlabs => {
            let own = elevenlabs(account, model)?;
            // The newest models have no socket.
            if own.model.starts_with("eleven_v3") {
                Arc::new(providers_elevenlabs::reciting(own, reach.client.clone()))
            } else {
                Arc::new(providers_elevenlabs::speaking(own, reach.pool.clone()))
            }
        }
        Vendor::Cartesia => {
            Arc::new(providers_cartesia::speaking(cartesia(account, model)?, reach.pool.clone()))
        }
        Vendor::Azure => {
            let mut own = azure(account)?;
            own.deployment_id = model.map(str::to_owned);
            Arc::new(providers_azure::tts(own, reach.client.clone()))
        }
        Vendor::Google => Arc::new(providers_google::GoogleTts::new(google(account)?, reach.client.clone())),
        Vendor::Openai | Vendor::OpenaiCompatible => {
            let mut own = providers_openai::TtsOptions::default();
            set(&mut own.model, model);
            set(&mut own.voice, voice);
            Arc::new(providers_openai::speech(openai(account)?, own, reach.client.clone()))
        }
        other => return Err(cannot(other, "speak")),
    })
}

pub(crate) fn llm(reach: &Reach, account: &Account, model: Option<&str>) -> Result<Arc<dyn Llm>, Unfit> {
    let options = &account.options;
    let model = model.or(options.llm_model.as_deref());
    Ok(match account.vendor {
        Vendor::Anthropic => {
            let mut own = providers_anthropic::Options::new(key(account)?);
            set(&mut own.base_url, options.base_url.as_deref());
            set(&mut own.model, model);
            Arc::new(providers_anthropic::AnthropicLlm::new(own, reach.client.clone()))
        }
        Vendor::Gemini => {
            let mut own = providers_google::GeminiOptions::new(key(account)?);
            set(&mut own.base_url, options.base_url.as_deref());
            set(&mut own.model, model);
            Arc::new(providers_google::GeminiLlm::new(own, reach.client.clone()))
        }
        Vendor::Openai | Vendor::AzureOpenai | Vendor::OpenaiCompatible => {
            let whose = openai(account)?;
            let model = model.or((account.vendor == Vendor::Openai).then_some(OPENAI_LLM));
            let model =
                model.ok_or_else(|| format!("the account {:?} needs an `llm_model`", account.name))?;
            let own = providers_openai::LlmOptions::new(&whose, model);
            Arc::new(providers_openai::OpenAiLlm::new(whose, own, reach.client.clone()))
        }
        other => return Err(cannot(other, "think")),
    })
}

/// A model that hears and speaks.
pub(crate) fn speech(account: &Account, model: Option<&str>) -> Result<Arc<dyn SpeechModel>, Unfit> {
    let mut own = providers_openai::ConversationOptions::default();
    match account.vendor {
        Vendor::Openai => set(&mut own.model, model),
        // Of a deployment there is no usual name.
        Vendor::AzureOpenai => {
            let name = || format!("name the deployment for the account {:?} as `model`", account.name);
            own.model = model.ok_or_else(name)?.to_owned();
        }
        other => return Err(cannot(other, "hear and speak in one")),
    }
    Ok(Arc::new(providers_openai::conversation(openai(account)?, own)))
}

/// Accounts for the keys that the environment holds under the names their users know: `OPENAI_API_KEY` and, where the service is not
/// the vendor's own, `OPENAI_BASE_URL`.
pub(crate) fn given(variable: impl Fn(&str) -> Option<String>) -> Vec<GivenAccount> {
    let set =
        |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let account = |about: VendorAbout| {
        let name = about.key_variable?;
        let key = set(&name)?;
        let stem = name.trim_end_matches("_API_KEY").trim_end_matches("_KEY");
        let key = match about.vendor {
            // A path to a file, as Google's own programs have it.
            Vendor::Google => std::fs::read_to_string(&key)
                .inspect_err(|error| tracing::warn!(%error, "GOOGLE_APPLICATION_CREDENTIALS cannot be read"))
                .ok()?,
            _ => key,
        };
        let options = AccountOptions {
            base_url: set(&format!("{stem}_BASE_URL")).or_else(|| set(&format!("{stem}_ENDPOINT"))),
            region: set(&format!("{stem}_REGION")),
            llm_model: set(&format!("{stem}_MODEL")).or_else(|| set(&format!("{stem}_DEPLOYMENT"))),
            ..AccountOptions::default()
        };
        let misses = about.needs_region && options.region.is_none() && options.base_url.is_none()
            || about.needs_base_url && options.base_url.is_none();
        if misses {
            tracing::warn!(
                variable = name,
                "no account is made: its region ({stem}_REGION) or address ({stem}_BASE_URL) is not set"
            );
            return None;
        }
        let name = about.vendor.name().replace('_', "-");
        Some(GivenAccount { name, vendor: about.vendor, options, key: Secret::new(key) })
    };
    all().into_iter().filter_map(account).collect()
}

/// The voices that a vendor offers an account; those of fixed voices by their names.
pub(crate) async fn voices(reach: &Reach, account: &Account) -> Result<Vec<VoiceChoice>, Unfit> {
    let listed = |found: Vec<VoiceListing>| {
        let choice = |voice: VoiceListing| VoiceChoice {
            id: voice.id,
            name: voice.name,
            language: voice.language,
            preview_url: voice.preview_url,
        };
        found.into_iter().map(choice).collect()
    };
    let failed = |error: providers_api::Error| error.to_string();
    match account.vendor {
        Vendor::Elevenlabs => providers_elevenlabs::voices(&elevenlabs(account, None)?, &reach.client)
            .await
            .map(listed)
            .map_err(failed),
        Vendor::Cartesia => providers_cartesia::voices(&cartesia(account, None)?, &reach.client)
            .await
            .map(listed)
            .map_err(failed),
        Vendor::Azure => {
            let found = providers_azure::voices(&azure(account)?, &reach.client).await.map_err(failed)?;
            let choice = |voice: providers_azure::Offered| VoiceChoice {
                id: voice.name.clone(),
                name: voice.name,
                language: voice.locales.into_iter().next(),
                preview_url: None,
            };
            Ok(found.into_iter().map(choice).collect())
        }
        Vendor::Google => {
            let tts = providers_google::GoogleTts::new(google(account)?, reach.client.clone());
            let found = tts.voices(None).await.map_err(failed)?;
            let choice = |voice: providers_google::ListedVoice| VoiceChoice {
                id: voice.name.clone(),
                name: voice.name,
                language: voice.languages.into_iter().next().map(|language| language.0),
                preview_url: None,
            };
            Ok(found.into_iter().map(choice).collect())
        }
        Vendor::Openai => Ok(named(&OPENAI_VOICES)),
        Vendor::Deepgram => Ok(named(&DEEPGRAM_VOICES)),
        other => Err(cannot(other, "speak, or has no list of voices")),
    }
}

/// Documented for `gpt-4o-mini-tts`; the API has no list.
const OPENAI_VOICES: [&str; 11] =
    ["alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse"];
/// Some of those documented for Aura-2; the API has no list for a key.
const DEEPGRAM_VOICES: [&str; 6] = [
    "aura-2-thalia-en",
    "aura-2-andromeda-en",
    "aura-2-apollo-en",
    "aura-2-arcas-en",
    "aura-2-helena-en",
    "aura-2-zeus-en",
];

fn named(names: &[&str]) -> Vec<VoiceChoice> {
    let choice = |name: &&str| VoiceChoice {
        id: (*name).to_owned(),
        name: (*name).to_owned(),
        language: None,
        preview_url: None,
    };
    names.iter().map(choice).collect()
}

const OPENAI_LLM: &str = "gpt-4.1-mini";

fn key(account: &Account) -> Result<Secret<String>, Unfit> {
    account.key.clone().ok_or_else(|| format!("the account {:?} has no key: enter one", account.name))
}

fn set(slot: &mut String, value: Option<&str>) {
    if let Some(value) = value {
        value.clone_into(slot);
    }
}

fn cannot(vendor: Vendor, what: &str) -> Unfit {
    format!("{} does not {what} here", about(vendor).title)
}

fn deepgram(
    account: &Account,
    stt_model: Option<&str>,
    voice: Option<&str>,
) -> Result<providers_deepgram::Options, Unfit> {
    let mut own = providers_deepgram::Options::new(key(account)?);
    set(&mut own.base_url, account.options.base_url.as_deref());
    set(&mut own.stt_model, stt_model);
    set(&mut own.tts_model, voice);
    Ok(own)
}

fn elevenlabs(account: &Account, model: Option<&str>) -> Result<providers_elevenlabs::Options, Unfit> {
    let mut own = providers_elevenlabs::Options::new(key(account)?);
    set(&mut own.base_url, account.options.base_url.as_deref());
    set(&mut own.model, model);
    set(&mut own.voice, account.options.voice.as_deref());
    set(&mut own.region, account.options.region.as_deref());
    Ok(own)
}

fn cartesia(account: &Account, model: Option<&str>) -> Result<providers_cartesia::Options, Unfit> {
    let mut own = providers_cartesia::Options::new(key(account)?);
    set(&mut own.base_url, account.options.base_url.as_deref());
    set(&mut own.model, model);
    set(&mut own.voice, account.options.voice.as_deref());
    set(&mut own.region, account.options.region.as_deref());
    Ok(own)
}

fn azure(account: &Account) -> Result<providers_azure::Options, Unfit> {
    let region = account.options.region.as_deref().unwrap_or_default();
    let mut own = providers_azure::Options::new(key(account)?, region);
    set(&mut own.voice, account.options.voice.as_deref());
    Ok(match &account.options.base_url {
        Some(base) => own.at(base),
        None => own,
    })
}

fn google(account: &Account) -> Result<providers_google::Options, Unfit> {
    let secret = key(account)?;
    let credentials = if secret.expose().trim_start().starts_with('{') {
        providers_google::Credentials::service_account(&secret).map_err(|error| error.to_string())?
    } else {
        providers_google::Credentials::api_key(secret)
    };
    let mut own = providers_google::Options::new(credentials);
    set(&mut own.location, account.options.region.as_deref());
    set(&mut own.voice, account.options.voice.as_deref());
    if let Some(base) = &account.options.base_url {
        own.stt_base_url = Some(base.clone());
        own.tts_base_url = Some(base.clone());
    }
    Ok(own)
}

fn openai(account: &Account) -> Result<providers_openai::Options, Unfit> {
    let base = account.options.base_url.as_deref();
    let needs_address = || format!("the account {:?} needs a `base_url`", account.name);
    let mut own = match account.vendor {
        Vendor::AzureOpenai => {
            providers_openai::Options::azure(key(account)?, base.ok_or_else(needs_address)?)
        }
        Vendor::OpenaiCompatible => {
            let base = base.ok_or_else(needs_address)?;
            // By its vendor, as all others: metrics and what is learned go by names of which there are so many as vendors.
            let name = account.vendor.name();
            providers_openai::Options::compatible(name, account.key.clone(), base)
        }
        _ => {
            let mut own = providers_openai::Options::new(key(account)?);
            set(&mut own.base_url, base);
            own
        }
    };
    set(&mut own.region, account.options.region.as_deref());
    own.validate()?;
    Ok(own)
}

pub(crate) fn all() -> Vec<VendorAbout> {
    Vendor::ALL.into_iter().map(about).collect()
}

fn about(vendor: Vendor) -> VendorAbout {
    use Ability::{Llm, Stt, Tts};
    let (title, abilities, variable): (_, &[Ability], _) = match vendor {
        Vendor::Anthropic => ("Anthropic", &[Llm], Some("ANTHROPIC_API_KEY")),
        Vendor::Assemblyai => ("AssemblyAI", &[Stt], Some("ASSEMBLYAI_API_KEY")),
        Vendor::Azure => ("Azure Speech", &[Stt, Tts], Some("AZURE_SPEECH_KEY")),
        Vendor::AzureOpenai => ("Azure OpenAI", &[Llm], Some("AZURE_OPENAI_API_KEY")),
        Vendor::Cartesia => ("Cartesia", &[Tts], Some("CARTESIA_API_KEY")),
        Vendor::Deepgram => ("Deepgram", &[Stt, Tts], Some("DEEPGRAM_API_KEY")),
        Vendor::Elevenlabs => ("ElevenLabs", &[Tts], Some("ELEVENLABS_API_KEY")),
        Vendor::Gemini => ("Google Gemini", &[Llm], Some("GEMINI_API_KEY")),
        Vendor::Google => ("Google Cloud Speech", &[Stt, Tts], Some("GOOGLE_APPLICATION_CREDENTIALS")),
        Vendor::Openai => ("OpenAI", &[Stt, Llm, Tts], Some("OPENAI_API_KEY")),
        Vendor::OpenaiCompatible => ("A server that speaks OpenAI's protocol", &[Stt, Llm, Tts], None),
        Vendor::Telnyx => ("Telnyx (telephone calls)", &[], None),
        Vendor::Twilio => ("Twilio (telephone calls)", &[], None),
    };
    let text = |text: &str| Some(text.to_owned());
    let (stt_model, llm_model, tts_model, voice) = match vendor {
        Vendor::Assemblyai => (text("universal-streaming-english"), None, None, None),
        Vendor::Deepgram => (text("nova-3"), None, None, text("aura-2-thalia-en")),
        Vendor::Elevenlabs => (None, None, text("eleven_flash_v2_5"), None),
        Vendor::Openai => {
            (text("gpt-4o-mini-transcribe"), text(OPENAI_LLM), text("gpt-4o-mini-tts"), text("alloy"))
        }
        Vendor::Cartesia => (None, None, text("sonic-3.5"), None),
        Vendor::Azure => (None, None, None, text("en-US-AvaMultilingualNeural")),
        Vendor::Google => (text("latest_long"), None, None, text("en-US-Chirp3-HD-Achernar")),
        _ => (None, None, None, None),
    };
    VendorAbout {
        vendor,
        title: title.to_owned(),
        abilities: abilities.to_vec(),
        needs_key: vendor != Vendor::OpenaiCompatible,
        needs_region: vendor == Vendor::Azure,
        needs_base_url: matches!(vendor, Vendor::AzureOpenai | Vendor::OpenaiCompatible),
        key_variable: variable.map(str::to_owned),
        stt_model,
        llm_model,
        tts_model,
        voice,
    }
}

#[cfg(test)]
mod tests {
    use domain::{OrgId, ProviderAccountId};

    use super::*;

    fn account(vendor: Vendor) -> Account {
        Account {
            org: OrgId::generate(),
            id: ProviderAccountId::generate(),
            name: vendor.name().replace('_', "-"),
            vendor,
            options: AccountOptions {
                base_url: Some("http://127.0.0.1:9".to_owned()),
                region: Some("westeurope".to_owned()),
                llm_model: Some("a-model".to_owned()),
                ..AccountOptions::default()
            },
            key: Some(Secret::new("key".to_owned())),
        }
    }

    #[test]
    fn keys_of_the_environment_make_accounts_and_what_lacks_its_region_does_not() {
        let variables = [
            ("OPENAI_API_KEY", "sk-1"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"),
            ("AZURE_SPEECH_KEY", "az"),
            ("ANTHROPIC_API_KEY", " "),
            ("ELEVENLABS_API_KEY", "el"),
        ];
        let given = given(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        let names: Vec<&str> = given.iter().map(|account| account.name.as_str()).collect();
        assert_eq!(names, ["elevenlabs", "openai"]);
        assert_eq!(given[1].options.base_url.as_deref(), Some("http://127.0.0.1:1/v1"));
        let with_region = super::given(|name| match name {
            "AZURE_SPEECH_KEY" => Some("az".to_owned()),
            "AZURE_SPEECH_REGION" => Some("westeurope".to_owned()),
            _ => None,
        });
        assert_eq!(with_region[0].options.region.as_deref(), Some("westeurope"));
    }

    #[tokio::test]
    async fn each_vendor_can_what_it_is_said_to_and_nothing_else() {
        let tasks = runtime::Tasks::new();
        let reach =
            Reach { client: Client::new(providers_link::http::Options::default()), pool: Pool::new(&tasks) };
        for about in all() {
            let account = account(about.vendor);
            let can = |ability| about.abilities.contains(&ability);
            assert_eq!(stt(&reach, &account, None).is_ok(), can(Ability::Stt), "{}", about.title);
            assert_eq!(llm(&reach, &account, None).is_ok(), can(Ability::Llm), "{}", about.title);
            assert_eq!(tts(&reach, &account, None).is_ok(), can(Ability::Tts), "{}", about.title);
            let speaks = matches!(about.vendor, Vendor::Openai | Vendor::AzureOpenai);
            assert_eq!(speech(&account, Some("a-model")).is_ok(), speaks, "{}", about.title);
        }
    }
}
