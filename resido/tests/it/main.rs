//! The product as a person runs it: the built command, real servers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod apart;
mod commands;
mod control;
mod demo;
mod endings;
mod keys;
mod library;
mod lifecycle;
mod logins;
mod migrate;
mod postgres;
mod product;
mod recovery;
