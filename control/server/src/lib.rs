//! The HTTP surface: a readable list of routes, thin handlers, rules in `app`.
