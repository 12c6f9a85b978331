//! A tenant's data as a file, or on standard output.

use std::{
    ffi::OsString,
    io::{ErrorKind, IsTerminal as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use resido_proto::tenancy::v1::ExportTenantRequest;
use serde_json::Value;
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncWrite, AsyncWriteExt as _},
};

use crate::{
    commands::control::{Session, refused, text},
    ending, terminal,
};

/// The path that stands for standard output.
const STDOUT: &str = "-";

/// Writes the archive where it was asked for.
///
/// # Errors
/// If the file exists, cannot be written, or the tenant cannot be exported.
pub(super) async fn export(session: &Session, tenant: &Value, output: Option<&Path>) -> Result<()> {
    match output {
        Some(path) if path == Path::new(STDOUT) => to_stdout(session, tenant).await,
        Some(path) => to_file(session, tenant, path).await,
        None => {
            let path = format!("{}.tar", text(tenant, "slug"));
            to_file(session, tenant, Path::new(&path)).await
        }
    }
}

/// Writes the archive for another program; only the exit code tells it whether
/// that was all.
async fn to_stdout(session: &Session, tenant: &Value) -> Result<()> {
    ensure!(
        !std::io::stdout().is_terminal(),
        "an archive is nothing to read: redirect it, or name a file with --output"
    );
    let (mut stdout, place) = (tokio::io::stdout(), Path::new("standard output"));
    let bytes = write(session, text(tenant, "name"), (&mut stdout, place)).await?;
    terminal::note(&format!("{bytes} bytes"));
    Ok(())
}

/// Writes the archive beside its place first, so that a file with the name is a
/// whole one. Whatever ends it early, a signal too, leaves neither.
async fn to_file(session: &Session, tenant: &Value, path: &Path) -> Result<()> {
    ensure!(
        !fs::try_exists(path).await.with_context(unwritable(path))?,
        "{} exists already",
        path.display()
    );
    let end = ending::on_signal()?;
    let part = part_of(path);
    let mut file = create(&part).await?;
    let whole = async {
        let bytes = write(session, text(tenant, "name"), (&mut file, &part)).await?;
        file.sync_all().await.with_context(unwritable(&part))?;
        Ok(bytes)
    };
    let written = tokio::select! {
        written = whole => written,
        () = end.cancelled() => Err(anyhow!("stopped before the export was whole")),
    };
    let placed = match written {
        Ok(bytes) => fs::rename(&part, path)
            .await
            .with_context(unwritable(path))
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

async fn write(
    session: &Session,
    name: &str,
    (to, place): (&mut (impl AsyncWrite + Unpin), &Path),
) -> Result<u64> {
    let request = ExportTenantRequest {
        name: name.to_owned(),
    };
    let (mut client, request) = session.streams(request)?;
    let stream = client.export_tenant(request).await;
    let mut stream = stream.map_err(|status| refused(&status))?.into_inner();
    let mut bytes = 0;
    while let Some(piece) = stream.message().await.map_err(|status| refused(&status))? {
        let written = to.write_all(&piece.data).await;
        written.with_context(unwritable(place))?;
        bytes += piece.data.len() as u64;
    }
    to.flush().await.with_context(unwritable(place))?;
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
