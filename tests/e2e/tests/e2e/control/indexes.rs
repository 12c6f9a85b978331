//! What runs now and again does not read whole tables.

use super::plane::Base;

/// Whether an index begins with this column.
const LEADS: &str = "
    select exists (
        select from pg_index i
          join pg_class c on c.oid = i.indrelid
          join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
         where c.relnamespace = 'public'::regnamespace
           and c.relname = $1 and a.attname = $2 and i.indisvalid)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pruned_purged_or_told_again_is_found_by_an_index() {
    let base = Base::new().await;
    let leads = async |table: &str, column: &str| {
        let row = base.admin.query_one(LEADS, &[&table, &column]).await;
        row.unwrap().get::<_, bool>(0)
    };
    for (table, column) in [
        ("activation_tokens", "expire_time"),
        ("activation_tokens", "tenant_id"),
        ("login_attempts", "at"),
        ("login_origins", "at"),
        ("mails", "next_time"),
        ("mails", "tenant_id"),
        ("one_time_tokens", "expire_time"),
        ("outbox", "at"),
        ("outbox", "user_id"),
        ("refresh_tokens", "expire_time"),
        ("tenant_aliases", "expire_time"),
    ] {
        assert!(leads(table, column).await, "{table} by {column}");
    }
    assert!(!leads("mails", "attempts").await);
}
