//! Prepares a database, once, as an administrator: the two logins and what they
//! may do.
//!
//! Afterwards nothing in the product needs an administrator. Doing it again
//! changes nothing but the passwords.

use resido_tenancy::tenant::quote_identifier;
use tokio_postgres::Client;

use crate::Error;

/// The passwords of the two logins.
#[derive(Clone)]
pub struct Logins {
    /// Of `<database>_control`: the control plane and the migrations.
    pub control_password: String,
    /// Of `<database>_app`: the services.
    pub app_password: String,
}

/// Creates the logins `<database>_control` and `<database>_app` in the database
/// that `admin` is connected to, and gives each what it needs. The administrator
/// needs the right to create roles, and to own the database or be a superuser.
///
/// # Errors
/// [`Error::TooOld`] before PostgreSQL 15; [`Error::Name`] if the database's name
/// cannot begin a role's; [`Error::Prepare`] if the administrator lacks rights.
pub async fn bootstrap(admin: &Client, logins: &Logins) -> Result<String, Error> {
    let row = admin
        .query_one(
            "select current_database(), current_setting('server_version_num')::int4",
            &[],
        )
        .await?;
    let database: String = row.get(0);
    let version: i32 = row.get(1);
    if version < 150_000 {
        return Err(Error::TooOld((version / 10_000).to_string()));
    }
    // A role's name has the database's and 29 further bytes.
    if database.len() > 34 {
        return Err(Error::Name(database));
    }
    let quoted = quote_identifier(&database).map_err(|_| Error::Name(database.clone()))?;
    let control = quote_identifier(&format!("{database}_control"))?;
    let app = quote_identifier(&format!("{database}_app"))?;
    role(
        admin,
        &control,
        "login createrole inherit",
        &logins.control_password,
    )
    .await?;
    role(admin, &app, "login noinherit", &logins.app_password).await?;
    let statements = format!(
        "grant {control} to current_user;
         revoke all on database {quoted} from public;
         grant connect, create, temporary on database {quoted} to {control};
         grant connect on database {quoted} to {app};
         create schema if not exists ext;
         alter schema ext owner to {control};
         grant usage on schema ext to public;
         alter schema public owner to {control};
         revoke all on schema public from public;"
    );
    script(admin, &statements).await?;
    Ok(database)
}

async fn role(admin: &Client, quoted: &str, rights: &str, password: &str) -> Result<(), Error> {
    let name = quoted.trim_matches('"');
    let known = admin
        .query_opt("select 1 from pg_roles where rolname = $1", &[&name])
        .await?;
    let verb = if known.is_some() { "alter" } else { "create" };
    let password = quote_literal(password);
    script(
        admin,
        &format!("{verb} role {quoted} {rights} password {password}"),
    )
    .await
}

#[expect(
    clippy::disallowed_methods,
    reason = "DDL takes no parameters; every name is quoted"
)]
async fn script(admin: &Client, sql: &str) -> Result<(), Error> {
    Ok(admin.batch_execute(sql).await?)
}

/// Writes a text as a literal that means the same whatever the server's settings.
fn quote_literal(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('\'', "''");
    format!("E'{text}'")
}

#[cfg(test)]
mod tests {
    use super::quote_literal;

    #[test]
    fn a_literal_cannot_end_early() {
        assert_eq!(quote_literal("a'b\\"), "E'a''b\\\\'");
    }
}
