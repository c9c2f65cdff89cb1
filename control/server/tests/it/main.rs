//! HTTP dialogues with the router over fake ports and a real database: every route, every error, permissions, limits, tenants.

mod accounts;
mod cors;
mod costs;
mod document;
mod drills;
mod errors;
mod fake;
mod greetings;
mod isolation;
mod jobs;
mod keys;
mod latency;
mod offer;
mod pages;
mod plane;
mod record;
mod recordings;
mod repeating;
mod resources;
mod schemathesis;
mod seeding;
mod sessions;
mod socket;
mod start;
mod tokens;
