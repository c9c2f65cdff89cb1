//! The vocabulary every house shares: ids, audio, speech, sessions, timelines, failures.
//!
//! No I/O, no clock, no async: everything here is data that two houses need. A type that one house alone
//! uses stays in that house.

pub mod agent;
pub mod audio;
pub mod callee;
pub mod failure;
pub mod id;
pub mod keys;
pub mod name;
pub mod numbers;
pub mod quality;
pub mod secret;
pub mod session;
pub mod sip_failure;
pub mod speech;
pub mod timeline;

pub use agent::{ProviderBinding, Voice};
pub use audio::{AudioFrame, FRAME, MediaTime};
pub use callee::{AtMachine, Callee, Tell};
pub use failure::{Code, Failure, Retry, Source};
pub use id::{
    AgentId, AgentVersionId, ApiKeyId, CampaignId, ChannelId, ContactId, DomainId, DrillId, EnvironmentId,
    GreetingId, OrgId, PriceId, ProviderAccountId, ProviderRequestId, RouteId, SecretId, ServerId, SessionId,
    TurnId,
};
pub use keys::{Key, Keys, NoKeys};
pub use name::wire_name;
pub use quality::{Flaw, Quality};
pub use secret::{Pii, Secret, show_pii};
pub use session::{AgentState, DeadAir, Encoding, EndReason, Role, SessionEvent, Transfer, TransferMode};
pub use sip_failure::SipFailure;
pub use speech::{Digit, Language, Score, Transcript, TranscriptKind, VadDecision, Voiced, Word};
pub use timeline::{Latencies, Mark, ProviderName, ServedBy, TurnTimeline};
