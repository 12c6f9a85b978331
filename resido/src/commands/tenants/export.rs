//! A tenant's data as a file.

use std::{
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use resido_proto::tenancy::v1::ExportTenantRequest;
use serde_json::Value;
use tokio::{
    fs::{self, File, OpenOptions},
    io::AsyncWriteExt as _,
};

use crate::{
    commands::control::{Session, refused, text},
    ending, terminal,
};

/// Writes the archive beside its place first, so that a file with the name is a
/// whole one. Whatever ends it early, a signal too, leaves neither.
///
/// # Errors
/// If the file exists, cannot be written, or the tenant cannot be exported.
pub(super) async fn export(session: &Session, tenant: &Value, output: Option<&Path>) -> Result<()> {
    let path = match output {
        Some(path) => path.to_owned(),
        None => PathBuf::from(format!("{}.tar", text(tenant, "slug"))),
    };
    ensure!(
        !fs::try_exists(&path)
            .await
            .with_context(unwritable(&path))?,
        "{} exists already",
        path.display()
    );
    let end = ending::on_signal()?;
    let part = part_of(&path);
    let file = create(&part).await?;
    let written = tokio::select! {
        written = write(session, text(tenant, "name"), (file, &part)) => written,
        () = end.cancelled() => Err(anyhow!("stopped before the export was whole")),
    };
    let placed = match written {
        Ok(bytes) => fs::rename(&part, &path)
            .await
            .with_context(unwritable(&path))
            .map(|()| bytes),
        Err(error) => Err(error),
    };
    if placed.is_err() {
        // That it may not be there any more is of no interest.
        fs::remove_file(&part).await.ok();
    }
    terminal::line(&format!("{}  {} bytes", path.display(), placed?));
    Ok(())
}

/// Returns where a file is written before it is whole.
fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    name.into()
}

/// Makes the file, which nobody else may be writing.
async fn create(part: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(part)
        .await;
    match file {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "{} exists: another export writes it, or one was killed; then remove it",
            part.display()
        ),
        file => file.with_context(unwritable(part)),
    }
}

async fn write(session: &Session, name: &str, (mut file, path): (File, &Path)) -> Result<u64> {
    let request = ExportTenantRequest {
        name: name.to_owned(),
    };
    let (mut client, request) = session.streams(request)?;
    let stream = client.export_tenant(request).await;
    let mut stream = stream.map_err(|status| refused(&status))?.into_inner();
    let mut bytes = 0;
    while let Some(piece) = stream.message().await.map_err(|status| refused(&status))? {
        let written = file.write_all(&piece.data).await;
        written.with_context(unwritable(path))?;
        bytes += piece.data.len() as u64;
    }
    file.sync_all().await.with_context(unwritable(path))?;
    Ok(bytes)
}

fn unwritable(path: &Path) -> impl FnOnce() -> String + '_ {
    move || format!("{} cannot be written", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_whole_yet_has_a_name_of_its_own_and_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup.tar.gz");
        let part = part_of(&path);
        assert_eq!(part, folder.path().join("backup.tar.gz.part"));
        drop(create(&part).await.unwrap());
        let error = create(&part).await.unwrap_err().to_string();
        assert!(error.contains("another export"), "{error}");
        let nowhere = folder.path().join("none/x.part");
        let error = create(&nowhere).await.unwrap_err().to_string();
        assert!(error.ends_with("cannot be written"), "{error}");
    }
}
