//! Which greeting a caller hears, in which words and voice.
