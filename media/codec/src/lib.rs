//! Opus through FFI behind the codec traits of media-core.
