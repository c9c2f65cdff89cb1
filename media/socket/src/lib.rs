//! Audio over WebSockets: Pipecat protobuf frames with RTVI inside, and carriers' media streams.
