//! The whole statement of a page.

use resido_proto::filter::Direction;

use super::{
    ask::{ListRequest, Listing},
    bind::Bind,
    condition,
    key::Key,
    token::Place,
};

/// The name of the column that a page token takes the id from.
pub(super) const ID: &str = "page_id";

/// Values of a statement, numbered behind those that the scope has.
#[derive(Debug)]
pub(super) struct Binds {
    scope: usize,
    pub(super) values: Vec<Bind>,
}

impl Binds {
    fn behind(scope: usize) -> Self {
        let values = Vec::new();
        Self { scope, values }
    }

    /// Takes a value and returns its number.
    pub(super) fn add(&mut self, value: Bind) -> usize {
        self.values.push(value);
        self.scope + self.values.len()
    }
}

/// Returns the name of the column that a page token takes a key from.
pub(super) fn key_name(place: usize) -> String {
    format!("page_key_{place}")
}

/// Builds the statement of a page, and one row more, behind so many values of
/// the scope.
pub(super) fn build(listing: &Listing, scope: usize, request: &ListRequest) -> (String, Vec<Bind>) {
    let mut binds = Binds::behind(scope);
    let order = &request.order;
    let mut select = listing.select.to_owned();
    for (place, key) in order.iter().enumerate() {
        select.push_str(&format!(", {} as {}", key.text_sql(), key_name(place)));
    }
    let mut conditions = vec![format!("({})", listing.scope)];
    if let Some(filter) = &request.filter {
        conditions.push(condition::sql(filter, request.columns, &mut binds));
    }
    if let Some(place) = &request.after {
        conditions.push(behind(listing, order, place, &mut binds));
    }
    let limit = binds.add(Bind::Integer(request.page.limit()));
    let sql = format!(
        "select {select}, ({id}) as {ID} from {from} where {conditions} \
         order by {order} limit ${limit}::bigint",
        id = listing.id,
        from = listing.from,
        conditions = conditions.join(" and "),
        order = order_by(listing, order),
    );
    (sql, binds.values)
}

fn order_by(listing: &Listing, order: &[Key]) -> String {
    let suffix = |direction| match direction {
        Direction::Ascending => "",
        Direction::Descending => " desc",
    };
    let mut keys: Vec<_> = order
        .iter()
        .map(|key| format!("{}{}", key.sql(), suffix(key.direction)))
        .collect();
    keys.push(format!("({}){}", listing.id, suffix(last(order))));
    keys.join(", ")
}

/// Returns the direction of the last key, which the id follows.
fn last(order: &[Key]) -> Direction {
    order
        .last()
        .map_or(Direction::Ascending, |key| key.direction)
}

/// Returns the condition that a row comes after a place.
fn behind(listing: &Listing, order: &[Key], place: &Place, binds: &mut Binds) -> String {
    let mut keys: Vec<_> = order
        .iter()
        .zip(&place.keys)
        .map(|(key, value)| Compared {
            sql: key.sql(),
            value: key.placeholder(binds.add(value.clone())),
            sign: sign(key.direction),
        })
        .collect();
    keys.push(Compared {
        sql: format!("({})", listing.id),
        value: format!("${}::uuid", binds.add(Bind::Id(place.id))),
        sign: sign(last(order)),
    });
    if keys.iter().all(|key| key.sign == keys[0].sign) {
        // One comparison of rows, which an index on the keys serves.
        let (sqls, values): (Vec<_>, Vec<_>) = keys
            .iter()
            .map(|key| (key.sql.as_str(), key.value.as_str()))
            .unzip();
        let sign = keys[0].sign;
        return format!("(({}) {sign} ({}))", sqls.join(", "), values.join(", "));
    }
    chain(&keys)
}

struct Compared {
    sql: String,
    value: String,
    sign: &'static str,
}

fn sign(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => ">",
        Direction::Descending => "<",
    }
}

/// Compares key by key: the next one counts where those before are equal.
fn chain(keys: &[Compared]) -> String {
    let Some((Compared { sql, value, sign }, rest)) = keys.split_first() else {
        return "false".to_owned();
    };
    if rest.is_empty() {
        return format!("({sql} {sign} {value})");
    }
    let rest = chain(rest);
    format!("({sql} {sign} {value} or ({sql} = {value} and {rest}))")
}
