//! Deepgram: live speech to text and text to speech over its sockets.
