//! Who tries something, and how much of it is free.

use std::{net::IpAddr, time::Duration};

use resido_proto::email::Email;
use resido_tenancy::db::PublicTx;

use super::{
    key::key,
    limits::Limits,
    store::{self, Standing},
};
use crate::{Error, origin::Origin};

/// A try to prove something, of which it matters how often it failed.
///
/// Who guesses is slowed down where they are. The account itself is blocked much
/// later and not for long: otherwise anybody could keep its person out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The account as it is tried from this origin.
    pub(super) here: Option<Vec<u8>>,
    /// The account, from wherever it is tried.
    pub(super) account: Option<Vec<u8>>,
    pub(super) origin: Option<Vec<u8>>,
    /// The account and the origin, where it is known, to know both again by.
    pub(super) home: Option<Vec<u8>>,
}

impl Attempt {
    /// A try to prove to be the person with an address.
    pub(crate) fn on(email: &Email, client: Option<IpAddr>) -> Self {
        let origin = client.map(|client| Origin::from(client).to_string());
        let email = email.as_str();
        let home = origin.as_ref().map(|origin| format!("{email} {origin}"));
        // No address has a space.
        let here = format!("{email} {}", origin.unwrap_or_default());
        Self {
            here: Some(key("account here", &here)),
            account: Some(key("account", email)),
            home: home.map(|home| key("home", &home)),
            ..Self::from(client)
        }
    }

    /// A try with something that names nobody, such as a token.
    pub(crate) fn from(client: Option<IpAddr>) -> Self {
        let origin = client.map(Origin::from);
        Self {
            here: None,
            account: None,
            home: None,
            origin: origin.map(|origin| key("origin", &origin.to_string())),
        }
    }

    /// Makes sure that another try is due, and returns how it stands.
    ///
    /// # Errors
    /// [`Error::LoginBlocked`] if it is not.
    pub(crate) async fn check(&self, tx: &PublicTx, limits: &Limits) -> Result<Standing, Error> {
        let standing = store::standing(tx, self, limits).await?;
        if standing.wait_seconds > 0 {
            return Err(blocked(standing.wait_seconds));
        }
        Ok(standing)
    }

    /// Counts a failure.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn failed(&self, tx: &PublicTx) -> Result<(), Error> {
        // Always in this order: two of them cannot wait for each other.
        if let Some(here) = &self.here {
            store::failed(tx, here).await?;
        }
        if let Some(account) = &self.account {
            store::count(tx, account).await?;
        }
        match &self.origin {
            Some(origin) => store::failed(tx, origin).await,
            None => Ok(()),
        }
    }

    /// Forgets the failures of the account, here and altogether, and remembers where
    /// it was proved; not those of the origin, which could have an account of its own
    /// to clear them with.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn succeeded(&self, tx: &PublicTx) -> Result<(), Error> {
        for key in [&self.here, &self.account].into_iter().flatten() {
            store::forget(tx, key).await?;
        }
        match &self.home {
            Some(home) => store::remember(tx, home).await,
            None => Ok(()),
        }
    }
}

fn blocked(seconds: i64) -> Error {
    let seconds = u64::try_from(seconds).unwrap_or_default().max(1);
    Error::LoginBlocked(Duration::from_secs(seconds))
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
    fn an_account_is_tried_from_each_origin_by_itself() {
        let at = |client: [u8; 4]| Some(IpAddr::from(client));
        let from = |client| Attempt::on(&email("a@b.example"), client).here;
        assert_eq!(from(at([192, 0, 2, 1])), from(at([192, 0, 2, 1])));
        assert_ne!(from(at([192, 0, 2, 1])), from(at([192, 0, 2, 2])));
        assert_ne!(from(at([192, 0, 2, 1])), from(None));
        assert!(Attempt::from(None).here.is_none());
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
