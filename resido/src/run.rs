//! Runs what the command line says.

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::{
    cli::{Cli, Command},
    commands, open_files,
    settings::Settings,
    terminal,
};

/// Runs a command and returns the process's exit code: 0 if it did what it
/// should, 1 if it failed; `--help` tells of others.
pub async fn run(cli: Cli) -> ExitCode {
    match Box::pin(execute(cli)).await {
        Ok(code) => code,
        Err(error) => {
            terminal::failure(&error);
            commands::exit_code(&error)
        }
    }
}

async fn execute(cli: Cli) -> Result<ExitCode> {
    let (global, format) = (&cli.global, cli.global.format);
    // What needs no settings works with wrong ones, too.
    match &cli.command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "resido", &mut script);
            terminal::line(String::from_utf8_lossy(&script).trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        Command::CheckConfig => return commands::check_config(global),
        Command::Db(command) => {
            commands::db(command, format).await?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let mut settings = Settings::of(global)?;
    let logging = resido_observability::setup::install(&settings.observability)?;
    if matches!(cli.command, Command::Up(_) | Command::Gateway(_)) {
        open_files::fit(&mut settings.gateway);
        if settings.gateway.shared_secret.is_some() {
            tracing::warn!("tokens that others sign with JWT_SECRET are accepted");
        }
    }
    let code = match cli.command {
        Command::Up(up) => Box::pin(commands::up(*up, settings, format))
            .await
            .map(|()| ExitCode::SUCCESS),
        Command::Gateway(flags) => commands::gateway(&flags, settings).await,
        Command::ControlPlane(flags) => Box::pin(commands::control_plane(&flags, settings)).await,
        Command::Housing(flags) => commands::housing(&flags, settings).await,
        Command::Migrate(command) => Box::pin(commands::migrate(&command, settings, format)).await,
        Command::Tenants(flags) => Box::pin(commands::tenants(&flags, settings, format)).await,
        Command::Users(flags) => Box::pin(commands::users(&flags, settings, format)).await,
        Command::Audit(flags) => Box::pin(commands::audit(&flags, settings, format)).await,
        Command::Keys(flags) => Box::pin(commands::keys(&flags, &settings, format)).await,
        Command::Token(flags) => Box::pin(commands::token(&flags, &settings, format)).await,
        Command::Routes(which) => commands::routes(which, &settings, format),
        Command::Openapi(which) => commands::openapi(which, &settings),
        Command::Db(_) | Command::CheckConfig | Command::Completions { .. } => {
            Ok(ExitCode::SUCCESS)
        }
    };
    tokio::task::spawn_blocking(move || logging.shutdown()).await?;
    code
}
