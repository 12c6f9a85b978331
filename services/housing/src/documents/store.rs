//! Documents in the tenant's schema.

use resido_proto::{filter::Kind, google::api::HttpBody};
use resido_tenancy::db::{self, ListRequest, Listing, Row, TenantTx, params};

use super::model::{Document, DocumentId, Download, NewDocument};
use crate::{Error, column::column, leases::model::LeaseId};

const INSERT: &str = "
    insert into documents (lease_id, id, display_name, content_type, content, size_bytes, sha256)
    values ($1, $2, $3, $4, $5, length($5), encode(sha256($5), 'hex'))
    returning lease_id, id, display_name, content_type, size_bytes, sha256, create_time";
const GET: &str = "
    select lease_id, id, display_name, content_type, size_bytes, sha256, create_time
      from documents
     where lease_id = $1 and id = $2";
const DOWNLOAD: &str = "
    select display_name, content_type, content
      from documents
     where lease_id = $1 and id = $2";
const DELETE: &str = "delete from documents where lease_id = $1 and id = $2";

/// The list of a lease's documents.
pub(super) const LISTING: Listing = Listing {
    select: "lease_id, id, display_name, content_type, size_bytes, sha256, create_time",
    from: "documents",
    scope: "lease_id = $1",
    columns: &[column("create_time", "create_time", Kind::Time)],
    id: "id",
    order: "create_time",
};

pub(super) async fn insert(tx: &TenantTx, new: &NewDocument) -> Result<Document, Error> {
    let params = params![
        new.id.lease.0,
        new.id.id,
        new.display_name,
        new.content_type,
        new.content
    ];
    read(&tx.query_one(INSERT, params).await.map_err(violated)?)
}

pub(super) async fn get(tx: &TenantTx, id: DocumentId) -> Result<Document, Error> {
    let row = tx.query_opt(GET, params![id.lease.0, id.id]).await?;
    read(&row.ok_or(Error::NotFound("document"))?)
}

pub(super) async fn download(tx: &TenantTx, id: DocumentId) -> Result<Download, Error> {
    let row = tx.query_opt(DOWNLOAD, params![id.lease.0, id.id]).await?;
    let row = row.ok_or(Error::NotFound("document"))?;
    Ok(Download {
        display_name: row.try_get("display_name").map_err(db::Error::from)?,
        body: HttpBody {
            content_type: row.try_get("content_type").map_err(db::Error::from)?,
            data: row.try_get("content").map_err(db::Error::from)?,
            extensions: Vec::new(),
        },
    })
}

/// Reads a page of a lease's documents, and the token of the next one.
pub(super) async fn list(
    tx: &TenantTx,
    lease: LeaseId,
    asked: &ListRequest,
) -> Result<(Vec<Document>, String), Error> {
    let page = tx.list(&LISTING, params![lease.0], asked).await?;
    let documents = page.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((documents, page.next_page_token))
}

pub(super) async fn delete(tx: &TenantTx, id: DocumentId) -> Result<(), Error> {
    match tx.execute(DELETE, params![id.lease.0, id.id]).await? {
        0 => Err(Error::NotFound("document")),
        _ => Ok(()),
    }
}

fn read(row: &Row) -> Result<Document, Error> {
    let text = |column: &str| row.try_get::<_, String>(column).map_err(db::Error::from);
    Ok(Document {
        id: DocumentId {
            lease: LeaseId(row.try_get("lease_id").map_err(db::Error::from)?),
            id: row.try_get("id").map_err(db::Error::from)?,
        },
        display_name: text("display_name")?,
        content_type: text("content_type")?,
        size_bytes: row.try_get("size_bytes").map_err(db::Error::from)?,
        sha256: text("sha256")?,
        created: row.try_get("create_time").map_err(db::Error::from)?,
    })
}

fn violated(error: db::Error) -> Error {
    match error.constraint() {
        Some("documents_lease_fk") => Error::NotFound("lease"),
        _ => error.into(),
    }
}
