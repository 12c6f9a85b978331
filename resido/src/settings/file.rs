//! Reads the file.

use std::{fs, io, path::Path};

use anyhow::{Context as _, Result, bail};

use super::{Settings, faults};

/// File that is read where none is named.
const DEFAULT: &str = "resido.toml";

impl Settings {
    /// Reads the named file, or `resido.toml` in this folder if there is one.
    ///
    /// # Errors
    /// If a named file is not there, or with every fault of the file.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let path = file.unwrap_or_else(|| Path::new(DEFAULT));
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        match faults::read(&text) {
            Ok(settings) => Ok(Self {
                base_dir: folder(path),
                ..settings
            }),
            Err(faults) => {
                let name = path.display();
                let lines = faults.iter().map(|fault| match fault.line {
                    Some(line) => format!("{name}:{line}: {}", fault.text),
                    None => format!("{name}: {}", fault.text),
                });
                bail!(
                    "the configuration is wrong:\n{}",
                    lines.collect::<Vec<_>>().join("\n")
                )
            }
        }
    }
}

fn folder(path: &Path) -> std::path::PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_must_be_there_and_leads_to_its_neighbours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.toml");
        assert!(Settings::load(Some(&path)).is_err());
        fs::write(&path, "[migrations]\ndir = \"sql\"\n").unwrap();
        let settings = Settings::load(Some(&path)).unwrap();
        let sql = settings.migrations.dir.clone().unwrap();
        assert_eq!(settings.resolve(&sql), dir.path().join("sql"));
    }

    #[test]
    fn a_fault_names_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.toml");
        fs::write(&path, "\n[database]\nx = 1\n").unwrap();
        let error = Settings::load(Some(&path)).unwrap_err().to_string();
        assert!(error.contains("own.toml:3: "), "{error}");
    }

    #[test]
    fn the_manual_states_the_defaults() {
        let manual = Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../config.default.toml"
        ));
        let settings = Settings {
            base_dir: Default::default(),
            ..Settings::load(Some(manual)).unwrap()
        };
        assert_eq!(
            format!("{settings:#?}"),
            format!("{:#?}", Settings::default())
        );
    }

    #[test]
    fn the_manuals_example_of_a_service_is_read() {
        let manual = include_str!("../../../config.default.toml");
        let start = manual.find("# [[gateway.upstreams]]").unwrap();
        let example = &manual[start..manual.find("[control_plane]").unwrap()];
        let lines = example
            .lines()
            .map(|line| line.strip_prefix("# ").unwrap_or_default());
        let example = lines.collect::<Vec<_>>().join("\n");
        let settings = faults::read(&example).unwrap();
        let upstream = &settings.gateway.upstreams[0];
        assert_eq!((upstream.methods.len(), upstream.http_rules.len()), (1, 1));
    }
}
