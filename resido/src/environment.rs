//! The only place that reads environment variables which are no flags.
#![expect(
    clippy::disallowed_methods,
    reason = "this is where the environment is read"
)]

/// Returns a variable's value, unless it is unset, empty or no Unicode text.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
