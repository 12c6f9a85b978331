//! Tables of what may reach a tenant.

use http::{HeaderMap, HeaderValue};
use resido_proto::{
    error::Failure as _,
    identity::{Mode, Role, Subject, TenantClaims},
    ids::{TenantId, UserId},
    options::v1::Access,
};
use resido_tenancy::{
    directory::{Directory, Entry, MembershipEpoch},
    tenant::State,
};

use super::{Named, resolve};
use crate::{
    auth::{Credentials, Principal, Proof},
    catalog::Policy,
    refusal::Refusal,
};

struct World {
    directory: Directory,
    acme: TenantId,
    globex: TenantId,
    user: UserId,
}

fn entry(id: TenantId, slug: &str, state: State, read_only: bool) -> Entry {
    Entry {
        id,
        slug: slug.parse().unwrap(),
        domains: vec![format!("homes.{slug}.example")],
        state,
        epoch: 3,
        plan: "free".into(),
        placement: "main".into(),
        schema_version: 1,
        read_only,
        aliases: Vec::new(),
    }
}

fn world() -> World {
    let directory = Directory::new();
    let (acme, globex) = (TenantId::new(), TenantId::new());
    let entries = vec![
        entry(acme, "acme", State::Active, false),
        entry(globex, "globex", State::Active, false),
    ];
    directory.replace_all(entries, Vec::new());
    World {
        directory,
        acme,
        globex,
        user: UserId::new(),
    }
}

impl World {
    fn member(&self) -> Principal {
        Principal {
            subject: Subject::User(self.user),
            tenant: Some(self.acme),
            roles: vec![Role::MEMBER],
            epoch: 1,
            ..Principal::ANONYMOUS
        }
    }

    fn resolve(
        &self,
        principal: &Principal,
        named: &Named,
    ) -> Result<Option<TenantClaims>, Refusal> {
        resolve(
            principal,
            named,
            &policy(Access::Tenant, false),
            &self.directory,
        )
    }
}

fn policy(access: Access, reads_only: bool) -> Policy {
    Policy {
        access,
        roles: Vec::new(),
        permission: None,
        timeout: None,
        reads_only,
        forward_authorization: false,
        allow_suspended: false,
    }
}

fn named(tenants: &[&str], host: Option<&str>) -> Result<Named, Refusal> {
    let mut headers = HeaderMap::new();
    for tenant in tenants {
        headers.append(
            "x-tenant",
            HeaderValue::from_bytes(tenant.as_bytes()).unwrap(),
        );
    }
    let shown = Credentials::read(&headers, host.map(str::to_owned));
    Named::read(&shown, &["resido.example".to_owned()])
}

fn reason<T: std::fmt::Debug>(result: Result<T, Refusal>) -> &'static str {
    result.unwrap_err().reason()
}

#[test]
fn h1_the_credential_decides_and_others_may_agree() {
    let world = world();
    let id = world.acme.to_string();
    for (tenants, host) in [
        (&[][..], None),
        (&["acme"], None),
        (&[id.as_str()], None),
        (&["acme"], Some("acme.resido.example")),
        (&[], Some("homes.acme.example")),
        (&[], Some("127.0.0.1")),
        (&[], Some("www.resido.example")),
    ] {
        let claims = world
            .resolve(&world.member(), &named(tenants, host).unwrap())
            .unwrap();
        let claims = claims.unwrap();
        assert_eq!(
            (claims.tid, claims.epoch, claims.mode),
            (world.acme, 3, Mode::ReadWrite)
        );
    }
}

#[test]
fn h4_foreign_and_unknown_tenants_look_alike() {
    let world = world();
    for (tenants, host) in [
        (&["globex"][..], None),
        (&["nobody"], None),
        (&[], Some("globex.resido.example")),
        (&[], Some("nobody.resido.example")),
        (&[], Some("homes.globex.example")),
        (&["acme"], Some("globex.resido.example")),
    ] {
        let refused = world.resolve(&world.member(), &named(tenants, host).unwrap());
        assert_eq!(reason(refused), "TENANT_DENIED", "{tenants:?} {host:?}");
    }
    let gone = Principal {
        tenant: Some(TenantId::new()),
        ..world.member()
    };
    assert_eq!(
        reason(world.resolve(&gone, &Named::default())),
        "TENANT_DENIED"
    );
}

#[test]
fn h2_only_a_member_of_both_learns_that_they_differ() {
    let world = world();
    let membership = MembershipEpoch {
        user: world.user,
        tenant: Some(world.globex),
        epoch: 1,
    };
    world.directory.apply_membership(membership);
    let refused = world.resolve(&world.member(), &named(&["globex"], None).unwrap());
    assert_eq!(reason(refused), "TENANT_MISMATCH");
    world.directory.apply_membership(MembershipEpoch {
        epoch: MembershipEpoch::GONE,
        ..membership
    });
    let refused = world.resolve(&world.member(), &named(&["globex"], None).unwrap());
    assert_eq!(reason(refused), "TENANT_DENIED");
}

#[test]
fn h3_malformed_selectors_are_refused() {
    for tenants in [
        &["acme", "acme"][..],
        &["acme,globex"],
        &["Acme"],
        &[""],
        &[".."],
        &["äcme"],
    ] {
        assert_eq!(
            reason(named(tenants, None)),
            "TENANT_SELECTOR_INVALID",
            "{tenants:?}"
        );
    }
}

#[test]
fn h1_platform_staff_reaches_no_tenant_by_naming_it() {
    let world = world();
    let staff = Principal {
        roles: vec![Role::PLATFORM_ADMIN],
        ..Principal::ANONYMOUS
    };
    assert_eq!(
        reason(world.resolve(&staff, &named(&["acme"], None).unwrap())),
        "TENANT_DENIED"
    );
    assert_eq!(
        reason(world.resolve(&staff, &Named::default())),
        "TENANT_REQUIRED"
    );
    let platform = resolve(
        &staff,
        &Named::default(),
        &policy(Access::Platform, false),
        &world.directory,
    );
    assert_eq!(platform.unwrap(), None);
}

#[test]
fn the_state_of_a_tenant_decides_what_it_takes() {
    let world = world();
    let check = |state, read_only, reads_only| {
        world.directory.replace_all(
            vec![entry(world.acme, "acme", state, read_only)],
            Vec::new(),
        );
        resolve(
            &world.member(),
            &Named::default(),
            &policy(Access::Tenant, reads_only),
            &world.directory,
        )
        .map(|claims| claims.unwrap().mode)
    };
    assert_eq!(
        reason(check(State::Suspended, false, true)),
        "TENANT_SUSPENDED"
    );
    assert_eq!(
        reason(check(State::Maintenance, false, true)),
        "TENANT_MAINTENANCE"
    );
    assert_eq!(
        reason(check(State::Maintenance, true, false)),
        "TENANT_READ_ONLY"
    );
    assert_eq!(
        check(State::Maintenance, true, true).unwrap(),
        Mode::ReadOnly
    );
    assert_eq!(check(State::Moving, false, true).unwrap(), Mode::ReadOnly);
    assert_eq!(
        reason(check(State::Moving, false, false)),
        "TENANT_READ_ONLY"
    );
    for state in [
        State::Provisioning,
        State::Failed,
        State::Deleting,
        State::Purging,
    ] {
        assert_eq!(
            reason(check(state, false, true)),
            "TENANT_DENIED",
            "{state}"
        );
    }
}

#[test]
fn tokens_of_an_older_membership_are_refused() {
    let world = world();
    let membership = MembershipEpoch {
        user: world.user,
        tenant: Some(world.acme),
        epoch: 2,
    };
    world.directory.apply_membership(membership);
    assert_eq!(
        reason(world.resolve(&world.member(), &Named::default())),
        "CREDENTIAL_INVALID"
    );
}

#[test]
fn older_tokens_of_the_platforms_people_are_refused() {
    let world = world();
    let staff = |epoch| Principal {
        roles: vec![Role::PLATFORM_ADMIN],
        subject: Subject::User(world.user),
        epoch,
        ..Principal::ANONYMOUS
    };
    world.directory.apply_membership(MembershipEpoch {
        user: world.user,
        tenant: None,
        epoch: 2,
    });
    for access in [Access::Platform, Access::Authenticated] {
        let resolve = |epoch| {
            let policy = policy(access, false);
            resolve(&staff(epoch), &Named::default(), &policy, &world.directory)
        };
        assert_eq!(reason(resolve(1)), "CREDENTIAL_INVALID");
        assert_eq!(resolve(2).unwrap(), None);
    }
}

#[test]
fn nobody_is_let_in_before_the_first_snapshot() {
    let world = world();
    let refused = resolve(
        &world.member(),
        &Named::default(),
        &policy(Access::Tenant, true),
        &Directory::new(),
    );
    assert_eq!(reason(refused), "NOT_READY");
}

#[test]
fn a_token_of_the_shared_secret_needs_a_member_who_is_known() {
    let world = world();
    let claimed = Principal {
        proof: Proof::SharedSecret,
        ..world.member()
    };
    let membership = |epoch| MembershipEpoch {
        user: world.user,
        tenant: Some(world.acme),
        epoch,
    };
    let resolve = || world.resolve(&claimed, &Named::default());
    assert_eq!(reason(resolve()), "TENANT_DENIED");
    world.directory.apply_membership(membership(1));
    assert!(resolve().is_ok());
    world.directory.apply_membership(membership(2));
    assert_eq!(reason(resolve()), "CREDENTIAL_INVALID");
    world
        .directory
        .apply_membership(membership(MembershipEpoch::GONE));
    assert_eq!(reason(resolve()), "TENANT_DENIED");
}

#[test]
fn h1_a_key_selects_its_own_tenant_alone() {
    let world = world();
    let key = Principal {
        subject: Subject::ApiKey("1".to_owned()),
        epoch: 0,
        ..world.member()
    };
    for (tenants, host) in [
        (&["globex"][..], None),
        (&["nobody"], None),
        (&[], Some("globex.resido.example")),
        (&[], Some("homes.globex.example")),
    ] {
        let refused = world.resolve(&key, &named(tenants, host).unwrap());
        assert_eq!(reason(refused), "TENANT_DENIED", "{tenants:?} {host:?}");
    }
    let claims = world.resolve(&key, &named(&["acme"], None).unwrap());
    assert_eq!(claims.unwrap().unwrap().tid, world.acme);
}
