//! The grammar of filters.

use super::{
    expr::{Expr, Op},
    field::{Field, find, piece, unknown},
    scan::{Literal, Scanner},
    value,
};
use crate::error::Violation;

/// Bytes of a filter, or of an order, at most.
pub const MAX_BYTES: usize = 2000;
/// Comparisons of a filter at most.
pub const MAX_COMPARISONS: usize = 50;
/// Parentheses within each other at most.
pub const MAX_DEPTH: usize = 10;

/// In this order: what begins another comes after it.
const COMPARATORS: [(&str, Op); 7] = [
    ("!=", Op::NotEqual),
    ("<=", Op::AtMost),
    (">=", Op::AtLeast),
    ("=", Op::Equal),
    ("<", Op::Less),
    (">", Op::Greater),
    (":", Op::Has),
];

/// Reads a filter; an empty one is none.
///
/// # Errors
/// Violations of `filter`: every field and value that is wrong, up to the place
/// where the grammar is broken.
pub fn parse(text: &str, fields: &[Field]) -> Result<Option<Expr>, Vec<Violation>> {
    let violation = |fault| Violation::new("filter", fault);
    if text.len() > MAX_BYTES {
        let fault = format!("is longer than {MAX_BYTES} bytes");
        return Err(vec![violation(fault)]);
    }
    if text.contains('\0') {
        return Err(vec![violation("has a NUL character".to_owned())]);
    }
    if text.trim().is_empty() {
        return Ok(None);
    }
    let mut parser = Parser {
        scan: Scanner::new(text),
        fields,
        comparisons: 0,
        depth: 0,
        faults: Vec::new(),
    };
    match parser.whole() {
        Ok(expr) if parser.faults.is_empty() => return Ok(Some(expr)),
        Ok(_) => {}
        Err(fault) => parser.faults.push(fault),
    }
    Err(parser.faults.into_iter().map(violation).collect())
}

struct Parser<'a> {
    scan: Scanner<'a>,
    fields: &'a [Field],
    comparisons: usize,
    depth: usize,
    /// Faults that the grammar does not stumble over.
    faults: Vec<String>,
}

impl Parser<'_> {
    fn whole(&mut self) -> Result<Expr, String> {
        let expr = self.expression()?;
        match self.scan.peek() {
            None => Ok(expr),
            Some(_) => Err(self.unexpected()),
        }
    }

    /// Leaves the scanner at the end or at a closing parenthesis.
    fn expression(&mut self) -> Result<Expr, String> {
        let mut all = vec![self.factor()?];
        loop {
            let and = self.scan.keyword("AND");
            if !and && matches!(self.scan.peek(), None | Some(')')) {
                return Ok(only_or(all, Expr::All));
            }
            all.push(self.factor()?);
        }
    }

    fn factor(&mut self) -> Result<Expr, String> {
        let mut any = vec![self.term()?];
        while self.scan.keyword("OR") {
            any.push(self.term()?);
        }
        Ok(only_or(any, Expr::Any))
    }

    fn term(&mut self) -> Result<Expr, String> {
        if self.scan.keyword("NOT") || self.scan.eat("-") {
            return Ok(Expr::Not(Box::new(self.simple()?)));
        }
        self.simple()
    }

    fn simple(&mut self) -> Result<Expr, String> {
        self.scan.skip_blanks();
        if !self.scan.eat("(") {
            return self.comparison();
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("has more than {MAX_DEPTH} nested parentheses"));
        }
        let expr = self.expression()?;
        self.depth -= 1;
        if self.scan.eat(")") {
            Ok(expr)
        } else {
            Err("lacks a closing parenthesis".to_owned())
        }
    }

    fn comparison(&mut self) -> Result<Expr, String> {
        let name = self.name()?;
        self.scan.skip_blanks();
        let comparator = COMPARATORS.iter().find(|(sign, _)| self.scan.eat(sign));
        let Some(&(sign, op)) = comparator else {
            let name = piece(&name);
            return Err(format!(
                "has {name} without a comparison: name a field and a value"
            ));
        };
        let literal = self.value(&name, sign)?;
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(format!("has more than {MAX_COMPARISONS} comparisons"));
        }
        Ok(self.typed(&name, op, literal).unwrap_or_else(|fault| {
            self.faults.push(fault);
            // Never seen: a filter with faults is none.
            Expr::All(Vec::new())
        }))
    }

    /// Takes what should be the name of a field.
    fn name(&mut self) -> Result<String, String> {
        if matches!(self.scan.peek(), Some('"' | '\'')) {
            return Ok(self.scan.quoted()?.written);
        }
        let name = self.scan.name();
        if name.is_empty() || is_keyword(name) {
            return Err(if is_keyword(name) {
                format!("has {} where a comparison should be", piece(name))
            } else {
                self.unexpected()
            });
        }
        self.refuse_function(name)?;
        Ok(name.to_owned())
    }

    fn value(&mut self, name: &str, sign: &str) -> Result<Literal, String> {
        self.scan.skip_blanks();
        match self.scan.peek() {
            Some('"' | '\'') => return self.scan.quoted(),
            Some('(') => {
                let rest = piece(self.scan.rest());
                return Err(format!("has parentheses around a value: {rest}"));
            }
            _ => {}
        }
        let word = self.scan.word();
        if word.written.is_empty() || is_keyword(&word.written) {
            let comparison = piece(&format!("{name} {sign}"));
            return Err(format!("has no value after {comparison}"));
        }
        self.refuse_function(&word.written)?;
        Ok(word)
    }

    fn typed(&self, name: &str, op: Op, literal: Literal) -> Result<Expr, String> {
        let known = || self.fields.iter().map(|field| field.name);
        let column = find(self.fields, name).ok_or_else(|| unknown(name, known()))?;
        let field = self.fields[column];
        let (op, value) = value::read(field.kind, op, literal)
            .map_err(|fault| format!("{} {fault}", piece(field.name)))?;
        Ok(Expr::Compare { column, op, value })
    }

    fn refuse_function(&self, name: &str) -> Result<(), String> {
        if self.scan.peek() == Some('(') {
            return Err(format!("has the function {}: there are none", piece(name)));
        }
        Ok(())
    }

    fn unexpected(&self) -> String {
        match self.scan.rest() {
            "" => "ends where a comparison should be".to_owned(),
            rest => format!("has {} where a comparison should be", piece(rest)),
        }
    }
}

fn is_keyword(word: &str) -> bool {
    matches!(word, "AND" | "OR" | "NOT")
}

/// Returns the only condition, or all of them together.
fn only_or(mut exprs: Vec<Expr>, together: impl Fn(Vec<Expr>) -> Expr) -> Expr {
    match exprs.pop() {
        Some(only) if exprs.is_empty() => only,
        last => {
            exprs.extend(last);
            together(exprs)
        }
    }
}
