//! `migrate new`: the next file of a set.

use std::{fs::OpenOptions, io::Write as _, path::Path, process::ExitCode};

use anyhow::{Context as _, Result};
use resido_migrations::SetName;

use crate::{
    cli::{self, NEW_DIR},
    commands::confirm::Wrong,
    terminal,
};

/// Comments that set how a file is applied.
const HEADER: &str = "-- Set it up by comments at the top, one a line: \
    no-transaction, phase, timeout, lock-timeout, min-app, allow.\n";

/// Makes the file, in a folder that has migrations already.
pub(super) fn create(set: cli::SetName, name: &str, dir: &Path) -> Result<ExitCode> {
    let is_first = dir == Path::new(NEW_DIR) && !dir.exists();
    let has_set = dir.join("public").is_dir() || dir.join("tenant").is_dir();
    if !has_set && !is_first {
        let dir = dir.display();
        let text = format!("{dir} has neither `public` nor `tenant`; make one of them first");
        return Err(Wrong(text).into());
    }
    let set = match set {
        cli::SetName::Public => SetName::Public,
        cli::SetName::Tenant => SetName::Tenant,
    };
    let path = resido_migrations::create(dir, set, name)?;
    let about = format!("{}{HEADER}", undone_by(&path));
    let file = OpenOptions::new().append(true).open(&path);
    file.and_then(|mut file| file.write_all(about.as_bytes()))
        .with_context(|| format!("{} cannot be written", path.display()))?;
    terminal::line(&path.display().to_string());
    Ok(ExitCode::SUCCESS)
}

/// Names the file that undoes this one.
fn undone_by(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    format!("-- `{name}.down.sql` beside it undoes it; `migrate rollback` needs that.\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use resido_migrations::Sets;

    use super::*;

    #[test]
    fn a_folder_without_sets_is_refused_and_what_is_made_is_a_sound_file() {
        let folder = tempfile::tempdir().unwrap();
        let refused = create(cli::SetName::Tenant, "floor", folder.path()).unwrap_err();
        assert!(refused.is::<Wrong>(), "{refused}");
        fs::create_dir(folder.path().join("public")).unwrap();
        create(cli::SetName::Tenant, "floor", folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join("tenant/0001_floor.sql")).unwrap();
        assert!(text.contains("0001_floor.down.sql"), "{text}");
        assert!(text.contains("lock-timeout"), "{text}");
        let sets = Sets::from_dir(folder.path()).unwrap();
        let header = &sets.tenant.migrations[0].header;
        assert_eq!(*header, resido_migrations::Header::default());
    }
}
