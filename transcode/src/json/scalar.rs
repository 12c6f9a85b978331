//! Scalars as text: in paths, in queries, in JSON strings and as keys of maps.

use std::fmt::Write as _;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::{DynamicMessage, EnumDescriptor, Kind, MessageDescriptor, Syntax, Value};

use super::{Known, mask::snake_path, number, time};

/// Takes padding or none, and bits that a careless encoder left over.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Whether a value of this kind can be given as text in a path or query.
pub(crate) fn has_text_form(kind: &Kind) -> bool {
    let Kind::Message(message) = kind else {
        return true;
    };
    matches!(
        Known::of(message),
        Some(Known::Timestamp | Known::Duration | Known::FieldMask | Known::Wrapper)
    )
}

/// Reads a value from a path or query, decoded.
///
/// # Errors
/// With what is wrong, the offending text shortened.
pub(crate) fn from_text(kind: &Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Message(message) => match Known::of(message) {
            Some(Known::Wrapper) => wrapper_from_text(message, text),
            _ => known_from_text(message, text).map(Value::Message),
        },
        Kind::Bool => bool_from_text(text),
        Kind::String => Ok(Value::String(text.to_owned())),
        Kind::Bytes => bytes_from_text(text),
        Kind::Enum(descriptor) => enum_from_text(descriptor, text),
        _ if is_float(kind) => float_from_text(kind, text),
        // `1e5` is an integer in JSON alone.
        _ if !is_decimal(text) => Err(format!("{} is not a decimal integer", shorten(text))),
        _ => int_from_number(kind, text),
    }
}

/// Whether a text is an integer in plain digits.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.bytes().all(|byte| byte.is_ascii_digit()) && number::is_number(text)
}

/// Whether a kind has fractions.
pub(super) fn is_float(kind: &Kind) -> bool {
    matches!(kind, Kind::Float | Kind::Double)
}

/// Reads a wrapper by the value inside.
fn wrapper_from_text(message: &MessageDescriptor, text: &str) -> Result<Value, String> {
    let field = message.get_field(1).ok_or("its wrapper has no value")?;
    let inner = from_text(&field.kind(), text)?;
    filled(message, [(1, inner)]).map(Value::Message)
}

/// Makes a message of field numbers and values.
///
/// # Errors
/// If the descriptors, which are an upstream's, give a well-known name to
/// something else.
pub(super) fn filled(
    message: &MessageDescriptor,
    fields: impl IntoIterator<Item = (u32, Value)>,
) -> Result<DynamicMessage, String> {
    let mut filled = DynamicMessage::new(message.clone());
    for (number, value) in fields {
        filled
            .try_set_field_by_number(number, value)
            .map_err(|_| format!("`{}` is not the usual one", message.full_name()))?;
    }
    Ok(filled)
}

/// Reads a well-known type that is a string in JSON.
pub(super) fn known_from_text(
    message: &MessageDescriptor,
    text: &str,
) -> Result<DynamicMessage, String> {
    let pair = |parsed: Option<(i64, i32)>, what: &str| {
        let (seconds, nanos) =
            parsed.ok_or_else(|| format!("{} is not a {what}", shorten(text)))?;
        filled(message, [(1, Value::I64(seconds)), (2, Value::I32(nanos))])
    };
    match Known::of(message) {
        Some(Known::Timestamp) => pair(
            time::parse_timestamp(text),
            "timestamp such as 2006-01-02T15:04:05Z",
        ),
        Some(Known::Duration) => pair(time::parse_duration(text), "duration such as 1.5s"),
        Some(Known::FieldMask) => {
            let paths = text.split(',').filter(|_| !text.is_empty());
            let paths = paths.map(|path| snake_path(path).map(Value::String));
            let paths: Option<Vec<_>> = paths.collect();
            let paths = paths.ok_or_else(|| {
                let text = shorten(text);
                format!("{text} is not a list of lowerCamelCase paths with commas between")
            })?;
            filled(message, [(1, Value::List(paths))])
        }
        _ => Err(format!("a `{}` cannot be given here", message.full_name())),
    }
}

pub(super) fn bool_from_text(text: &str) -> Result<Value, String> {
    match text {
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        _ => Err(format!("{} is not true or false", shorten(text))),
    }
}

/// Reads base64 in either alphabet; which one, its own two letters tell.
pub(super) fn bytes_from_text(text: &str) -> Result<Value, String> {
    let engine = if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    engine
        .decode(text)
        .map(|bytes| Value::Bytes(bytes.into()))
        .map_err(|_| format!("{} is not base64", shorten(text)))
}

/// Reads an enum by name or by number.
fn enum_from_text(descriptor: &EnumDescriptor, text: &str) -> Result<Value, String> {
    if is_decimal(text) {
        return enum_from_number(descriptor, text);
    }
    enum_from_name(descriptor, text)
        .ok_or_else(|| format!("{} is not a value of the enum", shorten(text)))
}

pub(super) fn enum_from_name(descriptor: &EnumDescriptor, name: &str) -> Option<Value> {
    descriptor
        .get_value_by_name(name)
        .map(|value| Value::EnumNumber(value.number()))
}

/// Reads an enum by number; open enums keep numbers that they do not know.
pub(super) fn enum_from_number(descriptor: &EnumDescriptor, text: &str) -> Result<Value, String> {
    let number = number::integer(text).and_then(|number| i32::try_from(number).ok());
    let open = descriptor.parent_file().syntax() != Syntax::Proto2;
    number
        .filter(|number| open || descriptor.get_value(*number).is_some())
        .map(Value::EnumNumber)
        .ok_or_else(|| format!("{} is not a value of the enum", shorten(text)))
}

/// Reads an integer in the grammar of JSON, so `1e5` and `1.0` too.
pub(super) fn int_from_number(kind: &Kind, text: &str) -> Result<Value, String> {
    let value = number::integer(text);
    let parsed = match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            value.and_then(|n| i32::try_from(n).ok()).map(Value::I32)
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            value.and_then(|n| i64::try_from(n).ok()).map(Value::I64)
        }
        Kind::Uint32 | Kind::Fixed32 => value.and_then(|n| u32::try_from(n).ok()).map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => value.and_then(|n| u64::try_from(n).ok()).map(Value::U64),
        _ => None,
    };
    parsed.ok_or_else(|| format!("{} is not {}", shorten(text), int_name(kind)))
}

/// Names the range of an integer.
fn int_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "an integer of 32 bits",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "an integer of 64 bits",
        Kind::Uint32 | Kind::Fixed32 => "an unsigned integer of 32 bits",
        Kind::Uint64 | Kind::Fixed64 => "an unsigned integer of 64 bits",
        _ => "an integer",
    }
}

/// Reads a float, `NaN` and the infinities by name.
pub(super) fn float_from_text(kind: &Kind, text: &str) -> Result<Value, String> {
    let named = match text {
        "NaN" => Some((f32::NAN, f64::NAN)),
        "Infinity" => Some((f32::INFINITY, f64::INFINITY)),
        "-Infinity" => Some((f32::NEG_INFINITY, f64::NEG_INFINITY)),
        _ => None,
    };
    match (kind, named) {
        (Kind::Float, Some((value, _))) => Ok(Value::F32(value)),
        (_, Some((_, value))) => Ok(Value::F64(value)),
        (_, None) => float_from_number(kind, text),
    }
}

/// Reads a float in the grammar of JSON.
pub(super) fn float_from_number(kind: &Kind, text: &str) -> Result<Value, String> {
    let number = Some(text).filter(|text| number::is_number(text));
    let parsed = match kind {
        Kind::Float => number
            .and_then(|text| text.parse::<f32>().ok())
            .filter(|value| value.is_finite())
            .map(Value::F32),
        _ => number
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|value| value.is_finite())
            .map(Value::F64),
    };
    parsed.ok_or_else(|| format!("{} is not a number that fits", shorten(text)))
}

/// Quotes a value for a message to a client: at most 32 characters of it, none
/// of them a control character.
pub(crate) fn shorten(text: &str) -> String {
    let mut short = String::from("`");
    for c in text.chars().take(32) {
        if c.is_control() {
            // Writing to a string cannot fail.
            let _written = write!(short, "{}", c.escape_unicode()).is_ok();
        } else {
            short.push(c);
        }
    }
    short.push_str(if text.chars().nth(32).is_some() {
        "…`"
    } else {
        "`"
    });
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &Kind, text: &str) -> Option<Value> {
        from_text(kind, text).ok()
    }

    #[test]
    fn c3_integers_are_decimal_and_in_range() {
        assert_eq!(
            read(&Kind::Int32, "-2147483648"),
            Some(Value::I32(i32::MIN))
        );
        assert_eq!(
            read(&Kind::Uint64, "18446744073709551615"),
            Some(Value::U64(u64::MAX))
        );
        assert_eq!(
            read(&Kind::Sfixed64, "9223372036854775807"),
            Some(Value::I64(i64::MAX))
        );
        assert_eq!(
            read(&Kind::Fixed32, "4294967295"),
            Some(Value::U32(u32::MAX))
        );
        for (kind, text) in [
            (Kind::Int32, "2147483648"),
            (Kind::Uint32, "-1"),
            (Kind::Uint64, "18446744073709551616"),
            (Kind::Int32, "1e5"),
            (Kind::Int32, "1.0"),
            (Kind::Int32, "0x10"),
            (Kind::Int32, "+1"),
            (Kind::Int32, "007"),
            (Kind::Int32, ""),
            (Kind::Int32, "-"),
            (Kind::Int32, " 1"),
        ] {
            assert!(from_text(&kind, text).is_err(), "{text}");
        }
        assert_eq!(
            int_from_number(&Kind::Int32, "1e5"),
            Ok(Value::I32(100_000))
        );
    }

    #[test]
    fn c3_floats_have_three_names() {
        assert_eq!(read(&Kind::Double, "1.5e3"), Some(Value::F64(1500.0)));
        assert_eq!(
            read(&Kind::Float, "-Infinity"),
            Some(Value::F32(f32::NEG_INFINITY))
        );
        assert!(matches!(read(&Kind::Double, "NaN"), Some(Value::F64(nan)) if nan.is_nan()));
        for text in ["nan", "inf", "infinity", "+Infinity", "1.", "1e400", ""] {
            assert!(from_text(&Kind::Double, text).is_err(), "{text}");
        }
        assert!(from_text(&Kind::Float, "3.5e38").is_err());
    }

    #[test]
    fn c3_bytes_are_base64_of_either_alphabet() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            let expected = Value::Bytes(vec![0xfb, 0xff].into());
            assert_eq!(read(&Kind::Bytes, text), Some(expected), "{text}");
        }
        for text in ["+_8=", "a", "====", "a b"] {
            assert!(from_text(&Kind::Bytes, text).is_err(), "{text}");
        }
    }

    #[test]
    fn c3_booleans_are_words() {
        assert_eq!(read(&Kind::Bool, "true"), Some(Value::Bool(true)));
        for text in ["TRUE", "1", "yes", ""] {
            assert!(from_text(&Kind::Bool, text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_in_messages_are_short_and_harmless() {
        assert_eq!(shorten("a\nb"), "`a\\u{a}b`");
        let long = shorten(&"ä".repeat(100));
        assert_eq!(long.chars().count(), 35);
        assert!(long.ends_with("…`"));
    }
}
