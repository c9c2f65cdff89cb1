//! Settings of the embedded providers.

use serde::{Deserialize, Serialize};

use crate::stt;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    pub inference: inference::Options,
    pub stt: stt::Options,
}

impl Options {
    /// # Errors
    /// What is out of range, in words for the operator.
    pub fn validate(&self) -> Result<(), String> {
        self.inference.validate().and_then(|()| self.stt.validate())
    }
}
