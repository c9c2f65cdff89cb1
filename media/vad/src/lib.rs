//! Neural voice activity behind the energy gate, and the audio end-of-turn model.
