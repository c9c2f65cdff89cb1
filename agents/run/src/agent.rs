//! An agent ready for calls: compiled, its examples embedded once, its zone known.

use std::path::Path;
use std::sync::Arc;

use agents_graph::{AgentDefinition, Compiled, Invalid, Method, Problem};
use domain::Failure;
use jiff::Zoned;
use jiff::tz::TimeZone;
use providers_api::Embedder;

use crate::classify::Classifier;
use crate::speculation::{SpeculationCounts, Speculations};

pub struct Agent {
    graph: Arc<Compiled>,
    pub(crate) classifier: Classifier,
    pub(crate) speculations: Speculations,
    zone: Option<TimeZone>,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("agent \"{agent}\": field \"time_zone\": \"{zone}\" is no time zone of this machine")]
    Zone { agent: String, zone: String },
}

impl LoadError {
    #[must_use]
    pub const fn failure(&self) -> Failure {
        Failure::caller("AGENT_INVALID")
    }

    /// What is wrong, by node and field.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid(invalid) => &invalid.problems,
            Self::Zone { .. } => &[],
        }
    }
}

impl Agent {
    /// Reads, checks and warms an agent. Without an embedder, or when it fails, words are compared instead; `method` tells.
    pub async fn load(json: &str, embedder: Option<Arc<dyn Embedder>>) -> Result<Self, LoadError> {
        Self::warm(agents_graph::parse(json)?, embedder, None).await
    }

    /// The same, with the vectors of the examples kept in a file of `directory`: the next start does not compute them again.
    pub async fn load_cached(
        json: &str,
        embedder: Option<Arc<dyn Embedder>>,
        directory: &Path,
    ) -> Result<Self, LoadError> {
        Self::warm(agents_graph::parse(json)?, embedder, Some(directory)).await
    }

    async fn warm(
        definition: AgentDefinition,
        embedder: Option<Arc<dyn Embedder>>,
        directory: Option<&Path>,
    ) -> Result<Self, LoadError> {
        let graph = Arc::new(agents_graph::compile(definition)?);
        for warning in &graph.warnings {
            tracing::warn!(agent = graph.definition.name, "{warning}");
        }
        let zone =
            match &graph.definition.time_zone {
                None => None,
                Some(name) => Some(TimeZone::get(name).map_err(|_| LoadError::Zone {
                    agent: graph.definition.name.clone(),
                    zone: name.clone(),
                })?),
            };
        let classifier = Classifier::warm(&graph, embedder, directory).await;
        let speculations = Speculations::new(graph.definition.speculation);
        Ok(Self { graph, classifier, speculations, zone })
    }

    #[must_use]
    pub fn graph(&self) -> &Arc<Compiled> {
        &self.graph
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.graph.definition.name
    }

    /// What asking models ahead came to, in all calls so far.
    #[must_use]
    pub fn speculations(&self) -> SpeculationCounts {
        self.speculations.counts()
    }

    /// How intents are told apart.
    #[must_use]
    pub fn method(&self) -> Method {
        self.classifier.method()
    }

    /// What an intent node makes of an utterance, without a conversation around it: for evaluation and the editor.
    pub async fn intent(&self, node: &str, utterance: &str, now: &Zoned) -> Option<String> {
        let scores = self.classifier.score(node, &self.graph.texts(utterance)).await;
        self.graph.decide(node, utterance, &scores, self.local(now).date())
    }

    /// The instant in the agent's zone.
    pub(crate) fn local(&self, now: &Zoned) -> Zoned {
        self.zone.as_ref().map_or_else(|| now.clone(), |zone| now.with_time_zone(zone.clone()))
    }
}
