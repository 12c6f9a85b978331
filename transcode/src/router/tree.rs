//! The tree of templates and the search in it.
//!
//! Precedence is decided segment by segment from the left: a literal wins over
//! a literal inside a variable's pattern, that over `*`, that over `**`. The
//! search goes back where a better start leads nowhere, and it looks for the
//! HTTP method too: a template for other methods hides nothing. So the order in
//! which templates came in does not matter.

use std::collections::{HashMap, HashSet};

use super::path::{PathSegment, RawPath};
use crate::template::{Segment, Template};

/// Every template, with the index of its binding.
#[derive(Debug, Default)]
pub(crate) struct Router {
    root: Node,
    /// Every verb of every template.
    verbs: HashSet<Box<str>>,
    longest_verb_bytes: usize,
}

/// What a search has found.
#[derive(Debug)]
pub(crate) enum Found<'p> {
    /// The index of a binding, and the path without the verb.
    Binding(usize, RawPath<'p>),
    /// Bindings for these other HTTP methods.
    OtherMethods(Vec<String>),
    /// No template matches.
    Nothing,
}

/// A place in the tree: what may follow, best first, and what ends here.
#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, Node>,
    variable_literals: HashMap<Box<str>, Node>,
    star: Option<Box<Node>>,
    /// Templates that end here.
    ends: Vec<End>,
    /// Templates that end here with `**`.
    open_ends: Vec<End>,
}

/// Templates of one shape and one verb.
#[derive(Debug)]
struct End {
    verb: Option<Box<str>>,
    bindings: Vec<(Box<str>, usize)>,
}

impl End {
    /// Returns the binding for an HTTP method: its own, for `HEAD` that of
    /// `GET`, else the one for every method.
    fn binding(&self, method: &str) -> Option<usize> {
        let of = |wanted: &str| {
            let mut bindings = self.bindings.iter();
            bindings
                .find(|(method, _)| &**method == wanted)
                .map(|(_, index)| *index)
        };
        of(method)
            .or_else(|| (method == "HEAD").then(|| of("GET")).flatten())
            .or_else(|| of("*"))
    }
}

impl Router {
    /// Adds a binding.
    ///
    /// # Errors
    /// With the index of the binding that has the same HTTP method and matches
    /// the same paths with the same precedence.
    pub(crate) fn insert(
        &mut self,
        method: &str,
        template: &Template,
        index: usize,
    ) -> Result<(), usize> {
        let mut node = &mut self.root;
        let mut open = false;
        for segment in &template.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.as_str().into()).or_default(),
                Segment::VariableLiteral(text) => node
                    .variable_literals
                    .entry(text.as_str().into())
                    .or_default(),
                Segment::Star => node.star.get_or_insert_default(),
                Segment::DoubleStar => {
                    open = true;
                    node
                }
            };
        }
        let ends = if open {
            &mut node.open_ends
        } else {
            &mut node.ends
        };
        let verb = template.verb.as_deref();
        if let Some(verb) = verb {
            self.longest_verb_bytes = self.longest_verb_bytes.max(verb.len());
            self.verbs.insert(verb.into());
        }
        let at = ends.iter().position(|end| end.verb.as_deref() == verb);
        let at = at.unwrap_or_else(|| {
            ends.push(End {
                verb: verb.map(Into::into),
                bindings: Vec::new(),
            });
            ends.len() - 1
        });
        let bindings = &mut ends[at].bindings;
        if let Some((_, other)) = bindings.iter().find(|(known, _)| &**known == method) {
            return Err(*other);
        }
        bindings.push((method.into(), index));
        Ok(())
    }

    /// Finds the binding for an HTTP method and a path.
    ///
    /// The longest verb that some template has at this place is a verb, for
    /// whatever HTTP method; any other `:x` is part of the value.
    pub(crate) fn find<'p>(&self, method: &str, path: RawPath<'p>) -> Found<'p> {
        if path.has_empty_segment() {
            return Found::Nothing;
        }
        for (head, verb) in path.cut_verb(&self.verbs, self.longest_verb_bytes) {
            let found = self.find_verb(method, head, Some(verb));
            if !matches!(found, Found::Nothing) {
                return found;
            }
        }
        self.find_verb(method, path, None)
    }

    /// Finds the binding for a path whose verb has been cut off.
    fn find_verb<'p>(&self, method: &str, path: RawPath<'p>, verb: Option<&str>) -> Found<'p> {
        let mut hit = None;
        self.root.search(path.segments(), verb, &mut |end| {
            hit = end.binding(method);
            hit.is_some()
        });
        if let Some(index) = hit {
            return Found::Binding(index, path);
        }
        let methods = self.methods(&path, verb);
        if methods.is_empty() {
            Found::Nothing
        } else {
            Found::OtherMethods(methods)
        }
    }

    /// Returns the HTTP methods that are bound on a path, `*` among them.
    pub(crate) fn allowed(&self, path: &RawPath<'_>) -> Vec<String> {
        if path.has_empty_segment() {
            return Vec::new();
        }
        let cut = path.cut_verb(&self.verbs, self.longest_verb_bytes);
        let mut found = cut
            .iter()
            .map(|(head, verb)| self.methods(head, Some(verb)));
        found
            .find(|methods| !methods.is_empty())
            .unwrap_or_else(|| self.methods(path, None))
    }

    /// Returns the HTTP methods of all templates that match.
    fn methods(&self, path: &RawPath<'_>, verb: Option<&str>) -> Vec<String> {
        let mut methods = Vec::new();
        self.root.search(path.segments(), verb, &mut |end| {
            methods.extend(end.bindings.iter().map(|(method, _)| method.to_string()));
            false
        });
        methods.sort_unstable();
        methods.dedup();
        methods
    }
}

impl Node {
    /// Visits the ends that match, best first, until `visit` is content.
    fn search(
        &self,
        segments: &[PathSegment<'_>],
        verb: Option<&str>,
        visit: &mut dyn FnMut(&End) -> bool,
    ) -> bool {
        let visit_ends = |ends: &[End], visit: &mut dyn FnMut(&End) -> bool| {
            let mut ends = ends.iter();
            ends.any(|end| end.verb.as_deref() == verb && visit(end))
        };
        let Some((first, rest)) = segments.split_first() else {
            return visit_ends(&self.ends, visit) || visit_ends(&self.open_ends, visit);
        };
        let name = &*first.decoded;
        let children = [
            self.literals.get(name),
            self.variable_literals.get(name),
            self.star.as_deref(),
        ];
        for child in children.into_iter().flatten() {
            if child.search(rest, verb, visit) {
                return true;
            }
        }
        visit_ends(&self.open_ends, visit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn router(templates: &[(&str, &str)]) -> Router {
        let mut router = Router::default();
        for (index, (method, template)) in templates.iter().enumerate() {
            let template = Template::parse(template).unwrap();
            router.insert(method, &template, index).unwrap();
        }
        router
    }

    fn find(router: &Router, method: &str, path: &str) -> Option<usize> {
        match router.find(method, RawPath::parse(path).unwrap()) {
            Found::Binding(index, _) => Some(index),
            Found::OtherMethods(_) | Found::Nothing => None,
        }
    }

    #[test]
    fn the_more_exact_template_wins_with_backtracking() {
        let templates = [
            ("GET", "/v1/**"),
            ("GET", "/v1/*"),
            ("GET", "/v1/{name=things/*}"),
            ("GET", "/v1/things/special"),
            ("GET", "/v1/*/special/x"),
            ("POST", "/v1/things/{id}"),
        ];
        let router = router(&templates);
        for (path, expected) in [
            ("/v1/things/special", Some(3)),
            ("/v1/things/other", Some(2)),
            ("/v1/other", Some(1)),
            ("/v1/things/special/x", Some(4)),
            ("/v1/things/special/y", Some(0)),
            ("/v1", Some(0)),
            ("/v2", None),
        ] {
            assert_eq!(find(&router, "GET", path), expected, "{path}");
        }
        // A template for other methods hides nothing.
        assert_eq!(find(&router, "POST", "/v1/things/special"), Some(5));
    }

    #[test]
    fn slashes_are_neither_merged_nor_forgiven() {
        let router = router(&[("GET", "/a"), ("GET", "/a/*"), ("GET", "/b/**")]);
        for path in ["/a/", "//a", "/a//b", "/", "/b/", "/b//c", "/b/c/"] {
            assert_eq!(find(&router, "GET", path), None, "{path}");
        }
        assert_eq!(find(&router, "GET", "/b/c/d"), Some(2));
        assert_eq!(find(&router, "GET", "/a/b%2Fc"), Some(1));
    }

    #[test]
    fn the_longest_registered_verb_is_a_verb() {
        let router = router(&[
            ("GET", "/t/*"),
            ("POST", "/t/*:stop"),
            ("POST", "/t/*:now:stop"),
            ("GET", "/t:lookup"),
        ]);
        for (method, path, expected) in [
            ("POST", "/t/a:stop", Some(1)),
            ("POST", "/t/a:now:stop", Some(2)),
            ("POST", "/t/a:then:stop", Some(1)),
            ("GET", "/t/a:other", Some(0)),
            ("GET", "/t/a%3Astop", Some(0)),
            // Registered, though for another method.
            ("GET", "/t/a:stop", None),
            ("GET", "/t:lookup", Some(3)),
            ("GET", "/t/:stop", Some(0)),
        ] {
            assert_eq!(find(&router, method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn methods_of_a_known_path_are_told() {
        let router = router(&[("GET", "/a"), ("PATCH", "/{x}"), ("*", "/b")]);
        let path = |text| RawPath::parse(text).unwrap();
        assert_eq!(router.allowed(&path("/a")), ["GET", "PATCH"]);
        assert_eq!(router.allowed(&path("/c")), ["PATCH"]);
        assert!(router.allowed(&path("/c/d")).is_empty());
        let Found::OtherMethods(methods) = router.find("POST", path("/a")) else {
            panic!("POST is bound")
        };
        assert_eq!(methods, ["GET", "PATCH"]);
        assert_eq!(find(&router, "HEAD", "/a"), Some(0));
        assert_eq!(find(&router, "PURGE", "/b"), Some(2));
    }

    #[test]
    fn the_same_method_and_shape_twice_is_refused() {
        let mut router = router(&[("GET", "/v1/{a}:x")]);
        let mut insert = |method, text| router.insert(method, &Template::parse(text).unwrap(), 9);
        assert_eq!(insert("GET", "/v1/{b=*}:x"), Err(0));
        assert_eq!(insert("POST", "/v1/{b}:x"), Ok(()));
        assert_eq!(insert("GET", "/v1/{b}"), Ok(()));
    }

    /// The rules of precedence, told as plainly as possible: whether a template
    /// matches, and the ranks of its segments.
    fn matches(template: &Template, path: &[String]) -> Option<Vec<u8>> {
        let mut ranks = Vec::new();
        let mut rest = path;
        for segment in &template.segments {
            if *segment == Segment::DoubleStar {
                ranks.push(3);
                return Some(ranks);
            }
            let (first, after) = rest.split_first()?;
            rest = after;
            ranks.push(match segment {
                Segment::Literal(text) if text == first => 0,
                Segment::VariableLiteral(text) if text == first => 1,
                Segment::Star => 2,
                _ => return None,
            });
        }
        rest.is_empty().then_some(ranks)
    }

    fn template() -> impl Strategy<Value = String> {
        let segment = prop_oneof![
            3 => "[ab]".prop_map(|text| text),
            1 => Just("*".to_owned()),
            1 => Just("{v}".to_owned()),
            1 => "[ab]".prop_map(|text| format!("{{v={text}/*}}")),
            1 => "[ab]".prop_map(|text| format!("{{v=*/{text}}}")),
        ];
        let end = prop_oneof![3 => Just(""), 1 => Just("/**"), 1 => Just("/{w=**}")];
        let segments = proptest::collection::vec(segment, 1..4);
        (segments, end).prop_filter_map("one variable a name", |(segments, end)| {
            let text = format!("/{}{end}", segments.join("/"));
            Template::parse(&text).ok().map(|_| text)
        })
    }

    proptest! {
        #[test]
        fn b2_the_winner_does_not_depend_on_the_order(
            texts in proptest::collection::vec((template(), "GET|POST"), 1..12),
            path in proptest::collection::vec("[abc]", 1..6),
            seed in any::<proptest::sample::Index>(),
        ) {
            let mut bindings: Vec<(String, Template)> = Vec::new();
            let mut router = Router::default();
            for (text, method) in &texts {
                let template = Template::parse(text).unwrap();
                if router.insert(method, &template, bindings.len()).is_ok() {
                    bindings.push((method.clone(), template));
                }
            }
            let raw = format!("/{}", path.join("/"));
            let found = find(&router, "GET", &raw);

            let best = bindings
                .iter()
                .enumerate()
                .filter(|(_, (method, _))| method == "GET")
                .filter_map(|(index, (_, template))| Some((matches(template, &path)?, index)))
                .min();
            prop_assert_eq!(found, best.map(|(_, index)| index));

            // The same bindings in another order.
            let mut order: Vec<_> = (0..bindings.len()).collect();
            order.rotate_left(seed.index(bindings.len()));
            order.reverse();
            let mut other = Router::default();
            for index in order {
                let (method, template) = &bindings[index];
                prop_assert!(other.insert(method, template, index).is_ok());
            }
            prop_assert_eq!(find(&other, "GET", &raw), found);
        }
    }
}
