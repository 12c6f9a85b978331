//! Hands mails to a mail server.

use std::{net::IpAddr, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    transport::smtp::client::{Tls, TlsParameters},
};
use tonic::async_trait;

use super::mailer::{Fault, Mailer};

/// Time that one command of the mail server may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A mail server.
#[derive(Debug)]
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl Smtp {
    /// Reads a URL, `smtp://user:password@host:port` or `smtps://…`. Without TLS
    /// only this machine is spoken to.
    ///
    /// # Errors
    /// What is wrong; without the URL, which may hold a password.
    pub(super) fn new(url: &str) -> Result<Self, &'static str> {
        let fault = "must be `smtp://` or `smtps://` and a host";
        let (scheme, rest) = url.split_once("://").ok_or(fault)?;
        if rest.contains(['?', '#']) {
            return Err("must have no query");
        }
        let host = host(rest).filter(|host| !host.is_empty()).ok_or(fault)?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| fault)?;
        let tls = match scheme {
            "smtps" => Tls::Wrapper(tls(host)?),
            "smtp" if is_loopback(host) => Tls::None,
            "smtp" => Tls::Required(tls(host)?),
            _ => return Err(fault),
        };
        Ok(Self {
            transport: builder.tls(tls).timeout(Some(PATIENCE)).build(),
        })
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: Message) -> Result<(), Fault> {
        let sent = self.transport.send(mail).await;
        sent.map(drop).map_err(|error| fault(&error))
    }
}

fn fault(error: &lettre::transport::smtp::Error) -> Fault {
    Fault(if error.is_permanent() {
        "the mail server refused the mail"
    } else if error.is_transient() {
        "the mail server put the mail off"
    } else if error.is_timeout() {
        "the mail server did not answer in time"
    } else if error.is_tls() {
        "the connection to the mail server cannot be secured"
    } else {
        "the mail server cannot be reached"
    })
}

/// Trusts what the system trusts.
fn tls(host: &str) -> Result<TlsParameters, &'static str> {
    TlsParameters::new_rustls(host.to_owned()).map_err(|_| "names a host that TLS cannot verify")
}

fn host(rest: &str) -> Option<&str> {
    let authority = rest.split('/').next()?;
    let address = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    match address.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map(|(host, _)| host),
        None => address.split(':').next(),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for (rest, expected) in [
            ("localhost", true),
            ("127.0.0.1:2525", true),
            ("u:p@[::1]:25", true),
            ("127.0.0.1@mail.example", false),
            ("localhost.example:25", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(host(rest).unwrap()), expected, "{rest}");
        }
    }

    #[tokio::test]
    async fn urls_of_mail_servers_are_told_from_others() {
        for url in [
            "smtp://127.0.0.1:2525",
            "smtps://u:p%40@mail.example",
            "smtp://m.example:587",
        ] {
            assert!(Smtp::new(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "mail.example",
            "http://m.example",
            "smtp://",
            "smtp://m.example?tls=none",
        ] {
            assert!(Smtp::new(url).is_err(), "{url}");
        }
    }
}
