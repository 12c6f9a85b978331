//! HTTP/JSON to gRPC and back by descriptors, without I/O.
