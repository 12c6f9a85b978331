//! A tenant's data as a file.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use resido_proto::tenancy::v1::ExportTenantRequest;
use serde_json::Value;
use tokio::{fs, io::AsyncWriteExt as _};

use crate::{
    commands::control::{Session, refused, text},
    terminal,
};

/// Writes the archive beside its place first, so that a file with the name is a
/// whole one.
///
/// # Errors
/// If the file exists, cannot be written, or the tenant cannot be exported.
pub(super) async fn export(session: &Session, tenant: &Value, output: Option<&Path>) -> Result<()> {
    let path = match output {
        Some(path) => path.to_owned(),
        None => PathBuf::from(format!("{}.tar", text(tenant, "slug"))),
    };
    let place = || format!("{} cannot be written", path.display());
    anyhow::ensure!(
        !fs::try_exists(&path).await?,
        "{} exists already",
        path.display()
    );
    let part = path.with_extension("tar.part");
    let written = write(session, text(tenant, "name"), &part).await;
    let bytes = match written.with_context(place) {
        Ok(bytes) => bytes,
        Err(error) => {
            // What is there is of no use; that it may not even be there, of no interest.
            fs::remove_file(&part).await.ok();
            return Err(error);
        }
    };
    fs::rename(&part, &path).await.with_context(place)?;
    terminal::line(&format!("{}  {bytes} bytes", path.display()));
    Ok(())
}

async fn write(session: &Session, name: &str, path: &Path) -> Result<u64> {
    let request = ExportTenantRequest {
        name: name.to_owned(),
    };
    let (mut client, request) = session.streams(request)?;
    let stream = client.export_tenant(request).await;
    let mut stream = stream.map_err(|status| refused(&status))?.into_inner();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .await?;
    let mut bytes = 0;
    while let Some(piece) = stream.message().await.map_err(|status| refused(&status))? {
        file.write_all(&piece.data).await?;
        bytes += piece.data.len() as u64;
    }
    file.sync_all().await?;
    Ok(bytes)
}
