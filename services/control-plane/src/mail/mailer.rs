//! What a mail is, and what can send one.

use std::fmt;

use lettre::{
    Message,
    message::{
        Body, Mailbox,
        header::{ContentTransferEncoding, ContentType},
    },
};
use tonic::async_trait;

/// Characters of a line at most, without its end (RFC 5322, section 2.1.1).
const MAX_LINE: usize = 998;

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
    let message = message.date_now().message_id(None);
    let message = message.header(ContentType::TEXT_PLAIN);
    let message = message.body(body(&mail.text));
    message.map_err(|_| Fault("the mail cannot be written"))
}

/// Leaves a text as it is where RFC 5322 lets it: an encoding would break links in
/// two, and whoever opens the file of a mail could not use them.
fn body(text: &str) -> Body {
    let is_plain = text.is_ascii()
        && !text.contains(['\0', '\r'])
        && text.lines().all(|line| line.len() <= MAX_LINE);
    if is_plain {
        let text = text.replace('\n', "\r\n").into_bytes();
        Body::dangerous_pre_encoded(text, ContentTransferEncoding::SevenBit)
    } else {
        Body::new(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_says_who_and_what_and_hides_its_text_from_logs() {
        let mail = Mail {
            to: "o'brien+tag@sub.acme-corp.example".into(),
            subject: "Your password".into(),
            text: format!("link: https://api.example/{}?token=abc\n", "x".repeat(99)),
        };
        let written = message("Resido <no-reply@resido.local>", &mail).unwrap();
        let written = String::from_utf8(written.formatted()).unwrap();
        for line in [
            "To: o'brien+tag@sub.acme-corp.example",
            "Subject: Your password",
            "x?token=abc\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Message-ID: ",
        ] {
            assert!(written.contains(line), "{line} in {written}");
        }
        assert!(!format!("{mail:?}").contains("abc"));
    }
    #[test]
    fn names_in_any_script_arrive() {
        let mail = Mail {
            to: "a@b.example".into(),
            subject: "You are invited to Ålesund".into(),
            text: "You are invited to become a member of Ålesund.\n".into(),
        };
        let written = message("no-reply@resido.local", &mail).unwrap();
        let written = String::from_utf8(written.formatted()).unwrap();
        assert!(written.is_ascii(), "{written}");
        let encoded = ["=C3=85lesund", "base64"];
        assert!(encoded.iter().any(|has| written.contains(has)), "{written}");
        let long = body(&"x".repeat(MAX_LINE + 1));
        assert_ne!(long.encoding(), ContentTransferEncoding::SevenBit);
    }
}
