//! The root configuration: defaults < file < environment < flags. Each component owns its options; this file only puts them together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::Secret;
use serde::{Deserialize, Serialize};

/// Flags and environment variables of every command that needs a configuration.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Overrides {
    /// Configuration file (TOML). `foundry config dump` prints every key.
    #[arg(long, env = "FOUNDRY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of the page and the API.
    #[arg(long, env = "FOUNDRY_LISTEN", value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// UDP address for the audio of all browsers; the same port as --listen unless given.
    #[arg(long, env = "FOUNDRY_MEDIA_LISTEN", value_name = "ADDR:PORT")]
    media_listen: Option<SocketAddr>,
    /// Address that browsers reach this machine by, where it differs from its own; may be repeated.
    #[arg(long, env = "FOUNDRY_ADVERTISE", value_name = "IP", value_delimiter = ',')]
    advertise: Vec<std::net::IpAddr>,
    /// Certificate chain for HTTPS (PEM).
    #[arg(long, env = "FOUNDRY_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key for HTTPS (PEM).
    #[arg(long, env = "FOUNDRY_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve HTTPS with a certificate made now, for a first try from another machine.
    #[arg(long, env = "FOUNDRY_TLS_SELF_SIGNED", conflicts_with = "tls_cert")]
    tls_self_signed: bool,
    /// Where calls and appointments are kept.
    #[arg(long, env = "FOUNDRY_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where the speech models lie.
    #[arg(long, env = "FOUNDRY_MODELS_DIR", value_name = "DIR")]
    models_dir: Option<PathBuf>,
    /// Web page origin that may embed the voice button, such as https://example.com; may be repeated.
    #[arg(
        long = "allow-origin",
        env = "FOUNDRY_ALLOW_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    allow_origins: Vec<String>,
    /// Who listens and speaks: local models, scripted fakes, or a vendor.
    #[arg(long, env = "FOUNDRY_PROVIDERS", value_enum)]
    providers: Option<Speech>,
    /// At most this many calls at once; measured at start unless given.
    #[arg(long, env = "FOUNDRY_MAX_CALLS", value_name = "N")]
    max_calls: Option<usize>,
    /// Log filter, such as info or info,media_session=debug.
    #[arg(long, env = "FOUNDRY_LOG", value_name = "FILTER")]
    log: Option<String>,
    #[arg(long, env = "FOUNDRY_LOG_FORMAT", value_name = "text|json")]
    log_format: Option<runtime::telemetry::Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Speech {
    /// The embedded models: no key, no network.
    Local,
    /// Scripted and exactly timed, for trials and tests: hears and speaks tones, not words.
    Fake,
    Deepgram,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Detector {
    /// Level alone: needs no model.
    Energy,
    /// A model in this process behind the level gate.
    Neural,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) providers: Providers,
    pub(crate) calls: Calls,
    pub(crate) session: media_session::Options,
    /// Where calls and appointments are kept.
    pub(crate) data_dir: PathBuf,
    /// Where the speech models lie; the cache folder of the user unless given.
    pub(crate) models_dir: Option<PathBuf>,
    /// Folder of agent definitions (*.json) served beside the shipped ones.
    pub(crate) agents_dir: Option<PathBuf>,
    pub(crate) log: runtime::telemetry::Options,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Address of the page and the API.
    pub(crate) listen: SocketAddr,
    /// UDP address for the audio of all browsers; all interfaces at the port of `listen` unless given.
    pub(crate) media_listen: Option<SocketAddr>,
    /// Addresses that browsers reach this machine by, where they differ from its own.
    pub(crate) advertise: Vec<std::net::IpAddr>,
    pub(crate) tls: Tls,
    /// Origins of pages that may embed the voice button.
    pub(crate) allowed_origins: Vec<String>,
    /// How long current calls may go on after SIGTERM, in seconds.
    pub(crate) drain_seconds: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) self_signed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Providers {
    pub(crate) speech: Speech,
    /// Who decides that someone speaks, where vendors listen. The embedded models bring their own.
    pub(crate) vad: Detector,
    pub(crate) local: providers_local::Options,
    pub(crate) fake: Fake,
    pub(crate) deepgram: Deepgram,
}

/// Scripts of the fakes; see their own documentation for each value.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Fake {
    pub(crate) stt: providers_fake::SttOptions,
    pub(crate) tts: providers_fake::TtsOptions,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Deepgram {
    #[serde(skip_serializing)]
    pub(crate) api_key: Option<Secret<String>>,
    pub(crate) base_url: String,
    pub(crate) stt_model: String,
    pub(crate) tts_model: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Calls {
    /// At most this many at once; measured at start where the embedded models listen and speak.
    pub(crate) max: Option<usize>,
    /// Finished calls whose logs are kept; the oldest go first. 0 keeps all.
    pub(crate) keep: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: Server::default(),
            providers: Providers::default(),
            calls: Calls { max: None, keep: 1000 },
            session: session_defaults(),
            data_dir: PathBuf::from("data"),
            models_dir: None,
            agents_dir: None,
            log: runtime::telemetry::Options::default(),
        }
    }
}

/// Graphs without a language model think in microseconds and without effects: guessing costs next to nothing and saves
/// the caller the wait for synthesis.
fn session_defaults() -> media_session::Options {
    let mut options = media_session::Options::default();
    options.turn.speculation.enabled = true;
    options.speak_ahead = true;
    options
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7860)),
            media_listen: None,
            advertise: Vec::new(),
            tls: Tls::default(),
            allowed_origins: Vec::new(),
            drain_seconds: 60,
        }
    }
}

impl Default for Providers {
    fn default() -> Self {
        Self {
            speech: Speech::Local,
            vad: Detector::Energy,
            local: providers_local::Options::default(),
            fake: Fake::default(),
            deepgram: Deepgram::default(),
        }
    }
}

impl Default for Deepgram {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: "wss://api.deepgram.com".to_owned(),
            stt_model: "nova-3".to_owned(),
            tts_model: "aura-2-thalia-en".to_owned(),
        }
    }
}

impl Config {
    /// Composes the configuration from its file, the environment and the flags.
    ///
    /// # Errors
    /// When the file cannot be read or names an unknown key, or a value is out of its range.
    pub(crate) fn load(overrides: Overrides) -> anyhow::Result<Self> {
        let mut config = match &overrides.config {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        config.vendor_environment(|name| std::env::var(name).ok());
        config.apply(overrides);
        config.validate()?;
        Ok(config)
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("reading the configuration {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("in the configuration {}", path.display()))
    }

    /// The names that users of these vendors already have in their environment.
    fn vendor_environment(&mut self, variable: impl Fn(&str) -> Option<String>) {
        if let Some(key) = variable("DEEPGRAM_API_KEY") {
            self.providers.deepgram.api_key = Some(Secret::new(key));
        }
        if let Some(url) = variable("DEEPGRAM_BASE_URL") {
            self.providers.deepgram.base_url = url;
        }
    }

    fn apply(&mut self, overrides: Overrides) {
        fn set<T>(slot: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *slot = value;
            }
        }
        set(&mut self.server.listen, overrides.listen);
        set(&mut self.providers.speech, overrides.providers);
        set(&mut self.data_dir, overrides.data_dir);
        set(&mut self.log.filter, overrides.log);
        set(&mut self.log.format, overrides.log_format);
        self.server.media_listen = overrides.media_listen.or(self.server.media_listen);
        self.models_dir = overrides.models_dir.or(self.models_dir.take());
        self.calls.max = overrides.max_calls.or(self.calls.max);
        if !overrides.advertise.is_empty() {
            self.server.advertise = overrides.advertise;
        }
        if !overrides.allow_origins.is_empty() {
            self.server.allowed_origins = overrides.allow_origins;
        }
        if overrides.tls_cert.is_some() {
            self.server.tls = Tls { cert: overrides.tls_cert, key: overrides.tls_key, self_signed: false };
        } else if overrides.tls_self_signed {
            self.server.tls = Tls { self_signed: true, ..Tls::default() };
        }
    }

    fn validate(&self) -> anyhow::Result<()> {
        let tls = &self.server.tls;
        anyhow::ensure!(
            tls.cert.is_some() == tls.key.is_some(),
            "server.tls needs both cert and key, or neither"
        );
        anyhow::ensure!(
            !(tls.self_signed && tls.cert.is_some()),
            "server.tls.self_signed cannot go with cert and key"
        );
        anyhow::ensure!(self.calls.max != Some(0), "calls.max must be at least 1");
        for origin in &self.server.allowed_origins {
            let ok = origin.split_once("://").is_some_and(|(scheme, host)| {
                matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', '?', '#'])
            });
            anyhow::ensure!(
                ok,
                "allowed origin {origin:?} must look like https://example.com, without a path"
            );
        }
        self.providers.local.validate().map_err(|wrong| anyhow::anyhow!("in [providers.local]: {wrong}"))?;
        self.session.validate().map_err(|wrong| anyhow::anyhow!("in [session]: {wrong}"))?;
        Ok(())
    }

    /// The effective configuration as TOML, without secrets.
    pub(crate) fn dump(&self) -> anyhow::Result<String> {
        let mut text = toml::to_string_pretty(self).context("printing the configuration")?;
        let key = if self.providers.deepgram.api_key.is_some() { "[secret]" } else { "not set" };
        text.push_str(&format!("\n# providers.deepgram.api_key: {key}\n"));
        Ok(text)
    }

    /// The UDP address that carries the audio of all browsers.
    pub(crate) fn media_listen(&self) -> SocketAddr {
        // All interfaces: browsers do not offer loopback candidates, so even a local browser comes in by another address.
        self.server
            .media_listen
            .unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], self.server.listen.port())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let mut config: Config =
            toml::from_str("data_dir = \"/srv\"\n[calls]\nmax = 3\n").expect("well-formed");
        config.apply(Overrides { max_calls: Some(5), ..Overrides::default() });
        assert_eq!((config.calls.max, config.data_dir), (Some(5), PathBuf::from("/srv")));
        assert_eq!(config.server, Server::default());
    }

    #[test]
    fn the_dump_is_read_back_and_shows_no_key() {
        let mut config = Config::default();
        config.vendor_environment(|name| (name == "DEEPGRAM_API_KEY").then(|| "dg-very-secret".to_owned()));
        let dump = config.dump().expect("printable");
        assert!(!dump.contains("very-secret"));
        assert!(dump.contains("[secret]"));
        let again: Config = toml::from_str(&dump).expect("the dump is a configuration");
        assert_eq!(again.server, config.server);
    }

    #[test]
    fn an_unknown_key_and_a_bad_origin_are_refused_by_name() {
        let unknown = toml::from_str::<Config>("[server]\nlisten_on = 1\n").expect_err("unknown");
        assert!(unknown.to_string().contains("listen_on"));
        let mut config = Config::default();
        config.server.allowed_origins = vec!["example.com/path".to_owned()];
        assert!(config.validate().expect_err("no scheme").to_string().contains("example.com/path"));
    }

    #[test]
    fn what_a_component_cannot_work_with_is_refused_before_it_starts() {
        for (text, named) in [
            ("[providers.local.inference]\nniceness = 40\n", "inference.niceness"),
            ("[session]\nreattach_s = 0\n", "session.reattach_s"),
        ] {
            let config: Config = toml::from_str(text).expect("well-formed");
            let refused = config.validate().expect_err("out of range").to_string();
            assert!(refused.contains(named), "{refused}");
        }
    }
}
