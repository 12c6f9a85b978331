//! What can go wrong in the control plane, and what a client learns of it.

use std::{borrow::Cow, time::Duration};

use resido_migrations as migrations;
use resido_proto::error::{Failure, Kind, Violation};
use resido_tenancy::{context, db, keys, tenant::State};

use crate::cause::Cause;

/// A failure of a call to the control plane.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request break rules.
    #[error("the request is invalid")]
    Invalid(Vec<Violation>),
    /// What the request names does not exist, or not for this caller.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// The slug is taken.
    #[error("a tenant with this slug exists already")]
    TenantExists,
    /// The domain is another tenant's.
    #[error("another tenant has this domain")]
    DomainExists,
    /// The tenant changed since the caller read it.
    #[error("the resource has changed since its etag was read")]
    EtagMismatch,
    /// Somebody has entered the tenant already.
    #[error("somebody has entered the tenant already")]
    TenantEntered,
    /// There are as many as there may be.
    #[error("there are as many {0} as there may be")]
    Limit(&'static str),
    /// The idempotency key was used for something else.
    #[error("the request id was used for another request")]
    KeyReused,
    /// The tenant's state does not allow the change.
    #[error("{}, which does not allow this", stands(*.0))]
    TenantState(State),
    /// The tenant changed while the call was at work.
    #[error("the tenant has changed meanwhile; try again")]
    TenantChanged,
    /// The tenant is unknown, or not the person's.
    #[error("this tenant cannot be entered")]
    TenantDenied,
    /// The tenant is suspended.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// The person belongs to several tenants and named none.
    #[error("the person belongs to several tenants; name one")]
    TenantChoice(Vec<String>),
    /// E-mail address and password are not those of a person who may log in.
    #[error("the e-mail address or the password is wrong")]
    Credentials,
    /// The activation token is unknown, used, expired, or somebody else's.
    #[error("the activation token is not valid for this e-mail address and password")]
    ActivationToken,
    /// The refresh token is unknown, used, expired, or its log-in has ended.
    #[error("the refresh token is not valid")]
    RefreshToken,
    /// The token of a mail is unknown, used or expired.
    #[error("the token is not valid")]
    Token,
    /// The call is for one's own account alone.
    #[error("only the person may do this")]
    SelfOnly,
    /// An operator acts as the person.
    #[error("this cannot be done on behalf of somebody else")]
    Impersonated,
    /// Too many tries have failed lately.
    #[error("too many tries; wait before the next one")]
    LoginBlocked(Duration),
    /// Too much of this kind was asked for lately.
    #[error("too many {0}; wait before the next one")]
    RateLimited(&'static str, Duration),
    /// The tenant has as many API keys as it may.
    #[error("the tenant has as many API keys as it may; revoke one first")]
    ApiKeyLimit,
    /// The API key does not work any more.
    #[error("the API key is {0}, which does not allow this")]
    ApiKeyState(&'static str),
    /// The person is a member already.
    #[error("the person is a member of the tenant already")]
    MemberExists,
    /// The invitation was accepted or withdrawn.
    #[error("the invitation was accepted or withdrawn")]
    InvitationOver,
    /// The tenant would be without an owner.
    #[error("the tenant has no other owner who may log in")]
    LastOwner,
    /// The tenant has a role of this id.
    #[error("a role with this id exists already")]
    RoleExists,
    /// Somebody has the role, or is to have it.
    #[error("somebody has the role")]
    RoleInUse,
    /// Two calls did the same at once.
    #[error("another call was in the way; try again")]
    Raced,
    /// Too many passwords are being checked.
    #[error("too many log-ins are waiting; try again")]
    LoginBusy,
    /// Too many tenants are being made.
    #[error("too many tenants are being made; try again")]
    ProvisioningBusy,
    /// The operation is at work, or has ended: it cannot be cancelled.
    #[error("the operation is at work or has ended, so it cannot be cancelled")]
    OperationRunning,
    /// The operation has not ended: its record is needed.
    #[error("the operation has not ended")]
    OperationOpen,
    /// Too many streams of changes are open.
    #[error("too many streams of changes are open")]
    WatchBusy,
    /// Too many tenants are being exported.
    #[error("too many tenants are being exported; try again")]
    ExportBusy,
    /// The process is about to end.
    #[error("the control plane is shutting down")]
    ShuttingDown,
    /// The call's context does not allow it.
    #[error("the context was refused")]
    Context(#[from] context::Error),
    /// The tenant's schema could not be made or reached.
    #[error("a tenant's schema could not be made or reached")]
    Migration(#[from] migrations::Error),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] db::Error),
    /// A token could not be signed.
    #[error("a token could not be signed")]
    Key(#[from] keys::Error),
    /// A stored value, or a computation, is not what it must be.
    #[error("a fault of the control plane: {0}")]
    Fault(&'static str),
}

impl Error {
    /// Returns what happened in one line of codes, for operators: nothing that a
    /// client may see, and nothing of the data.
    pub(crate) fn trace(&self) -> String {
        let (mut line, sqlstate) = match self {
            Self::Migration(error @ migrations::Error::Failed { version, .. }) => {
                let failed = format!("{} version={version}", Cause::MigrationFailed.reason());
                (failed, error.sqlstate())
            }
            Self::Migration(error @ migrations::Error::Dependents { total, named }) => {
                let named: Vec<_> = named.iter().map(ToString::to_string).collect();
                let reason = error.reason();
                (
                    format!("{reason} count={total}: {}", named.join(", ")),
                    None,
                )
            }
            Self::Migration(error) => (error.reason().to_owned(), error.sqlstate()),
            Self::Database(error) => (error.reason().to_owned(), error.sqlstate()),
            other => (other.reason().to_owned(), None),
        };
        if let Some(sqlstate) = sqlstate {
            line.push_str(" sqlstate=");
            line.push_str(sqlstate);
        }
        line
    }
}

/// Says how a tenant in a state stands.
fn stands(state: State) -> &'static str {
    match state {
        State::Provisioning => "the tenant is still being made",
        State::Active => "the tenant is active",
        State::Suspended => "the tenant is suspended",
        State::Maintenance => "the tenant is in maintenance",
        State::Moving => "the tenant is being moved to another database",
        State::Deleting => "the tenant is deleted",
        State::Purging => "the tenant's data is being removed",
        State::Purged => "the tenant's data has been removed",
        State::Failed => "the tenant could not be made, or has lost its schema",
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) | Self::ActivationToken | Self::Token => Kind::InvalidArgument,
            Self::NotFound(_) => Kind::NotFound,
            Self::TenantExists | Self::DomainExists | Self::KeyReused => Kind::AlreadyExists,
            Self::TenantState(_)
            | Self::TenantChoice(_)
            | Self::TenantEntered
            | Self::Limit(_)
            | Self::OperationRunning
            | Self::OperationOpen => Kind::FailedPrecondition,
            Self::TenantChanged | Self::EtagMismatch | Self::Raced => Kind::Aborted,
            Self::MemberExists | Self::RoleExists => Kind::AlreadyExists,
            Self::InvitationOver | Self::LastOwner | Self::RoleInUse => Kind::FailedPrecondition,
            Self::TenantDenied | Self::TenantSuspended => Kind::PermissionDenied,
            Self::SelfOnly | Self::Impersonated => Kind::PermissionDenied,
            Self::Credentials | Self::RefreshToken => Kind::Unauthenticated,
            Self::LoginBlocked(_) | Self::RateLimited(..) => Kind::ResourceExhausted,
            Self::ApiKeyLimit | Self::ApiKeyState(_) => Kind::FailedPrecondition,
            Self::LoginBusy | Self::ProvisioningBusy | Self::WatchBusy => Kind::ResourceExhausted,
            Self::ExportBusy => Kind::ResourceExhausted,
            Self::ShuttingDown => Kind::Unavailable,
            Self::Context(error) => error.kind(),
            Self::Migration(error) => error.kind(),
            Self::Database(error) => error.kind(),
            Self::Key(_) | Self::Fault(_) => Kind::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "REQUEST_INVALID",
            Self::NotFound(_) => "RESOURCE_NOT_FOUND",
            Self::TenantExists => "TENANT_EXISTS",
            Self::DomainExists => "DOMAIN_EXISTS",
            Self::TenantEntered => "TENANT_ENTERED",
            Self::KeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::TenantState(_) => "TENANT_STATE",
            Self::TenantChanged => "TENANT_CHANGED",
            Self::EtagMismatch => "ETAG_MISMATCH",
            Self::MemberExists => "MEMBER_EXISTS",
            Self::InvitationOver => "INVITATION_OVER",
            Self::LastOwner => "LAST_OWNER",
            Self::RoleExists => "RESOURCE_EXISTS",
            Self::RoleInUse => "ROLE_IN_USE",
            Self::Limit(_) => "LIMIT_REACHED",
            Self::Raced => "CONFLICT",
            Self::TenantDenied => "TENANT_DENIED",
            Self::TenantSuspended => "TENANT_SUSPENDED",
            Self::TenantChoice(_) => "TENANT_CHOICE_REQUIRED",
            Self::Credentials => "CREDENTIALS_INVALID",
            Self::ActivationToken => "ACTIVATION_TOKEN_INVALID",
            Self::RefreshToken => "REFRESH_TOKEN_INVALID",
            Self::Token => "TOKEN_INVALID",
            Self::SelfOnly => "SELF_ONLY",
            Self::Impersonated => "IMPERSONATION_REFUSED",
            Self::LoginBlocked(_) => "LOGIN_BLOCKED",
            Self::RateLimited(..) => "RATE_LIMITED",
            Self::ApiKeyLimit => "API_KEY_LIMIT",
            Self::ApiKeyState(_) => "API_KEY_STATE",
            Self::LoginBusy => "LOGIN_BUSY",
            Self::ProvisioningBusy => "PROVISIONING_BUSY",
            Self::OperationRunning | Self::OperationOpen => "OPERATION_RUNNING",
            Self::WatchBusy => "WATCH_BUSY",
            Self::ExportBusy => "EXPORT_BUSY",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::Context(error) => error.reason(),
            Self::Migration(error) => error.reason(),
            Self::Database(error) => error.reason(),
            Self::Key(_) | Self::Fault(_) => "INTERNAL",
        }
    }

    fn public_message(&self) -> Cow<'_, str> {
        match self {
            Self::Context(error) => error.public_message(),
            Self::Migration(error) => error.public_message(),
            Self::Database(error) => error.public_message(),
            Self::Key(_) | Self::Fault(_) => "an internal error occurred".into(),
            own => own.to_string().into(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::LoginBusy | Self::ProvisioningBusy | Self::WatchBusy | Self::ShuttingDown => {
                Some(Duration::from_secs(1))
            }
            Self::ExportBusy => Some(Duration::from_secs(10)),
            Self::LoginBlocked(wait) | Self::RateLimited(_, wait) => Some(*wait),
            Self::Context(error) => error.retry_after(),
            Self::Migration(error) => error.retry_after(),
            Self::Database(error) => error.retry_after(),
            _ => None,
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violations) => violations,
            Self::Migration(error) => error.violations(),
            _ => &[],
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::TenantState(state) => vec![("state".to_owned(), state.to_string())],
            Self::ApiKeyState(state) => vec![("state".to_owned(), (*state).to_owned())],
            Self::TenantChoice(slugs) => vec![("tenants".to_owned(), slugs.join(","))],
            _ => Vec::new(),
        }
    }
}

impl From<Vec<Violation>> for Error {
    fn from(violations: Vec<Violation>) -> Self {
        Self::Invalid(violations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_and_states_are_told_to_programs() {
        let choice = Error::TenantChoice(vec!["acme".into(), "globex".into()]);
        assert_eq!(
            choice.metadata(),
            [("tenants".to_owned(), "acme,globex".to_owned())]
        );
        let state = Error::TenantState(State::Suspended);
        assert_eq!(
            state.metadata(),
            [("state".to_owned(), "suspended".to_owned())]
        );
    }

    #[test]
    fn a_state_that_does_not_allow_a_change_is_told_in_a_sentence() {
        let text = |state| Error::TenantState(state).to_string();
        let expected = "the tenant is in maintenance, which does not allow this";
        assert_eq!(text(State::Maintenance), expected);
        let expected = "the tenant is still being made, which does not allow this";
        assert_eq!(text(State::Provisioning), expected);
        let expected = "the tenant is deleted, which does not allow this";
        assert_eq!(text(State::Deleting), expected);
    }

    #[test]
    fn faults_of_ours_say_nothing_in_public() {
        let fault = Error::Fault("a role in table x");
        assert_eq!(fault.public_message(), "an internal error occurred");
        assert_eq!(fault.reason(), "INTERNAL");
        let db = Error::from(db::Error::CheckFailed);
        assert_eq!(db.public_message(), "an internal error occurred");
    }

    #[test]
    fn operators_learn_which_migration_failed() {
        let failed = Error::from(migrations::Error::Failed {
            version: 7,
            name: "things".into(),
            source: db::Error::Ended,
        });
        assert_eq!(failed.trace(), "MIGRATION_FAILED version=7");
        assert_eq!(failed.public_message(), "an internal error occurred");
        let busy = Error::from(db::Error::PoolBusy);
        assert_eq!(busy.trace(), "DATABASE_BUSY");
        assert_eq!(Error::Raced.trace(), "CONFLICT");
    }

    #[test]
    fn what_may_pass_says_when_to_try_again() {
        for error in [Error::LoginBusy, Error::ProvisioningBusy, Error::WatchBusy] {
            assert_eq!(error.kind(), Kind::ResourceExhausted);
            assert!(error.retry_after().is_some());
        }
        assert_eq!(Error::Credentials.retry_after(), None);
    }
}
