//! Whom a call reaches: of all routes that fit what the call brings, the most specific one.
//!
//! Plain data in, plain data out: no clock, no database. Everything that a route says must hold; what it does not say does not narrow it. Of two
//! that fit the one wins that is more specific in the first of these in which they differ: the number (whole, then the longer beginning), the
//! room (likewise), the hostname, the trunk, how many headers, the hours; a channel that leads its number or room comes after a route. Where they
//! differ in none the older one wins.
//!
//! A call of which nobody knows whose it is can be reached by its number, room or hostname alone, since these belong to one organization each;
//! one that comes in through an organization's own trunk or account reaches that organization's routes and no others.

pub mod pattern;
pub mod table;

pub use pattern::{Fit, Pattern, PatternError, dialled};
pub use table::{Arrival, Conditions, Explained, Header, Miss, Route, Specificity, Table};
