//! What people are written about.

use resido_proto::ids::TenantId;
use uuid::Uuid;

/// The occasion of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody asked to reset the password.
    ResetPassword,
    /// Somebody asked to prove the address.
    VerifyEmail,
    /// The password was changed.
    PasswordChanged,
    /// Somebody offers a membership.
    Invitation {
        /// Of which tenant.
        tenant: TenantId,
        /// The row of the invitation.
        invitation: Uuid,
    },
}

impl Kind {
    /// Returns the name that is stored.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset_password",
            Self::VerifyEmail => "verify_email",
            Self::PasswordChanged => "password_changed",
            Self::Invitation { .. } => "invitation",
        }
    }

    /// Reads an occasion as it is stored.
    pub(super) fn stored(
        name: &str,
        tenant: Option<TenantId>,
        invitation: Option<Uuid>,
    ) -> Option<Self> {
        match (name, tenant, invitation) {
            ("reset_password", ..) => Some(Self::ResetPassword),
            ("verify_email", ..) => Some(Self::VerifyEmail),
            ("password_changed", ..) => Some(Self::PasswordChanged),
            ("invitation", Some(tenant), Some(invitation)) => {
                Some(Self::Invitation { tenant, invitation })
            }
            _ => None,
        }
    }

    /// Returns the tenant and the invitation it is about.
    pub(super) fn about(self) -> (Option<TenantId>, Option<Uuid>) {
        match self {
            Self::Invitation { tenant, invitation } => (Some(tenant), Some(invitation)),
            Self::ResetPassword | Self::VerifyEmail | Self::PasswordChanged => (None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occasion_reads_back_as_it_was_stored() {
        let (tenant, invitation) = (TenantId::new(), Uuid::now_v7());
        for kind in [
            Kind::ResetPassword,
            Kind::VerifyEmail,
            Kind::PasswordChanged,
            Kind::Invitation { tenant, invitation },
        ] {
            let (tenant, invitation) = kind.about();
            assert_eq!(Kind::stored(kind.name(), tenant, invitation), Some(kind));
        }
        assert_eq!(Kind::stored("invitation", Some(tenant), None), None);
        assert_eq!(Kind::stored("spam", None, None), None);
    }
}
