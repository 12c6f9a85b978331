//! The binary: command line, configuration, embedded PostgreSQL and wiring.
