//! Asking for mails that bring a token.

use resido_proto::{email::Email, identity_api::v1 as proto};
use resido_tenancy::context::CallContext;

use super::service::Auth;
use crate::{
    Error,
    attempts::Asked,
    mail::{self, Kind},
};

impl Auth {
    /// Asks for a mail that lets the person reset the password. It does the same
    /// whether or not somebody has the address.
    pub(crate) async fn forgot_password(
        &self,
        ctx: &CallContext,
        request: proto::ForgotPasswordRequest,
    ) -> Result<(), Error> {
        self.mail(ctx, &request.email, Kind::ResetPassword).await
    }

    /// Asks for a mail that lets the person prove the address. It does the same
    /// whether or not somebody has the address.
    pub(crate) async fn send_email_verification(
        &self,
        ctx: &CallContext,
        request: proto::SendEmailVerificationRequest,
    ) -> Result<(), Error> {
        self.mail(ctx, &request.email, Kind::VerifyEmail).await
    }

    /// A mail too many is left out silently.
    async fn mail(&self, ctx: &CallContext, email: &str, kind: Kind) -> Result<(), Error> {
        let email = Email::parse("email", email)?;
        let asked = Asked::of(kind.name(), &email, ctx.client());
        let tx = self.db.begin(ctx.deadline()).await?;
        let work = async {
            if asked.admit(&tx, self.guard.limits()).await? {
                mail::enqueue(&tx, &email, kind).await?;
            }
            Ok::<_, Error>(())
        };
        let done = work.await;
        tx.finish(done).await?;
        self.post.wake();
        Ok(())
    }
}
