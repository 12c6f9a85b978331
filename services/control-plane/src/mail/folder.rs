//! Puts mails into a folder, for trying things out.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use lettre::Message;
use tonic::async_trait;
use uuid::Uuid;

use super::mailer::{Fault, Mailer};

/// Mails that are kept; older ones make room.
const MAX_KEPT: usize = 1000;

/// A folder of mails, `<time-ordered id>.eml` each, which only its owner can read.
#[derive(Debug, Clone)]
pub(super) struct Folder(pub(super) PathBuf);

#[async_trait]
impl Mailer for Folder {
    async fn send(&self, mail: Message) -> Result<(), Fault> {
        let folder = self.0.clone();
        let put = move || put(&folder, &mail.formatted(), MAX_KEPT);
        match tokio::task::spawn_blocking(put).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Fault("the folder of mails cannot be written to")),
        }
    }
}

/// Writes a file that appears whole or not at all.
fn put(folder: &Path, mail: &[u8], kept: usize) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)?;
    let name = folder.join(format!("{}.eml", Uuid::now_v7()));
    let part = name.with_extension("part");
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)?;
    file.write_all(mail)?;
    fs::rename(&part, &name)?;
    make_room(folder, kept)
}

/// Names begin with the time they were made at.
fn make_room(folder: &Path, kept: usize) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "eml") {
            names.push(path);
        }
    }
    names.sort_unstable();
    let surplus = names.len().saturating_sub(kept);
    for path in names.drain(..surplus) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_newest_mails_are_kept_and_private() {
        let folder = std::env::temp_dir().join(format!("mails-{}", Uuid::now_v7()));
        for number in 0..5 {
            put(&folder, format!("mail {number}").as_bytes(), 3).unwrap();
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        names.sort();
        let texts: Vec<_> = names
            .iter()
            .map(|name| fs::read_to_string(name).unwrap())
            .collect();
        assert_eq!(texts, ["mail 2", "mail 3", "mail 4"]);
        assert_eq!(mode(&names[0]), 0o600);
        fs::remove_dir_all(&folder).unwrap();
    }
}
