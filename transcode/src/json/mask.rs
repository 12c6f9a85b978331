//! Paths of a `google.protobuf.FieldMask` between JSON and proto spelling.

/// Turns `fooBar.baz` into `foo_bar.baz`; `None` if it is not lowerCamelCase.
pub(crate) fn snake_path(path: &str) -> Option<String> {
    if path.is_empty() || path.contains('_') || path.chars().any(char::is_whitespace) {
        return None;
    }
    let mut snake = String::with_capacity(path.len() + 4);
    for c in path.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    Some(snake)
}

/// Turns `foo_bar.baz` into `fooBar.baz`; `None` if the way back would lead
/// elsewhere.
pub(crate) fn camel_path(path: &str) -> Option<String> {
    let mut camel = String::with_capacity(path.len());
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match c {
            '_' => match chars.next() {
                Some(next) if next.is_ascii_lowercase() => camel.push(next.to_ascii_uppercase()),
                _ => return None,
            },
            c if c.is_ascii_uppercase() || c == ',' => return None,
            c => camel.push(c),
        }
    }
    Some(camel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_there_and_back() {
        for (camel, snake) in [
            ("name", "name"),
            ("displayName", "display_name"),
            ("address.line1", "address.line1"),
            ("a.fooBar.b", "a.foo_bar.b"),
            ("*", "*"),
        ] {
            assert_eq!(snake_path(camel).as_deref(), Some(snake));
            assert_eq!(camel_path(snake).as_deref(), Some(camel));
        }
    }

    #[test]
    fn what_cannot_come_back_is_refused() {
        for path in ["foo_bar", "", " a", "a b"] {
            assert_eq!(snake_path(path), None, "{path}");
        }
        for path in ["fooBar", "foo_3", "foo__bar", "foo_", "a,b"] {
            assert_eq!(camel_path(path), None, "{path}");
        }
    }
}
