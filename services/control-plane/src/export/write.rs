//! Writes an archive into a stream, as fast as it is read.

use std::time::Duration;

use resido_proto::google::api::HttpBody;
use resido_tenancy::db::PublicTx;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tonic::Status;

use super::{
    archive,
    model::{self, Exported, FILE_BYTES, Manifest, Table, Written},
    store,
};
use crate::Error;

/// How long a file waits for a reader; then the export is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How the stream is called to readers.
const CONTENT_TYPE: &str = "application/x-tar";

pub(super) type Out = mpsc::Sender<Result<HttpBody, Status>>;

/// Why an archive is not whole.
pub(super) enum End {
    /// Nobody reads it any more.
    Unread,
    /// We cannot go on.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// An archive that is being written.
struct Archive<'a> {
    out: &'a Out,
    modified: u64,
}

/// Writes everything of a tenant as the snapshot shows it.
pub(super) async fn write(tx: &PublicTx, tenant: &Exported, out: &Out) -> Result<(), End> {
    let (modified, create_time) = store::moment(tx).await?;
    tx.enter_tenant(tenant.id).await?;
    let archive = Archive { out, modified };
    let mut tables = Vec::new();
    for table in model::in_order(store::tables(tx).await?) {
        tables.push(archive.table(tx, table).await?);
    }
    let manifest = Manifest {
        format: model::FORMAT,
        tenant: tenant.id.resource_name(),
        slug: tenant.slug.clone(),
        schema_version: tenant.schema_version,
        fingerprint: tenant.fingerprint.clone(),
        create_time,
        tables,
    };
    let manifest = serde_json::to_vec_pretty(&manifest)
        .map_err(|_| Error::Fault("a manifest cannot be written"))?;
    archive.file("manifest.json", &manifest).await?;
    archive.send(archive::end()).await
}

impl Archive<'_> {
    /// Writes a table in files of one size; the last is as long as it is.
    async fn table(&self, tx: &PublicTx, table: Table) -> Result<Written, End> {
        let mut hash = Sha256::new();
        let mut written = Written {
            rows: 0,
            bytes: 0,
            sha256: String::new(),
            files: 0,
            name: table.name,
            columns: table.columns,
        };
        let mut file = Vec::with_capacity(FILE_BYTES);
        let mut copy = tx.copy_out(&written.name, &written.columns).await?;
        while let Some(piece) = copy.next().await? {
            hash.update(&piece);
            written.bytes += piece.len() as u64;
            // A line feed within a value is escaped.
            let ends = piece.iter().filter(|byte| **byte == b'\n');
            written.rows += ends.count() as u64;
            let mut rest = &piece[..];
            while file.len() + rest.len() > FILE_BYTES {
                let (fits, more) = rest.split_at(FILE_BYTES - file.len());
                file.extend_from_slice(fits);
                self.part(&mut written, &mut file).await?;
                rest = more;
            }
            file.extend_from_slice(rest);
        }
        if !file.is_empty() || written.files == 0 {
            self.part(&mut written, &mut file).await?;
        }
        written.sha256 = format!("{:x}", hash.finalize());
        Ok(written)
    }

    /// Writes the next file of a table, and empties the buffer.
    async fn part(&self, written: &mut Written, file: &mut Vec<u8>) -> Result<(), End> {
        written.files += 1;
        let name = format!("{}.{:04}.copy", written.name, written.files);
        self.file(&name, file).await?;
        file.clear();
        Ok(())
    }

    async fn file(&self, name: &str, contents: &[u8]) -> Result<(), End> {
        self.send(archive::entry(name, contents, self.modified)?)
            .await
    }

    async fn send(&self, data: Vec<u8>) -> Result<(), End> {
        let piece = HttpBody {
            content_type: CONTENT_TYPE.to_owned(),
            data,
            extensions: Vec::new(),
        };
        let sent = self.out.send_timeout(Ok(piece), PATIENCE).await;
        sent.map_err(|_| End::Unread)
    }
}
