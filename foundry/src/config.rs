//! The root configuration: defaults < file < environment < flags. Each component owns its options; this file only puts them together.

mod livekit;
mod sip;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use control_server::GivenAccount;
use control_server::IceSource;
use domain::{Failure, Retry, Secret};
use serde::{Deserialize, Serialize};

use livekit::LiveKit;
use sip::Sip;

use crate::cmd::coded;
use crate::overlay;
use crate::vendors;

/// Flags and environment variables of every command that needs a configuration.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Overrides {
    /// Configuration file (TOML). `foundry config dump` prints every key.
    #[arg(long, env = "FOUNDRY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of the page and the API.
    #[arg(long, env = "FOUNDRY_LISTEN", value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// UDP address for the audio of all browsers; every interface at the port of --listen unless given.
    #[arg(long, env = "FOUNDRY_MEDIA_LISTEN", value_name = "IP:PORT")]
    media_listen: Option<SocketAddr>,
    /// Address of SIP (UDP and TCP) for phone calls; none are taken unless given.
    #[arg(long, env = "FOUNDRY_SIP_LISTEN", value_name = "IP:PORT")]
    sip_listen: Option<SocketAddr>,
    /// Connect phones to any agent they ask for by name, such as sip:front-desk@127.0.0.1; on a loopback address alone.
    #[arg(long, env = "FOUNDRY_SIP_OPEN", requires = "sip_listen")]
    sip_open: bool,
    /// UDP ports for the audio of phone calls; the even ones are used, one for each call.
    #[arg(long, env = "FOUNDRY_SIP_RTP", value_name = "FIRST-LAST", value_parser = ports)]
    sip_rtp: Option<(u16, u16)>,
    /// A LiveKit server whose rooms may ask for the agents, such as wss://livekit.example.com.
    #[arg(long, env = "LIVEKIT_URL", value_name = "URL")]
    livekit_url: Option<String>,
    /// What the LiveKit server knows us by. Others on the machine can read a command line: prefer the environment.
    #[arg(long, env = "LIVEKIT_API_KEY", value_name = "KEY", hide_env_values = true)]
    livekit_api_key: Option<String>,
    #[arg(long, env = "LIVEKIT_API_SECRET", value_name = "SECRET", hide_env_values = true, value_parser = secret)]
    livekit_api_secret: Option<Secret<String>>,
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
    /// Where calls, appointments and the operator's token are kept.
    #[arg(long, env = "FOUNDRY_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// An existing PostgreSQL (15 or newer) in place of the private one, such as postgres://user:password@host/database. Others on the
    /// machine can read a command line: prefer the environment.
    #[arg(long, env = "FOUNDRY_DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = secret)]
    database_url: Option<Secret<String>>,
    /// A Redis through which several servers tell each other of vendors that fail, such as redis://host:6379/0.
    #[arg(long, env = "FOUNDRY_REDIS_URL", value_name = "URL", hide_env_values = true, value_parser = secret)]
    redis_url: Option<Secret<String>>,
    /// Folder of PostgreSQL's programs for the private database; looked for unless given.
    #[arg(long, env = "FOUNDRY_POSTGRES_BIN", value_name = "DIR")]
    postgres_bin: Option<PathBuf>,
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
    /// How clients reach the server, such as https://voice.example.com, where a proxy hides it.
    #[arg(long, env = "FOUNDRY_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// How carriers reach this very server, such as https://one.voice.example.com, where several are behind the public URL.
    #[arg(long, env = "FOUNDRY_OWN_URL", value_name = "URL")]
    own_url: Option<String>,
    /// Whether the server's own pages and programs may call without a token. On a closed server the operator gives them out.
    #[arg(long, env = "FOUNDRY_OPEN", value_name = "true|false")]
    open: Option<bool>,
    /// Lets its bearer read calls and metrics, and call; made and kept in the data directory unless given. Others on the
    /// machine can read a command line: prefer the environment.
    #[arg(long, env = "FOUNDRY_OPERATOR_TOKEN", value_name = "TOKEN", hide_env_values = true, value_parser = secret)]
    operator_token: Option<Secret<String>>,
    /// Signs the tokens of pages and calls; made and kept in the data directory unless given.
    #[arg(long, env = "FOUNDRY_TOKEN_KEY", value_name = "KEY", hide_env_values = true, value_parser = secret)]
    token_key: Option<Secret<String>>,
    /// Seals vendors' keys and other secrets in the database; made and kept in the data directory unless given. Without it they cannot
    /// be opened again.
    #[arg(long, env = "FOUNDRY_MASTER_KEY", value_name = "KEY", hide_env_values = true, value_parser = secret)]
    master_key: Option<Secret<String>>,
    /// STUN or TURN server that clients are told of, such as stun:stun.example.com:3478; may be repeated. Credentials go into
    /// the configuration file.
    #[arg(long = "ice-server", env = "FOUNDRY_ICE_SERVERS", value_name = "URL", value_delimiter = ',')]
    ice_servers: Vec<String>,
    /// Who listens and speaks: local models, scripted fakes, or a vendor.
    #[arg(long, env = "FOUNDRY_PROVIDERS", value_enum)]
    providers: Option<Speech>,
    /// At most this many calls at once. With the embedded models never more than this machine was measured to carry.
    #[arg(long, env = "FOUNDRY_MAX_CALLS", value_name = "N")]
    max_calls: Option<usize>,
    /// Log filter, such as info or info,media_session=debug.
    #[arg(long, env = "FOUNDRY_LOG", value_name = "FILTER")]
    log: Option<String>,
    #[arg(long, env = "FOUNDRY_LOG_FORMAT", value_name = "text|json")]
    log_format: Option<runtime::telemetry::Format>,
}

/// A parser of clap, which may fail; this one never does.
pub(crate) fn secret(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}

fn ports(text: &str) -> Result<(u16, u16), String> {
    let range =
        text.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    range.ok_or_else(|| "two ports are wanted, such as 20000-20999".to_owned())
}

/// Why there is no configuration to go by.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read the configuration {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("in the configuration {}", path.display())]
    File { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{0}")]
    Value(String),
}

impl Error {
    pub(crate) const fn failure(&self) -> Failure {
        match self {
            Self::Unreadable { .. } => Failure::platform("CONFIG_UNREADABLE", Retry::Never),
            Self::File { .. } | Self::Value(_) => Failure::platform("CONFIG_INVALID", Retry::Never),
        }
    }
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
    pub(crate) store: Store,
    pub(crate) recordings: Recordings,
    pub(crate) sip: Sip,
    pub(crate) livekit: LiveKit,
    pub(crate) session: media_session::Options,
    /// Where calls, appointments and the operator's token are kept.
    pub(crate) data_dir: PathBuf,
    /// Where the speech models lie; the cache folder of the user unless given.
    pub(crate) models_dir: Option<PathBuf>,
    /// Folder of agent definitions (*.json) served beside the shipped ones.
    pub(crate) agents_dir: Option<PathBuf>,
    pub(crate) log: runtime::telemetry::Options,
    /// Accounts at vendors whose keys are in the environment: made for the default organization at the first start.
    #[serde(skip)]
    pub(crate) accounts: Vec<GivenAccount>,
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
    /// Whether the server's own pages and programs may call without a token. On a closed server the operator gives them out.
    pub(crate) open: bool,
    /// Connections at once from one address, an IPv6 network being one; 0 sets no limit. This machine's own are not
    /// counted. Where a proxy elsewhere brings all callers, give 0.
    pub(crate) connections_per_address: usize,
    /// Calls over WebRTC that were answered and have not connected yet, likewise.
    pub(crate) connecting_per_address: usize,
    /// Requests to the API that a key, or the operator, may make in a minute; heavy ones count more.
    pub(crate) requests_per_minute: u32,
    /// Keys and tokens that are none which an address may send in a minute, likewise; 0 sets no limit.
    pub(crate) wrong_keys_per_address: u32,
    /// How clients reach the server, such as `https://voice.example.com`, where a proxy hides it. Calls out by carriers need it.
    pub(crate) public_url: Option<String>,
    /// How carriers reach this very server, such as `https://one.voice.example.com`, where several are behind `public_url`: what they say later of its
    /// calls, and their audio, comes here.
    pub(crate) own_url: Option<String>,
    /// Lets its bearer read calls and metrics, call, and give others tokens to call with; at least 16 characters. Unless
    /// given, one is made and kept in the data directory.
    #[serde(skip_serializing)]
    pub(crate) operator_token: Option<Secret<String>>,
    /// Signs the tokens of pages and calls; at least 16 characters. Made and kept in the data directory unless given.
    #[serde(skip_serializing)]
    pub(crate) token_key: Option<Secret<String>>,
    /// STUN and TURN servers that clients are told of.
    pub(crate) ice_servers: Vec<IceSource>,
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Calls {
    /// At most this many at once. Where the embedded models listen and speak, never more than this machine was measured to
    /// carry at start: a call beyond is refused, not made to stutter.
    pub(crate) max: Option<usize>,
    /// Finished calls whose logs are kept; the oldest go first. 0 keeps all.
    pub(crate) keep: usize,
    /// Share of the places that calls out leave free for people who call, in percent; rounded down, and never the only place.
    pub(crate) kept_for_callers_percent: u8,
}

/// Where agents, calls and keys are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    /// An existing PostgreSQL; a private one in the data directory unless given.
    #[serde(skip_serializing)]
    pub(crate) url: Option<Secret<String>>,
    /// Seals vendors' keys and other secrets; made and kept in the data directory unless given.
    #[serde(skip_serializing)]
    pub(crate) master_key: Option<Secret<String>>,
    /// A Redis through which several servers tell each other of vendors that fail, such as redis://host:6379/0; without one each server
    /// finds out by itself.
    #[serde(skip_serializing)]
    pub(crate) redis_url: Option<Secret<String>>,
    /// A file in PEM: whoever signed the certificate of a Redis over TLS (rediss://); one that the machine trusts unless given.
    pub(crate) redis_ca: Option<PathBuf>,
    /// Stands before every name there: several installations may share one Redis.
    pub(crate) redis_namespace: String,
    /// Folder of PostgreSQL's programs for the private one; looked for unless given.
    pub(crate) postgres_bin: Option<PathBuf>,
    /// While the database is away, events of calls wait on disk, at most this much; what comes beyond is lost and counted.
    pub(crate) journal_limit_mb: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: None,
            master_key: None,
            redis_url: None,
            redis_ca: None,
            redis_namespace: "agent-foundry".to_owned(),
            postgres_bin: None,
            journal_limit_mb: 1024,
        }
    }
}

/// Of agents that ask for it (`session.recording`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Recordings {
    /// How long, in days since it was last written to, the recording of a call is kept. 0 keeps all.
    pub(crate) keep_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: Store::default(),
            server: Server::default(),
            providers: Providers::default(),
            calls: Calls::default(),
            recordings: Recordings::default(),
            sip: Sip::default(),
            livekit: LiveKit::default(),
            session: session_defaults(),
            data_dir: PathBuf::from("data"),
            models_dir: None,
            agents_dir: None,
            log: runtime::telemetry::Options::default(),
            accounts: Vec::new(),
        }
    }
}

/// Graphs without a language model think in microseconds and without effects: guessing costs next to nothing and saves
/// the caller the wait for synthesis.
fn session_defaults() -> media_session::Options {
    let mut options = media_session::Options::default();
    options.turn.speculation.enabled = true;
    options
}

impl Default for Calls {
    fn default() -> Self {
        Self { max: None, keep: 1000, kept_for_callers_percent: 20 }
    }
}

impl Default for Recordings {
    fn default() -> Self {
        Self { keep_days: 30 }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7860)),
            media_listen: None,
            advertise: Vec::new(),
            tls: Tls::default(),
            allowed_origins: Vec::new(),
            open: true,
            connections_per_address: 256,
            connecting_per_address: 16,
            requests_per_minute: 600,
            wrong_keys_per_address: 60,
            public_url: None,
            own_url: None,
            operator_token: None,
            token_key: None,
            ice_servers: Vec::new(),
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
        Self::compose(overrides).map_err(|error| coded(error.failure(), error))
    }

    fn compose(overrides: Overrides) -> Result<Self, Error> {
        let mut config = match &overrides.config {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        config.vendor_environment(|name| std::env::var(name).ok());
        config.apply(overrides);
        config.validate().map_err(Error::Value)?;
        Ok(config)
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|source| Error::File { path: path.to_owned(), source: source.into() })
    }

    /// What the text names, laid over the defaults of the whole: a table that names one key changes no other.
    fn parse(text: &str) -> anyhow::Result<Self> {
        // Read on its own first: this error knows the line.
        toml::from_str::<Self>(text)?;
        let mut whole = serde_json::to_value(Self::default())?;
        overlay::lay(&mut whole, toml::from_str(text)?);
        Ok(serde_json::from_value(whole)?)
    }

    /// The names that users of these vendors already have in their environment.
    fn vendor_environment(&mut self, variable: impl Fn(&str) -> Option<String>) {
        if let Some(key) = variable("DEEPGRAM_API_KEY") {
            self.providers.deepgram.api_key = Some(Secret::new(key));
        }
        if let Some(url) = variable("DEEPGRAM_BASE_URL") {
            self.providers.deepgram.base_url = url;
        }
        self.accounts = vendors::given(variable);
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
        self.store.url = overrides.database_url.or(self.store.url.take());
        self.store.redis_url = overrides.redis_url.or(self.store.redis_url.take());
        self.store.postgres_bin = overrides.postgres_bin.or(self.store.postgres_bin.take());
        self.sip.listen = overrides.sip_listen.or(self.sip.listen);
        self.sip.open |= overrides.sip_open;
        if let Some((first, last)) = overrides.sip_rtp {
            (self.sip.rtp_first, self.sip.rtp_last) = (first, last);
        }
        self.livekit.url = overrides.livekit_url.or(self.livekit.url.take());
        self.livekit.api_key = overrides.livekit_api_key.or(self.livekit.api_key.take());
        self.livekit.api_secret = overrides.livekit_api_secret.or(self.livekit.api_secret.take());
        set(&mut self.log.filter, overrides.log);
        set(&mut self.log.format, overrides.log_format);
        set(&mut self.server.open, overrides.open);
        self.server.own_url = overrides.own_url.or(self.server.own_url.take());
        self.server.public_url = overrides.public_url.or(self.server.public_url.take());
        self.server.operator_token = overrides.operator_token.or(self.server.operator_token.take());
        self.server.token_key = overrides.token_key.or(self.server.token_key.take());
        self.store.master_key = overrides.master_key.or(self.store.master_key.take());
        self.server.media_listen = overrides.media_listen.or(self.server.media_listen);
        self.models_dir = overrides.models_dir.or(self.models_dir.take());
        self.calls.max = overrides.max_calls.or(self.calls.max);
        if !overrides.advertise.is_empty() {
            self.server.advertise = overrides.advertise;
        }
        if !overrides.allow_origins.is_empty() {
            self.server.allowed_origins = overrides.allow_origins;
        }
        if !overrides.ice_servers.is_empty() {
            self.server.ice_servers = overrides.ice_servers.into_iter().map(IceSource::plain).collect();
        }
        if overrides.tls_cert.is_some() {
            self.server.tls = Tls { cert: overrides.tls_cert, key: overrides.tls_key, self_signed: false };
        } else if overrides.tls_self_signed {
            self.server.tls = Tls { self_signed: true, ..Tls::default() };
        }
    }

    /// What is wrong, by the name of the key.
    fn validate(&self) -> Result<(), String> {
        let tls = &self.server.tls;
        if tls.cert.is_some() != tls.key.is_some() {
            return Err("server.tls needs both cert and key, or neither".to_owned());
        }
        if tls.self_signed && tls.cert.is_some() {
            return Err("server.tls.self_signed cannot go with cert and key".to_owned());
        }
        if self.calls.max == Some(0) {
            return Err("calls.max must be at least 1".to_owned());
        }
        if self.calls.kept_for_callers_percent > 100 {
            return Err("calls.kept_for_callers_percent must be between 0 and 100".to_owned());
        }
        if self.store.journal_limit_mb < 16 {
            return Err("store.journal_limit_mb must be at least 16".to_owned());
        }
        self.sip.validate()?;
        self.livekit.validate().map_err(|wrong| format!("in [livekit]: {wrong}"))?;
        self.providers.local.validate().map_err(|wrong| format!("in [providers.local]: {wrong}"))?;
        // Before the surface, which has some of the session's numbers under other names.
        self.session.validate().map_err(|wrong| format!("in [session]: {wrong}"))?;
        self.surface().validate().map_err(|wrong| format!("in [server]: {wrong}"))
    }

    /// The HTTP surface's options.
    pub(crate) fn surface(&self) -> control_server::Options {
        let server = &self.server;
        control_server::Options {
            open: server.open,
            allowed_origins: server.allowed_origins.clone(),
            public_url: server.public_url.clone(),
            own_url: server.own_url.clone(),
            operator_token: server.operator_token.clone(),
            token_key: server.token_key.clone(),
            ice_servers: server.ice_servers.clone(),
            requests_per_minute: server.requests_per_minute,
            wrong_keys_per_address: server.wrong_keys_per_address,
            resume_within_seconds: u64::from(self.session.reattach_s),
            ..control_server::Options::default()
        }
    }

    /// The effective configuration as TOML, without secrets.
    pub(crate) fn dump(&self) -> anyhow::Result<String> {
        let mut text = toml::to_string_pretty(self).context("printing the configuration")?;
        text.push('\n');
        for (key, secret) in self.secrets() {
            let shown = if secret.is_some() { "[secret]" } else { "not set" };
            text.push_str(&format!("# {key}: {shown}\n"));
        }
        Ok(text)
    }

    fn secrets(&self) -> Vec<(String, &Option<Secret<String>>)> {
        let server = &self.server;
        let mut secrets = vec![
            ("providers.deepgram.api_key".to_owned(), &self.providers.deepgram.api_key),
            ("store.url".to_owned(), &self.store.url),
            ("server.operator_token".to_owned(), &server.operator_token),
            ("server.token_key".to_owned(), &server.token_key),
            ("store.master_key".to_owned(), &self.store.master_key),
            ("livekit.api_secret".to_owned(), &self.livekit.api_secret),
        ];
        for (index, ice) in server.ice_servers.iter().enumerate() {
            secrets.push((format!("server.ice_servers[{index}].credential"), &ice.credential));
            secrets.push((format!("server.ice_servers[{index}].secret"), &ice.secret));
        }
        secrets
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
mod tests;
