//! What a schema is, as lines of text without the tenant's own name.

use std::collections::BTreeMap;

use resido_tenancy::db::{PublicTx, Row, params};

use crate::{Error, statement::column};

/// Describes every object of the schemas named in `$1`, one a line. The tenant's
/// id is taken out: schema and roles have it in their names.
macro_rules! described {
    ($select:literal) => {
        concat!(
            "with spaces as (
                 select oid, nspname, nspacl, nspowner, substr(nspname, 3) as tenant
                   from pg_namespace where nspname = any($1)
             ), relations as (
                 select s.oid as space, s.nspname, s.tenant, c.*
                   from spaces s join pg_class c on c.relnamespace = s.oid
             ), raw as (
                 select oid as space, 'schema' as kind, '' as object,
                        concat_ws(' ', nspowner::regrole, (select string_agg(acl::text, ','
                                  order by acl::text) from unnest(nspacl) acl)) as definition
                   from spaces
                 union all
                 select space, 'relation', relname,
                        concat_ws(' ', relkind, relowner::regrole, relrowsecurity,
                                  relforcerowsecurity, (select string_agg(acl::text, ','
                                  order by acl::text) from unnest(relacl) acl))
                   from relations where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                 union all
                 select r.space, 'column', r.relname || '.' || a.attname,
                        concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull,
                                  a.attidentity, a.attgenerated, a.attcollation,
                                  pg_get_expr(d.adbin, d.adrelid))
                   from relations r
                   join pg_attribute a on a.attrelid = r.oid and a.attnum > 0
                        and not a.attisdropped
                   left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
                  where r.relkind in ('r', 'p', 'v', 'm', 'f')
                 union all
                 select r.space, 'constraint', r.relname || '.' || c.conname,
                        pg_get_constraintdef(c.oid)
                   from relations r join pg_constraint c on c.conrelid = r.oid
                  where c.contype <> 'n'
                 union all
                 select r.space, 'index', r.relname,
                        concat_ws(' ', pg_get_indexdef(r.oid), i.indisvalid)
                   from relations r join pg_index i on i.indexrelid = r.oid
                 union all
                 select r.space, 'sequence', r.relname,
                        concat_ws(' ', q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmin,
                                  q.seqmax, q.seqcycle)
                   from relations r join pg_sequence q on q.seqrelid = r.oid
                 union all
                 select r.space, 'trigger', r.relname || '.' || t.tgname,
                        concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
                   from relations r join pg_trigger t on t.tgrelid = r.oid
                  where not t.tgisinternal
                 union all
                 select r.space, 'policy', r.relname || '.' || p.polname,
                        concat_ws(' ', p.polcmd, p.polpermissive, p.polroles::regrole[],
                                  pg_get_expr(p.polqual, p.polrelid),
                                  pg_get_expr(p.polwithcheck, p.polrelid))
                   from relations r join pg_policy p on p.polrelid = r.oid
                 union all
                 select r.space, 'view', r.relname, pg_get_viewdef(r.oid)
                   from relations r where r.relkind in ('v', 'm')
                 union all
                 select s.oid, 'function',
                        f.proname || '(' || pg_get_function_identity_arguments(f.oid) || ')',
                        concat_ws(' ', pg_get_function_result(f.oid), f.proowner::regrole,
                                  f.prosecdef, md5(f.prosrc))
                   from spaces s join pg_proc f on f.pronamespace = s.oid
                 union all
                 select s.oid, 'type', t.typname, t.typtype::text
                   from spaces s join pg_type t on t.typnamespace = s.oid
                  where t.typtype in ('d', 'e', 'r')
                 union all
                 select s.oid, 'default rights', d.defaclobjtype::text,
                        concat_ws(' ', d.defaclrole::regrole, (select string_agg(acl::text, ','
                                  order by acl::text) from unnest(d.defaclacl) acl))
                   from spaces s join pg_default_acl d on d.defaclnamespace = s.oid
             ), lines as (
                 select s.nspname as schema, r.kind, replace(r.object, s.tenant, '*') as object,
                        replace(r.definition, s.tenant, '*') as definition
                   from raw r join spaces s on s.oid = r.space
             )",
            $select
        )
    };
}

const LINES: &str = described!(
    "select kind || ' ' || object as object, definition from lines
      order by kind collate \"C\", object collate \"C\""
);
const FINGERPRINTS: &str = described!(
    "select schema, encode(sha256(convert_to(string_agg(
                concat_ws(' ', kind, object, definition), chr(10)
                order by kind collate \"C\", object collate \"C\", definition collate \"C\"),
            'UTF8')), 'hex') as fingerprint
       from lines group by schema"
);

/// Objects and what they are.
pub(super) type Lines = BTreeMap<String, String>;

/// Describes one schema.
pub(super) async fn lines(tx: &PublicTx, schema: &str) -> Result<Lines, Error> {
    let rows = tx.query(LINES, params![vec![schema.to_owned()]]).await?;
    let read = |row: &Row| Ok((column(row, "object")?, column(row, "definition")?));
    rows.iter().map(read).collect()
}

/// Returns what stands for the whole of each schema, by its name.
pub(super) async fn fingerprints(
    tx: &PublicTx,
    schemas: Vec<String>,
) -> Result<BTreeMap<String, String>, Error> {
    let rows = tx.query(FINGERPRINTS, params![schemas]).await?;
    let read = |row: &Row| Ok((column(row, "schema")?, column(row, "fingerprint")?));
    rows.iter().map(read).collect()
}
