//! Connections of an administrator, used to prepare a database.

use std::{str::FromStr as _, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use resido_tenancy::tenant::quote_identifier;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Time that connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a connection, with TLS where the URL asks for it.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    // The parser's own error would repeat parts of the URL.
    let mut config =
        Config::from_str(url).map_err(|_| anyhow::anyhow!("the database URL cannot be read"))?;
    config
        .connect_timeout(CONNECT_TIMEOUT)
        .application_name("resido administration");
    let connected = tokio::time::timeout(CONNECT_TIMEOUT * 2, config.connect(tls()?)).await;
    let (client, connection) = connected
        .context("the database does not answer")?
        .context("the database cannot be reached")?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an administrator's connection ended");
        }
    });
    Ok(client)
}

/// Creates a database if there is none of the name.
pub(crate) async fn ensure_database(admin: &Client, name: &str) -> Result<()> {
    let known = admin
        .query_opt("select 1 from pg_database where datname = $1", &[&name])
        .await?;
    if known.is_none() {
        let quoted = quote_identifier(name)?;
        admin
            .execute(&format!("create database {quoted}"), &[])
            .await
            .with_context(|| format!("cannot create the database {name}"))?;
    }
    Ok(())
}

fn tls() -> Result<MakeRustlsConnect> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_says_nothing_of_the_url() {
        for url in ["postgresql://u:hunter2@127.0.0.1:1/d", "hunter2"] {
            let error = connect(url).await.unwrap_err();
            assert!(!format!("{error:#}").contains("hunter2"), "{error:#}");
        }
    }
}
