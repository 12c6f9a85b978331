//! How long files are, how they are called, and what must not stand in them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use resido_tidy::{Source, files_with, root, sources};

fn production() -> Vec<Source> {
    sources()
        .unwrap()
        .into_iter()
        .filter(|source| !source.is_test())
        .collect()
}

#[test]
fn files_stay_small() {
    let mut lengths: Vec<_> = production()
        .iter()
        .map(|source| (source.production_lines().count(), source.path.clone()))
        .collect();
    lengths.sort();
    let (longest, path) = lengths.last().unwrap();
    assert!(
        *longest <= 500,
        "{path} has {longest} lines before its tests"
    );
    let at = |share: usize| lengths[lengths.len() * share / 100].0;
    assert!(at(50) <= 130, "the median file has {} lines", at(50));
    assert!(
        at(95) <= 300,
        "one file in twenty has more than {} lines",
        at(95)
    );
}

#[test]
fn there_is_enough_test_code() {
    let all = sources().unwrap();
    let tests: usize = all.iter().map(Source::test_lines).sum();
    let lines: usize = all
        .iter()
        .map(|source| source.production_lines().count())
        .sum();
    assert!(
        tests * 10 >= lines * 6,
        "{tests} lines of tests for {lines} lines of production"
    );
}

#[test]
fn comments_are_neither_missing_nor_noise() {
    let (mut comments, mut lines) = (0, 0);
    for source in production() {
        for line in source
            .production_lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            lines += 1;
            comments += usize::from(line.starts_with("//"));
        }
    }
    let share = comments * 100 / lines;
    assert!(
        (12..=28).contains(&share),
        "comments are {share} % of the lines"
    );
}

#[test]
fn folders_hold_no_logic_in_mod_rs() {
    for source in production()
        .iter()
        .filter(|source| source.path.ends_with("/mod.rs"))
    {
        for line in source.text.lines() {
            assert!(
                !line.contains("fn ") && !line.starts_with("impl") || line.trim().starts_with("//"),
                "{} holds logic: {line}",
                source.path
            );
        }
    }
}

#[test]
fn names_say_what_a_file_is() {
    const BANNED: [&str; 9] = [
        "util", "utils", "helper", "helpers", "common", "manager", "ext", "impl", "misc",
    ];
    for source in sources().unwrap() {
        for part in source.path.trim_end_matches(".rs").split('/') {
            assert!(!BANNED.contains(&part), "{} is called {part}", source.path);
        }
    }
}

#[test]
fn files_open_with_what_they_are_for() {
    for source in sources().unwrap() {
        assert!(
            source.text.starts_with("//!"),
            "{} has no module doc",
            source.path
        );
    }
}

#[test]
fn nothing_is_left_unfinished() {
    for source in sources()
        .unwrap()
        .iter()
        .filter(|s| !s.path.starts_with("tests/tidy"))
    {
        for (number, line) in source.text.lines().enumerate() {
            let place = format!("{}:{}", source.path, number + 1);
            let todo = line.find("TODO").map(|at| &line[at + 4..]);
            assert!(
                todo.is_none_or(|rest| rest.starts_with("(#")),
                "{place}: {line}"
            );
            for word in [
                "FIXME",
                "XXX",
                "todo!(",
                "unimplemented!(",
                "#[ignore",
                "thread::sleep",
            ] {
                assert!(!line.contains(word), "{place} has {word}");
            }
        }
    }
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let tracked = Command::new("git")
        .args(["ls-files"])
        .current_dir(root())
        .output()
        .unwrap();
    let tracked = String::from_utf8(tracked.stdout).unwrap();
    let home = root().canonicalize().unwrap();
    for path in tracked
        .lines()
        .filter(|path| !path.starts_with("tests/tidy"))
    {
        let Ok(text) = std::fs::read_to_string(root().join(path)) else {
            continue;
        };
        assert!(
            !text.contains(&*home.to_string_lossy()),
            "{path} names this machine's folder"
        );
        assert!(!text.contains("/root/"), "{path} names a home folder");
    }
}

#[test]
fn markdown_has_no_broken_links_to_files() {
    for (path, text) in files_with("md").unwrap() {
        let folder = root().join(&path).parent().unwrap().to_path_buf();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            assert!(
                folder.join(file).exists(),
                "{path} links to {target}, which is not there"
            );
        }
    }
}
