//! Criterion benches, load scenarios and peer comparisons.
