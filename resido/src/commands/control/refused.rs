//! What a person learns of a call that was refused.

use std::fmt;

use resido_transcode::FieldFault;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A call was refused.
#[derive(Debug)]
pub(in crate::commands) struct Refused {
    pub(super) code: Code,
    message: String,
    reason: String,
    /// A line for each field that is wrong.
    fields: Vec<String>,
}

impl Refused {
    /// The control plane refused it.
    pub(super) fn by_rule(status: &Status) -> Self {
        let details = status.get_error_details();
        let fields = details.bad_request().map(|bad| &bad.field_violations);
        let fields = fields.into_iter().flatten();
        Self {
            code: status.code(),
            message: status.message().to_owned(),
            reason: details
                .error_info()
                .map_or_else(String::new, |info| info.reason.clone()),
            fields: fields
                .map(|fault| format!("`{}` {}", fault.field, fault.description))
                .collect(),
        }
    }

    /// It could not even be asked.
    pub(super) fn by_form(faults: &[FieldFault]) -> Self {
        Self {
            code: Code::InvalidArgument,
            message: "the request is invalid".to_owned(),
            reason: "REQUEST_INVALID".to_owned(),
            fields: faults
                .iter()
                .map(|fault| format!("`{}` {}", fault.field, fault.description))
                .collect(),
        }
    }

    /// Returns the exit code of a command that was refused: 4 where there is no
    /// such thing, 3 where a rule forbids it, 1 where it failed.
    pub(in crate::commands) fn exit_code(&self) -> u8 {
        match self.code {
            Code::NotFound => 4,
            Code::InvalidArgument
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::PermissionDenied => 3,
            _ => 1,
        }
    }
}

/// Turns a status into the error of a command.
pub(in crate::commands) fn refused(status: &Status) -> anyhow::Error {
    Refused::by_rule(status).into()
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.reason.is_empty() {
            write!(f, " ({})", self.reason)?;
        }
        self.fields
            .iter()
            .try_for_each(|field| write!(f, "\n  {field}"))
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    #[test]
    fn a_refusal_names_its_reason_and_each_field() {
        let mut details = ErrorDetails::with_error_info("REQUEST_INVALID", "resido", []);
        details.set_bad_request(vec![FieldViolation::new("tenant.slug", "is required")]);
        let status =
            Status::with_error_details(Code::InvalidArgument, "the request is invalid", details);
        let refused = Refused::by_rule(&status);
        assert_eq!(
            refused.to_string(),
            "the request is invalid (REQUEST_INVALID)\n  `tenant.slug` is required"
        );
        assert_eq!(refused.exit_code(), 3);
    }

    #[test]
    fn exit_codes_tell_what_is_missing_from_what_is_forbidden_and_what_failed() {
        let code = |code| Refused::by_rule(&Status::new(code, "x")).exit_code();
        assert_eq!(code(Code::NotFound), 4);
        assert_eq!(code(Code::FailedPrecondition), 3);
        assert_eq!(code(Code::Unavailable), 1);
        assert_eq!(code(Code::Internal), 1);
    }
}
