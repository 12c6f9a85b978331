//! What a stream says.

use resido_proto::{
    ids::{ApiKeyId, TenantId, UserId},
    tenancy::v1 as proto,
};
use resido_tenancy::{directory::MembershipEpoch, tenant::State};

use proto::watch_tenants_response::{Event, Heartbeat, Snapshot};

/// A tenant as gateways must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) id: TenantId,
    pub(crate) slug: String,
    pub(crate) domains: Vec<String>,
    pub(crate) state: State,
    pub(crate) epoch: i64,
    pub(crate) plan: String,
    pub(crate) placement: String,
    pub(crate) schema_version: i64,
    pub(crate) read_only: bool,
    pub(crate) aliases: Vec<String>,
}

impl Route {
    /// Returns what gateways hear of the tenant. While it is being made there is
    /// none for them. One that failed is gone for them: they may have served it,
    /// and its slug may belong to another by now.
    fn told(&self) -> Option<Self> {
        let state = match self.state {
            State::Provisioning => return None,
            State::Failed => State::Purged,
            other => other,
        };
        let route = self.clone();
        Some(Self { state, ..route })
    }
}

impl From<Route> for proto::TenantRoute {
    fn from(route: Route) -> Self {
        Self {
            id: route.id.to_string(),
            slug: route.slug,
            domains: route.domains,
            state: proto::tenant::State::from(route.state).into(),
            epoch: route.epoch,
            plan: route.plan,
            placement: route.placement,
            schema_version: route.schema_version,
            read_only: route.read_only,
            aliases: route.aliases,
        }
    }
}

/// The least epoch of somebody's tokens, for a tenant or the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) user: UserId,
    /// None for the platform.
    pub(crate) tenant: Option<TenantId>,
    pub(crate) epoch: i64,
}

impl Epoch {
    /// Returns what is to be told of a membership: its epoch while it is active,
    /// and otherwise one that no token has.
    pub(crate) fn of(user: UserId, tenant: Option<TenantId>, active: Option<i64>) -> Self {
        let epoch = active.unwrap_or(MembershipEpoch::GONE);
        Self {
            user,
            tenant,
            epoch,
        }
    }
}

impl From<Epoch> for proto::MembershipEpoch {
    fn from(epoch: Epoch) -> Self {
        let tenant = epoch.tenant.map(|tenant| tenant.to_string());
        Self {
            user_id: epoch.user.to_string(),
            tenant_id: tenant.unwrap_or_default(),
            epoch: epoch.epoch,
        }
    }
}

/// One row of the outbox, with what it speaks of as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) sequence: i64,
    pub(crate) what: What,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A tenant.
    Tenant(Route),
    /// A membership.
    Membership(Epoch),
    /// An API key: what is remembered of it is void.
    ApiKey(ApiKeyId),
}

impl Change {
    /// Returns the message to send, if there is anything to say.
    pub(crate) fn message(&self) -> Option<proto::WatchTenantsResponse> {
        let event = match &self.what {
            What::Tenant(route) => Event::Tenant(route.told()?.into()),
            What::Membership(epoch) => Event::Membership((*epoch).into()),
            What::ApiKey(key) => Event::ApiKey(proto::ApiKeyChange {
                id: key.to_string(),
            }),
        };
        Some(message(event, self.sequence))
    }
}

/// What the feed hands to streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// Something changed.
    Change(Change),
    /// Everything up to this number has been handed out.
    Alive(i64),
    /// The database went back, or forgot what nobody has read: what streams know
    /// cannot be gone on from.
    Restored,
}

/// Returns a part of the whole state.
pub(crate) fn snapshot(
    tenants: Vec<Route>,
    memberships: Vec<Epoch>,
    last: bool,
    sequence: i64,
) -> proto::WatchTenantsResponse {
    let event = Event::Snapshot(Snapshot {
        tenants: tenants.into_iter().map(Into::into).collect(),
        memberships: memberships.into_iter().map(Into::into).collect(),
        last,
    });
    message(event, sequence)
}

/// Returns a sign of life.
pub(crate) fn heartbeat(sequence: i64) -> proto::WatchTenantsResponse {
    message(Event::Heartbeat(Heartbeat {}), sequence)
}

fn message(event: Event, sequence: i64) -> proto::WatchTenantsResponse {
    proto::WatchTenantsResponse {
        sequence,
        event: Some(event),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn route(state: State) -> Route {
        Route {
            id: TenantId::new(),
            slug: "acme".into(),
            domains: vec!["acme.example".into()],
            state,
            epoch: 3,
            plan: "free".into(),
            placement: "main".into(),
            schema_version: 1,
            read_only: false,
            aliases: Vec::new(),
        }
    }

    fn change(what: What) -> Change {
        Change { sequence: 9, what }
    }

    #[test]
    fn a_tenant_is_told_of_from_when_it_is_made_and_as_gone_when_it_failed() {
        let told = |state| {
            let message = change(What::Tenant(route(state))).message()?;
            assert_eq!(message.sequence, 9);
            match message.event {
                Some(Event::Tenant(sent)) => State::try_from(sent.state()).ok(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(told(State::Provisioning), None);
        assert_eq!(told(State::Failed), Some(State::Purged));
        for state in [
            State::Active,
            State::Suspended,
            State::Deleting,
            State::Purged,
        ] {
            assert_eq!(told(state), Some(state));
        }
    }

    #[test]
    fn a_route_is_what_a_directory_takes() {
        use resido_tenancy::directory::Entry;
        let sent = route(State::Suspended);
        let entry = Entry::try_from(proto::TenantRoute::from(sent.clone())).unwrap();
        assert_eq!(entry.id, sent.id);
        assert_eq!((entry.state, entry.epoch), (State::Suspended, 3));
        assert_eq!(entry.domains, sent.domains);
    }

    #[test]
    fn no_token_is_new_enough_for_a_membership_that_is_not_active() {
        let user = UserId::new();
        for (active, least) in [(Some(2), 2), (None, i64::MAX)] {
            let epoch = Epoch::of(user, Some(TenantId::new()), active);
            let message = change(What::Membership(epoch)).message().unwrap();
            let Some(Event::Membership(sent)) = message.event else {
                panic!("{message:?}")
            };
            assert_eq!(sent.user_id, user.to_string());
            assert_eq!(sent.epoch, least);
            assert!(!sent.tenant_id.is_empty());
        }
    }

    #[test]
    fn keys_that_changed_are_told_of_by_their_ids() {
        let key = ApiKeyId::new();
        let message = change(What::ApiKey(key)).message().unwrap();
        let id = key.to_string();
        assert_eq!(
            message.event,
            Some(Event::ApiKey(proto::ApiKeyChange { id }))
        );
    }

    #[test]
    fn every_message_says_where_to_resume() {
        assert_eq!(heartbeat(4).sequence, 4);
        assert_eq!(snapshot(Vec::new(), Vec::new(), true, 5).sequence, 5);
    }
}
