//! A raw request path, checked and cut into segments.

use std::{borrow::Cow, collections::HashSet};

use crate::percent::{self, Mode};

/// The segments of a path, as sent and decoded.
#[derive(Debug)]
pub(crate) struct RawPath<'a> {
    segments: Vec<PathSegment<'a>>,
}

/// What stands between two slashes.
#[derive(Debug, Clone)]
pub(crate) struct PathSegment<'a> {
    /// As sent.
    pub(crate) raw: &'a str,
    /// With every escape decoded.
    pub(crate) decoded: Cow<'a, str>,
}

impl<'a> PathSegment<'a> {
    /// Decodes a segment. It must not be able to lead anywhere else: a backend
    /// may use the value as a path of its own.
    fn parse(raw: &'a str) -> Result<Self, &'static str> {
        let decoded = percent::decode(raw, Mode::All).map_err(percent::DecodeError::as_str)?;
        if decoded.contains('\0') {
            return Err("has a NUL");
        }
        if decoded.contains('\\') {
            return Err("has a backslash");
        }
        if decoded.split('/').any(|part| matches!(part, "." | "..")) {
            return Err("has a segment `.` or `..`");
        }
        Ok(Self { raw, decoded })
    }
}

impl<'a> RawPath<'a> {
    /// Cuts a path, which must start with `/`.
    ///
    /// # Errors
    /// With what is wrong with it, to follow the words "the path".
    pub(crate) fn parse(path: &'a str) -> Result<Self, &'static str> {
        let path = path.strip_prefix('/').ok_or("does not start with `/`")?;
        let segments = path.split('/').map(PathSegment::parse);
        Ok(Self {
            segments: segments.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a segment is empty: such a path matches nothing.
    pub(crate) fn has_empty_segment(&self) -> bool {
        self.segments.iter().any(|segment| segment.raw.is_empty())
    }

    /// Returns the number of segments.
    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    pub(crate) fn segments(&self) -> &[PathSegment<'a>] {
        &self.segments
    }

    /// Returns every way to cut one of these verbs off the last segment, the
    /// longest verb first. A `:` that was sent as `%3A` cuts nothing.
    ///
    /// Only verbs of `verbs` cost more than a look, whatever a client sends.
    pub(crate) fn cut_verb<'v>(
        &self,
        verbs: &'v HashSet<Box<str>>,
        longest_bytes: usize,
    ) -> Vec<(RawPath<'a>, &'v str)> {
        let Some((last, before)) = self.segments.split_last() else {
            return Vec::new();
        };
        // Every byte of a verb may be sent as three.
        let fits = |at: &usize| *at > 0 && last.raw.len() - at <= 3 * longest_bytes + 1;
        let cuts = last.raw.match_indices(':').map(|(at, _)| at);
        cuts.filter(fits)
            .filter_map(|at| {
                let verb = percent::decode(&last.raw[at + 1..], Mode::All).ok()?;
                let verb = verbs.get(&*verb)?;
                let mut segments = before.to_vec();
                segments.push(PathSegment::parse(&last.raw[..at]).ok()?);
                Some((RawPath { segments }, &**verb))
            })
            .collect()
    }

    /// Returns what segments hold for a variable: decoded, but for the `%2F` of
    /// a variable of several segments.
    pub(crate) fn value(&self, start: usize, end: usize, multi: bool) -> String {
        let covered = self.segments.get(start..end).unwrap_or_default();
        if !multi {
            return covered
                .first()
                .map(|segment| segment.decoded.clone().into_owned())
                .unwrap_or_default();
        }
        let mut value = String::new();
        for (index, segment) in covered.iter().enumerate() {
            if index > 0 {
                value.push('/');
            }
            // The escapes were checked when the path was cut.
            value.push_str(&percent::decode(segment.raw, Mode::KeepSlash).unwrap_or_default());
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_lead_elsewhere_are_refused() {
        for (path, why) in [
            ("v1", "start"),
            ("", "start"),
            ("/a/./b", "`.`"),
            ("/a/../b", "`.`"),
            ("/..", "`.`"),
            ("/a/%2e%2E/b", "`.`"),
            ("/a/.%2e", "`.`"),
            ("/a/b%2F..%2Fc", "`.`"),
            ("/a%00", "NUL"),
            ("/a%zz", "hexadecimal"),
            ("/a%", "hexadecimal"),
            ("/%ff", "UTF-8"),
            ("/a\\b", "backslash"),
            ("/a%5cb", "backslash"),
        ] {
            let error = RawPath::parse(path).unwrap_err();
            assert!(error.contains(why), "{path}: {error}");
        }
        for path in ["/...", "/.a", "/a..b", "/%252e%252e", "/a%2Fb", "/a+b"] {
            assert!(RawPath::parse(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn values_keep_an_encoded_slash_only_over_several_segments() {
        let path = RawPath::parse("/a%20b/c%2Fd%20e+f").unwrap();
        assert_eq!(path.value(1, 2, false), "c/d e+f");
        assert_eq!(path.value(0, 2, true), "a b/c%2Fd e+f");
        assert_eq!(path.value(2, 2, true), "");
    }

    #[test]
    fn verbs_are_cut_longest_first_and_never_at_an_escape() {
        let verbs: HashSet<Box<str>> = ["b:c:d", "d", "x"].map(Into::into).into();
        let cut = |path| {
            let path = RawPath::parse(path).unwrap();
            let cut = path.cut_verb(&verbs, 5).into_iter();
            cut.map(|(path, verb)| (path.segments[1].raw.to_owned(), verb.to_owned()))
                .collect::<Vec<_>>()
        };
        let pair = |head: &str, verb: &str| (head.to_owned(), verb.to_owned());
        assert_eq!(
            cut("/v1:x/a:b%3Ac:d"),
            [pair("a", "b:c:d"), pair("a:b%3Ac", "d")]
        );
        assert_eq!(cut("/v1/a:%64"), [pair("a", "d")]);
        for path in ["/v1/a%3Ad", "/v1/:d", "/v1/a:e", "/v1/a:", "/v1/..:d"] {
            assert!(cut(path).is_empty(), "{path}");
        }
    }
}
