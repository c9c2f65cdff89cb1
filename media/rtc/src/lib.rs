//! WebRTC peers on str0m: a server with one UDP port for all browsers, and a client peer.
