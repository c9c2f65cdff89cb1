//! One call as one actor: listens, lets the turn machine decide, thinks through a port, speaks, and keeps what was heard.

pub mod ports;
