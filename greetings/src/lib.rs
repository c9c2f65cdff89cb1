//! What a caller hears first: which greeting fits a call, in which words, in which arm of an experiment, and how well each arm does.
//!
//! Plain data in, plain data out: no clock, no database, no audio. `select` chooses, `template` puts the caller's data in, `experiment` assigns
//! arms, `significance` judges them, `cache` keeps what was rendered, and `book` is all of an organization's, ready to choose from. Whoever runs calls loads rules and takes measures.

pub mod book;
pub mod cache;
pub mod experiment;
pub mod language;
pub mod schedule;
pub mod select;
pub mod significance;
pub mod template;

pub use book::{Asked, Book, Caller, Chosen, Entry};
pub use cache::{Cache, Key, VoiceKey};
pub use experiment::{Arm, Experiment, Goal, Sticky};
pub use language::{Heard, Prefix};
pub use schedule::{Calendar, Holiday, Schedule, Timetable};
pub use select::{Call, Explained, Rule, Scope, Verdict, Why, explain, select};
pub use template::{Template, Values};
