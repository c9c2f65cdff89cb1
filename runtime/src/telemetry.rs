//! Logs and metrics of the process: installed once by the binary, used everywhere through `tracing` and `metrics`.

use std::fmt;
use std::str::FromStr;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// How the process logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// A filter such as `info` or `info,media_session=debug`.
    pub filter: String,
    pub format: Format,
}

impl Default for Options {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: Format::Text }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Text,
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("{other:?} is no log format: expected text or json")),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{filter:?} is no log filter (try info or info,media_session=debug): {reason}")]
    Filter { filter: String, reason: String },
    #[error("telemetry was already installed in this process: {0}")]
    Installed(String),
}

/// Renders the metrics of the process in the Prometheus text format.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Buckets in seconds, dense where a caller feels the difference.
const LATENCY_SECONDS: [f64; 18] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0];

/// Installs the process's log subscriber (to standard error) and metrics recorder.
///
/// # Errors
/// When the filter is malformed, or telemetry was installed before.
pub fn install(options: &Options) -> Result<Metrics, Error> {
    let filter = EnvFilter::try_new(&options.filter)
        .map_err(|error| Error::Filter { filter: options.filter.clone(), reason: error.to_string() })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match options.format {
        Format::Text => logs.try_init(),
        Format::Json => logs.json().try_init(),
    };
    installed.map_err(|error| Error::Installed(error.to_string()))?;
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| Error::Installed(error.to_string()))?;
    Ok(Metrics(handle))
}
