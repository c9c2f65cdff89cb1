//! The store on a real Postgres, a database for each test.

mod carrier_calls;
mod catalog;
mod costs;
mod embedded;
mod ingest;
mod isolation;
mod leases;
mod opening;
mod support;
