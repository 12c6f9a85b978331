//! What the protos say of things: their leading comments.

use std::collections::HashMap;

use prost_reflect::FileDescriptor;

/// Comments of files, read once each.
#[derive(Default)]
pub(super) struct Comments {
    /// Of a file by its source and name, the comments by path.
    files: HashMap<(usize, String), HashMap<Vec<i32>, String>>,
}

impl Comments {
    /// Returns the comment of what a path leads to in a file; empty if it has
    /// none.
    ///
    /// *Source*: `google/protobuf/descriptor.proto`, `SourceCodeInfo`.
    pub(super) fn of(&mut self, source: usize, file: &FileDescriptor, path: &[i32]) -> String {
        let key = (source, file.name().to_owned());
        let comments = self.files.entry(key).or_insert_with(|| read(file));
        comments.get(path).cloned().unwrap_or_default()
    }
}

/// Collects the leading comments of a file.
fn read(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let locations = info.into_iter().flat_map(|info| &info.location);
    locations
        .filter_map(|location| {
            let text = location.leading_comments.as_deref()?;
            let lines: Vec<_> = text.lines().map(str::trim).collect();
            let text = lines.join("\n").trim().to_owned();
            (!text.is_empty()).then(|| (location.path.clone(), text))
        })
        .collect()
}
