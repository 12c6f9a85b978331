//! Who runs the server: PostgreSQL refuses to be root.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, chown},
    path::Path,
};

use anyhow::{Context as _, Result};

/// Accounts that the server may run as when we are root, best first.
const NAMES: [&str; 3] = ["postgres", "_postgres", "nobody"];

/// An account of the system without special rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// Returns whom the server runs as: nobody else unless we are root.
    pub(super) fn unprivileged() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let found = NAMES.iter().find_map(|name| Self::parse(&accounts, name));
        let found = found.with_context(|| {
            format!(
                "PostgreSQL does not run as root, and there is no account {}",
                NAMES.join(" or ")
            )
        })?;
        Ok(Some(found))
    }

    fn parse(accounts: &str, name: &str) -> Option<Self> {
        let mut fields = accounts
            .lines()
            .map(|line| line.split(':'))
            .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?
            .skip(1);
        let uid = fields.next()?.parse().ok().filter(|uid| *uid != 0)?;
        let gid = fields.next()?.parse().ok()?;
        Some(Self {
            name: name.to_owned(),
            uid,
            gid,
        })
    }

    /// Takes a folder of root's, or becomes the account that has it already, as
    /// where the folder was made by an ordinary user.
    pub(super) fn own(&mut self, folder: &Path) -> Result<()> {
        let metadata = fs::metadata(folder)?;
        if metadata.uid() == 0 {
            chown(folder, Some(self.uid), Some(self.gid))
                .with_context(|| format!("cannot give {} away", folder.display()))?;
        } else if metadata.uid() != self.uid {
            *self = Self {
                name: format!("with the number {}", metadata.uid()),
                uid: metadata.uid(),
                gid: metadata.gid(),
            };
        }
        Ok(())
    }

    /// Whether the account can reach what is in a folder.
    pub(super) fn can_reach(&self, folder: &Path) -> bool {
        folder.ancestors().all(|part| {
            fs::metadata(part).is_ok_and(|metadata| {
                let class = if metadata.uid() == self.uid {
                    0o100
                } else if metadata.gid() == self.gid {
                    0o010
                } else {
                    0o001
                };
                metadata.mode() & class != 0
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_account_is_found_by_its_name_and_is_never_root() {
        let accounts =
            "root:x:0:0:root:/root:/bin/sh\nevil:x:0:1::/:\nnobody:x:65534:65533:n:/:/no\nbad\n";
        let found = Account::parse(accounts, "nobody").unwrap();
        assert_eq!((found.uid, found.gid), (65534, 65533));
        for name in ["evil", "bad", "absent", "root"] {
            assert_eq!(Account::parse(accounts, name), None, "{name}");
        }
    }

    #[test]
    fn a_closed_parent_is_noticed() {
        let closed = tempfile::tempdir().unwrap();
        let inner = closed.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account {
            name: "stranger".into(),
            uid: 4_000_000,
            gid: 4_000_000,
        };
        assert!(!stranger.can_reach(&inner));
        fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o711)).unwrap();
        assert!(stranger.can_reach(&inner));
        assert!(!stranger.can_reach(Path::new("/nowhere/at/all")));
    }
}
