//! The list of tenants: filtered, ordered, in pages.

use resido_proto::{filter::Kind, tenancy::v1 as proto};
use resido_tenancy::{
    context::CallContext,
    db::{Ask, Column, ListRequest, Listing, params},
};

use super::{service::Tenants, store};
use crate::{
    Error,
    staff::{READERS, authorize},
};

/// The states as a filter spells them, and as they are stored.
const STATES: Kind = Kind::Word(&[
    ("PROVISIONING", "provisioning"),
    ("ACTIVE", "active"),
    ("SUSPENDED", "suspended"),
    ("MAINTENANCE", "maintenance"),
    ("MOVING", "moving"),
    ("DELETING", "deleting"),
    ("PURGING", "purging"),
    ("PURGED", "purged"),
    ("FAILED", "failed"),
]);

const COLUMNS: &[Column] = &[
    sorted("slug", Kind::Text),
    sorted("display_name", Kind::Text),
    sorted("contact_email", Kind::Text),
    sorted("plan", Kind::Text),
    sorted("state", STATES),
    sorted("create_time", Kind::Time),
    sorted("update_time", Kind::Time),
    sorted("schema_version", Kind::Integer),
];

/// All tenants that are there.
const PRESENT: Listing = Listing {
    select: store::tenant!("", ""),
    from: "tenants",
    scope: "state <> 'purged'",
    columns: COLUMNS,
    id: "id",
    order: "create_time",
};

/// Those that are gone as well.
const ALL: Listing = Listing {
    scope: "true",
    ..PRESENT
};

const fn sorted(field: &'static str, kind: Kind) -> Column {
    Column {
        field,
        sql: field,
        kind,
        sort: true,
    }
}

/// Returns the list that a caller means: whoever asks for states means all of
/// them.
fn listing(request: &ListRequest) -> &'static Listing {
    if request.filters_by("state") {
        &ALL
    } else {
        &PRESENT
    }
}

impl Tenants {
    pub(crate) async fn list(
        &self,
        ctx: &CallContext,
        request: proto::ListTenantsRequest,
    ) -> Result<proto::ListTenantsResponse, Error> {
        authorize(ctx, READERS, "tenants.read")?;
        let asked = PRESENT.request(Ask {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
        })?;
        let tx = self.db.begin(ctx.deadline()).await?;
        let listed = tx.list(listing(&asked), params![], &asked).await;
        let page = tx.finish(listed.map_err(Error::from)).await?;
        let tenants = page
            .rows
            .iter()
            .map(|row| Ok(store::read(row)?.into()))
            .collect::<Result<_, Error>>()?;
        Ok(proto::ListTenantsResponse {
            tenants,
            next_page_token: page.next_page_token,
        })
    }
}

#[cfg(test)]
mod tests {
    use resido_tenancy::tenant::State;

    use super::*;

    fn ask(filter: &str) -> ListRequest {
        let ask = Ask {
            page_size: 0,
            page_token: "",
            filter,
            order_by: "",
        };
        PRESENT.request(ask).unwrap()
    }

    #[test]
    fn purged_tenants_are_listed_only_for_who_asks_for_states() {
        for (filter, all) in [
            ("", false),
            ("slug = \"state\"", false),
            (
                "plan = \"free\" AND create_time > \"2026-01-01T00:00:00Z\"",
                false,
            ),
            ("state = PURGED", true),
            (
                "plan = \"free\" AND (slug = \"a\" OR NOT state = ACTIVE)",
                true,
            ),
        ] {
            assert_eq!(listing(&ask(filter)).scope == "true", all, "{filter}");
        }
    }

    #[test]
    fn every_state_can_be_asked_for() {
        let Kind::Word(words) = STATES else {
            panic!("not words")
        };
        assert_eq!(words.len(), 9);
        for (name, stored) in words {
            let state: State = stored.parse().unwrap();
            let named = proto::tenant::State::from(state).as_str_name();
            assert_eq!(*name, named);
        }
    }
}
