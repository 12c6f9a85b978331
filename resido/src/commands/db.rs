//! `resido db`.

use anyhow::{Context as _, Result, bail};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::{
    cli::{Db, Format, Login},
    data_dir::DataDir,
    logins,
    postgres::{self, NO_DATABASE},
    terminal,
};

pub(crate) async fn db(command: &Db, format: Format) -> Result<()> {
    match command {
        Db::Url {
            database: flags,
            login,
        } => {
            if let Some(url) = &flags.database_url {
                let dir = DataDir::find(&flags.data_dir)?;
                let urls = logins::find(dir.as_ref(), url.expose_secret()).await?;
                let url = match login {
                    Login::Control => urls.control,
                    Login::App => urls.app,
                };
                print("url", url.expose_secret(), format);
                return Ok(());
            }
            // Looking must not make a data directory.
            let dir = DataDir::find(&flags.data_dir)?.context(NO_DATABASE)?;
            if !postgres::exists(dir.path()) {
                bail!(NO_DATABASE);
            }
            let url = logins::embedded_url(&dir, *login)?.context(NO_DATABASE)?;
            if !dir.is_locked() {
                terminal::note("the database is stopped; it runs while `resido up` does");
            }
            print("url", &url, format);
        }
        Db::Init(flags) => {
            let dir = DataDir::open(&flags.data_dir)?;
            let url = flags.database_url.as_ref();
            let url = url.context("--database-url must name the database and its administrator")?;
            let urls = logins::set(&dir, url.expose_secret()).await?;
            let (control, app) = (urls.control.expose_secret(), urls.app.expose_secret());
            match format {
                Format::Json => {
                    terminal::line(&json!({"control": control, "app": app}).to_string())
                }
                Format::Text => {
                    terminal::line(&format!("RESIDO_CONTROL_DATABASE_URL={control}"));
                    terminal::line(&format!("RESIDO_APP_DATABASE_URL={app}"));
                }
            }
        }
    }
    Ok(())
}

fn print(name: &str, value: &str, format: Format) {
    match format {
        Format::Json => terminal::line(&json!({ name: value }).to_string()),
        Format::Text => terminal::line(value),
    }
}
