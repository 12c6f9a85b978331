//! What the command line asks of a run, checked.

use anyhow::Result;
use resido_migrations::{Canary, Order, Rollout, Selection, Sets, Tolerance};
use resido_proto::ids::TenantId;
use resido_tenancy::{
    db::{self, PublicDatabase},
    tenant::Selector,
};

use crate::{
    cli::{Selected, Stages},
    commands::confirm::Wrong,
    migrating,
    settings::Settings,
};

/// Checks what can be checked before there is a database.
///
/// # Errors
/// [`Wrong`] if it makes no sense.
pub(super) fn check(stages: &Stages, to: Option<i64>, sets: &Sets) -> Result<()> {
    let last = sets.tenant.latest();
    if let Some(to) = to.filter(|to| *to > last) {
        return wrong(format!("--to {to} is beyond the last migration, {last}"));
    }
    if matches!(&stages.canary[..], [number] if number.parse() == Ok(0_u32)) {
        return wrong("--canary takes one tenant at least".to_owned());
    }
    if !stages.waves.is_sorted_by(|one, next| one < next) {
        return wrong("--waves must ascend, as in `1%,10%,100%`".to_owned());
    }
    Ok(())
}

/// Says which tenants are meant, and how far they are brought.
///
/// # Errors
/// [`Wrong`] if there is no such tenant; the database's.
pub(super) async fn selection(
    db: &PublicDatabase,
    selected: &Selected,
    settings: &Settings,
) -> Result<Selection> {
    Ok(Selection {
        tenants: find(db, &settings.migrations.tenants).await?,
        exclude: find(db, &selected.exclude).await?,
        filter: selected.filter.clone(),
        limit: selected.limit,
        to: selected.to,
        order: if selected.allow_out_of_order {
            Order::Any
        } else {
            Order::Strict
        },
    })
}

/// Says in what order they are worked on, and when the run halts.
///
/// # Errors
/// As [`selection`].
pub(super) async fn rollout(db: &PublicDatabase, stages: &Stages) -> Result<Rollout> {
    let first = stages.fail_fast.then_some(Tolerance::Count(1));
    Ok(Rollout {
        canary: canary(db, &stages.canary).await?,
        waves: stages.waves.clone(),
        max_failures: stages.max_failures.or(first),
    })
}

/// Finds the tenants that were named.
///
/// # Errors
/// As [`selection`].
pub(super) async fn find(db: &PublicDatabase, named: &[Selector]) -> Result<Vec<TenantId>> {
    let found = migrating::find_all(db, named).await;
    found.map_err(|error| {
        if error.is::<db::Error>() || error.is::<tokio_postgres::Error>() {
            return error;
        }
        Wrong(error.to_string()).into()
    })
}

/// Reads a number, or tenants.
async fn canary(db: &PublicDatabase, words: &[String]) -> Result<Option<Canary>> {
    if let [number] = words
        && let Ok(number) = number.parse()
    {
        return Ok(Some(Canary::Count(number)));
    }
    let mut named = Vec::with_capacity(words.len());
    for word in words {
        let Ok(selector) = word.parse::<Selector>() else {
            return wrong(format!(
                "`--canary {word}` is neither a number nor a tenant"
            ));
        };
        named.push(selector);
    }
    if named.is_empty() {
        return Ok(None);
    }
    Ok(Some(Canary::Tenants(find(db, &named).await?)))
}

fn wrong<T>(text: String) -> Result<T> {
    Err(Wrong(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_is_done() {
        let sets = Sets::embedded().unwrap();
        let last = sets.tenant.latest();
        let stages = |canary: &[&str], waves: &[f64]| Stages {
            canary: canary.iter().map(|&word| word.to_owned()).collect(),
            waves: waves.to_vec(),
            ..Stages::default()
        };
        for (stages, to, fine) in [
            (stages(&[], &[]), None, true),
            (stages(&["1"], &[1.0, 10.0, 100.0]), Some(last), true),
            (stages(&["acme", "globex"], &[]), Some(1), true),
            (stages(&["0"], &[]), None, false),
            (stages(&[], &[10.0, 1.0]), None, false),
            (stages(&[], &[10.0, 10.0]), None, false),
            (stages(&[], &[]), Some(last + 1), false),
        ] {
            let checked = check(&stages, to, &sets);
            assert_eq!(checked.is_ok(), fine, "{stages:?} {to:?}");
            assert!(checked.map_or_else(|error| error.is::<Wrong>(), |()| true));
        }
    }
}
