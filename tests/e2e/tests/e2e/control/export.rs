//! An archive holds everything of one tenant at one moment, and nothing of any
//! other; another program can read it, and another tenant take it in.

use std::{collections::BTreeMap, io::Read as _, time::Duration};

use futures_util::SinkExt as _;
use resido_e2e::{database::Tenant, wait};
use resido_proto::{
    google::api::HttpBody,
    ids::{TenantId, UserId},
    tenancy::v1 as proto,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tonic::{Code, Streaming};

use super::plane::{Answer, Base, Caller, Plane, reason};

const LIMIT: Duration = Duration::from_secs(20);
/// What an export keeps while it lasts.
const LOCKS: &str = "
    select count(*) from pg_locks
     where locktype = 'advisory' and mode = 'ShareLock'
       and database = (select oid from pg_database where datname = current_database())";

async fn open_as(plane: &Plane, caller: Caller, id: TenantId) -> Answer<Streaming<HttpBody>> {
    let name = id.resource_name();
    let export = plane.request(caller, proto::ExportTenantRequest { name });
    plane.tenants().export_tenant(export).await
}

async fn open(plane: &Plane, tenant: Tenant) -> Streaming<HttpBody> {
    let opened = open_as(plane, Caller::Operator, tenant.id).await;
    opened.unwrap().into_inner()
}

/// An archive, as a program of others reads it.
struct Archive {
    manifest: Value,
    /// The files of each table in a row.
    tables: BTreeMap<String, Vec<u8>>,
}

impl Archive {
    async fn read(mut stream: Streaming<HttpBody>) -> Self {
        let mut bytes = Vec::new();
        while let Some(piece) = stream.message().await.unwrap() {
            assert_eq!(piece.content_type, "application/x-tar");
            bytes.extend(piece.data);
        }
        let mut archive = tar::Archive::new(bytes.as_slice());
        let (mut tables, mut manifest) = (BTreeMap::<String, Vec<u8>>::new(), Value::Null);
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            assert!(manifest.is_null(), "the manifest is the last file");
            let path = entry.path().unwrap().display().to_string();
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).unwrap();
            if path == "manifest.json" {
                manifest = serde_json::from_slice(&contents).unwrap();
                continue;
            }
            assert!(contents.len() <= 1 << 20, "{path}");
            let (table, _) = path.split_once('.').unwrap();
            tables.entry(table.into()).or_default().extend(contents);
        }
        Self { manifest, tables }
    }

    fn described(&self, table: &str) -> &Value {
        let tables = self.manifest["tables"].as_array().unwrap();
        tables.iter().find(|found| found["name"] == table).unwrap()
    }

    /// Makes sure that the manifest is right about every table.
    fn check(&self) {
        let described = self.manifest["tables"].as_array().unwrap();
        assert_eq!(described.len(), self.tables.len());
        for (name, contents) in &self.tables {
            let table = self.described(name);
            let sum = format!("{:x}", Sha256::digest(contents));
            assert_eq!(table["sha256"], sum.as_str(), "{name}");
            assert_eq!(table["bytes"], contents.len());
            let rows = contents.split(|byte| *byte == b'\n').count() - 1;
            assert_eq!(table["rows"], rows, "{name}");
            let files = contents.len().div_ceil(1 << 20).max(1);
            assert_eq!(table["files"], files, "{name}");
        }
    }

    fn lines(&self, table: &str) -> Vec<&str> {
        let text = std::str::from_utf8(&self.tables[table]).unwrap();
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        lines
    }
}

/// Gives a tenant so many properties, each with a unit and awkward values.
async fn furnish(base: &Base, tenant: Tenant, count: u32) {
    let schema = tenant.schema();
    base.sql(&format!(
        "insert into {schema}.properties (id, display_name, line1)
         select gen_random_uuid(), E'Höuse\\t\\n\\\\ \\'' || n, repeat('é', n % 500)
           from generate_series(1, {count}) n"
    ))
    .await;
    base.sql(&format!(
        "insert into {schema}.units (id, property_id, display_name, area_sqm)
         select gen_random_uuid(), id, 'Unit', 1.0 / 3 from {schema}.properties"
    ))
    .await;
}

/// Reads a table as its administrator.
async fn rows_of(base: &Base, tenant: Tenant, table: &str) -> Vec<String> {
    let select = format!(
        "select r::text from {}.{table} r order by 1",
        tenant.schema()
    );
    let rows = base.admin.query(&select, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Puts an archive into an empty tenant, in the order of its manifest.
async fn take_in(base: &Base, archive: &Archive, tenant: Tenant) {
    for table in archive.manifest["tables"].as_array().unwrap() {
        let columns: Vec<String> = serde_json::from_value(table["columns"].clone()).unwrap();
        let (name, columns) = (table["name"].as_str().unwrap(), columns.join(", "));
        let copy = format!("copy {}.{name} ({columns}) from stdin", tenant.schema());
        let sink = base.admin.copy_in(&copy).await.unwrap();
        let mut sink = std::pin::pin!(sink);
        let contents = bytes::Bytes::from(archive.tables[name].clone());
        sink.send(contents).await.unwrap();
        let rows = sink.finish().await.unwrap();
        assert_eq!(table["rows"], rows, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_is_everything_of_one_tenant() {
    let base = Base::new().await;
    let plane = base.plane();
    let ((acme, _), (globex, _)) = (plane.create("acme").await, plane.create("globex").await);
    furnish(&base, acme, 8000).await;
    furnish(&base, globex, 3).await;
    let archive = Archive::read(open(&plane, acme).await).await;
    archive.check();
    assert!(archive.described("properties")["files"].as_u64().unwrap() > 2);
    assert_eq!(archive.described("units")["rows"], 8000);
    let left_out = ["_tenant", "_migrations", "idempotency_keys"];
    assert!(
        left_out
            .iter()
            .all(|table| !archive.tables.contains_key(*table))
    );
    let manifest = &archive.manifest;
    assert_eq!(manifest["format"], 1);
    assert_eq!(manifest["slug"], "acme");
    assert_eq!(manifest["tenant"], acme.id.resource_name());
    let known = "select schema_version, fingerprint from tenants where slug = 'acme'";
    let known = base.admin.query_one(known, &[]).await.unwrap();
    assert_eq!(manifest["schema_version"], known.get::<_, i64>(0));
    assert_eq!(manifest["fingerprint"], known.get::<_, &str>(1));

    // Nothing of it is the other's, whose own is whole as well.
    let other = Archive::read(open(&plane, globex).await).await;
    other.check();
    assert_eq!(other.lines("properties").len(), 3);
    let all = archive.lines("properties");
    assert!(
        other
            .lines("properties")
            .iter()
            .all(|line| !all.contains(line))
    );

    let (copy, _) = plane.create("copy").await;
    take_in(&base, &archive, copy).await;
    for table in ["properties", "units"] {
        let taken_in = rows_of(&base, copy, table).await;
        assert_eq!(taken_in, rows_of(&base, acme, table).await, "{table}");
    }
    let audited = "select count(*) from audit_log where action = 'tenants.export'";
    assert_eq!(base.count(audited).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_is_of_one_moment() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    furnish(&base, acme, 30_000).await;
    let mut stream = open(&plane, acme).await;
    // The stream is read no further, so the tables behind wait.
    let first = stream.message().await.unwrap().unwrap();
    change(&base, acme).await;
    let mut archive = first.data;
    while let Some(piece) = stream.message().await.unwrap() {
        archive.extend(piece.data);
    }
    let mut units = Vec::new();
    for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        if path.starts_with("units.") {
            entry.read_to_end(&mut units).unwrap();
        }
    }
    let rows = units.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(rows, 30_000);
    let text = String::from_utf8(units).unwrap();
    assert!(!text.contains("Later"));
}

/// Removes and changes rows of a table that comes late in an archive.
async fn change(base: &Base, tenant: Tenant) {
    let schema = tenant.schema();
    let gone =
        format!("delete from {schema}.units where id in (select id from {schema}.units limit 10)");
    assert_eq!(base.sql(&gone).await, 10);
    let renamed = format!("update {schema}.units set display_name = 'Later'");
    assert!(base.sql(&renamed).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_leaves_ends_it() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    furnish(&base, acme, 30_000).await;
    let mut stream = open(&plane, acme).await;
    assert!(stream.message().await.unwrap().is_some());
    assert_eq!(base.count(LOCKS).await, 1);
    drop(stream);
    let over = wait::until(LIMIT, || async { base.count(LOCKS).await == 0 });
    assert!(over.await, "the export goes on without a reader");
    // More than there are places: none is lost.
    for _ in 0..6 {
        drop(open(&plane, acme).await);
        let over = wait::until(LIMIT, || async { base.count(LOCKS).await == 0 });
        assert!(over.await);
    }
    let mut open_ones = Vec::new();
    let refused = loop {
        match open_as(&plane, Caller::Operator, acme.id).await {
            Ok(stream) => open_ones.push(stream),
            Err(refused) => break refused,
        }
    };
    assert_eq!(reason(&refused), "EXPORT_BUSY");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    // The end of the process does not wait for who does not read.
    tokio::time::timeout(LIMIT, plane.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_a_schema_is_exported_and_by_administrators_alone() {
    let base = Base::new().await;
    let plane = base.plane();
    let (acme, _) = plane.create("acme").await;
    let owner = Caller::Owner(acme, UserId::new());
    for caller in [owner, Caller::Gateway, Caller::Anonymous] {
        assert!(
            open_as(&plane, caller, acme.id).await.is_err(),
            "{caller:?}"
        );
    }
    let unknown = open_as(&plane, Caller::Operator, TenantId::new()).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    for state in ["suspended", "maintenance", "deleting"] {
        base.sql(&format!("update tenants set state = '{state}'"))
            .await;
        Archive::read(open(&plane, acme).await).await.check();
    }
    for state in ["provisioning", "purging", "purged", "failed"] {
        base.sql(&format!("update tenants set state = '{state}'"))
            .await;
        let refused = open_as(&plane, Caller::Operator, acme.id)
            .await
            .unwrap_err();
        assert_eq!(reason(&refused), "TENANT_STATE", "{state}");
    }
    let audited = "select count(*) from audit_log where action = 'tenants.export'";
    assert_eq!(base.count(audited).await, 3);
}
