//! What a worker and the server that dispatches jobs to it say.

use std::collections::HashMap;

use prost::{Enumeration, Message, Oneof};

use super::Room;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct WorkerMessage {
    #[prost(oneof = "FromWorker", tags = "1, 2, 3, 4, 5, 7")]
    pub(crate) message: Option<FromWorker>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum FromWorker {
    #[prost(message, tag = "1")]
    Register(Register),
    #[prost(message, tag = "2")]
    Availability(Availability),
    #[prost(message, tag = "3")]
    UpdateWorker(UpdateWorker),
    #[prost(message, tag = "4")]
    UpdateJob(UpdateJob),
    #[prost(message, tag = "5")]
    Ping(WorkerPing),
    #[prost(message, tag = "7")]
    MigrateJob(MigrateJob),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServerMessage {
    #[prost(oneof = "FromServer", tags = "1, 2, 3, 4, 5")]
    pub(crate) message: Option<FromServer>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum FromServer {
    #[prost(message, tag = "1")]
    Registered(Registered),
    #[prost(message, tag = "2")]
    Availability(AvailabilityRequest),
    #[prost(message, tag = "3")]
    Assignment(Assignment),
    #[prost(message, tag = "4")]
    Pong(WorkerPong),
    #[prost(message, tag = "5")]
    Termination(Termination),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Register {
    #[prost(enumeration = "JobType", tag = "1")]
    pub(crate) r#type: i32,
    #[prost(string, tag = "3")]
    pub(crate) version: String,
    /// In seconds.
    #[prost(uint32, tag = "5")]
    pub(crate) ping_interval: u32,
    #[prost(message, optional, tag = "7")]
    pub(crate) allowed_permissions: Option<Permissions>,
    #[prost(string, tag = "8")]
    pub(crate) agent_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Permissions {
    #[prost(bool, tag = "1")]
    pub(crate) can_subscribe: bool,
    #[prost(bool, tag = "2")]
    pub(crate) can_publish: bool,
    #[prost(bool, tag = "3")]
    pub(crate) can_publish_data: bool,
    #[prost(bool, tag = "10")]
    pub(crate) can_update_metadata: bool,
    #[prost(bool, tag = "11")]
    pub(crate) agent: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Registered {
    #[prost(string, tag = "1")]
    pub(crate) worker_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AvailabilityRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) job: Option<Job>,
    #[prost(bool, tag = "2")]
    pub(crate) resuming: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Availability {
    #[prost(string, tag = "1")]
    pub(crate) job_id: String,
    #[prost(bool, tag = "2")]
    pub(crate) available: bool,
    #[prost(string, tag = "4")]
    pub(crate) participant_name: String,
    #[prost(string, tag = "5")]
    pub(crate) participant_identity: String,
    #[prost(map = "string, string", tag = "7")]
    pub(crate) participant_attributes: HashMap<String, String>,
    /// Not available, and the job is done.
    #[prost(bool, tag = "8")]
    pub(crate) terminate: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UpdateJob {
    #[prost(string, tag = "1")]
    pub(crate) job_id: String,
    #[prost(enumeration = "JobStatus", tag = "2")]
    pub(crate) status: i32,
    #[prost(string, tag = "3")]
    pub(crate) error: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UpdateWorker {
    #[prost(enumeration = "WorkerStatus", optional, tag = "1")]
    pub(crate) status: Option<i32>,
    /// From 0 to 1.
    #[prost(float, tag = "3")]
    pub(crate) load: f32,
    #[prost(uint32, tag = "4")]
    pub(crate) job_count: u32,
    #[prost(bool, tag = "5")]
    pub(crate) draining: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct WorkerPing {
    #[prost(int64, tag = "1")]
    pub(crate) timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct WorkerPong {
    #[prost(int64, tag = "1")]
    pub(crate) last_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Assignment {
    #[prost(message, optional, tag = "1")]
    pub(crate) job: Option<Job>,
    #[prost(string, optional, tag = "2")]
    pub(crate) url: Option<String>,
    #[prost(string, tag = "3")]
    pub(crate) token: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Termination {
    #[prost(string, tag = "1")]
    pub(crate) job_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MigrateJob {
    #[prost(string, repeated, tag = "2")]
    pub(crate) job_ids: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Job {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) room: Option<Room>,
    #[prost(string, tag = "6")]
    pub(crate) metadata: String,
    #[prost(string, tag = "7")]
    pub(crate) agent_name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum JobType {
    Room = 0,
    Publisher = 1,
    Participant = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum JobStatus {
    Pending = 0,
    Running = 1,
    Success = 2,
    Failed = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(crate) enum WorkerStatus {
    Available = 0,
    Full = 1,
}
