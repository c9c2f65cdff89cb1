//! AssemblyAI.
