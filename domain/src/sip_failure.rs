//! What a final answer of SIP means where it refuses a call.

/// Why nobody took a call, as the status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SipFailure {
    Busy,
    Declined,
    /// It rang for as long as it may, or nobody is there now.
    NoAnswer,
    /// There is no such number.
    UnknownNumber,
    /// Whoever was asked does not let us call: no password, a wrong one, or no right.
    Forbidden,
    /// The two sides have no way to speak in common.
    Unspeakable,
    /// Whatever else it says.
    Failed,
}

impl SipFailure {
    #[must_use]
    pub const fn of(status: u16) -> Self {
        match status {
            486 | 600 => Self::Busy,
            603 | 607 | 608 => Self::Declined,
            408 | 480 | 487 => Self::NoAnswer,
            404 | 410 | 416 | 484 | 485 | 604 => Self::UnknownNumber,
            401 | 403 | 407 => Self::Forbidden,
            415 | 488 | 606 => Self::Unspeakable,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_why_nobody_took_a_call() {
        for (status, why) in [
            (486, SipFailure::Busy),
            (603, SipFailure::Declined),
            (480, SipFailure::NoAnswer),
            (404, SipFailure::UnknownNumber),
            (403, SipFailure::Forbidden),
            (488, SipFailure::Unspeakable),
            (500, SipFailure::Failed),
            (200, SipFailure::Failed),
        ] {
            assert_eq!(SipFailure::of(status), why, "{status}");
        }
    }
}
