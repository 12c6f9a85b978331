//! `ProtoJSON`, read and written along message descriptors.
//!
//! *Source*: the `ProtoJSON` specification of Protocol Buffers, in its strict
//! reading; where it leaves a choice, `gateway-behaviour` C and D decide.

mod any_types;
mod known;
mod lex;
mod lex_string;
mod mask;
mod number;
mod read;
mod read_known;
mod read_scalar;
mod report;
mod scalar;
mod time;
mod write;
mod write_known;

pub(crate) use known::Known;
pub(crate) use read::{Present, Reader};
pub(crate) use scalar::{from_text, has_text_form, shorten};
pub(crate) use write::{UnknownTypes, WriteError, Writer};
