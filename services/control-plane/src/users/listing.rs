//! The list of a tenant's members.

use resido_proto::filter::Kind;
use resido_tenancy::db::{Column, Listing};

/// Members of the tenant `$1`; a row is what `store.rs` reads a member from.
pub(super) const LISTING: Listing = Listing {
    select: "u.id, u.email, u.first_name, u.last_name, u.phone, u.last_login_time,
             u.create_time, u.revision, u.email_verify_time,
             m.roles, m.state, m.epoch, m.create_time as member_since",
    from: "memberships m join users u on u.id = m.user_id",
    scope: "m.tenant_id = $1",
    columns: &[
        sorted("email", "u.email", Kind::Text),
        sorted("first_name", "u.first_name", Kind::Text),
        sorted("last_name", "u.last_name", Kind::Text),
        sorted("state", "m.state", Kind::Word(STATES)),
        unsorted("roles", "array_to_string(m.roles, ' ')", Kind::Text),
        sorted("create_time", "m.create_time", Kind::Time),
        unsorted("last_login_time", "u.last_login_time", Kind::Time),
    ],
    id: "m.user_id",
    order: "create_time",
};

const STATES: &[(&str, &str)] = &[
    ("PENDING", "pending"),
    ("ACTIVE", "active"),
    ("SUSPENDED", "suspended"),
];

const fn sorted(field: &'static str, sql: &'static str, kind: Kind) -> Column {
    Column {
        field,
        sql,
        kind,
        sort: true,
    }
}

const fn unsorted(field: &'static str, sql: &'static str, kind: Kind) -> Column {
    Column {
        field,
        sql,
        kind,
        sort: false,
    }
}

#[cfg(test)]
mod tests {
    use resido_tenancy::db::Ask;

    use super::*;

    fn ask(filter: &str, order_by: &str) -> bool {
        let asked = LISTING.request(Ask {
            page_size: 0,
            page_token: "",
            filter,
            order_by,
        });
        asked.is_ok()
    }

    #[test]
    fn members_are_found_by_what_the_proto_names() {
        for (filter, order_by) in [
            ("", ""),
            (
                "state = ACTIVE AND roles:owner",
                "last_name, first_name desc",
            ),
            ("email = \"*@acme.example\"", "email"),
            ("create_time > \"2026-01-01T00:00:00Z\"", "create_time desc"),
            ("last_login_time:*", "state"),
        ] {
            assert!(ask(filter, order_by), "{filter} {order_by}");
        }
        for (filter, order_by) in [
            ("password_hash:*", ""),
            ("state = GONE", ""),
            ("", "roles"),
            ("", "last_login_time"),
        ] {
            assert!(!ask(filter, order_by), "{filter} {order_by}");
        }
    }
}
