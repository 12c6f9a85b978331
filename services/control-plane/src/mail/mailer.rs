//! What a mail is, and what can send one.

use std::fmt;

use lettre::{Message, message::Mailbox};
use tonic::async_trait;

/// A mail to one person, in plain text. It may hold a token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Why a mail was not sent. It holds nothing that a server said, which may name the
/// address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Fault(pub(super) &'static str);

/// Sends mails.
#[async_trait]
pub(crate) trait Mailer: Send + Sync {
    /// Sends a mail, or hands it to somebody who will.
    ///
    /// # Errors
    /// If it may be tried again.
    async fn send(&self, mail: Message) -> Result<(), Fault>;
}

/// Refuses every mail: where no way to send them is set.
pub(crate) struct Nowhere;

#[async_trait]
impl Mailer for Nowhere {
    async fn send(&self, _mail: Message) -> Result<(), Fault> {
        Err(Fault("no mail server and no folder for mails is set"))
    }
}

/// Writes a mail down as RFC 5322 has it.
///
/// # Errors
/// If an address cannot be written.
pub(super) fn message(from: &str, mail: &Mail) -> Result<Message, Fault> {
    let address = |text: &str| text.parse::<Mailbox>();
    let (Ok(from), Ok(to)) = (address(from), address(&mail.to)) else {
        return Err(Fault("an address cannot be written"));
    };
    let message = Message::builder().from(from).to(to).subject(&*mail.subject);
    let message = message.date_now().message_id(None).body(mail.text.clone());
    message.map_err(|_| Fault("the mail cannot be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_says_who_and_what_and_hides_its_text_from_logs() {
        let mail = Mail {
            to: "o'brien+tag@sub.acme-corp.example".into(),
            subject: "Your password".into(),
            text: "token: abc\n".into(),
        };
        let written = message("Resido <no-reply@resido.local>", &mail).unwrap();
        let written = String::from_utf8(written.formatted()).unwrap();
        for line in [
            "To: o'brien+tag@sub.acme-corp.example",
            "Subject: Your password",
            "token: abc",
            "Message-ID: ",
        ] {
            assert!(written.contains(line), "{line} in {written}");
        }
        assert!(!format!("{mail:?}").contains("abc"));
    }
}
