//! How mails are sent.

use std::{fmt, path::PathBuf, sync::Arc};

use serde::Deserialize;

use super::{
    folder::Folder,
    mailer::{Mailer, Nowhere},
    smtp::Smtp,
};

/// Settings of mails; every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailConfig {
    /// Whom mails are from: an address, or a name with an address in angle brackets;
    /// default `Resido <no-reply@resido.local>`.
    pub from: String,
    /// URL of the mail server, `smtp://user:password@host:port` or `smtps://…`;
    /// empty, which is the default, for none. With `smtp` the connection must turn to
    /// TLS, unless the host is this machine.
    pub smtp_url: Secret,
    /// Folder that mails are written to where there is no mail server, one file
    /// each; the newest 1,000 are kept. Empty for none; `resido` then takes `outbox`
    /// in its data directory.
    pub outbox_dir: PathBuf,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            from: "Resido <no-reply@resido.local>".to_owned(),
            smtp_url: Secret::default(),
            outbox_dir: PathBuf::new(),
        }
    }
}

impl MailConfig {
    /// Returns every setting that cannot be used, with what is wrong.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.from.parse::<lettre::message::Mailbox>().is_err() {
            faults.push("from must be an address, or `name <address>`".to_owned());
        }
        let url = &self.smtp_url.0;
        if !url.is_empty()
            && let Err(fault) = Smtp::new(url)
        {
            faults.push(format!("smtp_url {fault}"));
        }
        faults
    }

    /// Returns what sends the mails.
    pub(crate) fn mailer(&self) -> Arc<dyn Mailer> {
        match Smtp::new(&self.smtp_url.0) {
            Ok(smtp) => Arc::new(smtp),
            Err(_) if self.outbox_dir.as_os_str().is_empty() => Arc::new(Nowhere),
            Err(_) => Arc::new(Folder(self.outbox_dir.clone())),
        }
    }
}

/// A text that shows itself to nobody.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { "…" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str) -> MailConfig {
        MailConfig {
            smtp_url: Secret(url.to_owned()),
            ..MailConfig::default()
        }
    }

    #[test]
    fn faults_and_logs_do_not_repeat_the_password() {
        let config = with("smtp://user:hunter2@mail.example:587");
        assert!(!format!("{config:?}").contains("hunter2"));
        let faults = with("http://user:hunter2@mail.example").faults();
        assert_eq!(faults.len(), 1);
        assert!(!faults[0].contains("hunter2"), "{faults:?}");
    }

    #[test]
    fn settings_that_cannot_be_used_are_named() {
        assert_eq!(MailConfig::default().faults(), Vec::<String>::new());
        let config = MailConfig {
            from: "nobody".to_owned(),
            ..with("smtp://")
        };
        assert_eq!(config.faults().len(), 2, "{:?}", config.faults());
    }
}
