//! Models that run in this process: where they lie, their checksums, the one ONNX environment and a bounded pool of inference threads. Knows no business.
