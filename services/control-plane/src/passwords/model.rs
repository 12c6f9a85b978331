//! The rules of passwords.

use resido_proto::error::Violation;
use secrecy::{ExposeSecret as _, SecretString};

/// Characters of a new password at least.
const MIN: usize = 12;
/// Characters of any password at most, which bounds the work of hashing.
const MAX: usize = 256;

/// Reads a password that somebody chooses: 12 to 256 characters, of any kind.
///
/// # Errors
/// One violation of `field`, which does not repeat the password.
pub(crate) fn new(field: &'static str, text: String) -> Result<SecretString, Vec<Violation>> {
    let password = given(field, text)?;
    if password.expose_secret().chars().count() < MIN {
        return Err(fault(field, "needs 12 characters"));
    }
    Ok(password)
}

/// Reads a password that somebody claims to have: it may be any, within bounds.
///
/// # Errors
/// One violation of `field`.
pub(crate) fn given(field: &'static str, text: String) -> Result<SecretString, Vec<Violation>> {
    let password = SecretString::from(text);
    match password.expose_secret().chars().take(MAX + 1).count() {
        0 => Err(fault(field, "is required")),
        length if length > MAX => Err(fault(field, "has more than 256 characters")),
        _ => Ok(password),
    }
}

fn fault(field: &'static str, description: &'static str) -> Vec<Violation> {
    vec![Violation::new(field, description)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_passwords_have_12_to_256_characters() {
        for (length, fine) in [
            (0, false),
            (11, false),
            (12, true),
            (256, true),
            (257, false),
        ] {
            // Characters count, not bytes.
            let result = new("password", "ä".repeat(length));
            assert_eq!(result.is_ok(), fine, "{length}");
        }
    }

    #[test]
    fn given_passwords_may_be_short() {
        assert!(given("password", "x".into()).is_ok());
        assert!(given("password", String::new()).is_err());
        assert!(given("password", "x".repeat(257)).is_err());
    }

    #[test]
    fn a_fault_does_not_repeat_the_password() {
        let fault = new("password", "hunter2".into()).unwrap_err();
        assert!(!format!("{fault:?}").contains("hunter2"));
    }
}
