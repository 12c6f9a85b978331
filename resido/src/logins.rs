//! The two logins that the product runs as, and their URLs.
//!
//! Their passwords are set when they are made and when a person asks for it.
//! Everything else uses those that the data directory keeps: another directory's
//! must not lock out what runs already.

use anyhow::{Context as _, Error, Result, bail};
use resido_migrations::Logins;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::{Client, error::SqlState};

use crate::{
    cli::Login,
    data_dir::{DataDir, random_secret},
    postgres,
};

/// Database of the embedded server.
pub(crate) const DATABASE: &str = "resido";
/// Files with the logins' passwords.
const CONTROL_PASSWORD: &str = "control.password";
const APP_PASSWORD: &str = "app.password";
/// Nothing is known of logins that are there.
const UNKNOWN: &str = "the logins exist already: give RESIDO_CONTROL_DATABASE_URL and \
    RESIDO_APP_DATABASE_URL, or run `resido db init` to set new passwords";
const NAME: &str = "select current_database()::text";
const EXIST: &str =
    "select exists (select from pg_roles where rolname = current_database() || '_control')
    or exists (select from pg_roles where rolname = current_database() || '_app')";

/// URLs of the two logins.
#[derive(Debug, Clone)]
pub struct Urls {
    /// Of the control plane and the migrations.
    pub control: SecretString,
    /// Of the services.
    pub app: SecretString,
}

/// Creates the logins in the database of an administrator's URL, or gives them
/// the passwords that the data directory keeps; makes these if there are none.
/// All of it happens, or nothing.
pub(crate) async fn set(dir: &DataDir, admin_url: &str) -> Result<Urls> {
    let admin = postgres::connect(admin_url).await?;
    set_by(&admin, dir, admin_url).await
}

/// Returns the logins that are there, or creates them if there are none.
pub(crate) async fn ensure(dir: &DataDir, admin_url: &str) -> Result<Urls> {
    let admin = postgres::connect(admin_url).await?;
    if exist(&admin).await? {
        kept(&admin, Some(dir), admin_url).await
    } else {
        set_by(&admin, dir, admin_url).await
    }
}

/// Returns the logins that are there; changes nothing, not even the directory.
pub(crate) async fn find(dir: Option<&DataDir>, admin_url: &str) -> Result<Urls> {
    let admin = postgres::connect(admin_url).await?;
    if !exist(&admin).await? {
        bail!("the database has no logins yet; `resido db init` makes them");
    }
    kept(&admin, dir, admin_url).await
}

/// Returns the password of the embedded database's control login, if it was made.
pub(crate) fn control_password(dir: &DataDir) -> Result<Option<String>> {
    dir.kept(CONTROL_PASSWORD)
}

/// Returns the name of the embedded database's control login.
pub(crate) fn control_user() -> String {
    format!("{DATABASE}_control")
}

/// Returns the URL of the embedded database for a login; nothing if it was never
/// made.
pub(crate) fn embedded_url(dir: &DataDir, login: Login) -> Result<Option<String>> {
    let (user, password) = match login {
        Login::Control => (control_user(), control_password(dir)?),
        Login::App => (format!("{DATABASE}_app"), dir.kept(APP_PASSWORD)?),
    };
    Ok(password.and_then(|password| postgres::kept_url(dir.path(), &user, &password, DATABASE)))
}

async fn exist(admin: &Client) -> Result<bool> {
    Ok(admin.query_one(EXIST, &[]).await?.get(0))
}

async fn set_by(admin: &Client, dir: &DataDir, admin_url: &str) -> Result<Urls> {
    let logins = Logins {
        control_password: dir.secret(CONTROL_PASSWORD, random_secret)?,
        app_password: dir.secret(APP_PASSWORD, random_secret)?,
    };
    // Ends with the connection where something fails.
    admin.execute("begin", &[]).await?;
    let database = resido_migrations::bootstrap(admin, &logins).await?;
    admin.execute("commit", &[]).await?;
    urls(admin_url, &database, &logins)
}

/// Returns the logins with the passwords that the directory keeps, if these are
/// theirs.
async fn kept(admin: &Client, dir: Option<&DataDir>, admin_url: &str) -> Result<Urls> {
    let kept = |name| dir.map_or(Ok(None), |dir| dir.kept(name));
    let (Some(control_password), Some(app_password)) =
        (kept(CONTROL_PASSWORD)?, kept(APP_PASSWORD)?)
    else {
        bail!(UNKNOWN);
    };
    let logins = Logins {
        control_password,
        app_password,
    };
    let database: String = admin.query_one(NAME, &[]).await?.get(0);
    let urls = urls(admin_url, &database, &logins)?;
    for url in [&urls.control, &urls.app] {
        match postgres::connect(url.expose_secret()).await {
            Ok(_) => {}
            Err(error) if is_refused(&error) => {
                return Err(error
                    .context("the data directory keeps other passwords")
                    .context(UNKNOWN));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(urls)
}

/// Whether the server does not take the password.
fn is_refused(error: &Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<tokio_postgres::Error>())
        .any(|error| error.code() == Some(&SqlState::INVALID_PASSWORD))
}

fn urls(admin_url: &str, database: &str, logins: &Logins) -> Result<Urls> {
    let url = |kind: &str, password: &str| {
        replace_login(admin_url, &format!("{database}_{kind}"), password).map(SecretString::from)
    };
    Ok(Urls {
        control: url("control", &logins.control_password)?,
        app: url("app", &logins.app_password)?,
    })
}

/// Puts another login into a URL and keeps everything else.
fn replace_login(url: &str, user: &str, password: &str) -> Result<String> {
    let (scheme, rest) = url
        .split_once("://")
        .context("the database URL has no scheme")?;
    if !matches!(scheme, "postgres" | "postgresql") {
        bail!("the database URL must begin with postgresql://");
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let hosts = authority
        .rsplit_once('@')
        .map_or(authority, |(_, hosts)| hosts);
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    if path.len() < 2 {
        bail!("the database URL names no database");
    }
    // A login in the query would win over the one before the host.
    let is_login = |pair: &&str| pair.starts_with("user=") || pair.starts_with("password=");
    let kept: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_login(pair))
        .collect();
    let query = if kept.is_empty() {
        String::new()
    } else {
        format!("?{}", kept.join("&"))
    };
    Ok(format!("{scheme}://{user}:{password}@{hosts}{path}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_is_replaced_and_the_rest_is_kept() {
        for (url, expected) in [
            ("postgresql://a:b@h:5/d", "postgresql://u:p@h:5/d"),
            ("postgres://h/d", "postgres://u:p@h/d"),
            (
                "postgresql://a:b%40c@h1:1,h2:2/d?sslmode=require",
                "postgresql://u:p@h1:1,h2:2/d?sslmode=require",
            ),
            (
                "postgresql://h/d?user=a&sslmode=disable&password=b",
                "postgresql://u:p@h/d?sslmode=disable",
            ),
            (
                "postgresql:///d?host=/run/pg",
                "postgresql://u:p@/d?host=/run/pg",
            ),
        ] {
            assert_eq!(replace_login(url, "u", "p").unwrap(), expected);
        }
    }

    #[test]
    fn what_names_no_database_is_refused_without_its_password() {
        for url in [
            "postgresql://a:hunter2@h",
            "postgresql://a:hunter2@h/?x=1",
            "hunter2",
            "mysql://a:hunter2@h/d",
        ] {
            let error = replace_login(url, "u", "p").unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
