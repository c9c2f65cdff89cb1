//! What callers can reach, made ready: every served version compiled and its examples embedded, drafts and older versions when somebody
//! tries them. Follows the database: what is published is called a second later, and a running call keeps what it began with.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agents_graph::AgentDefinition;
use agents_run::tools::{Appointments, Builtin};
use agents_run::{Agent, Ports, SystemClock};
use anyhow::Context;
use control_store::serving::{self, Serving, Way};
use control_store::{Db, Reason};
use domain::{AgentId, ChannelId, EnvironmentId, Language, OrgId};
use media_session::Background;
use providers_api::Embedder;
use runtime::{Kind, Tasks};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::adapters::accounts::Providers;
use crate::adapters::attempts::Client;
use crate::adapters::paces::Latency;
use crate::adapters::{background, summaries};
use crate::config::Config;
use crate::overlay;

const FOLLOW: Kind = Kind::new("agents.follow");
/// So late is another server's change seen; one's own is at once.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// Drafts and older versions that are kept ready; beyond, all are made again when they are asked for.
const TRIALS: usize = 64;
/// Where callers land who name an agent alone.
pub(crate) const HOME_ENVIRONMENT: &str = "prod";

/// What an agent's definition says under `options`, which the graph does not read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Laid over the server's session options; any depth.
    session: Value,
    page: Page,
    /// Who listens, thinks and speaks, in the order in which they are asked.
    providers: Providers,
    /// What a model is asked about its calls when they have ended.
    summary: summaries::Wanted,
    /// How long callers may wait.
    latency: Option<Latency>,
}

/// What the page shows beside the button.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Page {
    description: String,
    suggestions: Vec<String>,
    /// For measurements and tests; callable by name, not shown.
    hidden: bool,
}

/// A definition, compiled.
pub(crate) struct Ready {
    pub(crate) agent: Arc<Agent>,
    pub(crate) page: Page,
    pub(crate) options: media_session::Options,
    pub(crate) background: Option<Background>,
    pub(crate) providers: Providers,
    pub(crate) latency: Option<Latency>,
}

/// Somebody whom a caller can be connected to.
#[derive(Clone)]
pub(crate) struct Callable {
    pub(crate) org: OrgId,
    pub(crate) agent: AgentId,
    pub(crate) name: String,
    /// 0: the draft.
    pub(crate) version: i32,
    pub(crate) environment: Option<EnvironmentId>,
    pub(crate) channel: Option<ChannelId>,
    pub(crate) ready: Arc<Ready>,
}

/// From a definition to what calls need.
struct Maker {
    embedder: Option<Arc<dyn Embedder>>,
    /// Beside the models, which they follow from: every data directory shares them.
    vectors: PathBuf,
    base: media_session::Options,
    /// Where definitions' own files lie, such as a background.
    folder: PathBuf,
}

#[derive(Default)]
struct Served {
    stamp: String,
    /// By organization, agent and environment.
    agents: BTreeMap<(OrgId, String, String), Callable>,
    channels: HashMap<String, Callable>,
    hosts: HashMap<String, Callable>,
}

struct Trial {
    revision: i32,
    callable: Callable,
}

pub(crate) struct Catalogue {
    db: Db,
    maker: Maker,
    ports: Ports,
    /// The organization of callers who name none.
    home: OrgId,
    served: watch::Sender<Arc<Served>>,
    trials: Mutex<HashMap<String, Trial>>,
    /// By the hash of what they are made of; those in use.
    made: Mutex<HashMap<[u8; 32], Arc<Ready>>>,
    reloading: tokio::sync::Mutex<()>,
}

impl Catalogue {
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn load(
        config: &Config,
        db: Db,
        home: OrgId,
        embedder: Option<Arc<dyn Embedder>>,
        tasks: Arc<Tasks>,
    ) -> anyhow::Result<Self> {
        let maker = Maker::new(config, embedder)?;
        let clock = Arc::new(SystemClock);
        let appointments = Appointments::new(config.data_dir.join("appointments.jsonl"), clock.clone());
        let tools = Arc::new(Builtin::new(appointments, Arc::clone(&tasks)));
        let catalogue = Self {
            db,
            maker,
            ports: Ports { llm: None, meter: None, tools, clock, tasks, bridges: None },
            home,
            served: watch::Sender::default(),
            trials: Mutex::default(),
            made: Mutex::default(),
            reloading: tokio::sync::Mutex::default(),
        };
        catalogue.reload().await.context("STORE_FAILED: loading the agents")?;
        Ok(catalogue)
    }

    /// Follows what other servers and commands change, too.
    pub(crate) fn follow(self: &Arc<Self>, tasks: &Tasks) {
        let catalogue = Arc::clone(self);
        tasks.spawn(FOLLOW, async move {
            loop {
                tokio::time::sleep(FOLLOW_EVERY).await;
                if let Err(error) = catalogue.reload().await {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "the agents could not be looked at"
                    );
                }
            }
        });
    }

    /// Makes ready what has changed. A definition that cannot be made ready leaves in place what was served before.
    pub(crate) async fn reload(&self) -> Result<(), control_store::Error> {
        // One after the other: of two the slower must not put back what it read first.
        let _turn = self.reloading.lock().await;
        let mut tx = self.db.system_tx(Reason::LoadAgents).await?;
        let stamp = serving::stamp(&mut tx).await?;
        if self.served.borrow().stamp == stamp {
            return Ok(());
        }
        let (agents, ways) = (serving::all(&mut tx).await?, serving::ways(&mut tx).await?);
        tx.commit().await?;
        let before = Arc::clone(&self.served.borrow());
        let mut served = Served { stamp, ..Served::default() };
        for serving in agents {
            let key = (serving.org, serving.agent_name.clone(), serving.environment_name.clone());
            match self.callable(&serving).await {
                Ok(callable) => {
                    served.agents.insert(key, callable);
                }
                Err(error) => {
                    tracing::error!(agent = serving.agent_name, version = serving.version, error = %format!("{error:#}"), "this version cannot be served");
                    if let Some(former) = before.agents.get(&key) {
                        served.agents.insert(key, former.clone());
                    }
                }
            }
        }
        served.open(&ways);
        self.served.send_replace(Arc::new(served));
        self.forget_unused();
        Ok(())
    }

    async fn callable(&self, serving: &Serving) -> anyhow::Result<Callable> {
        let ready = self.ready(&serving.definition, serving.version).await?;
        Ok(Callable {
            org: serving.org,
            agent: serving.agent,
            name: serving.agent_name.clone(),
            version: serving.version,
            environment: Some(serving.environment),
            channel: None,
            ready,
        })
    }

    /// The same definition is made once, however many environments serve it.
    async fn ready(&self, definition: &str, version: i32) -> anyhow::Result<Arc<Ready>> {
        let json = dressed(definition, version)?;
        let key: [u8; 32] = Sha256::digest(json.as_bytes()).into();
        let known = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(ready) = known {
            return Ok(ready);
        }
        let ready = Arc::new(self.maker.make(&json).await?);
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&ready));
        Ok(ready)
    }

    fn forget_unused(&self) {
        self.made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, ready| Arc::strong_count(ready) > 1);
    }

    /// What only the program knows of a definition's settings, such as whether a file is there: the pointer, and what is wrong.
    pub(crate) fn check(&self, definition: &AgentDefinition) -> Result<(), String> {
        settled(definition, &self.maker.base, &self.maker.folder)
            .map(drop)
            .map_err(|error| format!("{error:#}"))
    }

    /// An agent of an organization at one of its versions (0: the draft), whether it is served or not. `None`: there is none.
    pub(crate) async fn at(&self, org: OrgId, agent: &str, version: i32) -> anyhow::Result<Option<Callable>> {
        let Some(found) = self.stored(org, agent, version).await? else { return Ok(None) };
        self.tried(org, agent, &found).await.map(Some)
    }

    /// What was stored, made ready beside what is served.
    async fn tried(&self, org: OrgId, name: &str, found: &serving::Trial) -> anyhow::Result<Callable> {
        let ready = self.ready(&found.definition, found.version).await?;
        let (agent, name, version) = (found.agent, name.to_owned(), found.version);
        Ok(Callable { org, agent, name, version, environment: None, channel: None, ready })
    }

    async fn stored(&self, org: OrgId, agent: &str, version: i32) -> anyhow::Result<Option<serving::Trial>> {
        let mut tx = self.db.org_tx(org).await?;
        let found = match version {
            0 => serving::draft(&mut tx, agent).await?,
            number => serving::version(&mut tx, agent, number).await?,
        };
        tx.commit().await?;
        Ok(found)
    }

    /// Makes a draft or an older version ready, where `name` asks for one. After it `find` knows it.
    pub(crate) async fn prepare(&self, name: &str) -> anyhow::Result<()> {
        let Some((org, wanted)) = self.wanted(name) else { return Ok(()) };
        let Some((agent, trial)) = wanted.trial() else { return Ok(()) };
        let found = self.stored(org, agent, trial.unwrap_or_default()).await?;
        let Some(found) = found else { return Ok(()) };
        let known =
            self.trials.lock().unwrap_or_else(PoisonError::into_inner).get(name).map(|trial| trial.revision);
        if known == Some(found.revision) {
            return Ok(());
        }
        let callable = self.tried(org, agent, &found).await?;
        self.forget_unused();
        let mut trials = self.trials.lock().unwrap_or_else(PoisonError::into_inner);
        if trials.len() >= TRIALS {
            trials.clear();
        }
        trials.insert(name.to_owned(), Trial { revision: found.revision, callable });
        Ok(())
    }

    /// Whom a caller means: `front-desk`, `front-desk@staging`, a channel's id, and what was prepared: `front-desk@draft`, `front-desk@3`.
    /// Agents of another organization than the default one have its id before their name: `org_.../front-desk`.
    pub(crate) fn find(&self, name: &str) -> Option<Callable> {
        let served = Arc::clone(&self.served.borrow());
        let (org, wanted) = self.wanted(name)?;
        match wanted {
            Wanted::Channel(id) => served.channels.get(id).cloned(),
            Wanted::Environment(agent, environment) => {
                served.agents.get(&(org, agent.to_owned(), environment.to_owned())).cloned()
            }
            Wanted::Draft(_) | Wanted::Version(..) => {
                let trials = self.trials.lock().unwrap_or_else(PoisonError::into_inner);
                trials.get(name).map(|trial| trial.callable.clone())
            }
        }
    }

    /// Whose agent a name means; of a channel, only where there is one.
    pub(crate) fn owner(&self, name: &str) -> Option<OrgId> {
        match self.wanted(name)? {
            (_, Wanted::Channel(id)) => self.served.borrow().channels.get(id).map(|callable| callable.org),
            (org, _) => Some(org),
        }
    }

    fn wanted<'a>(&self, name: &'a str) -> Option<(OrgId, Wanted<'a>)> {
        match name.split_once('/') {
            None => Some((self.home, Wanted::of(name))),
            Some((org, name)) => Some((org.parse().ok()?, Wanted::of(name))),
        }
    }

    /// Everybody who can be called without a trial.
    pub(crate) fn served(&self) -> Vec<Callable> {
        self.served.borrow().agents.values().cloned().collect()
    }

    /// The agent that a hostname leads to, as a channel.
    pub(crate) fn of_host(&self, host: &str) -> Option<String> {
        let served = Arc::clone(&self.served.borrow());
        served.hosts.get(host).and_then(|callable| callable.channel).map(|channel| channel.to_string())
    }

    /// Everybody who is served, in each environment; and what differs when they may be others.
    pub(crate) fn served(&self) -> (String, Vec<Callable>) {
        let served = Arc::clone(&self.served.borrow());
        (served.stamp.clone(), served.agents.values().cloned().collect())
    }

    fn shown(&self) -> Vec<Callable> {
        let served = Arc::clone(&self.served.borrow());
        let home = served
            .agents
            .iter()
            .filter(|((org, _, environment), _)| *org == self.home && environment == HOME_ENVIRONMENT);
        home.filter(|(_, callable)| !callable.ready.page.hidden)
            .map(|(_, callable)| callable.clone())
            .collect()
    }

    /// Those that a person may choose, of those that can serve.
    pub(crate) fn agents(&self, can_serve: impl Fn(&Callable) -> bool) -> Vec<control_api::Agent> {
        let page = |callable: Callable| control_api::Agent {
            title: callable.ready.title().to_owned(),
            name: callable.name,
            description: callable.ready.page.description.clone(),
            suggestions: callable.ready.page.suggestions.clone(),
        };
        self.shown().into_iter().filter(can_serve).map(page).collect()
    }

    /// What conversations of its agents work with.
    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }
}

/// What a caller's word for an agent asks for.
enum Wanted<'a> {
    Channel(&'a str),
    Environment(&'a str, &'a str),
    Draft(&'a str),
    Version(&'a str, i32),
}

impl<'a> Wanted<'a> {
    fn of(name: &'a str) -> Self {
        if name.strip_prefix(ChannelId::PREFIX).is_some_and(|rest| rest.starts_with('_')) {
            return Self::Channel(name);
        }
        match name.split_once('@') {
            None => Self::Environment(name, HOME_ENVIRONMENT),
            Some((agent, "draft")) => Self::Draft(agent),
            Some((agent, which)) => match which.parse() {
                Ok(number) => Self::Version(agent, number),
                Err(_) => Self::Environment(agent, which),
            },
        }
    }

    /// The agent whose draft or version must be made first.
    fn trial(self) -> Option<(&'a str, Option<i32>)> {
        match self {
            Self::Draft(agent) => Some((agent, None)),
            Self::Version(agent, number) => Some((agent, Some(number))),
            Self::Channel(_) | Self::Environment(..) => None,
        }
    }
}

impl Served {
    fn open(&mut self, ways: &[Way]) {
        for way in ways {
            let served = self.agents.values().find(|callable| {
                callable.org == way.org
                    && callable.agent == way.agent
                    && callable.environment == Some(way.environment)
            });
            let Some(callable) = served.cloned() else { continue };
            let callable = Callable { channel: Some(way.channel), ..callable };
            if way.kind == "host" {
                self.hosts.insert(way.address.clone(), callable.clone());
            }
            self.channels.insert(way.channel.to_string(), callable);
        }
    }
}

/// The definition as it is called: with the number of its version.
fn dressed(definition: &str, version: i32) -> anyhow::Result<String> {
    let mut whole: Value = serde_json::from_str(definition).context("this is not JSON")?;
    if let Some(fields) = whole.as_object_mut() {
        fields.insert("version".to_owned(), version.into());
    }
    Ok(whole.to_string())
}

impl Callable {
    /// As those who keep the books name it.
    pub(crate) fn client(&self) -> Client {
        Client {
            org: self.org,
            agent: self.agent,
            agent_name: self.name.clone(),
            environment: self.environment,
            drill: None,
            pace: None,
        }
    }
}

impl Ready {
    /// Whether a node of it thinks with a language model.
    pub(crate) fn needs_llm(&self) -> bool {
        has_llm_node(&self.agent.graph().definition)
    }

    pub(crate) fn title(&self) -> &str {
        let definition = &self.agent.graph().definition;
        if definition.title.is_empty() { &definition.name } else { &definition.title }
    }
}

fn has_llm_node(definition: &AgentDefinition) -> bool {
    definition.nodes.values().any(|node| matches!(node, agents_graph::Node::Llm(_)))
}

impl Maker {
    fn new(config: &Config, embedder: Option<Arc<dyn Embedder>>) -> anyhow::Result<Self> {
        let vectors = crate::cmd::models::store(config.models_dir.clone())?.directory().join("vectors");
        let folder = config.agents_dir.clone().unwrap_or_default();
        Ok(Self { embedder, vectors, base: config.session.clone(), folder })
    }

    async fn make(&self, json: &str) -> anyhow::Result<Ready> {
        ready(json, self.embedder.clone(), &self.vectors, &self.base, &self.folder).await
    }
}

/// Whether a definition can be called, as far as that is known without models.
pub(crate) async fn check_alone(config: &Config, json: &str) -> anyhow::Result<()> {
    Maker::new(config, None)?.make(json).await.map(drop)
}

/// A definition and where it comes from: the shipped ones and those of the agents folder, which win over shipped ones of the same name.
pub(crate) struct Source {
    pub(crate) name: String,
    /// The name where it has none.
    pub(crate) title: String,
    pub(crate) json: String,
    pub(crate) shipped: bool,
}

/// # Errors
/// What is wrong with a definition, by file, node and field.
pub(crate) async fn sources(
    config: &Config,
    embedder: Option<Arc<dyn Embedder>>,
) -> anyhow::Result<Vec<Source>> {
    let own = match &config.agents_dir {
        Some(folder) => definitions(folder)?,
        None => Vec::new(),
    };
    let maker = Maker::new(config, embedder)?;
    let mut found = Vec::new();
    for (file, json) in chosen(own)? {
        let ready = maker.make(&json).await.with_context(|| format!("AGENT_INVALID: {file}"))?;
        let (name, title) = (ready.agent.name().to_owned(), ready.title().to_owned());
        let shipped = agents_graph::LIBRARY.iter().any(|(_, text)| *text == json);
        found.push(Source { name, title, json, shipped });
    }
    Ok(found)
}

async fn ready(
    json: &str,
    embedder: Option<Arc<dyn Embedder>>,
    vectors: &Path,
    base: &media_session::Options,
    folder: &Path,
) -> anyhow::Result<Ready> {
    let agent = Agent::load_cached(json, embedder, vectors).await?;
    let Settled { page, options, background, providers, latency } =
        settled(&agent.graph().definition, base, folder)?;
    Ok(Ready { agent: Arc::new(agent), page, options, background, providers, latency })
}

struct Settled {
    page: Page,
    options: media_session::Options,
    background: Option<Background>,
    providers: Providers,
    latency: Option<Latency>,
}

/// What a definition's `options` say, laid over the server's.
fn settled(
    definition: &AgentDefinition,
    base: &media_session::Options,
    folder: &Path,
) -> anyhow::Result<Settled> {
    let settings: Settings = match &definition.options {
        serde_json::Value::Null => Settings::default(),
        options => serde_json::from_value(options.clone()).context("field \"options\"")?,
    };
    let summary = settings.summary.validate();
    summary.map_err(|wrong| anyhow::anyhow!("field \"options.summary\": {wrong}"))?;
    let own_words = settings.session.pointer("/turn/language").is_some();
    let mut options = overlaid(base, settings.session.clone()).context("field \"options.session\"")?;
    options.voice = definition.voice.clone();
    let language = options.language.get_or_insert_with(|| definition.language.clone());
    // The words that take a turn or hold it are those of what is recognised, unless the agent or the server says otherwise.
    if !own_words && options.turn.language == Language::default() {
        options.turn.language = language.clone();
    }
    options.validate().map_err(|wrong| anyhow::anyhow!("field \"options.session\": {wrong}"))?;
    settings.providers.check(has_llm_node(definition)).map_err(anyhow::Error::msg)?;
    let background = options.background.as_ref().map(|chosen| background::load(chosen, folder)).transpose();
    let background = background.context("field \"options.session.background\"")?;
    let Settings { page, providers, latency, .. } = settings;
    if let Some(Err(wrong)) = latency.as_ref().map(Latency::validate) {
        anyhow::bail!("field \"options.latency\": {wrong}");
    }
    Ok(Settled { page, options, background, providers, latency })
}

fn overlaid(
    base: &media_session::Options,
    over: serde_json::Value,
) -> anyhow::Result<media_session::Options> {
    let mut options = serde_json::to_value(base)?;
    overlay::lay(&mut options, over);
    Ok(serde_json::from_value(options)?)
}

/// Files with their definitions: those of the agents folder, and the shipped ones of other names. Which is meant where two files
/// have one name nobody can tell.
fn chosen(own: Vec<(String, String)>) -> anyhow::Result<Vec<(String, String)>> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (file, json) in &own {
        // A definition that cannot be read is reported when it is loaded.
        let Ok(definition) = agents_graph::parse(json) else { continue };
        if let Some(other) = files.insert(definition.name.clone(), file.clone()) {
            anyhow::bail!(
                "AGENT_INVALID: {other} and {file} both name their agent \"{}\": rename one of them",
                definition.name
            );
        }
    }
    let shipped = agents_graph::LIBRARY.iter().filter(|(name, _)| !files.contains_key(*name));
    let shipped = shipped.map(|(name, json)| (format!("{name} (shipped)"), (*json).to_owned()));
    Ok(shipped.chain(own.iter().cloned()).collect())
}

fn definitions(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let entries = std::fs::read_dir(folder).with_context(|| {
        format!(
            "CONFIG_INVALID: agents_dir: cannot read {}: make the folder, or name another",
            folder.display()
        )
    })?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let json =
                std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            found.push((path.display().to_string(), json));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_changes_only_what_it_names() {
        let base = media_session::Options::default();
        let over = serde_json::json!({ "turn": { "idle": {} }, "longest_call_s": 60 });
        let laid = overlaid(&base, over).expect("known keys");
        assert_eq!(laid, media_session::Options { longest_call_s: 60, ..base.clone() });
        assert!(overlaid(&base, serde_json::json!({ "longest_call": 60 })).is_err());
    }

    #[test]
    fn a_file_may_take_the_name_of_a_shipped_agent_and_no_other() {
        let (name, json) = agents_graph::LIBRARY[0];
        let file = |path: &str| (path.to_owned(), json.to_owned());
        let files: Vec<String> =
            chosen(vec![file("a.json")]).expect("fine").into_iter().map(|(file, _)| file).collect();
        assert_eq!(files.len(), agents_graph::LIBRARY.len());
        assert!(files.contains(&"a.json".to_owned()) && !files.contains(&format!("{name} (shipped)")));
        let refused = chosen(vec![file("a.json"), file("b.json")]).expect_err("which?").to_string();
        for part in ["AGENT_INVALID", "a.json", "b.json", name] {
            assert!(refused.contains(part), "{refused}");
        }
    }

    #[tokio::test]
    async fn the_shipped_agents_are_valid() {
        for (name, json) in agents_graph::LIBRARY {
            let folder = tempfile::tempdir().expect("a folder");
            let options = media_session::Options::default();
            let loaded = ready(json, None, folder.path(), &options, folder.path()).await;
            assert!(loaded.is_ok(), "{name}: {:#}", loaded.err().expect("failed"));
        }
    }

    /// A definition with these settings of the session, in German.
    async fn german(session: serde_json::Value, folder: &Path) -> anyhow::Result<Ready> {
        let bench = agents_graph::LIBRARY.iter().find(|(name, _)| *name == "bench").expect("shipped").1;
        let mut json: serde_json::Value = serde_json::from_str(bench).expect("JSON");
        (json["language"], json["options"]) = ("de".into(), serde_json::json!({ "session": session }));
        ready(&json.to_string(), None, folder, &media_session::Options::default(), folder).await
    }

    #[tokio::test]
    async fn turns_are_taken_by_the_words_of_the_agents_language() {
        let folder = tempfile::tempdir().expect("a folder");
        let turn =
            async |session| german(session, folder.path()).await.expect("valid").options.turn.language.0;
        assert_eq!(turn(serde_json::json!({})).await, "de");
        assert_eq!(turn(serde_json::json!({ "language": "de-CH" })).await, "de-CH");
        assert_eq!(turn(serde_json::json!({ "turn": { "language": "en" } })).await, "en");
    }

    #[tokio::test]
    async fn a_background_is_read_from_beside_the_agents_and_a_bad_one_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 44_100,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let write = |name: &str, seconds: u32| {
            let mut file = hound::WavWriter::create(folder.path().join(name), spec).expect("a file");
            for n in 0..44_100 * seconds * 2 {
                file.write_sample((n % 100) as i16).expect("written");
            }
            file.finalize().expect("complete");
        };
        write("office.wav", 1);
        write("endless.wav", 31);
        write("empty.wav", 0);
        std::fs::write(folder.path().join("noise.wav"), b"no sound at all").expect("written");
        let with = |background| german(serde_json::json!({ "background": background }), folder.path());
        let loaded = with(serde_json::json!({ "file": "office.wav", "gain_db": -20 })).await.expect("valid");
        assert!(loaded.background.is_some());
        for (background, says) in [
            (serde_json::json!({ "file": "endless.wav" }), "30 s"),
            (serde_json::json!({ "file": "empty.wav" }), "empty"),
            (serde_json::json!({ "file": "noise.wav" }), "noise.wav"),
            (serde_json::json!({ "file": "missing.wav" }), "missing.wav"),
            (serde_json::json!({ "file": "office.wav", "gain_db": 1 }), "gain_db"),
            (serde_json::json!({ "file": "office.wav", "loud": true }), "loud"),
        ] {
            let refused = format!("{:#}", with(background).await.err().expect("refused"));
            assert!(refused.contains("options.session") && refused.contains(says), "{refused}");
        }
    }
}
