//! The rules: who may call, what a token is worth, what a finished call amounts to. No HTTP types.

pub(crate) mod access;
pub(crate) mod calls;
mod event_line;
pub(crate) mod offer;
pub(crate) mod origin;
pub(crate) mod summary;
pub(crate) mod token;
