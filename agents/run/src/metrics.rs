//! Names of what a conversation measures. Labels are closed sets, named beside each.

/// Questions asked of a language model before the caller's turn was certain. `outcome`: `started`, then `adopted` or `discarded`.
pub const SPECULATIONS_TOTAL: &str = "agents_speculations_total";
/// Tokens, in and out, of questions asked ahead in vain; estimated where the vendor had not counted yet.
pub const WASTED_TOKENS_TOTAL: &str = "agents_wasted_tokens_total";

/// What becomes of a question asked ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Started,
    Adopted,
    Discarded,
}

pub(crate) fn speculation(outcome: Outcome) {
    let outcome = match outcome {
        Outcome::Started => "started",
        Outcome::Adopted => "adopted",
        Outcome::Discarded => "discarded",
    };
    metrics::counter!(SPECULATIONS_TOTAL, "outcome" => outcome).increment(1);
}

pub(crate) fn wasted(tokens: u64) {
    metrics::counter!(WASTED_TOKENS_TOTAL).increment(tokens);
}
