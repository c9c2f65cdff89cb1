//! Names of the metrics of the inference threads.

/// Histogram, seconds from submission until a job began. Label `lane`: realtime, interactive, background.
pub const QUEUE_WAIT_SECONDS: &str = "inference_queue_wait_seconds";
/// Histogram, seconds a job ran. Label `lane`.
pub const RUN_SECONDS: &str = "inference_run_seconds";
/// Counter of jobs refused because their lane was full. Label `lane`.
pub const REJECTED_TOTAL: &str = "inference_rejected_total";
