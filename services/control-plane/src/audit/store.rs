//! The record in the control plane's tables.

use resido_proto::{filter::Kind, ids::TenantId};
use resido_tenancy::db::{self, Column, ListRequest, Listing, PublicTx, params};
use uuid::Uuid;

use super::model::Row;
use crate::{Error, row::column};

const fn text(field: &'static str, sql: &'static str) -> Column {
    Column {
        field,
        sql,
        kind: Kind::Text,
        sort: false,
    }
}

const COLUMNS: &[Column] = &[
    text("actor", "actor"),
    text("behalf_of", "coalesce(behalf_of, '')"),
    text("action", "action"),
    text("resource", "resource"),
    Column {
        field: "tenant",
        sql: "tenant_id",
        kind: Kind::Id(tenant_id),
        sort: false,
    },
    text("request_id", "request_id"),
    Column {
        field: "event_time",
        sql: "at",
        kind: Kind::Time,
        sort: true,
    },
];

/// Everything.
pub(super) const ALL: Listing = Listing {
    select: "id, at, actor, behalf_of, action, resource, tenant_id, request_id, before, after",
    from: "audit_log",
    scope: "true",
    columns: COLUMNS,
    // Lists tell equal rows apart by a UUID: this one sorts as the number does.
    id: "lpad(to_hex(id), 32, '0')::uuid",
    order: "event_time desc",
};

/// What concerns one tenant.
pub(super) const OF_TENANT: Listing = Listing {
    scope: "tenant_id = $1",
    ..ALL
};

fn tenant_id(name: &str) -> Option<Uuid> {
    let id = TenantId::from_resource_name(name).ok()?;
    Some(id.as_uuid())
}

/// Reads a page of the record, of one tenant or of all, and the token of the next
/// one.
pub(super) async fn list(
    tx: &PublicTx,
    tenant: Option<TenantId>,
    request: &ListRequest,
) -> Result<(Vec<Row>, String), Error> {
    let page = match tenant {
        Some(tenant) => {
            tx.list(&OF_TENANT, params![tenant.as_uuid()], request)
                .await?
        }
        None => tx.list(&ALL, params![], request).await?,
    };
    let rows = page.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((rows, page.next_page_token))
}

fn read(row: &db::Row) -> Result<Row, Error> {
    Ok(Row {
        id: column(row, "id")?,
        at: column(row, "at")?,
        actor: column(row, "actor")?,
        behalf_of: column(row, "behalf_of")?,
        action: column(row, "action")?,
        resource: column(row, "resource")?,
        tenant: column::<Option<Uuid>>(row, "tenant_id")?.map(TenantId::from_uuid),
        request_id: column(row, "request_id")?,
        before: column(row, "before")?,
        after: column(row, "after")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_named_as_everywhere() {
        let id = TenantId::new();
        assert_eq!(tenant_id(&id.resource_name()), Some(id.as_uuid()));
        assert_eq!(tenant_id(&id.to_string()), None);
    }

    #[test]
    fn no_filter_reaches_beyond_a_tenant() {
        assert_eq!(OF_TENANT.scope, "tenant_id = $1");
        assert_eq!(OF_TENANT.from, ALL.from);
    }
}
