//! What a list is, and what a caller asks of it.

use resido_proto::{
    error::Violation,
    filter::{self, Expr, Field, Kind},
    page::PageRequest,
    validate::Checks,
};

use super::{
    key::Key,
    token::{self, Digest, Place},
};

/// A field that a list can be filtered and ordered by.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Path of the field as the proto spells it.
    pub field: &'static str,
    /// A column or an expression of the query; never null if `sort`, and text of
    /// a bounded length then, for a page token holds at most 4 KiB.
    pub sql: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether the list may be ordered by it.
    pub sort: bool,
}

/// A list of rows: what is read, from where.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// What a row consists of, such as `id, display_name`.
    pub select: &'static str,
    /// A table or a join.
    pub from: &'static str,
    /// The condition that all rows fulfil, such as `property_id = $1`, or `true`.
    pub scope: &'static str,
    /// The fields that a caller may name.
    pub columns: &'static [Column],
    /// A column of unique UUIDs, which orders what is equal otherwise.
    pub id: &'static str,
    /// The order when the caller names none, such as `create_time`.
    pub order: &'static str,
}

/// What a caller sent.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Rows at most; 0 for the default.
    pub page_size: i32,
    /// `next_page_token` of the page before; empty for the first page.
    pub page_token: &'a str,
    /// Condition, AIP-160; empty for all rows.
    pub filter: &'a str,
    /// Order, AIP-132; empty for that of the list.
    pub order_by: &'a str,
}

/// What a caller asked for, understood.
#[derive(Debug, Clone)]
pub struct ListRequest {
    pub(super) columns: &'static [Column],
    pub(super) page: PageRequest,
    pub(super) filter: Option<Expr>,
    pub(super) order: Vec<Key>,
    pub(super) after: Option<Place>,
    pub(super) digest: Digest,
}

impl Listing {
    /// Reads what a caller asks of the list.
    ///
    /// # Errors
    /// Every violation of `page_size`, `page_token`, `filter` and `order_by`.
    pub fn request(&self, ask: Ask<'_>) -> Result<ListRequest, Vec<Violation>> {
        let fields: Vec<_> = self.columns.iter().map(Column::field).collect();
        let order_by = match ask.order_by.trim() {
            "" => self.order,
            asked => asked,
        };
        let digest = token::digest([ask.filter, order_by, self.from]);
        let mut checks = Checks::default();
        let page = checks.take(PageRequest::parse(ask.page_size, ""));
        let filter = checks.take(filter::parse(ask.filter, &fields));
        let order = checks.take(filter::order_by(order_by, &fields));
        let order = order.map(|terms| Key::all(self.columns, &terms));
        // A token tells of its order, so that one needs the other.
        let after = order
            .as_ref()
            .and_then(|order| checks.take(place(ask.page_token, digest, order)));
        let made =
            page.zip(filter)
                .zip(order.zip(after))
                .map(|((page, filter), (order, after))| ListRequest {
                    columns: self.columns,
                    page,
                    filter,
                    order,
                    after,
                    digest,
                });
        checks.finish_with(made)
    }
}

impl ListRequest {
    /// Whether the filter says anything of a field.
    #[must_use]
    pub fn filters_by(&self, field: &str) -> bool {
        let is = |column: usize| {
            let column = self.columns.get(column);
            column.is_some_and(|column| column.field == field)
        };
        self.filter
            .as_ref()
            .is_some_and(|filter| names(filter, &is))
    }
}

fn names(expr: &Expr, is: &impl Fn(usize) -> bool) -> bool {
    match expr {
        Expr::All(exprs) | Expr::Any(exprs) => exprs.iter().any(|expr| names(expr, is)),
        Expr::Not(expr) => names(expr, is),
        Expr::Compare { column, .. } => is(*column),
    }
}

impl Column {
    fn field(&self) -> Field {
        Field {
            name: self.field,
            kind: self.kind,
            sort: self.sort,
        }
    }
}

fn place(token: &str, digest: Digest, order: &[Key]) -> Result<Option<Place>, Vec<Violation>> {
    if token.is_empty() {
        return Ok(None);
    }
    let kinds: Vec<_> = order.iter().map(|key| key.column.kind).collect();
    let place = token::decode(token, digest, &kinds);
    place.map(Some).ok_or_else(|| {
        let fault = "is not a token of this list with this filter and order";
        vec![Violation::new("page_token", fault)]
    })
}
