//! Models that run in this process: which files they are and where they lie (`lock`, `store`, `fetch`), the one ONNX
//! environment (`engine`, `onnx`), the bounded pool of inference threads (`pool`) and how many calls it carries
//! (`capacity`).
//!
//! Knows no call, no agent, no vendor: the rooms above say what a tensor means. Does not read the environment.

pub mod capacity;
pub mod clock;
pub mod cut;
pub mod engine;
pub mod error;
pub mod fetch;
pub mod lock;
pub mod metrics;
pub mod onnx;
pub mod options;
pub mod pool;
pub mod store;
pub mod weights;
mod wire;

pub use engine::Engine;
pub use error::Error;
pub use lock::Member;
pub use onnx::{Input, Model, Outputs, Value};
pub use options::Options;
pub use pool::{Lane, Pool, Rejected};
pub use store::Store;
