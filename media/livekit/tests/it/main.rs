//! Participants and a worker against a real LiveKit server on loopback.

mod line;
mod loss;
mod page;
mod phones;
mod relay;
mod rooms;
mod support;
mod work;
