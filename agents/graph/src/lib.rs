//! An agent as a graph without I/O: definition, validation, compilation, state with reducers, and the walk.
