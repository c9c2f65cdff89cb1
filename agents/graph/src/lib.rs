//! An agent as a graph without I/O: definition, validation, compilation, state with reducers, and the walk.
//!
//! `AgentDefinition` is the JSON a person writes, `Compiled` the same with every text parsed and every reference
//! resolved, `Walk` one conversation through it. A walk answers each input with actions and never calls anybody: what it
//! cannot know itself (which intent a text is nearest to, what a tool or a language model answers) it asks for with a `Need`.

mod chat;
mod compile;
mod definition;
mod diff;
mod expression;
mod node;
mod spoken;
mod state;
mod template;
pub mod understand;
mod validate;
mod walk;

pub use chat::{Call, ChatCall, ChatEnd, ChatError, ChatMessage, ChatRequest, Function};
pub use compile::{Compiled, compile};
pub use definition::{AgentDefinition, Edge, Manners, Speculation, Term, Vocabulary, parse};
pub use diff::{Change, ChangeKind, diff};
pub use expression::{Expression, ExpressionError, Scope};
pub use node::{
    Act, Collect, Confirm, DeclaredTool, Entity, Exit, Intent, IntentNode, LlmNode, Node, Slot, SlotKind,
    Transfer,
};
pub use spoken::{clock as spoken_time, list as spoken_list};
pub use state::{Channel, ChannelKind, Reducer, StateError};
pub use template::{Template, TemplateError};
pub use validate::{Invalid, Problem, Severity};
pub use walk::{
    Action, BACKGROUND, Called, INTERRUPTED, Method, Need, Receipt, RestoreError, Scored, Scores, Snapshot,
    Spoken, ToolError, Walk, parse_time,
};

/// What ready-made agents ship with the product; the file name is the agent's name.
pub const LIBRARY: [(&str, &str); 4] = [
    ("bench", include_str!("../../library/bench.json")),
    ("front-desk", include_str!("../../library/front-desk.json")),
    ("assistant", include_str!("../../library/assistant.json")),
    ("realtime-assistant", include_str!("../../library/realtime-assistant.json")),
];
