//! Scripted, exactly timed providers that fail on demand: for tests, demonstrations and load.
