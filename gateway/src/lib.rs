//! One request from socket to upstream and back.
