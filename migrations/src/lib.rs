//! The migration sets and the engine that applies them.
