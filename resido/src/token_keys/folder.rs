//! The keys in a data directory.

use std::{
    fs, io,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use resido_control_plane::KeyRing;
use resido_tenancy::keys::SigningKey;

use super::{
    Schedule,
    file::{self, KeyFile},
    schedule::now,
};
use crate::data_dir::DataDir;

/// The first key.
const FIRST: &str = "token-key.pem";
/// Says that there is no key.
pub(crate) const NONE: &str =
    "there is no key yet in the data directory; the first start of a control plane makes one";
/// Those after it.
const FOLDER: &str = "token-keys";
/// Keys that are not retired at most: gateways take no more than a hundred.
const MAX_KEYS: usize = 16;

/// Returns the keys that are there.
pub(crate) fn kept(dir: &DataDir) -> Result<Schedule> {
    let mut files = Vec::new();
    if let Some(text) = dir.kept(FIRST)? {
        let read = file::read(&text, 0);
        files.push(read.with_context(|| format!("{FIRST} is damaged"))?);
    }
    let folder = dir.path().join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Schedule::new(files)),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", folder.display()));
        }
    };
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if let Some(created) = file::created(&name) {
            files.extend(key_file(dir, &name, created)?);
        }
    }
    Ok(Schedule::new(files))
}

/// Returns when the first key's file was written, in seconds since 1970: the
/// file itself does not say when it was made.
pub(crate) fn first_written(dir: &DataDir) -> Option<u64> {
    let written = fs::metadata(dir.path().join(FIRST)).and_then(|file| file.modified());
    let age = written.ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(age.as_secs())
}

/// Reads a file of the folder; none if it was removed meanwhile.
fn key_file(dir: &DataDir, name: &str, created: u64) -> Result<Option<KeyFile>> {
    let path = format!("{FOLDER}/{name}");
    let text = dir.kept(&path)?;
    let read = text.map(|text| file::read(&text, created)).transpose();
    read.with_context(|| format!("{path} is damaged"))
}

/// Returns the keys as they are now; makes the first one where there is none.
pub(crate) fn load(dir: &DataDir) -> Result<KeyRing> {
    let mut keys = kept(dir)?;
    if keys.keys().is_empty() {
        dir.secret(FIRST, || Ok(SigningKey::generate_pem()?))?;
        keys = kept(dir)?;
    }
    keys.ring(now())
}

/// Makes a key that signs after `publish_first`; the keys that are there verify
/// for `overlap` after that. Removes those that have retired.
pub(crate) fn rotate(dir: &DataDir, publish_first: Duration, overlap: Duration) -> Result<KeyFile> {
    let keys = kept(dir)?;
    // Later than all others, so that the order is never in doubt.
    let newest = keys.keys().iter().map(|key| key.file.created + 1).max();
    let created = newest.map_or_else(now, |newest| newest.max(now()));
    let live = keys.keys().iter().filter(|key| !key.is_retired(created));
    let live = live.count();
    if live == 0 {
        bail!(NONE);
    }
    if live >= MAX_KEYS {
        bail!("there are {live} keys that have not retired; wait until some have");
    }
    let pem = SigningKey::generate_pem()?;
    let key = SigningKey::from_pem(&pem)?;
    let sign_from = created.saturating_add(publish_first.as_secs());
    let folder = DataDir::private(&dir.path().join(FOLDER))?;
    let text = file::write(&pem, sign_from, overlap);
    folder.secret(&file::name(created, key.kid()), || Ok(text.clone()))?;
    for retired in keys.keys().iter().filter(|key| key.is_retired(created)) {
        remove(dir.path(), &retired.file)?;
    }
    file::read(&text, created)
}

fn remove(dir: &Path, retired: &KeyFile) -> Result<()> {
    let path = if retired.created == 0 {
        dir.join(FIRST)
    } else {
        dir.join(FOLDER)
            .join(file::name(retired.created, retired.key.kid()))
    };
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn dir() -> (tempfile::TempDir, DataDir) {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        (folder, dir)
    }

    fn kids(ring: &KeyRing) -> Vec<String> {
        let keys = ring.jwks().keys.into_iter();
        keys.map(|key| key.common.key_id.unwrap()).collect()
    }

    #[test]
    fn a_rotation_adds_a_key_that_signs_at_once() {
        let (_folder, dir) = dir();
        let first = load(&dir).unwrap();
        let made = rotate(&dir, Duration::ZERO, DAY).unwrap();
        let ring = load(&dir).unwrap();
        let expected = [made.key.kid(), first.signing().kid()];
        assert_eq!(kids(&ring), expected);
        assert!(kids(&first).len() == 1 && load(&dir).unwrap().is_same_as(&ring));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = dir.path().join(FOLDER);
        assert_eq!(mode(&folder), 0o700);
        let name = file::name(made.created, made.key.kid());
        assert_eq!(mode(&folder.join(name)), 0o600);
    }

    #[test]
    fn a_key_can_be_published_before_it_signs() {
        let (_folder, dir) = dir();
        let first = load(&dir).unwrap();
        let made = rotate(&dir, DAY, DAY).unwrap();
        assert_eq!(made.sign_from, made.created + 86_400);
        let expected = [first.signing().kid(), made.key.kid()];
        assert_eq!(kids(&load(&dir).unwrap()), expected);
    }

    #[test]
    fn retired_keys_are_removed_and_not_made_again() {
        let (_folder, dir) = dir();
        load(&dir).unwrap();
        // Without an overlap the first key retires at once.
        let second = rotate(&dir, Duration::ZERO, Duration::ZERO).unwrap();
        let third = rotate(&dir, Duration::ZERO, DAY).unwrap();
        assert!(!dir.path().join(FIRST).exists());
        let ring = load(&dir).unwrap();
        let mut found = kids(&ring);
        found.sort();
        let mut expected = [second.key.kid(), third.key.kid()];
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert!(!dir.path().join(FIRST).exists());
    }

    #[test]
    fn there_are_never_too_many_keys_and_never_none_to_rotate() {
        let (_folder, dir) = dir();
        assert!(rotate(&dir, Duration::ZERO, DAY).is_err());
        load(&dir).unwrap();
        for _ in 1..MAX_KEYS {
            rotate(&dir, Duration::ZERO, DAY).unwrap();
        }
        let error = rotate(&dir, Duration::ZERO, DAY).unwrap_err();
        assert!(error.to_string().contains("16 keys"), "{error}");
    }

    #[test]
    fn a_damaged_file_is_named_and_other_files_are_left() {
        let (_folder, dir) = dir();
        load(&dir).unwrap();
        rotate(&dir, Duration::ZERO, DAY).unwrap();
        let folder = dir.path().join(FOLDER);
        fs::write(folder.join("notes.txt"), "x").unwrap();
        assert!(load(&dir).is_ok());
        fs::write(folder.join("7-kid.pem"), "x").unwrap();
        let error = format!("{:#}", load(&dir).unwrap_err());
        assert!(error.contains("7-kid.pem"), "{error}");
    }
}
