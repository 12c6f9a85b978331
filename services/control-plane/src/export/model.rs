//! What an archive holds, and in which order.

use std::collections::BTreeSet;

use resido_proto::{error::Violation, ids::TenantId};
use resido_tenancy::tenant::State;
use serde::Serialize;

/// The version of the archive's form.
pub(super) const FORMAT: u32 = 1;
/// Bytes of one file at most.
pub(super) const FILE_BYTES: usize = 1 << 20;
/// Tables that belong to this installation, and are of no use in another.
const LEFT_OUT: &[&str] = &["_migrations", "_tenant", "idempotency_keys"];

/// A tenant as its archive names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exported {
    pub(super) id: TenantId,
    pub(super) slug: String,
    pub(super) state: State,
    pub(super) lock_no: i32,
    pub(super) schema_version: i64,
    pub(super) fingerprint: String,
}

/// A table as the catalogs describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    /// Those that are stored, in their order.
    pub(super) columns: Vec<String>,
    /// The tables that it refers to.
    pub(super) needs: BTreeSet<String>,
}

/// The last file of an archive.
#[derive(Debug, Serialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// `tenants/<uuid>`.
    pub(super) tenant: String,
    pub(super) slug: String,
    pub(super) schema_version: i64,
    pub(super) fingerprint: String,
    /// The moment of which everything is, RFC 3339.
    pub(super) create_time: String,
    /// Those that others refer to come first.
    pub(super) tables: Vec<Written>,
}

/// A table in the manifest.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Of all files of the table in a row, in hex.
    pub(super) sha256: String,
    pub(super) files: u32,
}

/// Reads `tenants/<uuid>`.
///
/// # Errors
/// One violation of `name`.
pub(super) fn tenant_name(name: &str) -> Result<TenantId, Vec<Violation>> {
    TenantId::from_resource_name(name)
        .map_err(|_| vec![Violation::new("name", "must be `tenants/<uuid>`")])
}

/// Whether a tenant in this state has a schema that nobody is at work on.
pub(super) fn is_whole(state: State) -> bool {
    match state {
        State::Active | State::Suspended | State::Maintenance | State::Moving | State::Deleting => {
            true
        }
        State::Provisioning | State::Purging | State::Purged | State::Failed => false,
    }
}

/// Leaves out what does not belong into an archive, and puts the tables that
/// others refer to before those; where they refer to each other in a circle, by
/// name.
pub(super) fn in_order(mut tables: Vec<Table>) -> Vec<Table> {
    tables.retain(|table| !LEFT_OUT.contains(&table.name.as_str()));
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    let mut waiting: BTreeSet<String> = tables.iter().map(|table| table.name.clone()).collect();
    let mut ordered = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let is_free = |table: &Table| {
            let mut needs = table.needs.iter();
            needs.all(|need| *need == table.name || !waiting.contains(need))
        };
        let next = tables.iter().position(is_free).unwrap_or(0);
        let table = tables.remove(next);
        waiting.remove(&table.name);
        ordered.push(table);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(tables: &[(&str, &[&str])]) -> Vec<String> {
        let tables = tables.iter().map(|(name, needs)| Table {
            name: (*name).into(),
            columns: Vec::new(),
            needs: needs.iter().map(|need| (*need).into()).collect(),
        });
        let ordered = in_order(tables.collect());
        ordered.into_iter().map(|table| table.name).collect()
    }

    #[test]
    fn a_table_comes_after_those_it_refers_to() {
        let tables: &[(&str, &[&str])] = &[
            ("documents", &["leases"]),
            ("leases", &["units", "residents"]),
            ("residents", &[]),
            ("units", &["properties", "units"]),
            ("properties", &[]),
        ];
        let expected = ["properties", "residents", "units", "leases", "documents"];
        assert_eq!(order(tables), expected);
    }

    #[test]
    fn circles_end() {
        assert_eq!(
            order(&[("b", &["a"]), ("a", &["b"]), ("c", &["a"])]),
            ["a", "b", "c"]
        );
        assert_eq!(order(&[("a", &["gone"])]), ["a"]);
    }

    #[test]
    fn what_belongs_to_the_installation_stays() {
        assert_eq!(
            order(&[
                ("_tenant", &[]),
                ("units", &["_tenant"]),
                ("idempotency_keys", &[]),
                ("_migrations", &[])
            ]),
            ["units"]
        );
    }

    #[test]
    fn only_a_whole_schema_is_exported() {
        let whole = |state| is_whole(state);
        assert!(whole(State::Active) && whole(State::Deleting) && whole(State::Maintenance));
        assert!(!whole(State::Purged) && !whole(State::Provisioning));
    }
}
