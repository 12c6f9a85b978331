//! Collects every fault of a request, so that a caller learns of all at once.

use std::borrow::Cow;

use crate::error::Violation;

/// The faults found so far.
#[derive(Debug, Default)]
pub struct Checks {
    violations: Vec<Violation>,
}

impl Checks {
    /// Notes a fault unless the rule holds.
    pub fn require(
        &mut self,
        holds: bool,
        field: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) {
        if !holds {
            self.violations.push(Violation::new(field, description));
        }
    }

    /// Notes a fault unless the text is of `min` to `max` characters, without
    /// control characters and without blanks at either end.
    pub fn text(&mut self, field: &'static str, value: &str, min: usize, max: usize) {
        let length = value.chars().count();
        if length < min {
            let description = if length == 0 {
                "is required".into()
            } else {
                format!("needs {min} characters")
            };
            self.violations.push(Violation::new(field, description));
        } else if length > max {
            self.violations.push(Violation::new(
                field,
                format!("has more than {max} characters"),
            ));
        } else if value.chars().any(char::is_control) {
            self.violations
                .push(Violation::new(field, "has control characters"));
        } else if value.trim() != value {
            self.violations
                .push(Violation::new(field, "begins or ends with a blank"));
        }
    }

    /// Takes a parsed value, or notes its faults.
    pub fn take<T>(&mut self, parsed: Result<T, Vec<Violation>>) -> Option<T> {
        parsed
            .map_err(|violations| self.violations.extend(violations))
            .ok()
    }

    /// Ends the checks.
    ///
    /// # Errors
    /// All faults, if there are any.
    pub fn finish(self) -> Result<(), Vec<Violation>> {
        if self.violations.is_empty() {
            Ok(())
        } else {
            Err(self.violations)
        }
    }

    /// Ends the checks with what was made of the values taken, which is there
    /// unless one of them had faults.
    ///
    /// # Errors
    /// All faults, if there are any.
    pub fn finish_with<T>(self, made: Option<T>) -> Result<T, Vec<Violation>> {
        match made {
            Some(made) if self.violations.is_empty() => Ok(made),
            _ => Err(self.violations),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_reported_at_once() {
        let mut checks = Checks::default();
        checks.text("a", "", 1, 5);
        checks.text("b", "too long", 1, 5);
        checks.text("c", " x", 1, 5);
        checks.text("d", "a\nb", 1, 5);
        checks.text("e", "fine", 1, 5);
        checks.require(false, "f", "must hold");
        let fields: Vec<_> = checks
            .finish()
            .unwrap_err()
            .into_iter()
            .map(|v| v.field)
            .collect();
        assert_eq!(fields, ["a", "b", "c", "d", "f"]);
        assert_eq!(Checks::default().finish(), Ok(()));
    }

    #[test]
    fn a_value_comes_out_only_without_faults() {
        let wrong = || Err::<u8, _>(vec![Violation::new("b", "is wrong")]);
        let mut checks = Checks::default();
        let (one, two) = (checks.take(Ok(1)), checks.take(wrong()));
        checks.require(false, "c", "must hold");
        assert_eq!(checks.finish_with(one.zip(two)).unwrap_err().len(), 2);
        let mut checks = Checks::default();
        let one = checks.take(Ok(1));
        checks.require(false, "c", "must hold");
        assert_eq!(checks.finish_with(one).unwrap_err()[0].field, "c");
        assert_eq!(Checks::default().finish_with(Some(1)), Ok(1));
    }
}
