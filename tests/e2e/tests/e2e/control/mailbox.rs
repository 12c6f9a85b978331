//! The folder that mails are written to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use resido_e2e::wait;

use super::logins::SOON;

/// A folder of mails.
pub(super) struct Mailbox(PathBuf);

/// A mail as it was sent.
#[derive(Debug)]
pub(super) struct Mail {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Mailbox {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Returns all mails to an address, in order.
    pub(super) fn to(&self, email: &str) -> Vec<Mail> {
        let line = format!("To: {email}");
        let mails = self.all().into_iter();
        mails
            .filter(|mail| mail.text.lines().any(|has| has == line))
            .collect()
    }

    /// Returns all mails, in order.
    pub(super) fn all(&self) -> Vec<Mail> {
        let mut paths: Vec<_> = fs::read_dir(&self.0)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ext| ext == "eml"))
            .collect();
        paths.sort();
        let read = |path: PathBuf| Mail {
            text: fs::read_to_string(&path).unwrap(),
            path,
        };
        paths.into_iter().map(read).collect()
    }

    /// Waits until so many mails have come to an address, and returns the last.
    pub(super) async fn nth(&self, email: &str, number: usize) -> Mail {
        let come = wait::until(SOON, async || self.to(email).len() >= number).await;
        assert!(come, "{:?}", self.to(email));
        let mut mails = self.to(email);
        assert_eq!(mails.len(), number, "{mails:?}");
        mails.pop().unwrap()
    }
}

impl Mail {
    /// Returns the token, which the mail has bare and in a link to this page.
    pub(super) fn token(&self, page: &str) -> String {
        token(&self.text, page)
    }

    pub(super) fn subject(&self) -> &str {
        let mut lines = self.text.lines();
        lines
            .find_map(|line| line.strip_prefix("Subject: "))
            .unwrap()
    }
}

/// Returns the token in the text of a mail.
pub(super) fn token(text: &str, page: &str) -> String {
    let token = text.lines().find_map(|line| line.strip_prefix("Token: "));
    let token = token.unwrap().to_owned();
    let link = format!("/{page}?token={token}");
    assert!(text.lines().any(|line| line.ends_with(&link)), "{text}");
    token
}
