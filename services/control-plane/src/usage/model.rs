//! What is measured of a tenant, and under which name it is asked for.

use std::time::SystemTime;

use resido_proto::{error::Violation, ids::TenantId, tenancy::v1 as proto};

/// What a tenant uses at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) tenant: TenantId,
    pub(super) measured: SystemTime,
    pub(super) members: i64,
    pub(super) api_keys: i64,
    /// By name.
    pub(super) tables: Vec<Table>,
}

/// What one table uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    /// As the database estimates, which knows nothing (-1) of a table that it
    /// has not looked at yet.
    pub(super) rows: i64,
    pub(super) bytes: i64,
}

/// Reads `tenants/<uuid>/usage`.
///
/// # Errors
/// One violation of `name`.
pub(super) fn usage_name(name: &str) -> Result<TenantId, Vec<Violation>> {
    let tenant = name.strip_suffix("/usage").unwrap_or_default();
    TenantId::from_resource_name(tenant)
        .map_err(|_| vec![Violation::new("name", "must be `tenants/<uuid>/usage`")])
}

impl From<Usage> for proto::Usage {
    fn from(usage: Usage) -> Self {
        let storage_bytes = usage.tables.iter().map(|table| table.bytes).sum();
        Self {
            name: format!("{}/usage", usage.tenant.resource_name()),
            measure_time: Some(usage.measured.into()),
            storage_bytes,
            members: usage.members,
            api_keys: usage.api_keys,
            tables: usage.tables.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Table> for proto::TableUsage {
    fn from(table: Table) -> Self {
        Self {
            table: table.name,
            estimated_rows: table.rows.max(0),
            storage_bytes: table.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_named_below_its_tenant() {
        let id = TenantId::new();
        let name = format!("{}/usage", id.resource_name());
        assert_eq!(usage_name(&name), Ok(id));
        for wrong in [
            "",
            "usage",
            "/usage",
            &id.resource_name(),
            "tenants/x/usage",
        ] {
            assert_eq!(usage_name(wrong).unwrap_err()[0].field, "name", "{wrong}");
        }
        let twice = format!("{name}/usage");
        assert!(usage_name(&twice).is_err());
    }

    #[test]
    fn tables_add_up_and_no_count_is_negative() {
        let table = |name: &str, rows, bytes| Table {
            name: name.into(),
            rows,
            bytes,
        };
        let usage = Usage {
            tenant: TenantId::new(),
            measured: SystemTime::UNIX_EPOCH,
            members: 2,
            api_keys: 1,
            tables: vec![table("leases", -1, 8192), table("units", 40, 16384)],
        };
        let shown = proto::Usage::from(usage.clone());
        assert_eq!(usage_name(&shown.name), Ok(usage.tenant));
        assert_eq!((shown.storage_bytes, shown.members), (24576, 2));
        let rows: Vec<_> = shown.tables.iter().map(|t| t.estimated_rows).collect();
        assert_eq!(rows, [0, 40]);
    }
}
