//! Cartesia.
