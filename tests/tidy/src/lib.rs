//! The style rules, kept as tests.
