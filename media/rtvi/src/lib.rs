//! RTVI messages, their handshake and Pipecat's protobuf framing as pure data in, data out.
