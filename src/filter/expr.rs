//! A filter as understood.

use std::time::SystemTime;

use uuid::Uuid;

/// A condition on a row. A comparison with a field that has no value holds for
/// [`Op::NotEqual`] alone.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// All of them hold.
    All(Vec<Expr>),
    /// One of them holds.
    Any(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// A field compares so with a value.
    Compare {
        /// Place of the field among those the list declares.
        column: usize,
        /// How it compares.
        op: Op,
        /// With what.
        value: Value,
    },
}

/// How a field compares with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `:` with [`Value::Text`], which the field contains in whatever case, or
    /// with [`Value::Present`].
    Has,
}

/// What a field is compared with, in the type of the field. Text holds no NUL.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Anything: the field has a value, and not the empty text.
    Present,
    /// This text.
    Text(String),
    /// Text that begins so.
    Begins(String),
    /// Text that ends so.
    Ends(String),
    /// Text that contains this.
    Contains(String),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// A yes or no.
    Flag(bool),
    /// A moment, in whole microseconds.
    Time(SystemTime),
    /// A day that exists, as `YYYY-MM-DD`.
    Date(String),
    /// What is stored for the name of an enum value.
    Word(&'static str),
    /// What a resource name leads to.
    Id(Uuid),
}
