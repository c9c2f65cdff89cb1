//! Executes a graph for one conversation: embeddings, language models, tools and time come through ports.
//!
//! An `Agent` is a compiled graph with the vectors of its examples, made once and shared by all calls; a `Conversation` is
//! one call's walk through it. It knows no voices and no transports: text goes in, steps come out.

mod agent;
mod chat;
mod classify;
mod conversation;
mod lexical;
pub mod metrics;
pub mod ports;
mod reply;
mod speculation;
mod speech;
pub mod tools;
mod vectors;

pub use agent::{Agent, LoadError};
pub use conversation::{Conversation, Snapshots, Step};
pub use ports::{AskedAhead, ChatUsed, Clock, Meter, Permit, Ports, SystemClock, ToolCall, Tools};
pub use speculation::SpeculationCounts;
