//! The demo's tenants and their people.

use anyhow::{Result, bail};
use resido_control_plane::{ControlPlane, Holder};
use resido_proto::{
    identity::{Subject, TenantClaims},
    ids::UserId,
};
use secrecy::SecretString;

use super::data::{DemoTenant, OWNER, PASSWORD, PEOPLE, TENANTS, email};

/// One of the demo's tenants in the database.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(super) of: DemoTenant,
    pub(super) claims: TenantClaims,
    owner: UserId,
}

impl Tenant {
    pub(super) fn new(of: DemoTenant, claims: TenantClaims, owner: UserId) -> Self {
        Self { of, claims, owner }
    }

    /// Returns who owns the tenant.
    pub(super) fn owner(&self) -> Subject {
        Subject::User(self.owner)
    }
}

/// Makes the tenants and their people.
///
/// # Errors
/// If the database has tenants which are not the demo's; nothing is written then.
pub(crate) async fn seed_people(control_plane: &ControlPlane) -> Result<Vec<Tenant>> {
    refuse_others(&control_plane.tenant_slugs().await?)?;
    for tenant in &TENANTS {
        if let Some(holder) = control_plane.holder(tenant.slug).await? {
            refuse_foreign(tenant, &holder)?;
        }
    }
    let mut seeded = Vec::new();
    for tenant in TENANTS {
        seeded.push(seed(control_plane, tenant).await?);
    }
    Ok(seeded)
}

async fn seed(control_plane: &ControlPlane, of: DemoTenant) -> Result<Tenant> {
    let contact = of.contact();
    let made = control_plane.create_tenant_direct(of.slug, of.display_name, &contact);
    made.await?;
    // Another process may have come between.
    let Some(holder) = control_plane.holder(of.slug).await? else {
        bail!("the tenant `{}` came and went", of.slug);
    };
    refuse_foreign(&of, &holder)?;
    let password = SecretString::from(PASSWORD);
    let mut owner = None;
    for (name, role) in PEOPLE {
        let email = email(name, of.slug);
        let user = control_plane
            .seed_member(holder.claims.tid, &email, &password, &[role])
            .await?;
        if name == OWNER {
            owner = Some(user);
        }
    }
    let Some(owner) = owner else {
        bail!("the demo has no owner");
    };
    Ok(Tenant::new(of, holder.claims, owner))
}

fn refuse_others(slugs: &[String]) -> Result<()> {
    let ours = |slug: &str| TENANTS.iter().any(|demo| demo.slug == slug);
    match slugs.iter().find(|slug| !ours(slug)) {
        Some(other) => refused(other),
        None => Ok(()),
    }
}

/// A tenant of the demo's name is the demo's if it has the demo's contact.
fn refuse_foreign(demo: &DemoTenant, holder: &Holder) -> Result<()> {
    if holder.contact_email == demo.contact() {
        return Ok(());
    }
    refused(demo.slug)
}

fn refused(slug: &str) -> Result<()> {
    bail!(
        "the database has a tenant `{slug}` that the demo did not make, and the demo shares no \
         database with others; leave out --demo, or name an empty --data-dir"
    )
}

#[cfg(test)]
mod tests {
    use resido_proto::{identity::Mode, ids::TenantId};

    use super::*;

    #[test]
    fn foreign_tenants_are_left_alone() {
        let slugs = |slugs: &[&str]| slugs.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(refuse_others(&slugs(&[])).is_ok());
        assert!(refuse_others(&slugs(&["globex", "acme"])).is_ok());
        let refused = refuse_others(&slugs(&["acme", "initech"])).unwrap_err();
        assert!(refused.to_string().contains("initech"));
    }

    #[test]
    fn a_tenant_of_the_demos_name_is_foreign_if_others_answer_for_it() {
        let holder = |email: &str| Holder {
            contact_email: email.to_owned(),
            claims: TenantClaims {
                tid: TenantId::new(),
                epoch: 1,
                plan: "free".to_owned(),
                place: "main".to_owned(),
                sv: 1,
                mode: Mode::ReadWrite,
            },
        };
        let [acme, globex] = &TENANTS;
        refuse_foreign(acme, &holder("owner@acme.example")).unwrap();
        for (demo, email) in [
            (acme, "ada@acme.example"),
            (globex, "owner@acme.example"),
            (acme, ""),
        ] {
            let refused = refuse_foreign(demo, &holder(email)).unwrap_err();
            assert!(refused.to_string().contains(demo.slug), "{refused}");
        }
    }
}
