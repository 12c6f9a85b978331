//! How much may be tried and asked for.

use serde::Deserialize;

/// Bounds on guessing, on mails, and on calls that come without a credential; every
/// field is from 1 to 100,000 and has a default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Failures in a row on one account from one address that cost nothing; each
    /// further one has to wait twice as long, up to 15 minutes. Default 5.
    pub failures_of_account_from_address: u32,
    /// Failures within an hour on one account, from everywhere, that cost nothing;
    /// then it is blocked for 30 seconds at most, but not where it was logged in to
    /// within 30 days. Default 100.
    pub failures_of_account: u32,
    /// Failures in a row from one address, on whichever accounts, that cost nothing;
    /// each further one has to wait twice as long, up to 15 minutes. Default 20.
    pub failures_from_address: u32,
    /// Mails of one kind that one recipient gets within an hour, whoever asks.
    /// Default 3.
    pub mails_to_recipient: u32,
    /// Mails that one address asks for within an hour without a log-in. Default 20.
    pub mails_from_address: u32,
    /// Invitations that one person or API key sends within an hour, those sent again
    /// included. Default 100.
    pub invitations_of_inviter: u32,
    /// Invitations that one tenant sends within an hour, those sent again included.
    /// Default 300.
    pub invitations_of_tenant: u32,
    /// Calls of one address within a minute that bring a token of a mail or of an
    /// activation, in each process. Default 60.
    pub token_calls_from_address: u32,
    /// Refresh tokens that one address uses within a minute, in each process.
    /// Default 600.
    pub refreshes_from_address: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            failures_of_account_from_address: 5,
            failures_of_account: 100,
            failures_from_address: 20,
            mails_to_recipient: 3,
            mails_from_address: 20,
            invitations_of_inviter: 100,
            invitations_of_tenant: 300,
            token_calls_from_address: 60,
            refreshes_from_address: 600,
        }
    }
}

impl Limits {
    /// Returns every setting with its name.
    pub(crate) fn all(&self) -> [(&'static str, u32); 9] {
        [
            (
                "failures_of_account_from_address",
                self.failures_of_account_from_address,
            ),
            ("failures_of_account", self.failures_of_account),
            ("failures_from_address", self.failures_from_address),
            ("mails_to_recipient", self.mails_to_recipient),
            ("mails_from_address", self.mails_from_address),
            ("invitations_of_inviter", self.invitations_of_inviter),
            ("invitations_of_tenant", self.invitations_of_tenant),
            ("token_calls_from_address", self.token_calls_from_address),
            ("refreshes_from_address", self.refreshes_from_address),
        ]
    }
}

/// Returns a setting as the database counts.
pub(super) fn counted(limit: u32) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}
