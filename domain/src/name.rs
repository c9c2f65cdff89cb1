//! Names of values, as others read and keep them.

use serde::Serialize;

/// As serde writes a value that it writes as one word, such as `agent_ended`; empty where it writes something else.
#[must_use]
pub fn wire_name(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EndReason;

    #[test]
    fn a_word_is_its_name_and_what_is_none_has_no_name() {
        assert_eq!(wire_name(&EndReason::AgentEnded), "agent_ended");
        assert_eq!(wire_name(&[1, 2]), "");
    }
}
