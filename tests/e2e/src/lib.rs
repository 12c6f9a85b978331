//! End-to-end promises, each against a real database and real sockets.
