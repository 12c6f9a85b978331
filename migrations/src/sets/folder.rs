//! The texts of a set: of a folder, or built into the program.

use std::{fs, path::Path};

use include_dir::Dir;

use crate::Error;

/// Names and texts.
pub(super) type Texts = Vec<(String, String)>;

pub(super) fn built_in(dir: &Dir<'_>) -> Texts {
    let files = dir.files().map(|file| {
        let name = file.path().to_string_lossy().into_owned();
        (name, String::from_utf8_lossy(file.contents()).into_owned())
    });
    files.collect()
}

pub(super) fn read(folder: &Path) -> Result<Texts, Error> {
    let failed = |source| Error::Io {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "sql") {
            let text = fs::read_to_string(&path).map_err(|source| Error::Io {
                path: path.clone(),
                source,
            })?;
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.push((name, text));
        }
    }
    Ok(files)
}
