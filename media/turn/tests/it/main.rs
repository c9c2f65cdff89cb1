//! Scenarios of turn-taking in virtual time. Each cites the promise it keeps and the rule it depends on, and is shown to
//! fail without that rule.

mod barge_in;
mod endpointing;
mod greeting;
mod idle;
mod liveness;
mod marks;
mod pending_answer;
mod promises;
mod recognition;
mod replies;
mod sim;
mod slow_callers;
mod speculation;
mod written;
