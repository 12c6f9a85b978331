//! What a gateway knows of all tenants: a snapshot that changes replace.
//!
//! It holds no SQL and asks nobody. Whoever keeps it up to date calls
//! [`Directory::replace_all`] and [`Directory::apply`]; whoever reads it sees one
//! consistent state. Older news never undoes newer ones: each entry has an
//! epoch.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use resido_proto::{
    ids::{TenantId, UserId},
    tenancy::v1 as proto,
};
use tokio::sync::watch;

pub use crate::membership::MembershipEpoch;
use crate::{
    membership::Membership,
    tenant::{Slug, State},
};

/// What a gateway knows of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The tenant.
    pub id: TenantId,
    /// Its slug at present.
    pub slug: Slug,
    /// Registered domains, in lower case.
    pub domains: Vec<String>,
    /// What it may do at present.
    pub state: State,
    /// Grows with every change.
    pub epoch: i64,
    /// The plan.
    pub plan: String,
    /// The database that holds it.
    pub placement: String,
    /// Version of its schema.
    pub schema_version: i64,
    /// Whether writes are refused.
    pub read_only: bool,
    /// Former slugs that select it still.
    pub aliases: Vec<Slug>,
}

/// A message about a tenant cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {0} of a tenant cannot be read")]
pub struct InvalidEntry(&'static str);

impl TryFrom<proto::TenantRoute> for Entry {
    type Error = InvalidEntry;

    fn try_from(route: proto::TenantRoute) -> Result<Self, InvalidEntry> {
        let state = State::try_from(route.state()).map_err(|_| InvalidEntry("state"))?;
        Ok(Self {
            id: route.id.parse().map_err(|_| InvalidEntry("id"))?,
            slug: route.slug.parse().map_err(|_| InvalidEntry("slug"))?,
            domains: route.domains,
            state,
            epoch: route.epoch,
            plan: route.plan,
            placement: route.placement,
            schema_version: route.schema_version,
            read_only: route.read_only,
            aliases: route
                .aliases
                .iter()
                .map(|alias| alias.parse())
                .collect::<Result<_, _>>()
                .map_err(|_| InvalidEntry("alias"))?,
        })
    }
}

impl From<&Entry> for proto::TenantRoute {
    fn from(entry: &Entry) -> Self {
        Self {
            id: entry.id.to_string(),
            slug: entry.slug.to_string(),
            domains: entry.domains.clone(),
            state: proto::tenant::State::from(entry.state).into(),
            epoch: entry.epoch,
            plan: entry.plan.clone(),
            placement: entry.placement.clone(),
            schema_version: entry.schema_version,
            read_only: entry.read_only,
            aliases: entry.aliases.iter().map(ToString::to_string).collect(),
        }
    }
}

/// All tenants a gateway knows; clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: RwLock<Snapshot>,
    /// Counts what changed.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Snapshot {
    /// Whether a whole state has come yet.
    ready: bool,
    by_id: HashMap<TenantId, Arc<Entry>>,
    by_slug: HashMap<Slug, TenantId>,
    by_alias: HashMap<Slug, TenantId>,
    by_domain: HashMap<String, TenantId>,
    memberships: HashMap<(UserId, Option<TenantId>), Membership>,
}

impl Directory {
    /// Returns a directory that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a whole state has come yet.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.read().ready
    }

    /// Returns how many tenants are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().by_id.len()
    }

    /// Whether no tenant is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds a tenant by id.
    #[must_use]
    pub fn by_id(&self, id: TenantId) -> Option<Arc<Entry>> {
        self.read().by_id.get(&id).cloned()
    }

    /// Finds a tenant by its present slug, or by a former one that nobody else has.
    #[must_use]
    pub fn by_slug(&self, slug: &Slug) -> Option<Arc<Entry>> {
        let state = self.read();
        state
            .by_slug
            .get(slug)
            .or_else(|| state.by_alias.get(slug))
            .and_then(|id| state.by_id.get(id))
            .cloned()
    }

    /// Finds a tenant by a registered domain, in any case.
    #[must_use]
    pub fn by_domain(&self, domain: &str) -> Option<Arc<Entry>> {
        let state = self.read();
        let id = state.by_domain.get(&domain.to_ascii_lowercase())?;
        state.by_id.get(id).cloned()
    }

    /// Returns the least epoch that tokens of a person must carry in a tenant, or on
    /// the platform; zero if nothing is known of it.
    #[must_use]
    pub fn membership_epoch(&self, user: UserId, tenant: Option<TenantId>) -> i64 {
        self.read()
            .memberships
            .get(&(user, tenant))
            .map_or(0, |membership| membership.least())
    }

    /// Whether a person is known to belong to a tenant at present.
    #[must_use]
    pub fn is_member(&self, user: UserId, tenant: TenantId) -> bool {
        let epoch = self.membership_epoch(user, Some(tenant));
        epoch > 0 && epoch != MembershipEpoch::GONE
    }

    /// Tells of changes: the number grows with each, and some may be told of
    /// together.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Takes over a whole state; what it does not name is gone.
    pub fn replace_all(&self, entries: Vec<Entry>, memberships: Vec<MembershipEpoch>) {
        let mut fresh = Snapshot {
            ready: true,
            ..Snapshot::default()
        };
        entries.into_iter().for_each(|entry| fresh.insert(entry));
        for m in memberships {
            let known = fresh.memberships.entry((m.user, m.tenant)).or_default();
            known.hear(m.epoch);
        }
        *self.write() = fresh;
        self.tell();
    }

    /// Takes over one tenant as it is now, unless something newer is known. A
    /// tenant that is purged is forgotten.
    pub fn apply(&self, entry: Entry) {
        let mut state = self.write();
        if state
            .by_id
            .get(&entry.id)
            .is_some_and(|known| known.epoch > entry.epoch)
        {
            return;
        }
        state.remove(entry.id);
        if entry.state != State::Purged {
            state.insert(entry);
        }
        drop(state);
        self.tell();
    }

    /// Raises the least epoch of a membership, or ends it. One that was gone is
    /// there again only with an epoch that it never had.
    pub fn apply_membership(&self, membership: MembershipEpoch) {
        let mut state = self.write();
        let key = (membership.user, membership.tenant);
        let known = state.memberships.entry(key).or_default();
        let is_news = known.hear(membership.epoch);
        drop(state);
        if is_news {
            self.tell();
        }
    }

    /// After the lock is released: who is told will read.
    fn tell(&self) {
        self.shared.changes.send_modify(|count| *count += 1);
    }

    fn read(&self) -> RwLockReadGuard<'_, Snapshot> {
        let read = self.shared.state.read();
        read.unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Snapshot> {
        let write = self.shared.state.write();
        write.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    fn insert(&mut self, entry: Entry) {
        self.by_slug.insert(entry.slug.clone(), entry.id);
        for alias in &entry.aliases {
            self.by_alias.insert(alias.clone(), entry.id);
        }
        for domain in &entry.domains {
            self.by_domain.insert(domain.to_ascii_lowercase(), entry.id);
        }
        self.by_id.insert(entry.id, Arc::new(entry));
    }

    fn remove(&mut self, id: TenantId) {
        let Some(old) = self.by_id.remove(&id) else {
            return;
        };
        // Only what still points here: another may have the slug by now.
        if self.by_slug.get(&old.slug) == Some(&id) {
            self.by_slug.remove(&old.slug);
        }
        for alias in &old.aliases {
            if self.by_alias.get(alias) == Some(&id) {
                self.by_alias.remove(alias);
            }
        }
        for domain in &old.domains {
            let domain = domain.to_ascii_lowercase();
            if self.by_domain.get(&domain) == Some(&id) {
                self.by_domain.remove(&domain);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: TenantId, slug: &str, epoch: i64) -> Entry {
        Entry {
            id,
            slug: slug.parse().unwrap(),
            domains: vec![format!("{slug}.Example")],
            state: State::Active,
            epoch,
            plan: "free".into(),
            placement: "main".into(),
            schema_version: 1,
            read_only: false,
            aliases: Vec::new(),
        }
    }

    #[test]
    fn an_entry_survives_the_wire() {
        let sent = entry(TenantId::new(), "acme", 3);
        assert_eq!(Entry::try_from(proto::TenantRoute::from(&sent)), Ok(sent));
        assert!(Entry::try_from(proto::TenantRoute::default()).is_err());
    }

    #[test]
    fn older_news_never_undoes_newer() {
        let directory = Directory::new();
        let id = TenantId::new();
        directory.apply(entry(id, "new-name", 5));
        directory.apply(entry(id, "old-name", 4));
        assert_eq!(directory.by_id(id).unwrap().slug.as_str(), "new-name");
        assert!(directory.by_slug(&"old-name".parse().unwrap()).is_none());
        assert!(directory.by_domain("NEW-NAME.example").is_some());
    }

    #[test]
    fn a_former_slug_selects_until_it_is_given_up_or_taken() {
        let directory = Directory::new();
        let (first, second) = (TenantId::new(), TenantId::new());
        let slug: Slug = "acme".parse().unwrap();
        let renamed = Entry {
            aliases: vec![slug.clone()],
            ..entry(first, "renamed", 2)
        };
        directory.apply(renamed);
        assert_eq!(directory.by_slug(&slug).unwrap().id, first);
        directory.apply(entry(second, "acme", 1));
        assert_eq!(directory.by_slug(&slug).unwrap().id, second);
        directory.apply(entry(second, "other", 2));
        assert_eq!(directory.by_slug(&slug).unwrap().id, first);
        directory.apply(entry(first, "renamed", 3));
        assert!(directory.by_slug(&slug).is_none());
    }

    #[test]
    fn a_slug_that_moved_stays_with_its_new_tenant() {
        let directory = Directory::new();
        let (first, second) = (TenantId::new(), TenantId::new());
        directory.apply(entry(first, "acme", 1));
        directory.apply(entry(second, "acme", 1));
        directory.apply(entry(first, "renamed", 2));
        assert_eq!(
            directory.by_slug(&"acme".parse().unwrap()).unwrap().id,
            second
        );
    }

    #[test]
    fn a_whole_state_forgets_what_it_does_not_name() {
        let directory = Directory::new();
        assert!(!directory.is_ready());
        let (gone, kept) = (TenantId::new(), TenantId::new());
        directory.apply(entry(gone, "gone", 9));
        directory.replace_all(vec![entry(kept, "kept", 1)], Vec::new());
        assert!(directory.is_ready());
        assert!(directory.by_id(gone).is_none());
        assert_eq!(directory.len(), 1);
        directory.apply(Entry {
            state: State::Purged,
            ..entry(kept, "kept", 2)
        });
        assert!(directory.is_empty());
    }

    #[test]
    fn membership_epochs_only_rise() {
        let directory = Directory::new();
        let (user, tenant) = (UserId::new(), Some(TenantId::new()));
        for (epoch, least) in [(2, 2), (1, 2), (3, 3)] {
            directory.apply_membership(MembershipEpoch {
                user,
                tenant,
                epoch,
            });
            assert_eq!(directory.membership_epoch(user, tenant), least);
        }
        // Those of the platform are others.
        assert_eq!(directory.membership_epoch(user, None), 0);
        directory.apply_membership(MembershipEpoch {
            user,
            tenant: None,
            epoch: 5,
        });
        assert_eq!(directory.membership_epoch(user, None), 5);
        assert_eq!(directory.membership_epoch(user, tenant), 3);
    }

    #[test]
    fn a_membership_that_is_gone_is_none_until_it_is_there_again() {
        let directory = Directory::new();
        let (user, tenant) = (UserId::new(), TenantId::new());
        assert!(!directory.is_member(user, tenant));
        let gone = MembershipEpoch::GONE;
        for (epoch, least) in [
            (2, 2),
            (gone, gone),
            // What was heard before the end, once more.
            (1, gone),
            (2, gone),
            (3, 3),
            (gone, gone),
            (gone, gone),
            (7, 7),
        ] {
            directory.apply_membership(MembershipEpoch {
                user,
                tenant: Some(tenant),
                epoch,
            });
            assert_eq!(directory.is_member(user, tenant), least != gone, "{epoch}");
            assert_eq!(directory.membership_epoch(user, Some(tenant)), least);
        }
    }

    #[test]
    fn who_listens_is_told_of_news_alone() {
        let directory = Directory::new();
        let mut changes = directory.changes();
        let mut told = move || {
            let told = changes.has_changed().unwrap();
            changes.mark_unchanged();
            told
        };
        let (user, id) = (UserId::new(), TenantId::new());
        let member = |epoch| MembershipEpoch {
            user,
            tenant: Some(id),
            epoch,
        };
        directory.apply(entry(id, "acme", 2));
        assert!(told());
        directory.apply(entry(id, "acme", 1));
        assert!(!told());
        for (epoch, news) in [(2, true), (2, false), (MembershipEpoch::GONE, true)] {
            directory.apply_membership(member(epoch));
            assert_eq!(told(), news, "{epoch}");
        }
        directory.replace_all(Vec::new(), Vec::new());
        assert!(told());
    }
}
