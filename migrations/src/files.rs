//! Makes the next file of a set.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, SetName};

/// Creates the next file of a set below `dir` and returns its path. `name` is
/// written in lower case with underscores.
///
/// # Errors
/// [`Error::Name`] if nothing of the name can be used, [`Error::Io`] if the file
/// cannot be written.
pub fn create(dir: &Path, set: SetName, name: &str) -> Result<PathBuf, Error> {
    let lower = name.trim().to_lowercase();
    let words: Vec<_> = lower.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let clean = words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("_");
    if clean.is_empty() || clean.len() > 80 {
        return Err(Error::Name(name.to_owned()));
    }
    let folder = dir.join(set.as_str());
    let failed = |source| Error::Io {
        path: folder.clone(),
        source,
    };
    fs::create_dir_all(&folder).map_err(failed)?;
    let mut last = 0;
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name
            .to_string_lossy()
            .get(..4)
            .and_then(|digits| digits.parse().ok());
        last = last.max(number.unwrap_or(0_u32));
    }
    let path = folder.join(format!("{:04}_{clean}.sql", last + 1));
    let about = match set {
        SetName::Public => "-- Runs once, in schema `public`, as the control plane.\n",
        SetName::Tenant => {
            "-- Runs once in every tenant's schema, as its owner: name no schema, change no role.\n"
        }
    };
    fs::write(&path, about).map_err(|source| Error::Io {
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_after_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let make = |name| create(dir.path(), SetName::Tenant, name);
        assert!(
            make("Add unit floor")
                .unwrap()
                .ends_with("tenant/0001_add_unit_floor.sql")
        );
        assert!(make("next").unwrap().ends_with("tenant/0002_next.sql"));
        assert!(matches!(make(" / "), Err(Error::Name(_))));
        fs::create_dir(dir.path().join("public")).unwrap();
        assert_eq!(
            crate::Sets::from_dir(dir.path()).unwrap().tenant.latest(),
            2
        );
    }
}
