//! The one-time code of the link that the server prints at its start: it signs one browser in.

use std::sync::{Mutex, PoisonError};

use domain::Secret;

use crate::app::token::same_secret;

/// Cheap to make; good until it was used, and as long as the process lives.
#[derive(Default)]
pub struct AdminCode(Mutex<Option<Secret<String>>>);

impl AdminCode {
    /// A new code. `shown` is what the link is made of: `/#admin=CODE`.
    #[must_use]
    pub fn generate() -> Self {
        let code = format!("{:032x}", rand::random::<u128>());
        Self(Mutex::new(Some(Secret::new(code))))
    }

    /// `None`: there is none, or it was used.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        let code = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        code.as_ref().map(|code| code.expose().clone())
    }

    /// Whether this is the code; if so, it is none any more.
    pub(crate) fn redeem(&self, given: &str) -> bool {
        let mut code = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = code.as_ref().is_some_and(|code| same_secret(given, code.expose()));
        if same {
            *code = None;
        }
        same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once() {
        let code = AdminCode::generate();
        let shown = code.shown().expect("there is one");
        assert!(!code.redeem("") && !code.redeem(&shown[1..]));
        assert!(code.redeem(&shown));
        assert!(!code.redeem(&shown) && code.shown().is_none());
        assert!(!AdminCode::default().redeem(""));
    }
}
