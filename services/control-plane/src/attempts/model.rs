//! Who tries something, and how much of it is free.

use resido_proto::email::Email;
use std::{net::IpAddr, time::Duration};

use resido_tenancy::db::PublicTx;
use sha2::{Digest as _, Sha256};

use super::store;
use crate::{Error, origin::Origin};

/// Failures in a row on one account that cost nothing.
pub(super) const FREE_OF_ACCOUNT: i32 = 5;
/// Failures in a row from one origin that cost nothing.
pub(super) const FREE_OF_ORIGIN: i32 = 20;
/// Mails that one address gets within an hour at most.
const MAILS_AN_HOUR: i32 = 3;
/// Mails that one origin may ask for within an hour.
const ASKED_AN_HOUR: i32 = 20;

/// A try to prove something, of which it matters how often it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(super) account: Option<Vec<u8>>,
    pub(super) origin: Option<Vec<u8>>,
}

impl Attempt {
    /// A try to prove to be the person with an address.
    pub(crate) fn on(email: &Email, client: Option<IpAddr>) -> Self {
        Self {
            account: Some(key("account", email.as_str())),
            ..Self::from(client)
        }
    }

    /// A try with something that names nobody, such as a token.
    pub(crate) fn from(client: Option<IpAddr>) -> Self {
        let origin = client.map(Origin::from);
        Self {
            account: None,
            origin: origin.map(|origin| key("origin", &origin.to_string())),
        }
    }

    /// Makes sure that another try is due, and returns the failures of the account
    /// so far.
    ///
    /// # Errors
    /// [`Error::LoginBlocked`] if it is not.
    pub(crate) async fn check(&self, tx: &PublicTx) -> Result<i32, Error> {
        let standing = store::standing(tx, self).await?;
        if standing.wait_seconds > 0 {
            return Err(blocked(standing.wait_seconds));
        }
        Ok(standing.failures)
    }

    /// Counts a failure.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn failed(&self, tx: &PublicTx) -> Result<(), Error> {
        // Always in this order: two of them cannot wait for each other.
        for key in [&self.account, &self.origin].into_iter().flatten() {
            store::failed(tx, key).await?;
        }
        Ok(())
    }

    /// Forgets the failures of the account; not those of the origin, which could
    /// have an account of its own to clear them with.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn succeeded(&self, tx: &PublicTx) -> Result<(), Error> {
        match &self.account {
            Some(key) => store::forget(tx, key).await,
            None => Ok(()),
        }
    }
}

/// A wish for a mail to an address.
#[derive(Debug)]
pub(crate) struct Asked {
    address: Vec<u8>,
    origin: Option<Vec<u8>>,
}

impl Asked {
    /// A wish for a mail of a kind.
    pub(crate) fn of(kind: &'static str, email: &Email, client: Option<IpAddr>) -> Self {
        let origin = client.map(Origin::from);
        Self {
            address: key(kind, email.as_str()),
            origin: origin.map(|origin| key("mails", &origin.to_string())),
        }
    }

    /// Counts the wish, and tells whether the address may get another mail.
    ///
    /// # Errors
    /// [`Error::LoginBlocked`] if its origin asks too often.
    pub(crate) async fn admit(&self, tx: &PublicTx) -> Result<bool, Error> {
        let mail = store::count(tx, &self.address).await?;
        if let Some(origin) = &self.origin {
            let asked = store::count(tx, origin).await?;
            if asked.number > ASKED_AN_HOUR {
                return Err(blocked(asked.left_seconds));
            }
        }
        Ok(mail.number <= MAILS_AN_HOUR)
    }
}

fn blocked(seconds: i64) -> Error {
    let seconds = u64::try_from(seconds).unwrap_or_default().max(1);
    Error::LoginBlocked(Duration::from_secs(seconds))
}

fn key(kind: &str, name: &str) -> Vec<u8> {
    let hash = Sha256::new().chain_update(kind).chain_update([0]);
    hash.chain_update(name).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(text: &str) -> Email {
        Email::parse("email", text).unwrap()
    }

    #[test]
    fn an_account_is_its_address_in_any_case_from_anywhere() {
        let here = Some([192, 0, 2, 1].into());
        let one = Attempt::on(&email("A@b.example"), here);
        let other = Attempt::on(&email("a@B.example"), None);
        assert_eq!(one.account, other.account);
        assert_ne!(
            one.account,
            Attempt::on(&email("c@b.example"), here).account
        );
        assert_eq!(other.origin, None);
        assert_eq!(one.origin, Attempt::from(here).origin);
        assert_eq!(Attempt::from(here).account, None);
    }

    #[test]
    fn keys_of_different_kinds_never_meet() {
        assert_ne!(key("account", "x"), key("origin", "x"));
        assert_ne!(key("a", "bc"), key("ab", "c"));
        assert_eq!(key("a", "b").len(), 32);
    }

    #[test]
    fn a_block_says_for_how_long() {
        let wait = |seconds| match blocked(seconds) {
            Error::LoginBlocked(wait) => wait.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!((wait(900), wait(0), wait(-4)), (900, 1, 1));
    }
}
