//! Where PostgreSQL's programs may be, best first.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Oldest major version that serves.
pub(super) const OLDEST: u32 = 15;
/// Folders that hold one folder for each major version.
const PACKAGED: [&str; 2] = ["/usr/lib/postgresql", "/usr/pgsql"];
/// Folders in which Homebrew keeps `postgresql@<major>`.
const HOMEBREW: [&str; 3] = [
    "/opt/homebrew/opt",
    "/usr/local/opt",
    "/home/linuxbrew/.linuxbrew/opt",
];

/// A folder with the server's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Programs {
    pub(super) folder: PathBuf,
    pub(super) major: u32,
}

impl Programs {
    /// Looks into a folder; asks the server program for its version.
    pub(super) fn at(folder: &Path) -> Option<Self> {
        if !folder.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(folder.join("postgres"))
            .arg("--version")
            .output()
            .ok()?;
        let major = major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self {
            folder: folder.to_owned(),
            major,
        })
    }
}

/// Returns the folders of the machine that may hold the programs.
pub(super) fn folders(path: Option<&str>) -> Vec<PathBuf> {
    let mut folders: Vec<_> = path
        .map(std::env::split_paths)
        .into_iter()
        .flatten()
        .collect();
    for packaged in PACKAGED {
        folders.extend(
            numbered(Path::new(packaged), "")
                .into_iter()
                .map(|dir| dir.join("bin")),
        );
    }
    folders.extend(
        numbered(Path::new("/usr"), "pgsql-")
            .into_iter()
            .map(|dir| dir.join("bin")),
    );
    for homebrew in HOMEBREW {
        let found = numbered(Path::new(homebrew), "postgresql@");
        folders.extend(found.into_iter().map(|dir| dir.join("bin")));
    }
    folders.push(PathBuf::from(
        "/Applications/Postgres.app/Contents/Versions/latest/bin",
    ));
    folders
}

/// Returns the folders called `<prefix><number>`, highest number first.
fn numbered(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

/// Reads the major version out of `postgres (PostgreSQL) 15.14 (Debian …)`.
fn major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("psql 15"), None);
    }

    #[test]
    fn the_newest_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["9", "15", "17", "x17", "notes"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let names: Vec<_> = numbered(dir.path(), "")
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["17", "15", "9"]);
        assert_eq!(numbered(Path::new("/nowhere"), "").len(), 0);
    }

    #[test]
    fn a_folder_without_programs_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Programs::at(dir.path()), None);
    }
}
