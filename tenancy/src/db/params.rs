//! Bind parameters with their types, so that a statement needs no round trip to
//! learn them.

use std::time::SystemTime;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A value that a statement takes as a parameter.
pub trait Param: ToSql + Sync {
    /// The value's type in the database.
    const TYPE: Type;
}

macro_rules! param {
    ($($rust:ty => $sql:ident,)*) => {
        $(impl Param for $rust {
            const TYPE: Type = Type::$sql;
        })*
    };
}

param! {
    bool => BOOL,
    i16 => INT2,
    i32 => INT4,
    i64 => INT8,
    f64 => FLOAT8,
    String => TEXT,
    &str => TEXT,
    Uuid => UUID,
    SystemTime => TIMESTAMPTZ,
    Vec<u8> => BYTEA,
    &[u8] => BYTEA,
    Vec<String> => TEXT_ARRAY,
    Vec<Uuid> => UUID_ARRAY,
    Vec<i64> => INT8_ARRAY,
    serde_json::Value => JSONB,
}

impl<T: Param> Param for Option<T> {
    const TYPE: Type = T::TYPE;
}

/// Pairs a value with its type.
#[doc(hidden)]
pub fn typed<T: Param>(value: &T) -> (&(dyn ToSql + Sync), Type) {
    (value, T::TYPE)
}

/// See [`crate::db::params`].
#[doc(hidden)]
#[macro_export]
macro_rules! __params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::db::__typed(&$value)),*]
    };
}
