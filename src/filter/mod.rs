//! What a caller asks of a list: which rows, in which order.
//!
//! [`parse`] reads a `filter`, [`order_by`] an `order_by`, both against the
//! fields that the list declares; what comes out names them by their place and
//! holds typed values only. Nothing here knows of SQL.
//!
//! ```text
//! expression  = factor { ["AND"] factor }
//! factor      = term { "OR" term }              OR binds tighter than AND
//! term        = [ "NOT" | "-" ] simple
//! simple      = "(" expression ")" | field comparator value
//! comparator  = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":"
//! value       = word | quoted text, with \" \' \\ \* \n \r \t
//! ```
//!
//! Left out of AIP-160: functions, values without a field, and parentheses
//! around values.
//!
//! *Source*: AIP-160 and its grammar; AIP-132 for the order.

mod expr;
mod field;
mod moment;
mod order;
mod parser;
mod scan;
#[cfg(test)]
mod tests;
mod value;

pub use expr::{Expr, Op, Value};
pub use field::{Field, Kind};
pub use moment::{date, time};
pub use order::{Direction, MAX_KEYS, Term, order_by};
pub use parser::{MAX_BYTES, MAX_COMPARISONS, MAX_DEPTH, parse};
