//! Tenants beside the reference.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use resido_proto::ids::TenantId;
use resido_tenancy::{
    db::{PublicDatabase, PublicTx, params},
    tenant::SchemaName,
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    catalog::{self, Lines},
    reference::{From, Reference},
};
use crate::{Error, Sets, statement::column};

/// Tenants whose differences are named, and differences of each, at most.
const MAX_NAMED: usize = 100;
/// Time of the look at the whole fleet.
const LIMIT: Duration = Duration::from_secs(600);

const TENANTS: &str = "
    select id, schema_version from tenants
     where state in ('active', 'suspended', 'maintenance')
       and (cardinality($1::uuid[]) = 0 or id = any($1))
     order by id";

/// What is not as the files say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which object, as `column units.floor`.
    pub object: String,
    /// What the files make of it; `None` if there should be no such object.
    pub expected: Option<String>,
    /// What it is; `None` if there is no such object.
    pub found: Option<String>,
}

/// A tenant whose schema is not as the files say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Which one.
    pub tenant: TenantId,
    /// The version of its schema.
    pub version: i64,
    /// The first hundred differences.
    pub differences: Vec<Difference>,
}

/// What a look at the fleet found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DriftReport {
    /// How many tenants were looked at.
    pub checked: usize,
    /// How many are not as the files say.
    pub drifted: usize,
    /// The first hundred of them.
    pub tenants: Vec<Drift>,
    /// Tenants that are newer than the files: nothing can be said of them.
    pub ahead: Vec<TenantId>,
}

/// Compares tenants with the files; all in service if none is named.
///
/// # Errors
/// [`Error::Failed`] if the files cannot be applied to a new schema,
/// [`Error::Database`].
pub async fn drift(
    db: &PublicDatabase,
    sets: &Sets,
    only: &[TenantId],
) -> Result<DriftReport, Error> {
    // Of one moment: a run may go on beside it.
    let tx = db.begin_snapshot(LIMIT).await?;
    let looked = look(&tx, only).await;
    let (tenants, found) = tx.finish(looked).await?;
    let mut report = DriftReport::default();
    let versions: BTreeSet<_> = tenants.iter().map(|(_, version)| *version).collect();
    let mut references = BTreeMap::new();
    for version in versions.into_iter().filter(|v| *v <= sets.tenant.latest()) {
        let reference = Reference::make(db, sets, version, From::Files).await?;
        references.insert(version, reference);
    }
    for (tenant, version) in tenants {
        let Some(reference) = references.get(&version) else {
            report.ahead.push(tenant);
            continue;
        };
        report.checked += 1;
        let schema = SchemaName::of(tenant).as_str().to_owned();
        if found.get(&schema) == Some(&reference.fingerprint) {
            continue;
        }
        report.drifted += 1;
        if report.tenants.len() < MAX_NAMED {
            let differences = differences(&reference.lines, &describe(db, &schema).await?);
            report.tenants.push(Drift {
                tenant,
                version,
                differences,
            });
        }
    }
    Ok(report)
}

/// Compares what the baseline makes with what the files it stands for make, and
/// returns what differs: nothing, if it is sound or there is none.
///
/// # Errors
/// [`Error::Failed`] if either cannot be applied, [`Error::Database`].
pub async fn prove_baseline(db: &PublicDatabase, sets: &Sets) -> Result<Vec<Difference>, Error> {
    let Some(baseline) = &sets.tenant.baseline else {
        return Ok(Vec::new());
    };
    let files = Reference::make(db, sets, baseline.version, From::Files).await?;
    let squashed = Reference::make(db, sets, baseline.version, From::Baseline).await?;
    Ok(differences(&files.lines, &squashed.lines))
}

type Fleet = (Vec<(TenantId, i64)>, BTreeMap<String, String>);

async fn look(tx: &PublicTx, only: &[TenantId]) -> Result<Fleet, Error> {
    let only: Vec<_> = only.iter().map(TenantId::as_uuid).collect();
    let mut tenants = Vec::new();
    for row in tx.query(TENANTS, params![only]).await? {
        let id = TenantId::from_uuid(column::<Uuid>(&row, "id")?);
        tenants.push((id, column::<i64>(&row, "schema_version")?));
    }
    let schemas = tenants
        .iter()
        .map(|(id, _)| SchemaName::of(*id).as_str().to_owned());
    let found = catalog::fingerprints(tx, schemas.collect()).await?;
    Ok((tenants, found))
}

async fn describe(db: &PublicDatabase, schema: &str) -> Result<Lines, Error> {
    let tx = db.begin_long(LIMIT).await?;
    let lines = catalog::lines(&tx, schema).await;
    tx.finish(lines).await
}

fn differences(expected: &Lines, found: &Lines) -> Vec<Difference> {
    let objects: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differ = objects
        .into_iter()
        .filter(|object| expected.get(*object) != found.get(*object));
    differ
        .take(MAX_NAMED)
        .map(|object| Difference {
            object: object.clone(),
            expected: expected.get(object).cloned(),
            found: found.get(object).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[(&str, &str)]) -> Lines {
        let own = |(object, is): &(&str, &str)| ((*object).to_owned(), (*is).to_owned());
        lines.iter().map(own).collect()
    }

    #[test]
    fn what_is_missing_is_too_many_or_is_other_is_named() {
        let expected = lines(&[
            ("column a.x", "text"),
            ("column a.y", "text"),
            ("index i", "x"),
        ]);
        let found = lines(&[
            ("column a.x", "text"),
            ("column a.y", "int"),
            ("index j", "x"),
        ]);
        let named: Vec<_> = differences(&expected, &found)
            .into_iter()
            .map(|found| {
                (
                    found.object,
                    found.expected.is_some(),
                    found.found.is_some(),
                )
            })
            .collect();
        let expected = [
            ("column a.y".to_owned(), true, true),
            ("index i".to_owned(), true, false),
            ("index j".to_owned(), false, true),
        ];
        assert_eq!(named, expected);
    }
}
