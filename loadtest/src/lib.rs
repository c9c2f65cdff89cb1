//! Callers from outside over WebRTC and WebSocket, exactly timed vendors, scenarios, measures and reports.
