//! Agents ready for calls, and the session's `Dialogue` on a graph's conversation.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use agents_run::tools::{Appointments, Builtin};
use agents_run::{Agent, Conversation, Ports, Step, SystemClock};
use anyhow::Context;
use domain::{EndReason, Language, SessionId, TurnId};
use futures::StreamExt;
use futures::stream::BoxStream;
use media_session::{Background, Dialogue, Said};
use providers_api::Embedder;
use runtime::Tasks;
use serde::Deserialize;

use crate::adapters::background;
use crate::config::Config;
use crate::overlay;

/// What an agent's definition says under `options`, which the graph does not read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Laid over the server's session options; any depth.
    session: serde_json::Value,
    page: Page,
}

/// What the page shows beside the button.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Page {
    description: String,
    suggestions: Vec<String>,
    /// For measurements and tests; callable by name, not shown.
    hidden: bool,
}

struct Ready {
    agent: Arc<Agent>,
    page: Page,
    options: media_session::Options,
    background: Option<Background>,
}

/// Who answers a call.
pub(crate) struct Answering {
    pub(crate) dialogue: Box<dyn Dialogue>,
    pub(crate) options: media_session::Options,
    pub(crate) background: Option<Background>,
    pub(crate) version: String,
}

pub(crate) struct Catalogue {
    agents: BTreeMap<String, Ready>,
    ports: Ports,
}

impl Catalogue {
    /// The shipped agents and those of the agents folder, which win over shipped ones of the same name.
    ///
    /// # Errors
    /// What is wrong with a definition, by file, node and field.
    pub(crate) async fn load(
        config: &Config,
        embedder: Option<Arc<dyn Embedder>>,
        tasks: Arc<Tasks>,
    ) -> anyhow::Result<Self> {
        let own = match &config.agents_dir {
            Some(folder) => definitions(folder)?,
            None => Vec::new(),
        };
        let sources = chosen(own)?;
        // Beside the models, which they follow from: every data directory shares them.
        let vectors = crate::cmd::models::store(config.models_dir.clone())?.directory().join("vectors");
        let mut agents = BTreeMap::new();
        for (file, json) in sources {
            let folder = config.agents_dir.as_deref().unwrap_or(Path::new(""));
            let ready = ready(&json, embedder.clone(), &vectors, &config.session, folder)
                .await
                .with_context(|| format!("AGENT_INVALID: {file}"))?;
            agents.insert(ready.agent.name().to_owned(), ready);
        }
        let clock = Arc::new(SystemClock);
        let appointments = Appointments::new(config.data_dir.join("appointments.jsonl"), clock.clone());
        let tools = Arc::new(Builtin::new(appointments, Arc::clone(&tasks)));
        Ok(Self { agents, ports: Ports { tools, clock, tasks } })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.agents.contains_key(name)
    }

    /// Those that a person may choose.
    pub(crate) fn agents(&self) -> Vec<control_api::Agent> {
        let shown = self.agents.values().filter(|ready| !ready.page.hidden);
        shown
            .map(|ready| {
                let definition = &ready.agent.graph().definition;
                let title = if definition.title.is_empty() { &definition.name } else { &definition.title };
                control_api::Agent {
                    name: definition.name.clone(),
                    title: title.clone(),
                    description: ready.page.description.clone(),
                    suggestions: ready.page.suggestions.clone(),
                }
            })
            .collect()
    }

    pub(crate) fn titles(&self) -> String {
        self.agents().into_iter().map(|agent| agent.title).collect::<Vec<_>>().join(", ")
    }

    /// A new conversation, how its session is run, and the version of the agent.
    pub(crate) fn dialogue(&self, name: &str, session: SessionId) -> Option<Answering> {
        let ready = self.agents.get(name)?;
        // Wordings differ from call to call and are the same in a replay of this one.
        let seed = session.as_uuid().as_u64_pair().1;
        let conversation = Conversation::new(Arc::clone(&ready.agent), self.ports.clone(), session, seed);
        Some(Answering {
            dialogue: Box::new(Graph(conversation)),
            options: ready.options.clone(),
            background: ready.background.clone(),
            version: ready.agent.graph().definition.version.to_string(),
        })
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
    let definition = &agent.graph().definition;
    let settings: Settings = match &definition.options {
        serde_json::Value::Null => Settings::default(),
        options => serde_json::from_value(options.clone()).context("field \"options\"")?,
    };
    let own_words = settings.session.pointer("/turn/language").is_some();
    let mut options = overlaid(base, settings.session).context("field \"options.session\"")?;
    options.voice = definition.voice.clone();
    let language = options.language.get_or_insert_with(|| definition.language.clone());
    // The words that take a turn or hold it are those of what is recognised, unless the agent or the server says otherwise.
    if !own_words && options.turn.language == Language::default() {
        options.turn.language = language.clone();
    }
    options.validate().map_err(|wrong| anyhow::anyhow!("field \"options.session\": {wrong}"))?;
    let background = options.background.as_ref().map(|chosen| background::load(chosen, folder)).transpose();
    let background = background.context("field \"options.session.background\"")?;
    Ok(Ready { agent: Arc::new(agent), page: settings.page, options, background })
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

/// A conversation through a graph as a session's dialogue.
struct Graph(Conversation);

impl Dialogue for Graph {
    fn greet(&mut self, turn: TurnId) -> BoxStream<'static, Said> {
        said(self.0.greet(turn))
    }

    fn speculate(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said> {
        said(self.0.speculate(turn, caller))
    }

    fn commit(&mut self, turn: TurnId, caller: &str) -> BoxStream<'static, Said> {
        said(self.0.commit(turn, caller))
    }

    fn nudge(&mut self, turn: TurnId, count: u32) -> BoxStream<'static, Said> {
        said(self.0.nudge(turn, count))
    }

    fn farewell(&mut self, turn: TurnId, reason: EndReason) -> BoxStream<'static, Said> {
        said(self.0.farewell(turn, reason))
    }

    fn discard(&mut self, turn: TurnId) {
        self.0.discard(turn);
    }

    fn heard(&mut self, turn: TurnId, text: &str, interrupted: bool) {
        self.0.heard(turn, text, interrupted);
    }
}

fn said(steps: BoxStream<'static, Step>) -> BoxStream<'static, Said> {
    steps
        .map(|step| match step {
            Step::Text(text) => Said::Text(text),
            Step::Hold(length) => Said::Hold(length),
            Step::Interruptible(may) => Said::Interruptible(may),
            Step::Node(node) => Said::Node(node),
            Step::Noted { name, value } => Said::Noted { name, value },
            Step::Failed { failure, message } => Said::Failed { failure, message },
            Step::End(reason) => Said::End(reason),
        })
        .boxed()
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
