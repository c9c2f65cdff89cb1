//! The event log of a call: every input and every decision on one clock, written, read and replayed.
