//! What a run measured, as a table that can be pasted into the docs, and which of the gate's numbers it meets.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;

use crate::call::Outcome;

use super::door::Way;
use super::{Args, Thinking};

/// Added at the median beyond the vendors' delays and the endpointing setting, ms.
const ADDED_MEDIAN_MS: f64 = 40.0;
const MIB_PER_SESSION: f64 = 2.0;
/// Two frames of a reply that begin to play further apart than this are heard as a gap.
const GAP: Duration = Duration::from_millis(40);
/// The response at the median where a language model may be asked ahead, ms.
const AHEAD_MEDIAN_MS: f64 = 290.0;
/// A core that is busier leaves no time to be on time.
const CORE_FULL: f64 = 0.85;
/// A caller that sends this late measures itself.
const CALLER_LATE: Duration = Duration::from_millis(15);

/// What the server says a response is made of.
pub(crate) const PARTS: [&str; 5] = ["endpointing", "thinking", "sentence", "synthesis", "playout"];

#[derive(Debug, Default)]
pub(crate) struct Measured {
    responses_ms: Vec<f64>,
    /// Of each response, by the server's own clock, where the transport tells: in the order of `PARTS`.
    parts_ms: [Vec<f64>; PARTS.len()],
    unanswered: usize,
    failed: Vec<String>,
    gaps: Vec<Duration>,
    caller_lateness: Vec<Duration>,
    pub(crate) talk: Duration,
}

impl Measured {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        for turn in outcome.turns.iter().skip(1) {
            match turn.timeline_ms.get("caller_response").and_then(Value::as_f64) {
                Some(response) => self.responses_ms.push(response),
                None => self.unanswered += 1,
            }
            for (values, part) in self.parts_ms.iter_mut().zip(PARTS) {
                values.extend(turn.timeline_ms.get(part).and_then(Value::as_f64));
            }
        }
        self.gaps.push(outcome.widest_gap);
        self.caller_lateness.push(outcome.worst_lateness);
        self.talk += outcome.length;
    }

    pub(crate) fn fail(&mut self, why: &str) {
        self.failed.push(why.to_owned());
    }
}

pub(crate) struct Row {
    pub(crate) transport: Way,
    pub(crate) n: usize,
    pub(crate) thinking: Thinking,
    pub(crate) by_design_ms: f64,
    pub(crate) cpu_share: f64,
    pub(crate) cpu_per_session_minute: f64,
    /// What the callers themselves took: what limits how many there can be.
    pub(crate) callers_per_session_minute: f64,
    pub(crate) mib_per_session: f64,
    pub(crate) base_mib: f64,
    pub(crate) server_lateness_ms: Option<f64>,
    pub(crate) measured: Measured,
}

impl Row {
    fn added_ms(&self, share: f64) -> f64 {
        percentile(&self.measured.responses_ms, share) - self.by_design_ms
    }

    fn late_callers(&self) -> usize {
        self.measured.gaps.iter().filter(|gap| **gap > GAP).count()
    }

    pub(crate) fn passes(&self) -> bool {
        self.limits().is_empty()
    }

    /// What would give way first with more callers.
    fn limited_by(&self) -> String {
        let callers = self.measured.caller_lateness.iter().max().copied().unwrap_or_default();
        if self.cpu_share > CORE_FULL {
            format!("the server's core, {:.0} % busy", self.cpu_share * 100.0)
        } else if callers > CALLER_LATE {
            format!("the callers' own core: they sent up to {} ms late", callers.as_millis())
        } else {
            let per_call = self.cpu_share / self.n as f64;
            format!(
                "nothing yet; at {:.2} % of a core a call, about {:.0} calls fill one",
                per_call * 100.0,
                CORE_FULL / per_call
            )
        }
    }

    /// The gate's numbers that were missed, each with what was measured.
    fn limits(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let Measured { unanswered, failed, .. } = &self.measured;
        if *unanswered > 0 || !failed.is_empty() {
            missed.push(format!(
                "{unanswered} turns without an answer, {} calls failed{}",
                failed.len(),
                failed.first().map(|why| format!(" ({why})")).unwrap_or_default()
            ));
        }
        if self.added_ms(0.5) > ADDED_MEDIAN_MS {
            missed
                .push(format!("{:.0} ms added at the median, {ADDED_MEDIAN_MS} allowed", self.added_ms(0.5)));
        }
        let response_ms = percentile(&self.measured.responses_ms, 0.5);
        if self.thinking == Thinking::Ahead && response_ms > AHEAD_MEDIAN_MS {
            missed.push(format!("{response_ms:.0} ms response at the median, {AHEAD_MEDIAN_MS} wanted"));
        }
        if self.mib_per_session > MIB_PER_SESSION {
            missed.push(format!("{:.1} MiB a session, {MIB_PER_SESSION} allowed", self.mib_per_session));
        }
        if self.late_callers() > 0 {
            missed.push(format!("{} callers heard a gap above {} ms", self.late_callers(), GAP.as_millis()));
        }
        missed
    }
}

/// What is measured, and on what: figures without their machine say nothing.
pub(crate) fn heading_of_machine(what: &str) -> anyhow::Result<()> {
    let cores = cores()?;
    writeln!(
        std::io::stdout(),
        "{what}, on a machine of {cores} cores ({}); load average before: {}",
        cpu_model(),
        load_average()
    )?;
    Ok(())
}

pub(crate) fn heading(args: &Args) -> anyhow::Result<()> {
    heading_of_machine("Server on one core")?;
    let delays = args.place.delays;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "By design: endpointing {} ms fixed, final {} ms (while the silence is awaited), first byte of audio {} ms.",
        args.endpointing_ms, delays.stt_final_ms, delays.tts_first_byte_ms
    )?;
    if args.thinking != Thinking::None {
        let asked = if args.thinking == Thinking::Ahead {
            "may be asked ahead"
        } else {
            "asked at the end of the turn"
        };
        writeln!(
            out,
            "A language model, {asked}: first token {} ms, then {} tokens a second, the ninth ends the first sentence.",
            delays.llm_first_token_ms, delays.llm_tokens_per_second
        )?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "| transport | N | response p50 / p95 ms | added p50 / p95 ms | widest gap p50 / max ms | core | CPU s per session-minute | MiB a session (base) | tick late p99 ms | caller late max ms |"
    )?;
    writeln!(out, "|---|--:|---|---|---|--:|--:|---|--:|--:|")?;
    Ok(())
}

pub(crate) fn row(row: &Row) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let measured = &row.measured;
    let gaps: Vec<f64> = measured.gaps.iter().map(|gap| gap.as_secs_f64() * 1000.0).collect();
    let caller_late = measured.caller_lateness.iter().max().copied().unwrap_or_default();
    writeln!(
        out,
        "| {:?} | {} | {:.0} / {:.0} | {:.0} / {:.0} | {:.0} / {:.0} | {:.0} % | {:.2} | {:.2} ({:.0}) | {} | {:.1} |",
        row.transport,
        row.n,
        percentile(&measured.responses_ms, 0.5),
        percentile(&measured.responses_ms, 0.95),
        row.added_ms(0.5),
        row.added_ms(0.95),
        percentile(&gaps, 0.5),
        percentile(&gaps, 1.0),
        row.cpu_share * 100.0,
        row.cpu_per_session_minute,
        row.mib_per_session,
        row.base_mib,
        row.server_lateness_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}")),
        caller_late.as_secs_f64() * 1000.0,
    )?;
    if caller_late > CALLER_LATE {
        eprintln!(
            "note: the callers themselves were up to {caller_late:?} late; their core is the limit of this run, not the server's"
        );
    }
    if !measured.parts_ms[0].is_empty() {
        let parts = PARTS.iter().zip(&measured.parts_ms);
        let told: Vec<String> =
            parts.map(|(part, values)| format!("{part} {:.0}", percentile(values, 0.5))).collect();
        eprintln!("by the server's clock, medians in ms: {}", told.join(", "));
    }
    for missed in row.limits() {
        eprintln!("missed at {:?} {}: {missed}", row.transport, row.n);
    }
    eprintln!("the callers took {:.2} CPU s per session-minute", row.callers_per_session_minute);
    eprintln!("limited by: {}", row.limited_by());
    Ok(())
}

pub(crate) fn verdict(missed: bool) -> anyhow::Result<()> {
    let says = if missed { "The gate is missed: see the lines above." } else { "The gate is passed." };
    writeln!(std::io::stdout().lock(), "\n{says}")?;
    Ok(())
}

pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// A quantile of a Prometheus histogram, summed over its labels: the upper edge of its bucket.
pub(crate) fn quantile(text: &str, name: &str, share: f64) -> Option<f64> {
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    for line in text.lines().filter(|line| line.starts_with(name) && line.contains("_bucket")) {
        let edge = line.split("le=\"").nth(1)?.split('"').next()?.replace("+Inf", "inf").parse().ok()?;
        let count = line.rsplit(' ').next()?.parse::<f64>().ok()?;
        match buckets.iter_mut().find(|(known, _)| *known == edge) {
            Some(known) => known.1 += count,
            None => buckets.push((edge, count)),
        }
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total = buckets.last()?.1;
    buckets.iter().find(|(_, count)| *count >= total * share).map(|(edge, _)| *edge)
}

/// Of the machine, also of those that this process keeps off.
pub(crate) fn cores() -> anyhow::Result<usize> {
    let info = std::fs::read_to_string("/proc/cpuinfo")?;
    Ok(info.lines().filter(|line| line.starts_with("processor")).count())
}

fn cpu_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1))
        .map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}

fn load_average() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .unwrap_or_default()
        .split(' ')
        .next()
        .unwrap_or("unknown")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_values() {
        assert!((percentile(&[3.0, 1.0, 2.0], 0.5) - 2.0).abs() < f64::EPSILON);
        assert!((percentile(&[3.0, 1.0, 2.0], 1.0) - 3.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_histogram_is_read_over_its_labels() {
        let text = "x_seconds_bucket{t=\"a\",le=\"0.01\"} 90\nx_seconds_bucket{t=\"a\",le=\"0.02\"} 99\nx_seconds_bucket{t=\"a\",le=\"+Inf\"} 100\n";
        assert_eq!(quantile(text, "x_seconds", 0.5), Some(0.01));
        assert_eq!(quantile(text, "x_seconds", 0.99), Some(0.02));
    }
}
