//! Reads the grammar of templates.
//!
//! ```text
//! Template  = "/" Segments [ Verb ] ;
//! Segments  = Segment { "/" Segment } ;
//! Segment   = "*" | "**" | LITERAL | Variable ;
//! Variable  = "{" FieldPath [ "=" Segments ] "}" ;
//! FieldPath = IDENT { "." IDENT } ;
//! Verb      = ":" LITERAL ;
//! ```
//!
//! `**` is the last part of a path, but for the verb; a variable holds no
//! variable.
//!
//! *Source*: `google/api/http.proto`.

use super::model::{Segment, Template, Variable};
use crate::percent::{self, Mode};

/// Templates have at most this many segments.
const MAX_SEGMENTS: usize = 64;

type Parsed<T> = Result<T, String>;

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// With what is wrong, for the person who wrote it.
    pub(crate) fn parse(text: &str) -> Parsed<Self> {
        let mut parser = Parser {
            rest: text,
            template: Self {
                text: text.to_owned(),
                segments: Vec::new(),
                variables: Vec::new(),
                verb: None,
            },
        };
        if !parser.eat("/") {
            return Err("the template does not start with `/`".into());
        }
        parser.segments(Scope::Path)?;
        if parser.eat(":") {
            let rest = std::mem::take(&mut parser.rest);
            parser.template.verb = Some(literal(rest, "verb")?);
        }
        if !parser.rest.is_empty() {
            return Err(format!("`{}` cannot follow a segment", parser.rest));
        }
        parser.template.check()?;
        Ok(parser.template)
    }

    /// Checks what the grammar alone does not say.
    fn check(&self) -> Parsed<()> {
        if self.segments.len() > MAX_SEGMENTS {
            return Err(format!("more than {MAX_SEGMENTS} segments"));
        }
        let last = self.segments.len().saturating_sub(1);
        if self.segments[..last].contains(&Segment::DoubleStar) {
            return Err("`**` is not the last segment".into());
        }
        for (index, variable) in self.variables.iter().enumerate() {
            let earlier = &self.variables[..index];
            if earlier.iter().any(|other| other.path == variable.path) {
                return Err(format!("variable `{}` is there twice", variable.path));
            }
        }
        Ok(())
    }
}

/// Where segments stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Path,
    Variable,
}

/// What is left of the text, and what was made of the rest.
struct Parser<'a> {
    rest: &'a str,
    template: Template,
}

impl<'a> Parser<'a> {
    /// Takes a token if it is next.
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes everything up to the first of `stops`.
    fn take_until(&mut self, stops: &[char]) -> &'a str {
        let end = self.rest.find(stops).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Reads segments with slashes between.
    fn segments(&mut self, scope: Scope) -> Parsed<()> {
        loop {
            self.segment(scope)?;
            if !self.eat("/") {
                return Ok(());
            }
        }
    }

    /// Reads `*`, `**`, a literal or a variable.
    fn segment(&mut self, scope: Scope) -> Parsed<()> {
        if self.eat("{") {
            return match scope {
                Scope::Path => self.variable(),
                Scope::Variable => Err("a variable holds another variable".into()),
            };
        }
        let segment = if self.eat("**") {
            Segment::DoubleStar
        } else if self.eat("*") {
            Segment::Star
        } else {
            let text = literal(self.take_until(&['/', ':', '{', '}', '*']), "segment")?;
            match scope {
                Scope::Path => Segment::Literal(text),
                Scope::Variable => Segment::VariableLiteral(text),
            }
        };
        self.template.segments.push(segment);
        Ok(())
    }

    /// Reads a variable after its `{`.
    fn variable(&mut self) -> Parsed<()> {
        let path = self.take_until(&['=', '}', '{', '/']);
        if !path.split('.').all(is_ident) {
            return Err(format!("`{path}` is not the path of a field"));
        }
        let start = self.template.segments.len();
        if self.eat("=") {
            self.segments(Scope::Variable)?;
        } else {
            self.template.segments.push(Segment::Star);
        }
        if !self.eat("}") {
            return Err(format!("variable `{path}` is not closed by `}}`"));
        }
        let covered = &self.template.segments[start..];
        let multi = covered.len() > 1 || covered.contains(&Segment::DoubleStar);
        let end = self.template.segments.len();
        self.template.variables.push(Variable {
            path: path.to_owned(),
            start,
            end,
            multi,
        });
        Ok(())
    }
}

/// Whether a text can name a field.
fn is_ident(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Decodes a literal, which must be something that a path can hold.
fn literal(text: &str, what: &str) -> Parsed<String> {
    if text.is_empty() {
        return Err(format!("a {what} is empty"));
    }
    let decoded = percent::decode(text, Mode::All)
        .map_err(|error| format!("the {what} `{text}` {}", error.as_str()))?;
    if matches!(&*decoded, "." | "..") {
        return Err(format!("the {what} `{text}` can never be part of a path"));
    }
    let unfit = |c: char| c.is_control() || c.is_whitespace() || "{}*?#\\/".contains(c);
    if let Some(c) = text.chars().find(|c| unfit(*c)) {
        return Err(format!("the {what} `{text}` holds {c:?}"));
    }
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    #[test]
    fn a_template_is_flattened() {
        let template = parse("/v1/{lease.name=leases/*}/documents/{id}:download");
        let literal = |text: &str| Segment::Literal(text.into());
        assert_eq!(
            template.segments,
            [
                literal("v1"),
                Segment::VariableLiteral("leases".into()),
                Segment::Star,
                literal("documents"),
                Segment::Star
            ]
        );
        let variable = |path: &str, start, end, multi| Variable {
            path: path.into(),
            start,
            end,
            multi,
        };
        assert_eq!(
            template.variables,
            [
                variable("lease.name", 1, 3, true),
                variable("id", 4, 5, false)
            ]
        );
        assert_eq!(template.verb.as_deref(), Some("download"));
    }

    #[test]
    fn a_single_star_is_one_segment_and_a_double_star_is_not() {
        assert!(!parse("/{v=*}").variables[0].multi);
        assert!(!parse("/{v=thing}").variables[0].multi);
        assert!(parse("/{v=**}").variables[0].multi);
        assert_eq!(parse("/{v}").segments, parse("/{v=*}").segments);
    }

    #[test]
    fn literals_and_verbs_are_decoded() {
        let template = parse("/a%20b/c%2Fd:e%3Af:g");
        assert_eq!(template.segments[0], Segment::Literal("a b".into()));
        assert_eq!(template.segments[1], Segment::Literal("c/d".into()));
        assert_eq!(template.verb.as_deref(), Some("e:f:g"));
        assert_eq!(parse("/a=b/+$,;@!").segments.len(), 2);
    }

    #[test]
    fn b1_what_is_no_template_is_refused() {
        for (text, why) in [
            ("", "start with"),
            ("v1", "start with"),
            ("/", "segment is empty"),
            ("//a", "segment is empty"),
            ("/a/", "segment is empty"),
            ("/a{x}", "cannot follow"),
            ("/{a}{b}", "cannot follow"),
            ("/{a}b", "cannot follow"),
            ("/*a", "cannot follow"),
            ("/***", "cannot follow"),
            ("/a/**/b", "not the last"),
            ("/{a=**}/b", "not the last"),
            ("/**/{a=**}", "not the last"),
            ("/{a={b}}", "another variable"),
            ("/{a=b/{c}}", "another variable"),
            ("/{a}/{a}", "twice"),
            ("/a:", "verb is empty"),
            ("/{a}:", "verb is empty"),
            ("/a:b/c", "holds '/'"),
            ("/a:{b}", "holds '{'"),
            ("/{a", "not closed"),
            ("/{a=b", "not closed"),
            ("/{a=b:c}", "not closed"),
            ("/{}", "path of a field"),
            ("/{a.}", "path of a field"),
            ("/{1a}", "path of a field"),
            ("/{a-b}", "path of a field"),
            ("/a}", "cannot follow"),
            ("/a%zz", "hexadecimal"),
            ("/a%ff", "UTF-8"),
            ("/a/../b", "never be part"),
            ("/%2e", "never be part"),
            ("/a b", "holds ' '"),
            ("/a?b", "holds '?'"),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(Template::parse(&"/a".repeat(65)).is_err());
    }
}
