//! The bootstrap operator: whose password the data directory may set.

use anyhow::Result;
use resido_control_plane::OPERATOR_EMAIL;
use resido_tenancy::db::{PublicDatabase, params};

use crate::data_dir::{DataDir, Operator};

const KNOWN: &str = "select 1 from users where email = $1";

/// Returns the credentials that the operator is to have: those of the data
/// directory, or new ones where there is no operator yet. Nothing where another
/// directory's operator is there already: a fresh one must not lock it out.
pub(crate) async fn credentials(dir: &DataDir, db: &PublicDatabase) -> Result<Option<Operator>> {
    if !dir.operator_file().exists() {
        let tx = db.begin(None).await?;
        let known = tx.query_opt(KNOWN, params![OPERATOR_EMAIL]).await;
        if tx.finish(known).await?.is_some() {
            return Ok(None);
        }
    }
    dir.operator(OPERATOR_EMAIL).map(Some)
}

/// Returns what to do where [`credentials`] has nothing.
pub(crate) fn advice(dir: &DataDir) -> String {
    format!(
        "{OPERATOR_EMAIL} exists already and its password is not in {file}: put the {name} there \
         that has it, or write one with a new password, as {{\"email\": \"{OPERATOR_EMAIL}\", \
         \"password\": \"…\"}}",
        file = dir.operator_file().display(),
        name = "operator.json",
    )
}
