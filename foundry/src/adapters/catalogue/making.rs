//! From a definition to what calls need: compiled, its examples embedded, its settings laid over the server's. Knows neither who is served nor
//! the database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agents_graph::AgentDefinition;
use agents_run::Agent;
use anyhow::Context;
use domain::Language;
use media_session::Background;
use providers_api::Embedder;
use serde::Deserialize;
use serde_json::Value;

use crate::adapters::accounts::Providers;
use crate::adapters::paces::Latency;
use crate::adapters::{background, summaries};
use crate::config::Config;
use crate::overlay;

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
    pub(super) description: String,
    pub(super) suggestions: Vec<String>,
    /// For measurements and tests; callable by name, not shown.
    pub(super) hidden: bool,
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

/// From a definition to what calls need.
pub(super) struct Maker {
    embedder: Option<Arc<dyn Embedder>>,
    /// Beside the models, which they follow from: every data directory shares them.
    vectors: PathBuf,
    base: media_session::Options,
    /// Where definitions' own files lie, such as a background.
    folder: PathBuf,
}

/// A definition and where it comes from: the shipped ones and those of the agents folder, which win over shipped ones of the same name.
pub(crate) struct Source {
    pub(crate) name: String,
    /// The name where it has none.
    pub(crate) title: String,
    pub(crate) json: String,
    pub(crate) shipped: bool,
}

/// Whether a definition can be called, as far as that is known without models.
pub(crate) async fn check_alone(config: &Config, json: &str) -> anyhow::Result<()> {
    Maker::new(config, None)?.make(json).await.map(drop)
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

/// The definition as it is called: with the number of its version.
pub(super) fn dressed(definition: &str, version: i32) -> anyhow::Result<String> {
    let mut whole: Value = serde_json::from_str(definition).context("this is not JSON")?;
    if let Some(fields) = whole.as_object_mut() {
        fields.insert("version".to_owned(), version.into());
    }
    Ok(whole.to_string())
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
    pub(super) fn new(config: &Config, embedder: Option<Arc<dyn Embedder>>) -> anyhow::Result<Self> {
        let vectors = crate::cmd::models::store(config.models_dir.clone())?.directory().join("vectors");
        let folder = config.agents_dir.clone().unwrap_or_default();
        Ok(Self { embedder, vectors, base: config.session.clone(), folder })
    }

    pub(super) async fn make(&self, json: &str) -> anyhow::Result<Ready> {
        ready(json, self.embedder.clone(), &self.vectors, &self.base, &self.folder).await
    }

    /// What only the program knows of a definition's settings, such as whether a file is there.
    pub(super) fn check(&self, definition: &AgentDefinition) -> anyhow::Result<()> {
        settled(definition, &self.base, &self.folder).map(drop)
    }
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
    options.lines = options.lines.said_in(&definition.language);
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
