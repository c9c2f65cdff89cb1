//! Paths, bodies and errors of the HTTP surface. The contract of console and clients; no logic.
