//! The contract of Resido.
