//! Participants and a worker against a real LiveKit server on loopback.

mod line;
mod rooms;
mod support;
mod work;
