//! Traces, metrics and logs: set-up, the metrics table and propagation.
