//! HTTP dialogues with the router over fake ports: every route, every error, permissions, limits.

mod calls;
mod cors;
mod errors;
mod fake;
mod offer;
mod pages;
mod socket;
mod start;
mod tokens;
