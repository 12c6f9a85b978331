//! The calls about documents.
//!
//! Each looks at the caller's roles, reads the whole request, and does its work
//! in one transaction, which `finish` ends whatever came of the work.

use resido_proto::{housing::v1 as proto, validate::Checks};
use resido_tenancy::{
    context::TenantContext,
    db::{Access, Ask, TenantDatabase},
};

use super::{
    model::{DocumentId, Download, NewDocument},
    store,
};
use crate::{
    Error,
    leases::model::LeaseId,
    once,
    roles::{ANYBODY, EDITORS, MANAGERS},
};

const READ: &str = "documents.read";
const WRITE: &str = "documents.write";

pub(crate) async fn upload(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::UploadDocumentRequest,
) -> Result<proto::Document, Error> {
    ctx.call().require(EDITORS, WRITE)?;
    let (once, new) = once::read(ctx, request, NewDocument::parse)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let made = async {
        match once.earlier(&tx, new.id.id).await? {
            None => store::insert(&tx, &new).await,
            Some(id) => store::get(&tx, DocumentId { id, ..new.id }).await,
        }
    }
    .await;
    Ok(tx.finish(made).await?.into())
}

pub(crate) async fn download(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::DownloadDocumentRequest,
) -> Result<Download, Error> {
    ctx.call().require(ANYBODY, READ)?;
    let id = DocumentId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Read).await?;
    let found = store::download(&tx, id).await;
    tx.finish(found).await
}

pub(crate) async fn list(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::ListDocumentsRequest,
) -> Result<proto::ListDocumentsResponse, Error> {
    ctx.call().require(ANYBODY, READ)?;
    let mut checks = Checks::default();
    let lease = checks.take(LeaseId::parse("parent", &request.parent));
    let asked = checks.take(store::LISTING.request(Ask {
        page_size: request.page_size,
        page_token: &request.page_token,
        filter: "",
        order_by: "",
    }));
    let (lease, asked) = checks.finish_with(lease.zip(asked))?;
    let tx = db.begin(ctx, Access::Read).await?;
    let listed = store::list(&tx, lease, &asked).await;
    let (documents, next_page_token) = tx.finish(listed).await?;
    Ok(proto::ListDocumentsResponse {
        documents: documents.into_iter().map(Into::into).collect(),
        next_page_token,
    })
}

pub(crate) async fn delete(
    ctx: &TenantContext,
    db: &TenantDatabase,
    request: proto::DeleteDocumentRequest,
) -> Result<(), Error> {
    ctx.call().require(MANAGERS, WRITE)?;
    let id = DocumentId::parse("name", &request.name)?;
    let tx = db.begin(ctx, Access::Write).await?;
    let deleted = store::delete(&tx, id).await;
    tx.finish(deleted).await
}
