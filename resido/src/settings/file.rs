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

    const MANUAL: &str = include_str!("../../../config.default.toml");

    /// Returns the manual as if all that it shows were set.
    fn all_set() -> String {
        let is_setting = |line: &str| {
            let word = line.trim_start_matches(['[', '{', ' ']);
            let name = word.split([' ', '.', ']']).next().unwrap_or_default();
            let is_name = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_lowercase());
            line.starts_with('[') || line == "]" || is_name && word.contains(" = ")
        };
        let lines = MANUAL.lines().map(|line| {
            let bare = line.trim_start_matches(['#', ' ']);
            if is_setting(bare) { bare } else { "" }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Returns the names that the parser knows where `text` has an unknown one.
    fn known(text: &str) -> Vec<String> {
        let faults = faults::read(text).unwrap_err();
        let fault = faults.iter().find(|fault| fault.text.contains("`zzz`"));
        let names = fault.unwrap().text.split('`').skip(3).step_by(2);
        names.map(str::to_owned).collect()
    }

    #[test]
    fn the_manual_names_every_setting() {
        let manual: toml::Table = toml::from_str(&all_set()).unwrap();
        let upstream = "[[gateway.upstreams]]\nname = \"a\"\nendpoints = []\n";
        let sections = [
            ("", "zzz = 1".to_owned()),
            ("gateway", "[gateway]\nzzz = 1".to_owned()),
            ("gateway.limits", "[gateway.limits]\nzzz = 1".to_owned()),
            ("gateway.upstreams", format!("{upstream}zzz = 1")),
            (
                "gateway.upstreams.json",
                format!("{upstream}json = {{ zzz = 1 }}"),
            ),
            (
                "gateway.upstreams.methods",
                format!("{upstream}[[gateway.upstreams.methods]]\nzzz = 1"),
            ),
            (
                "gateway.upstreams.http_rules",
                format!("{upstream}[[gateway.upstreams.http_rules]]\nzzz = 1"),
            ),
            ("control_plane", "[control_plane]\nzzz = 1".to_owned()),
            ("database", "[database]\nzzz = 1".to_owned()),
            ("observability", "[observability]\nzzz = 1".to_owned()),
            ("migrations", "[migrations]\nzzz = 1".to_owned()),
        ];
        for (section, text) in sections {
            let names = known(&text);
            assert!(names.len() > 3, "[{section}] has {names:?}");
            for name in names {
                assert!(
                    has(&manual, section, &name),
                    "the manual lacks {name} of [{section}]"
                );
            }
        }
    }

    /// Whether any table of the manual at a path has the name, or any below it:
    /// further bindings of a rule are rules.
    fn has(manual: &toml::Table, section: &str, name: &str) -> bool {
        fn within(value: &toml::Value, name: &str) -> bool {
            match value {
                toml::Value::Table(table) => table.contains_key(name),
                toml::Value::Array(items) => items.iter().any(|item| {
                    let further = item.get("additional_bindings");
                    within(item, name) || further.is_some_and(|rules| within(rules, name))
                }),
                _ => false,
            }
        }
        let mut at = toml::Value::Table(manual.clone());
        for part in section.split('.').filter(|part| !part.is_empty()) {
            let first = match &at {
                toml::Value::Array(items) => items[0].clone(),
                other => other.clone(),
            };
            match first.get(part) {
                Some(next) => at = next.clone(),
                None => return false,
            }
        }
        within(&at, name)
    }

    #[test]
    fn the_manuals_example_of_a_service_is_read() {
        let start = MANUAL.find("# [[gateway.upstreams]]").unwrap();
        let example = &MANUAL[start..MANUAL.find("[control_plane]").unwrap()];
        let lines = example
            .lines()
            .map(|line| line.strip_prefix("# ").unwrap_or_default());
        let example = lines.collect::<Vec<_>>().join("\n");
        let settings = faults::read(&example).unwrap();
        let upstream = &settings.gateway.upstreams[0];
        assert_eq!((upstream.methods.len(), upstream.http_rules.len()), (1, 2));
        assert_eq!(upstream.http_rules[1].additional_bindings.len(), 4);
    }
}
