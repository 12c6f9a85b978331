//! Which tenant a call belongs to, and whether it takes calls.
//!
//! The credential says it. `x-tenant` and the host may only agree: whoever names
//! another tenant learns nothing, not even whether it exists.

use std::sync::Arc;

use http::HeaderValue;
use resido_proto::{
    identity::{Mode, Subject, TenantClaims},
    ids::TenantId,
    options::v1::Access,
};
use resido_tenancy::{
    directory::{Directory, Entry},
    tenant::{Selector, State},
};

use crate::{
    auth::{Credentials, Principal, Proof},
    catalog::Policy,
    refusal::Refusal,
};

/// What a request names: by its header, and by its host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    header: Option<Selector>,
    host: Option<Host>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// The first label below a base domain.
    Label(Selector),
    /// A domain that may be registered.
    Domain(String),
}

impl Named {
    /// Reads what a request names.
    ///
    /// # Errors
    /// [`Refusal::SelectorInvalid`] for a header that is repeated, a list, or
    /// neither an id nor a slug.
    pub(crate) fn read(shown: &Credentials, base_domains: &[String]) -> Result<Self, Refusal> {
        let header = match shown.tenant.as_slice() {
            [] => None,
            [one] => Some(selector(one)?),
            _ => return Err(Refusal::SelectorInvalid),
        };
        let host = shown.host.as_deref().and_then(|host| {
            let label = base_domains
                .iter()
                .find_map(|base| host.strip_suffix(base.as_str())?.strip_suffix('.'));
            match label {
                // A label that is no slug, such as `www`, names no tenant.
                Some(label) => label.parse().ok().map(Host::Label),
                None => Some(Host::Domain(host.to_owned())),
            }
        });
        Ok(Self { header, host })
    }

    /// Returns every tenant that is named; a name nobody has is `None`. A host
    /// that nobody registered names nothing.
    fn entries(&self, directory: &Directory) -> Vec<Option<Arc<Entry>>> {
        let find = |selector: &Selector| match selector {
            Selector::Id(id) => directory.by_id(*id),
            Selector::Slug(slug) => directory.by_slug(slug),
        };
        let mut entries: Vec<_> = self.header.iter().map(find).collect();
        match &self.host {
            Some(Host::Label(selector)) => entries.push(find(selector)),
            Some(Host::Domain(domain)) => entries.extend(directory.by_domain(domain).map(Some)),
            None => {}
        }
        entries
    }
}

fn selector(header: &HeaderValue) -> Result<Selector, Refusal> {
    let text = header.to_str().map_err(|_| Refusal::SelectorInvalid)?;
    text.parse().map_err(|_| Refusal::SelectorInvalid)
}

/// Returns the one tenant of a call, as services will be told of it; none where
/// the method involves no tenant.
///
/// # Errors
/// Why the call may not reach a tenant.
pub(crate) fn resolve(
    principal: &Principal,
    named: &Named,
    policy: &Policy,
    directory: &Directory,
) -> Result<Option<TenantClaims>, Refusal> {
    let own = match (policy.access, principal.tenant) {
        (Access::Tenant | Access::Authenticated, Some(own)) => own,
        (Access::Tenant, None) if named.header.is_none() => return Err(Refusal::TenantRequired),
        (Access::Tenant, None) => return Err(Refusal::TenantDenied),
        (Access::Platform | Access::Authenticated, None) => {
            believe(principal, None, directory)?;
            return Ok(None);
        }
        _ => return Ok(None),
    };
    if !directory.is_ready() {
        return Err(Refusal::NotReady);
    }
    let entry = directory.by_id(own).ok_or(Refusal::TenantDenied)?;
    agree(principal, &entry, &named.entries(directory), directory)?;
    believe(principal, Some(own), directory)?;
    let mode = mode(&entry, policy)?;
    Ok(Some(TenantClaims {
        tid: entry.id,
        epoch: entry.epoch,
        plan: entry.plan.clone(),
        place: entry.placement.clone(),
        sv: entry.schema_version,
        mode,
    }))
}

/// Makes sure that a person's credential is not older than their membership, or
/// than what they are on the platform; nor than what an operator is there who acts
/// as them.
fn believe(
    principal: &Principal,
    own: Option<TenantId>,
    directory: &Directory,
) -> Result<(), Refusal> {
    let Subject::User(user) = principal.subject else {
        return Ok(());
    };
    // Whoever made such a token need not know who belongs to the tenant.
    let is_member = || own.is_some_and(|own| directory.is_member(user, own));
    if principal.proof == Proof::SharedSecret && !is_member() {
        return Err(Refusal::TenantDenied);
    }
    let is_outdated = principal.epoch < directory.membership_epoch(user, own);
    let is_actor_outdated = matches!(principal.actor, Some(Subject::User(actor))
        if principal.actor_epoch < directory.membership_epoch(actor, None));
    if is_outdated || is_actor_outdated {
        return Err(Refusal::CredentialInvalid);
    }
    Ok(())
}

/// Makes sure that everything named is the credential's own tenant. Only who is
/// known to belong to all that is named learns that they differ.
fn agree(
    principal: &Principal,
    own: &Entry,
    named: &[Option<Arc<Entry>>],
    directory: &Directory,
) -> Result<(), Refusal> {
    let is_member = |tenant| {
        matches!(principal.subject, Subject::User(user)
            if directory.is_member(user, tenant))
    };
    let mut differs = false;
    for entry in named {
        match entry {
            Some(entry) if entry.id == own.id => {}
            Some(entry) if is_member(entry.id) => differs = true,
            _ => return Err(Refusal::TenantDenied),
        }
    }
    if differs {
        Err(Refusal::TenantMismatch)
    } else {
        Ok(())
    }
}

/// What the tenant's state lets a call do.
fn mode(entry: &Entry, policy: &Policy) -> Result<Mode, Refusal> {
    match entry.state {
        State::Active if !entry.read_only => Ok(Mode::ReadWrite),
        State::Suspended if policy.allow_suspended => Ok(Mode::ReadWrite),
        State::Suspended => Err(Refusal::TenantSuspended),
        State::Maintenance if !entry.read_only => Err(Refusal::TenantMaintenance),
        State::Active | State::Maintenance | State::Moving if policy.reads_only => {
            Ok(Mode::ReadOnly)
        }
        State::Active | State::Maintenance | State::Moving => Err(Refusal::TenantReadOnly),
        State::Provisioning | State::Deleting | State::Purging | State::Purged | State::Failed => {
            Err(Refusal::TenantDenied)
        }
    }
}
