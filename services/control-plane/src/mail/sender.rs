//! The task that sends the mails.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use resido_tenancy::db::{PublicDatabase, PublicTx};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    mailer::{Fault, Mail, Mailer, message},
    model::Kind,
    post::Post,
    store::{self, Due, Offer},
    texts::{self, Told},
};
use crate::{Config, Error};

/// Mails sent at once.
const AT_ONCE: i64 = 8;
/// Time between looks for mails that nobody has told of.
const EVERY: Duration = Duration::from_secs(5);
/// Time that sending one may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Tries of one mail.
const MAX_ATTEMPTS: i32 = 5;
/// Time after the first try that failed; four times as long after each further one.
const BACK_OFF: Duration = Duration::from_secs(10);
/// Life of a token that resets a password.
const RESET_LIFE: Duration = Duration::from_secs(60 * 60);
/// Life of a token that proves an address.
const VERIFY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Sends the mails that are due.
pub(crate) struct Sender {
    db: PublicDatabase,
    mailer: Arc<dyn Mailer>,
    post: Post,
    from: String,
    public_url: String,
}

/// What became of a mail that is due.
enum Written {
    Mail(Mail),
    /// It waits for its tenant.
    Later,
    /// There is nobody to write to, or nothing to write about any more.
    Nothing,
}

impl Sender {
    /// Sends as the settings say, and listens to `post`.
    pub(crate) fn new(db: PublicDatabase, config: &Config, post: Post) -> Self {
        Self {
            db,
            mailer: config.mail.mailer(),
            post,
            from: config.mail.from.clone(),
            public_url: config.public_url.clone(),
        }
    }

    /// Runs until `closing`; a mail that is being sent is sent.
    pub(crate) async fn run(self, closing: CancellationToken) {
        while !closing.is_cancelled() {
            match self.round().await {
                Ok(sent) if sent > 0 => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "mails could not be looked for"
                ),
            }
            tokio::select! {
                () = self.post.woken() => {}
                () = sleep(EVERY) => {}
                () = closing.cancelled() => {}
            }
        }
    }

    /// Sends some, and returns how many were due.
    async fn round(&self) -> Result<usize, Error> {
        let tx = self.db.begin(None).await?;
        let claimed = store::claim(&tx, AT_ONCE).await;
        let due = tx.finish(claimed).await?;
        for done in join_all(due.iter().map(|due| self.deliver(due))).await {
            done?;
        }
        Ok(due.len())
    }

    /// Sends one; that it cannot be sent is no error of the database.
    async fn deliver(&self, due: &Due) -> Result<(), Error> {
        let tx = self.db.begin(None).await?;
        let written = self.write(&tx, due).await;
        let mail = match tx.finish(written).await? {
            Written::Mail(mail) => mail,
            Written::Later => return self.hold(due).await,
            Written::Nothing => return self.done(due).await,
        };
        let Err(fault) = self.send(&mail).await else {
            return self.done(due).await;
        };
        let kind = due.kind.map_or("unknown", Kind::name);
        if due.attempts >= MAX_ATTEMPTS {
            tracing::error!(%fault, mail.id = %due.id, mail.kind = kind, "a mail was given up");
            return self.done(due).await;
        }
        tracing::warn!(%fault, mail.id = %due.id, mail.kind = kind, "a mail was not sent");
        let tx = self.db.begin(None).await?;
        let later = store::later(&tx, due.id, back_off(due.attempts)).await;
        tx.finish(later).await
    }

    async fn send(&self, mail: &Mail) -> Result<(), Fault> {
        let sent = self.mailer.send(message(&self.from, mail)?);
        let late = Fault("sending the mail took too long");
        timeout(PATIENCE, sent).await.unwrap_or(Err(late))
    }

    async fn done(&self, due: &Due) -> Result<(), Error> {
        let tx = self.db.begin(None).await?;
        let done = store::done(&tx, due.id).await;
        tx.finish(done).await
    }

    async fn hold(&self, due: &Due) -> Result<(), Error> {
        let tx = self.db.begin(None).await?;
        let held = store::hold(&tx, due.id).await;
        tx.finish(held).await
    }

    /// Writes a mail, with a token that is made now.
    async fn write(&self, tx: &PublicTx, due: &Due) -> Result<Written, Error> {
        let Some(kind) = due.kind else {
            return Ok(Written::Nothing);
        };
        let (token, tenant) = match kind {
            Kind::Invitation { tenant, invitation } => {
                let about = (tenant, invitation);
                match store::invitation(tx, about, &due.email).await? {
                    Offer::Made(token, tenant) => (token, tenant),
                    Offer::Later => return Ok(Written::Later),
                    Offer::Never => return Ok(Written::Nothing),
                }
            }
            Kind::ResetPassword | Kind::VerifyEmail | Kind::PasswordChanged => {
                let Some(user) = store::person(tx, &due.email).await? else {
                    return Ok(Written::Nothing);
                };
                let token = match life(kind) {
                    Some(life) => store::token(tx, kind, user, life).await?,
                    None => String::new(),
                };
                (token, String::new())
            }
        };
        let told = Told {
            public_url: &self.public_url,
            token: &token,
            tenant: &tenant,
        };
        Ok(Written::Mail(texts::write(kind, &due.email, &told)))
    }
}

fn life(kind: Kind) -> Option<Duration> {
    match kind {
        Kind::ResetPassword => Some(RESET_LIFE),
        Kind::VerifyEmail => Some(VERIFY_LIFE),
        _ => None,
    }
}

fn back_off(attempts: i32) -> Duration {
    let exponent = u32::try_from(attempts - 1).unwrap_or_default().min(10);
    BACK_OFF * 4_u32.pow(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_waits_longer() {
        let waits: Vec<_> = (1..MAX_ATTEMPTS).map(|n| back_off(n).as_secs()).collect();
        assert_eq!(waits, [10, 40, 160, 640]);
    }

    #[test]
    fn only_mails_that_ask_for_something_bring_a_token() {
        assert_eq!(life(Kind::ResetPassword), Some(RESET_LIFE));
        assert_eq!(life(Kind::VerifyEmail), Some(VERIFY_LIFE));
        assert_eq!(life(Kind::PasswordChanged), None);
    }
}
