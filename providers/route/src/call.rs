//! How long a call's routes wait for vendors. Whoever asks a route waits for longer than it does (`FINAL_MS`, `AUDIO_MS`), or the others
//! would not be asked, and nobody would learn who was late. docs/LATENCY.md shows the whole budget as a table.

use crate::options::{Bounds, Options};

/// Until a stream is open, by whoever asks.
pub const OPEN_MS: u32 = 2_000;
/// From a demanded final to the final, by whoever asks.
pub const FINAL_MS: u32 = 2_200;
/// From a sentence to its first audio, and from the last audio to more, by whoever asks.
pub const AUDIO_MS: u32 = 2_300;
/// For the way of an error from a route to whoever asked it.
const MARGIN_MS: u64 = 100;
/// From a question to a model to something useful. A node that waits for less (`timeout_ms`) tells the route so.
const USEFUL_MS: u64 = 1_900;

#[must_use]
pub const fn hearing() -> Options {
    Options {
        last: Bounds { floor_ms: 400, ceiling_ms: 1_200, default_ms: 1_000 },
        give_up_after_ms: FINAL_MS as u64 - MARGIN_MS,
        ..Options::stt()
    }
}

#[must_use]
pub const fn speaking() -> Options {
    Options {
        connect_ms: 1_000,
        first: Bounds { floor_ms: 300, ceiling_ms: 1_200, default_ms: 900 },
        hedge: Some(Bounds { floor_ms: 100, ceiling_ms: 700, default_ms: 450 }),
        next_ms: 800,
        give_up_after_ms: AUDIO_MS as u64 - MARGIN_MS,
        ..Options::tts()
    }
}

#[must_use]
pub const fn thinking() -> Options {
    Options {
        connect_ms: 1_000,
        first: Bounds { floor_ms: 400, ceiling_ms: 1_600, default_ms: 1_300 },
        hedge: Some(Bounds { floor_ms: 150, ceiling_ms: 900, default_ms: 700 }),
        next_ms: 1_400,
        give_up_after_ms: USEFUL_MS,
        ..Options::llm()
    }
}
