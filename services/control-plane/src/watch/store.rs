//! What streams read.

use resido_proto::ids::{TenantId, UserId};
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
                     order by d.domain) as domains ",
            $after
        )
    };
}

const BOUNDS: &str = "
    select coalesce(min(id), 0) as first, coalesce(max(id), 0) as last from outbox";
const CHANGES: &str = route!(
    "select o.id as sequence, o.user_id, m.epoch as member_epoch,",
    "from (select id, tenant_id, user_id from outbox where id > $1 order by id limit $2) o
          join tenants t on t.id = o.tenant_id
          left join memberships m on m.user_id = o.user_id and m.tenant_id = o.tenant_id
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
    select user_id, tenant_id, epoch
      from memberships
     where epoch > 1 and ($1::uuid is null or (user_id, tenant_id) > ($1, $2))
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
        sequence > 0 && sequence + 1 >= self.first && sequence <= self.last
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

/// Reads a part of the memberships whose older tokens are refused.
pub(super) async fn epochs(tx: &PublicTx, after: Option<&Epoch>) -> Result<Vec<Epoch>, Error> {
    let user = after.map(|epoch| epoch.user.as_uuid());
    let tenant = after.map(|epoch| epoch.tenant.as_uuid());
    let rows = tx.query(EPOCHS, params![user, tenant, LIMIT]).await?;
    let epoch = |row: &Row| {
        Ok(Epoch {
            user: UserId::from_uuid(column::<Uuid>(row, "user_id")?),
            tenant: TenantId::from_uuid(column::<Uuid>(row, "tenant_id")?),
            epoch: column(row, "epoch")?,
        })
    };
    rows.iter().map(epoch).collect()
}

fn change(row: &Row) -> Result<Change, Error> {
    let sequence = column(row, "sequence")?;
    let Some(user) = column::<Option<Uuid>>(row, "user_id")? else {
        let what = What::Tenant(route(row)?);
        return Ok(Change { sequence, what });
    };
    let tenant = TenantId::from_uuid(column::<Uuid>(row, "id")?);
    let epoch = column::<Option<i64>>(row, "member_epoch")?.map(|epoch| Epoch {
        user: UserId::from_uuid(user),
        tenant,
        epoch,
    });
    let what = What::Membership(epoch);
    Ok(Change { sequence, what })
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
}
