//! Reads the workspace as text, so that the style rules can be tests.
//!
//! It knows files, lines and manifests, not Rust: what a rule needs is found by
//! the plainest means that does not lie on well-formatted code.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// A crate of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Its name, as in `Cargo.toml`.
    pub name: String,
    /// Its folder, from the root of the workspace.
    pub folder: PathBuf,
    /// Names of the crates it depends on, tests and builds left out.
    pub dependencies: Vec<String>,
}

/// A Rust source file.
#[derive(Debug)]
pub struct Source {
    /// Path from the root of the workspace, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Whether the file is there for tests alone.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.starts_with("bench/")
    }

    /// Returns the lines before the unit tests at the foot of the file.
    pub fn production_lines(&self) -> impl Iterator<Item = &str> {
        let cut = if self.is_test() { Some(0) } else { None };
        let end = cut
            .or_else(|| self.text.find("\n#[cfg(test)]\nmod "))
            .unwrap_or(self.text.len());
        self.text[..end].lines()
    }

    /// Returns how many lines of the file are tests.
    #[must_use]
    pub fn test_lines(&self) -> usize {
        self.text.lines().count() - self.production_lines().count()
    }
}

/// Returns the root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Reads the manifests of all crates.
///
/// # Errors
/// If a manifest cannot be read.
pub fn packages() -> Result<Vec<Package>> {
    let workspace = manifest(Path::new("Cargo.toml"))?;
    let members = workspace["workspace"]["members"]
        .as_array()
        .context("no members")?;
    members
        .iter()
        .filter_map(toml::Value::as_str)
        .map(|folder| {
            let folder = PathBuf::from(folder);
            let manifest = manifest(&folder.join("Cargo.toml"))?;
            let dependencies = manifest
                .get("dependencies")
                .and_then(toml::Value::as_table)
                .map(|table| table.keys().cloned().collect())
                .unwrap_or_default();
            let name = manifest["package"]["name"]
                .as_str()
                .context("no name")?
                .to_owned();
            Ok(Package {
                name,
                folder,
                dependencies,
            })
        })
        .collect()
}

fn manifest(path: &Path) -> Result<toml::Value> {
    let text = fs::read_to_string(root().join(path))
        .with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str::<toml::Table>(&text)
        .map(toml::Value::Table)
        .with_context(|| format!("cannot parse {}", path.display()))
}

/// Reads every Rust file of the workspace.
///
/// # Errors
/// If a file cannot be read.
pub fn sources() -> Result<Vec<Source>> {
    files_with("rs")?
        .into_iter()
        .map(|(path, text)| Ok(Source { path, text }))
        .collect()
}

/// Reads every text file with an ending, by path from the root.
///
/// # Errors
/// If a file cannot be read.
pub fn files_with(ending: &str) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    walk(&root(), "", ending, &mut found)?;
    Ok(found)
}

fn walk(
    folder: &Path,
    prefix: &str,
    ending: &str,
    found: &mut BTreeMap<String, String>,
) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if matches!(
            name.as_str(),
            "target" | "node_modules" | ".git" | ".resido" | ".venv"
        ) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), ending, found)?;
        } else if name.ends_with(&format!(".{ending}")) {
            let text =
                fs::read_to_string(entry.path()).with_context(|| format!("cannot read {path}"))?;
            found.insert(path, text);
        }
    }
    Ok(())
}
