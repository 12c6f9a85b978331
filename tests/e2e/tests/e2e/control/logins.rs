//! A tenant whose people have passwords, and what they do with them.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use resido_control_plane::Config;
use resido_e2e::{database::Tenant, people::PASSWORD};
use resido_migrations::Sets;
use resido_proto::{
    headers,
    identity::Role,
    identity_api::v1::{
        ForgotPasswordRequest, LoginRequest, LoginResponse, LogoutRequest, RefreshRequest,
        ResetPasswordRequest,
    },
    ids::UserId,
};
use serde_json::Value;
use tonic::Request;
use uuid::Uuid;

use super::{
    mailbox::Mailbox,
    plane::{Answer, Base, Caller, Plane, reason},
};

/// Another password than that of everybody.
pub(super) const OTHER: &str = "another long password";
/// A password that nobody has.
pub(super) const WRONG: &str = "a wrong password";
/// Longer than any wait in these tests.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// A tenant, with a control plane that does nothing by itself but send mails.
pub(super) struct Logins {
    pub(super) base: Base,
    pub(super) plane: Plane,
    pub(super) tenant: Tenant,
}

/// A member with [`PASSWORD`].
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) email: String,
}

impl Logins {
    pub(super) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(super) async fn with(config: Config) -> Self {
        let base = Base::new().await;
        let plane = start(&base, config);
        let (tenant, _) = plane.create("acme").await;
        Self {
            base,
            plane,
            tenant,
        }
    }

    /// Goes on with other settings.
    pub(super) async fn restart(&mut self, config: Config) {
        let next = start(&self.base, config);
        std::mem::replace(&mut self.plane, next).stop().await;
    }

    /// Makes a person a member.
    pub(super) async fn person(&self, role: Role) -> Person {
        let email = nobody();
        let id = self.plane.seed(self.tenant.id, &email, role).await;
        Person { id, email }
    }

    /// Returns a call as a member.
    pub(super) fn by<T>(&self, person: &Person, message: T) -> Request<T> {
        let caller = Caller::Owner(self.tenant, person.id);
        self.plane.request(caller, message)
    }

    pub(super) fn anonymous<T>(&self, message: T) -> Request<T> {
        self.plane.request(Caller::Anonymous, message)
    }

    pub(super) async fn login(&self, email: &str, password: &str) -> Answer<LoginResponse> {
        let login = self.anonymous(claim(email, password));
        self.plane.auth().login(login).await
    }

    pub(super) async fn login_from(
        &self,
        client: &str,
        email: &str,
        password: &str,
    ) -> Answer<LoginResponse> {
        let login = from(client, self.anonymous(claim(email, password)));
        self.plane.auth().login(login).await
    }

    /// Logs a person in.
    pub(super) async fn enter(&self, person: &Person) -> LoginResponse {
        let entered = self.login(&person.email, PASSWORD).await;
        entered.unwrap().into_inner()
    }

    /// Tries a password that must be refused, and returns the reason.
    pub(super) async fn refused(&self, email: &str, password: &str) -> String {
        reason(&self.login(email, password).await.unwrap_err())
    }

    pub(super) async fn refresh(&self, token: &str) -> Answer<LoginResponse> {
        let refresh_token = token.to_owned();
        let refresh = self.anonymous(RefreshRequest { refresh_token });
        self.plane.auth().refresh(refresh).await
    }

    /// Goes on with a log-in that must not, and returns the reason.
    pub(super) async fn over(&self, token: &str) -> String {
        reason(&self.refresh(token).await.unwrap_err())
    }

    pub(super) async fn logout(&self, logout: LogoutRequest) {
        let logout = self.anonymous(logout);
        self.plane.auth().logout(logout).await.unwrap();
    }

    pub(super) async fn forgot(&self, email: &str) -> Answer<()> {
        let email = email.to_owned();
        let forgot = self.anonymous(ForgotPasswordRequest { email });
        self.plane.auth().forgot_password(forgot).await
    }

    pub(super) async fn reset(&self, token: &str, password: &str) -> Answer<()> {
        let reset = self.anonymous(ResetPasswordRequest {
            token: token.to_owned(),
            new_password: password.to_owned(),
        });
        self.plane.auth().reset_password(reset).await
    }

    pub(super) fn mailbox(&self) -> Mailbox {
        Mailbox::new(&self.plane.outbox)
    }
}

/// Returns an address that nobody has.
pub(super) fn nobody() -> String {
    format!("{}@acme.example", Uuid::new_v4().simple())
}

pub(super) fn claim(email: &str, password: &str) -> LoginRequest {
    LoginRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        tenant: String::new(),
    }
}

/// Says where a call comes from, as the gateway does.
pub(super) fn from<T>(client: &str, mut request: Request<T>) -> Request<T> {
    let client = client.parse().unwrap();
    request.metadata_mut().insert(headers::CLIENT, client);
    request
}

/// Reads a token's claims without verifying it.
pub(super) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn start(base: &Base, config: Config) -> Plane {
    let config = Config {
        heartbeat_seconds: 1,
        reconcile_seconds: 3600,
        ..config
    };
    base.plane_of(config, Sets::embedded().unwrap())
}
