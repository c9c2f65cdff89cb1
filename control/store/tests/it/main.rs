//! The store on a real Postgres, a database for each test.

mod catalog;
mod costs;
mod embedded;
mod ingest;
mod isolation;
mod leases;
mod opening;
mod support;
