//! A provider made of providers: ordered alternatives behind one `Stt`, `Tts` or `Llm`, so that no vendor's outage is heard.
//!
//! Success is progress: words, a useful token, a voiced sample within a deadline, never a status code. What decides is
//! pure and takes `now` (`breaker`, `learned`, `race`, `replay`, `budget`); `stt`, `tts` and `llm` are shells that move
//! events and await timers. Nothing here spawns on the path of a request: each stream is driven by whoever polls it, and
//! dropping it cancels all that it had started. Refuses to guess: what was given upward is never given again.

mod ahead;
pub mod breaker;
pub mod budget;
pub mod call;
mod cut;
pub mod health;
pub mod learned;
mod line;
mod llm;
pub mod observe;
pub mod options;
mod probe;
mod race;
mod replay;
pub mod shared;
mod spoken;
mod stt;
mod tried;
mod tts;
mod ways;

pub use budget::{Budget, Pace, Reaction};
pub use health::{Health, Key};
pub use llm::LlmRoute;
pub use observe::{Attempt, Nobody, Observer, Outcome, RouteEvent, Why};
pub use options::{Bounds, Invalid, Options};
pub use probe::keep_probing;
pub use shared::Shared;
pub use stt::SttRoute;
pub use tts::TtsRoute;
pub use ways::{Alternative, Setting};
