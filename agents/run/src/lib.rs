//! Executes a graph for one conversation: embeddings, tools and time come through ports.
