//! The words of the mails.

use super::{mailer::Mail, model::Kind};

/// What a mail tells besides its occasion.
#[derive(Default)]
pub(super) struct Told<'a> {
    /// Where callers reach the product.
    pub(super) public_url: &'a str,
    /// The token; empty where there is none.
    pub(super) token: &'a str,
    /// The tenant's name; empty where there is none.
    pub(super) tenant: &'a str,
}

/// Writes a mail.
pub(super) fn write(kind: Kind, to: &str, told: &Told<'_>) -> Mail {
    let (subject, body) = match kind {
        Kind::ResetPassword => (
            "Set a new password".to_owned(),
            format!(
                "Somebody asked to set a new password for this address.\n\n{}\n\
                 The token works once, within an hour. If it was not you, do nothing: your\n\
                 password stays as it is.\n",
                way(told, "reset-password")
            ),
        ),
        Kind::VerifyEmail => (
            "Confirm your address".to_owned(),
            format!(
                "Please confirm that this address is yours.\n\n{}\n\
                 The token works once, within a day. If you have not asked for it, do nothing.\n",
                way(told, "verify-email")
            ),
        ),
        Kind::PasswordChanged => (
            "Your password was changed".to_owned(),
            "The password of your account was changed, and all log-ins have ended.\n\n\
             If it was not you, reset your password at once and tell your administrator.\n"
                .to_owned(),
        ),
        Kind::Invitation { .. } => (
            format!("You are invited to {}", told.tenant),
            format!(
                "You are invited to become a member of {}.\n\n{}\n\
                 The token works once, and with this address alone. If you do not know why you\n\
                 get this, do nothing.\n",
                told.tenant,
                way(told, "register")
            ),
        ),
    };
    Mail {
        to: to.to_owned(),
        subject,
        text: body,
    }
}

fn way(told: &Told<'_>, page: &str) -> String {
    let (url, token) = (told.public_url, told.token);
    format!("Link: {url}/{page}?token={token}\nToken: {token}\n")
}

#[cfg(test)]
mod tests {
    use resido_proto::ids::TenantId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn mails_with_a_token_bring_it_bare_and_in_a_link() {
        let told = Told {
            public_url: "https://api.example",
            token: "t0k-en",
            tenant: "Acme",
        };
        let tenant = TenantId::new();
        let invitation = Uuid::now_v7();
        for (kind, link) in [
            (
                Kind::ResetPassword,
                "https://api.example/reset-password?token=t0k-en",
            ),
            (
                Kind::VerifyEmail,
                "https://api.example/verify-email?token=t0k-en",
            ),
            (
                Kind::Invitation { tenant, invitation },
                "https://api.example/register?token=t0k-en",
            ),
        ] {
            let mail = write(kind, "a@b.example", &told);
            assert!(mail.text.contains(link), "{}", mail.text);
            assert!(mail.text.contains("Token: t0k-en\n"), "{}", mail.text);
        }
    }

    #[test]
    fn mails_that_only_tell_bring_no_token() {
        let told = Told {
            token: "t0k-en",
            ..Told::default()
        };
        let mail = write(Kind::PasswordChanged, "a@b.example", &told);
        assert!(!mail.text.contains("t0k-en"));
    }
}
