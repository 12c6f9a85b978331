//! The two logins that the product runs as, and their URLs.

use anyhow::{Context as _, Result, bail};
use resido_migrations::Logins;
use secrecy::SecretString;

use crate::{
    data_dir::{DataDir, random_secret},
    postgres,
};

/// Database of the embedded server.
pub(crate) const DATABASE: &str = "resido";
/// Files with the logins' passwords.
const CONTROL_PASSWORD: &str = "control.password";
const APP_PASSWORD: &str = "app.password";

/// URLs of the two logins.
#[derive(Debug, Clone)]
pub struct Urls {
    /// Of the control plane and the migrations.
    pub control: SecretString,
    /// Of the services.
    pub app: SecretString,
}

/// Creates the logins in the database of an administrator's URL, or gives them
/// the passwords that the data directory keeps.
pub(crate) async fn prepare(dir: &DataDir, admin_url: &str) -> Result<Urls> {
    let logins = passwords(dir)?;
    let admin = postgres::connect(admin_url).await?;
    let database = resido_migrations::bootstrap(&admin, &logins).await?;
    let url = |kind: &str, password: &str| {
        replace_login(admin_url, &format!("{database}_{kind}"), password).map(SecretString::from)
    };
    Ok(Urls {
        control: url("control", &logins.control_password)?,
        app: url("app", &logins.app_password)?,
    })
}

/// Returns the URL of the embedded database for the control plane's login;
/// nothing if the server never ran.
pub(crate) fn embedded_url(dir: &DataDir) -> Result<Option<String>> {
    let password = passwords(dir)?.control_password;
    let user = format!("{DATABASE}_control");
    Ok(postgres::kept_url(dir.path(), &user, &password, DATABASE))
}

fn passwords(dir: &DataDir) -> Result<Logins> {
    Ok(Logins {
        control_password: dir.secret(CONTROL_PASSWORD, random_secret)?,
        app_password: dir.secret(APP_PASSWORD, random_secret)?,
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
