//! Logs and metrics of the process: installed once by the binary, used everywhere through `tracing` and `metrics`.

use std::fmt;
use std::io::IsTerminal as _;
use std::str::FromStr;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::tasks::{self, Kind, Tasks};

/// How the process logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// A filter such as `info` or `info,media_session=debug`.
    pub filter: String,
    pub format: Format,
    /// Show in logs what people say and who they are. Without it they are left out at every level.
    pub show_pii: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: Format::Text, show_pii: false }
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

/// Tasks that live now, by `kind`.
pub const TASKS_LIVE: &str = "tasks_live";

/// Renders the metrics of the process in the Prometheus text format.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

const UPKEEP: Kind = Kind::new("telemetry.upkeep");
/// Samples of histograms are kept one by one until they are sorted into their buckets: by a scrape, or by this.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

impl Metrics {
    /// Keeps the memory of histograms bounded where nobody scrapes, until `tasks` ends.
    pub fn keep_up(&self, tasks: &Tasks) {
        let handle = self.0.clone();
        tasks.spawn(UPKEEP, async move {
            loop {
                tokio::time::sleep(UPKEEP_EVERY).await;
                handle.run_upkeep();
            }
        });
    }

    #[must_use]
    pub fn render(&self) -> String {
        for (kind, count) in tasks::live() {
            metrics::gauge!(TASKS_LIVE, "kind" => kind).set(count as f64);
        }
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

/// Shares of packets lost: callers hear a difference from a hundredth on.
const LOSS_RATIO: [f64; 9] = [0.0, 0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2];
/// Of scores from 1 to 4.5, by the steps of ITU-T G.107 annex B.
const OPINION_SCORE: [f64; 7] = [1.5, 2.0, 2.58, 3.1, 3.6, 4.03, 4.34];

/// Installs the process's log subscriber (to standard error) and metrics recorder.
///
/// # Errors
/// When the filter is malformed, or telemetry was installed before.
pub fn install(options: &Options) -> Result<Metrics, Error> {
    domain::show_pii(options.show_pii);
    let filter = filter(&options.filter)
        .map_err(|error| Error::Filter { filter: options.filter.clone(), reason: error.to_string() })?;
    // A file or a journal is read by programs and in editors.
    let coloured = std::io::stderr().is_terminal();
    let logs =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(coloured);
    let installed = match options.format {
        Format::Text => logs.try_init(),
        Format::Json => logs.json().try_init(),
    };
    installed.map_err(|error| Error::Installed(error.to_string()))?;
    let handle = recorder()
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| Error::Installed(error.to_string()))?;
    Ok(Metrics(handle))
}

/// Libraries that write down what they carry below warnings: words, tokens and keys. No filter lets that into the log.
const CARRIERS: [&str; 8] =
    ["tungstenite", "tokio_tungstenite", "h2", "hyper", "hyper_util", "reqwest", "rustls", "rsipstack"];

fn filter(wanted: &str) -> Result<EnvFilter, ParseError> {
    // What is more specific would win over what is added.
    let of_ours = |directive: &&str| {
        let target = directive.trim_start().split(['=', ':', '[']).next().unwrap_or_default();
        !CARRIERS.contains(&target)
    };
    let wanted = wanted.split(',').filter(of_ours).collect::<Vec<_>>().join(",");
    let filter = EnvFilter::try_new(wanted)?;
    CARRIERS
        .iter()
        .try_fold(filter, |filter, carrier| Ok(filter.add_directive(format!("{carrier}=warn").parse()?)))
}

fn recorder() -> Result<PrometheusBuilder, BuildError> {
    let kinds: [(&str, &[f64]); 3] =
        [("_seconds", &LATENCY_SECONDS), ("_loss_ratio", &LOSS_RATIO), ("_opinion_score", &OPINION_SCORE)];
    kinds.into_iter().try_fold(PrometheusBuilder::new(), |builder, (suffix, buckets)| {
        builder.set_buckets_for_metric(Matcher::Suffix(suffix.to_owned()), buckets)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident_kb() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("known");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    #[test]
    fn no_filter_lets_libraries_write_down_what_they_carry() {
        for wanted in
            ["trace", "trace,tungstenite=trace", "trace, tungstenite::protocol=trace,hyper[x]=debug"]
        {
            let filter = filter(wanted).expect("well-formed").to_string();
            for directive in filter.split(',').filter(|directive| *directive != "trace") {
                assert!(directive.ends_with("=warn"), "{filter}");
            }
            assert!(filter.contains("tungstenite=warn") && filter.contains("trace"), "{filter}");
        }
        assert!(filter("media_session=loud").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn samples_that_nobody_scrapes_do_not_pile_up() {
        let recorder = recorder().expect("buckets").build_recorder();
        let tasks = Tasks::new();
        Metrics(recorder.handle()).keep_up(&tasks);
        let before = resident_kb();
        for _ in 0..100 {
            metrics::with_local_recorder(&recorder, || {
                let histogram = metrics::histogram!("test_wait_seconds");
                for _ in 0..100_000 {
                    histogram.record(0.02);
                }
            });
            tokio::time::sleep(UPKEEP_EVERY).await;
        }
        // Ten million samples, 8 bytes each.
        let grown = resident_kb().saturating_sub(before);
        assert!(grown < 30_000, "{grown} kB more");
        assert!(recorder.handle().render().contains("test_wait_seconds_count 10000000"), "none is lost");
    }
}
