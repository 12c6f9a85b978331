//! Which of a person's ways in a log-in takes.

use resido_proto::{
    identity::Role,
    ids::{TenantId, UserId},
};
use resido_tenancy::tenant::{Selector, State};

use crate::{
    Error,
    roles::Grants,
    tokens::Holder,
    users::{Membership, MembershipState},
};

/// Slugs that a person is told to choose from at most.
const MAX_CHOICES: usize = 100;

/// A membership and the tenant it is in.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) tenant: TenantId,
    pub(crate) slug: String,
    pub(crate) state: State,
    pub(crate) membership: Membership,
}

impl Door {
    /// Whether the tenant is there for its people, at least in principle.
    fn stands(&self) -> bool {
        matches!(
            self.state,
            State::Active | State::Suspended | State::Maintenance | State::Moving
        )
    }

    fn is_active(&self) -> bool {
        self.membership.state == MembershipState::Active
    }

    fn is_selected(&self, selector: &Selector) -> bool {
        match selector {
            Selector::Id(id) => self.tenant == *id,
            Selector::Slug(slug) => self.slug == slug.as_str(),
        }
    }
}

/// What a person is on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Staff {
    pub(crate) roles: Vec<Role>,
    pub(crate) epoch: i64,
}

/// Where a person may go, after the password was right.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// Into a tenant.
    Tenant(Door),
    /// To the platform.
    Platform(Staff),
}

impl Way {
    /// Returns the tenant it leads into.
    pub(super) fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Tenant(door) => Some(door.tenant),
            Self::Platform(_) => None,
        }
    }

    /// Returns what a token for this way says.
    pub(crate) fn holder(&self, user: UserId, grants: Grants) -> Holder {
        let (roles, epoch) = match self {
            Self::Tenant(door) => (&door.membership.roles, door.membership.epoch),
            Self::Platform(staff) => (&staff.roles, staff.epoch),
        };
        Holder {
            user,
            tenant: self.tenant(),
            epoch,
            roles: roles.clone(),
            grants,
            actor: None,
        }
    }
}

/// Chooses the way: the tenant that is named, else the only one, else the
/// platform.
///
/// # Errors
/// [`Error::TenantDenied`] if a tenant is named that is gone, unknown or somebody
/// else's; [`Error::TenantSuspended`]; [`Error::TenantChoice`] if there are
/// several and none is named; [`Error::Credentials`] if there is no way at all.
pub(crate) fn choose(
    selector: Option<&Selector>,
    doors: Vec<Door>,
    platform: Option<Staff>,
) -> Result<Way, Error> {
    let mut standing = doors.into_iter().filter(Door::stands);
    if let Some(selector) = selector {
        let door = standing.find(|door| door.is_selected(selector));
        return enter(door.ok_or(Error::TenantDenied)?);
    }
    let mut open: Vec<_> = standing.filter(Door::is_active).collect();
    match (open.pop(), open.is_empty()) {
        (Some(door), true) => enter(door),
        (Some(last), false) => {
            open.push(last);
            let slugs = open.into_iter().map(|door| door.slug);
            Err(Error::TenantChoice(slugs.take(MAX_CHOICES).collect()))
        }
        (None, _) => platform.map(Way::Platform).ok_or(Error::Credentials),
    }
}

/// Chooses the way that an earlier log-in took, if it is still open.
///
/// # Errors
/// As [`choose`] with that tenant named; [`Error::Credentials`] if the person has
/// no role on the platform any more.
pub(super) fn again(
    tenant: Option<TenantId>,
    doors: Vec<Door>,
    platform: Option<Staff>,
) -> Result<Way, Error> {
    match tenant {
        Some(tenant) => choose(Some(&Selector::Id(tenant)), doors, platform),
        None => choose(None, Vec::new(), platform),
    }
}

fn enter(door: Door) -> Result<Way, Error> {
    if !door.is_active() {
        return Err(Error::Credentials);
    }
    if door.state == State::Suspended {
        return Err(Error::TenantSuspended);
    }
    Ok(Way::Tenant(door))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn door(slug: &str, state: State, membership: MembershipState) -> Door {
        Door {
            tenant: TenantId::new(),
            slug: slug.into(),
            state,
            membership: Membership {
                roles: vec![Role::MEMBER],
                state: membership,
                epoch: 4,
                created: SystemTime::UNIX_EPOCH,
            },
        }
    }

    fn open(slug: &str) -> Door {
        door(slug, State::Active, MembershipState::Active)
    }

    fn by(text: &str) -> Selector {
        text.parse().unwrap()
    }

    fn staff() -> Option<Staff> {
        Some(Staff {
            roles: vec![Role::PLATFORM_ADMIN],
            epoch: 6,
        })
    }

    #[test]
    fn the_only_tenant_needs_no_name() {
        let way = choose(None, vec![open("acme")], None).unwrap();
        let Way::Tenant(chosen) = &way else {
            panic!("{way:?}")
        };
        let user = UserId::new();
        let expected = Holder {
            user,
            tenant: Some(chosen.tenant),
            epoch: 4,
            roles: vec![Role::MEMBER],
            grants: Grants::default(),
            actor: None,
        };
        assert_eq!(way.holder(user, Grants::default()), expected);
    }

    #[test]
    fn among_several_tenants_one_must_be_named() {
        let doors = vec![open("acme"), open("globex")];
        let error = choose(None, doors.clone(), None).unwrap_err();
        assert!(
            matches!(&error, Error::TenantChoice(slugs) if slugs == &["acme", "globex"]),
            "{error:?}"
        );
        let by_id = Selector::Id(doors[1].tenant);
        for selector in [by("globex"), by_id] {
            let way = choose(Some(&selector), doors.clone(), None).unwrap();
            assert!(matches!(way, Way::Tenant(door) if door.slug == "globex"));
        }
    }

    #[test]
    fn unknown_foreign_and_gone_tenants_look_the_same() {
        let gone = door("gone", State::Deleting, MembershipState::Active);
        for selector in ["other", "gone"] {
            let doors = vec![open("acme"), gone.clone()];
            let error = choose(Some(&by(selector)), doors, staff()).unwrap_err();
            assert!(matches!(error, Error::TenantDenied), "{error:?}");
        }
        for state in [
            State::Provisioning,
            State::Failed,
            State::Purging,
            State::Purged,
        ] {
            let doors = vec![door("gone", state, MembershipState::Active)];
            let error = choose(Some(&by("gone")), doors, None).unwrap_err();
            assert!(matches!(error, Error::TenantDenied), "{state}");
        }
    }

    #[test]
    fn a_suspended_tenant_says_so_to_its_own_people_alone() {
        let doors = vec![door("acme", State::Suspended, MembershipState::Active)];
        for selector in [None, Some(by("acme"))] {
            let error = choose(selector.as_ref(), doors.clone(), None).unwrap_err();
            assert!(matches!(error, Error::TenantSuspended), "{error:?}");
        }
        let doors = vec![door("acme", State::Suspended, MembershipState::Suspended)];
        let error = choose(Some(&by("acme")), doors, None).unwrap_err();
        assert!(matches!(error, Error::Credentials), "{error:?}");
    }

    #[test]
    fn inactive_memberships_open_nothing() {
        for state in [MembershipState::Pending, MembershipState::Suspended] {
            let doors = vec![door("acme", State::Active, state)];
            for selector in [None, Some(by("acme"))] {
                let error = choose(selector.as_ref(), doors.clone(), None).unwrap_err();
                assert!(matches!(error, Error::Credentials), "{error:?}");
            }
        }
    }

    #[test]
    fn staff_without_a_tenant_reach_the_platform() {
        let way = choose(None, Vec::new(), staff()).unwrap();
        assert!(matches!(&way, Way::Platform(found) if Some(found) == staff().as_ref()));
        let holder = way.holder(UserId::new(), Grants::default());
        assert_eq!((holder.tenant, holder.epoch), (None, 6));
        let error = choose(None, Vec::new(), None).unwrap_err();
        assert!(matches!(error, Error::Credentials), "{error:?}");
    }

    #[test]
    fn staff_enter_no_tenant_they_are_not_members_of() {
        let error = choose(Some(&by("acme")), Vec::new(), staff()).unwrap_err();
        assert!(matches!(error, Error::TenantDenied), "{error:?}");
    }

    #[test]
    fn a_log_in_goes_on_where_it_began_alone() {
        let (acme, globex) = (open("acme"), open("globex"));
        let doors = vec![acme.clone(), globex];
        let way = again(Some(acme.tenant), doors.clone(), staff()).unwrap();
        assert_eq!(way.tenant(), Some(acme.tenant));
        let way = again(None, doors, staff()).unwrap();
        assert_eq!(way.tenant(), None);
        let error = again(None, vec![acme], None).unwrap_err();
        assert!(matches!(error, Error::Credentials), "{error:?}");
        let error = again(Some(TenantId::new()), Vec::new(), staff()).unwrap_err();
        assert!(matches!(error, Error::TenantDenied), "{error:?}");
    }
}
