//! The store on a real Postgres, a database for each test.

mod catalog;
mod embedded;
mod ingest;
mod isolation;
mod opening;
mod support;
