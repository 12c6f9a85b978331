//! What streams read.

use resido_proto::ids::{ApiKeyId, TenantId, UserId};
use resido_tenancy::db::{PublicTx, Row, params};
use uuid::Uuid;

use super::model::{Change, Epoch, Route, What};
use crate::{Error, row::column};

/// Rows of one read at most, and tenants of one part of a snapshot.
pub(super) const PART: usize = 1000;
const LIMIT: i64 = 1000;

/// Puts the columns of a route into a query on `tenants t`.
macro_rules! route {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " t.id, t.slug, t.state, t.epoch, t.plan, t.placement, t.schema_version, t.read_only,
              array(select d.domain from tenant_domains d where d.tenant_id = t.id
                     order by d.domain) as domains,
              array(select a.slug from tenant_aliases a
                     where a.tenant_id = t.id and a.expire_time > now()
                     order by a.slug) as aliases ",
            $after
        )
    };
}

const BOUNDS: &str = "
    select coalesce(min(id), 0) as first, coalesce(max(id), 0) as last from outbox";
const CHANGES: &str = route!(
    "select o.id as sequence, o.user_id, o.api_key_id,
            case when o.tenant_id is null then p.epoch
                 when m.state = 'active' then m.epoch end as member_epoch,",
    "from (select id, tenant_id, user_id, api_key_id from outbox where id > $1 order by id limit $2) o
          left join tenants t on t.id = o.tenant_id
          left join memberships m on m.user_id = o.user_id and m.tenant_id = o.tenant_id
          left join platform_roles p on p.user_id = o.user_id and o.tenant_id is null
    order by o.id"
);
const ROUTES: &str = route!(
    "select",
    "from tenants t
    where t.state not in ('provisioning', 'failed', 'purged') and ($1::uuid is null or t.id > $1)
    order by t.id
    limit $2"
);
const EPOCHS: &str = "
    select user_id, tenant_id, case when state = 'active' then epoch end as member_epoch
      from memberships
     where $1::uuid is null or (user_id, tenant_id) > ($1, $2)
     order by user_id, tenant_id
     limit $3";
/// There is one row of each person, and so no tenant to go on behind.
const STAFF: &str = "
    select user_id, null::uuid as tenant_id, epoch as member_epoch
      from platform_roles
     where ($1::uuid is null or user_id > $1) and $2::uuid is null
     order by user_id
     limit $3";
/// Rows of the outbox live longer than any token.
const GONE: &str = "
    select distinct o.user_id, o.tenant_id, null::bigint as member_epoch
      from outbox o
     where o.user_id is not null and o.tenant_id is not null
       and ($1::uuid is null or (o.user_id, o.tenant_id) > ($1, $2))
       and not exists (select from memberships m
                        where m.user_id = o.user_id and m.tenant_id = o.tenant_id)
     order by user_id, tenant_id
     limit $3";

/// The numbers of the outbox's first and last rows; zero if it has none.
pub(super) struct Bounds {
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Bounds {
    /// Whether everything after a number can still be read.
    pub(super) fn reach_back_to(&self, sequence: i64) -> bool {
        sequence > 0 && self.hold_all_after(sequence)
    }

    /// Whether nothing was forgotten after a number, and the number is one of
    /// this database. Zero comes before the first row of all.
    pub(super) fn hold_all_after(&self, sequence: i64) -> bool {
        sequence >= 0 && sequence + 1 >= self.first && sequence <= self.last
    }
}

pub(super) async fn bounds(tx: &PublicTx) -> Result<Bounds, Error> {
    let row = tx.query_one(BOUNDS, params![]).await?;
    Ok(Bounds {
        first: column(&row, "first")?,
        last: column(&row, "last")?,
    })
}

/// Reads the changes after a number, in order.
pub(super) async fn changes(tx: &PublicTx, after: i64) -> Result<Vec<Change>, Error> {
    let rows = tx.query(CHANGES, params![after, LIMIT]).await?;
    rows.iter().map(change).collect()
}

/// Reads a part of the tenants that gateways know, in order of their ids.
pub(super) async fn routes(tx: &PublicTx, after: Option<TenantId>) -> Result<Vec<Route>, Error> {
    let after = after.map(|id| id.as_uuid());
    let rows = tx.query(ROUTES, params![after, LIMIT]).await?;
    rows.iter().map(route).collect()
}

/// Which memberships to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memberships {
    /// Those that are there, active or not.
    Present,
    /// Those of the platform's people, who have a place there.
    Staff,
    /// Those that ended so lately that their tokens may live still.
    Gone,
}

/// Reads a part of the memberships, in order of their ids.
pub(super) async fn memberships(
    tx: &PublicTx,
    which: Memberships,
    after: Option<&Epoch>,
) -> Result<Vec<Epoch>, Error> {
    let user = after.map(|epoch| epoch.user.as_uuid());
    let tenant = after.and_then(|epoch| epoch.tenant);
    let tenant = tenant.map(|tenant| tenant.as_uuid());
    let select = match which {
        Memberships::Present => EPOCHS,
        Memberships::Staff => STAFF,
        Memberships::Gone => GONE,
    };
    let rows = tx.query(select, params![user, tenant, LIMIT]).await?;
    let epoch = |row: &Row| {
        let user = UserId::from_uuid(column::<Uuid>(row, "user_id")?);
        let tenant = tenant_in(row, "tenant_id")?;
        Ok(Epoch::of(user, tenant, column(row, "member_epoch")?))
    };
    rows.iter().map(epoch).collect()
}

fn change(row: &Row) -> Result<Change, Error> {
    let sequence = column(row, "sequence")?;
    if let Some(key) = column::<Option<Uuid>>(row, "api_key_id")? {
        let what = What::ApiKey(ApiKeyId::from_uuid(key));
        return Ok(Change { sequence, what });
    }
    let Some(user) = column::<Option<Uuid>>(row, "user_id")? else {
        let what = What::Tenant(route(row)?);
        return Ok(Change { sequence, what });
    };
    let (user, tenant) = (UserId::from_uuid(user), tenant_in(row, "id")?);
    let epoch = Epoch::of(user, tenant, column(row, "member_epoch")?);
    let what = What::Membership(epoch);
    Ok(Change { sequence, what })
}

fn tenant_in(row: &Row, name: &str) -> Result<Option<TenantId>, Error> {
    let id: Option<Uuid> = column(row, name)?;
    Ok(id.map(TenantId::from_uuid))
}

fn route(row: &Row) -> Result<Route, Error> {
    let state: &str = column(row, "state")?;
    Ok(Route {
        id: TenantId::from_uuid(column::<Uuid>(row, "id")?),
        slug: column(row, "slug")?,
        domains: column(row, "domains")?,
        state: state
            .parse()
            .map_err(|_| Error::Fault("a stored state is unknown"))?,
        epoch: column(row, "epoch")?,
        plan: column(row, "plan")?,
        placement: column(row, "placement")?,
        schema_version: column(row, "schema_version")?,
        read_only: column(row, "read_only")?,
        aliases: column(row, "aliases")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_resumes_only_where_nothing_was_forgotten() {
        let bounds = Bounds { first: 5, last: 9 };
        for (after, possible) in [
            (0, false),
            (3, false),
            // The next one is the first that is left.
            (4, true),
            (7, true),
            (9, true),
            // Of another database, or of one that was restored.
            (10, false),
            (-1, false),
        ] {
            assert_eq!(bounds.reach_back_to(after), possible, "{after}");
        }
        let empty = Bounds { first: 0, last: 0 };
        assert!(!empty.reach_back_to(0));
        assert!(!empty.reach_back_to(1));
    }

    #[test]
    fn a_feed_goes_on_where_nothing_was_forgotten() {
        let bounds = Bounds { first: 5, last: 9 };
        for (seen, possible) in [(3, false), (4, true), (9, true), (10, false), (-1, false)] {
            assert_eq!(bounds.hold_all_after(seen), possible, "{seen}");
        }
        // Nothing has happened yet, or one thing has since.
        assert!(Bounds { first: 0, last: 0 }.hold_all_after(0));
        assert!(Bounds { first: 1, last: 1 }.hold_all_after(0));
        assert!(!Bounds { first: 0, last: 0 }.hold_all_after(1));
    }
}
