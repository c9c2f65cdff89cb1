//! What the control plane asks of the program that runs agents: whether a definition can be used, and what is running.

use std::sync::Arc;

use control_api::about::{Provider, StoreKind};
use control_api::agents::{DefinitionProblem, Severity};
use control_server::ports;
use domain::OrgId;
use runtime::{Kind, Tasks};
use serde_json::Value;

use crate::adapters::accounts::Bench;
use crate::adapters::catalogue::Catalogue;
use crate::store::Store;

const RELOAD: Kind = Kind::new("agents.reload");

/// What the graph says of definitions, and what the program knows of their settings.
pub(crate) struct Definitions {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) bench: Arc<Bench>,
    pub(crate) tasks: Arc<Tasks>,
}

impl ports::Definitions for Definitions {
    fn check(&self, org: OrgId, definition: &Value) -> Vec<DefinitionProblem> {
        let mut problems = control_server::problems(definition);
        let Ok(parsed) = agents_graph::parse(&definition.to_string()) else { return problems };
        if let Err(detail) = self.catalogue.check(&parsed) {
            let field = field_of(&detail);
            problems.push(DefinitionProblem {
                pointer: control_server::pointer(definition, None, &field),
                node: None,
                field,
                detail,
                severity: Severity::Error,
            });
        }
        problems.extend(self.bench.check(org, &parsed.options));
        problems
    }

    fn published(&self, _: OrgId, _: &str) {
        let catalogue = Arc::clone(&self.catalogue);
        self.tasks.spawn(RELOAD, async move {
            if let Err(error) = catalogue.reload().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the agents are looked at again in a moment"
                );
            }
        });
    }
}

/// Which field of a definition what is wrong with its settings means: `field "options.session": session.waits.open_ms must be …`. The
/// session's voice is the definition's own.
fn field_of(detail: &str) -> String {
    let quoted = detail.strip_prefix("field \"").and_then(|rest| rest.split_once('"'));
    let Some((field, rest)) = quoted else { return "options".to_owned() };
    let named = rest.trim_start_matches(": ").split(' ').next().unwrap_or_default();
    match named.strip_prefix("session.") {
        Some(inner) if inner.starts_with("voice.") => inner.to_owned(),
        Some(inner) if field == "options.session" => format!("options.session.{inner}"),
        _ => field.to_owned(),
    }
}

pub(crate) struct Platform {
    started_at: jiff::Timestamp,
    providers: Vec<Provider>,
    server_id: String,
    store: StoreKind,
}

impl Platform {
    /// `parts` are what was started, each with what it is.
    pub(crate) fn new(parts: &[(String, String)], store: &Store) -> Self {
        let named = parts.iter().filter(|(name, _)| name != "capacity");
        let provider = |(kind, detail): &(String, String)| {
            let (name, detail) = detail.split_once(": ").unwrap_or((detail, ""));
            Provider { kind: kind.clone(), name: name.to_owned(), detail: detail.to_owned(), ready: true }
        };
        Self {
            started_at: jiff::Timestamp::now(),
            providers: named.map(provider).collect(),
            server_id: store.server().to_string(),
            store: if store.is_private() { StoreKind::Private } else { StoreKind::External },
        }
    }
}

impl ports::Platform for Platform {
    fn running(&self) -> ports::Running {
        ports::Running {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("FOUNDRY_COMMIT").map(str::to_owned),
            started_at: self.started_at,
            server_id: self.server_id.clone(),
            store: self.store,
        }
    }

    fn providers(&self) -> Vec<Provider> {
        self.providers.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_the_settings_is_told_at_its_field() {
        for (detail, field) in [
            ("field \"options.session\": session.voice.speed must be between 0.25 and 4", "voice.speed"),
            (
                "field \"options.session\": session.waits.open_ms must be above 0: nothing",
                "options.session.waits.open_ms",
            ),
            ("field \"options.session.background\": x.wav: not there", "options.session.background"),
            ("field \"options.session\": unknown field `longest`", "options.session"),
            ("field \"options\": unknown field `sesion`", "options"),
            ("something else", "options"),
        ] {
            assert_eq!(field_of(detail), field, "{detail}");
        }
    }
}
