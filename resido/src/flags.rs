//! Lays flags and variables over the file.

use std::path;

use anyhow::{Result, bail};
use resido_gateway::SharedSecret;

use crate::{
    cli::{Global, LogFormat, Migrations},
    environment,
    settings::Settings,
};

impl Settings {
    /// Reads the file that the command line names and lays its flags over it.
    pub(crate) fn of(global: &Global) -> Result<Self> {
        let mut settings = Self::load(global.config.as_deref())?;
        let observability = &mut settings.observability;
        if let Some(format) = global.log_format {
            observability.log_format = match format {
                LogFormat::Auto => resido_observability::LogFormat::Auto,
                LogFormat::Json => resido_observability::LogFormat::Json,
                LogFormat::Pretty => resido_observability::LogFormat::Pretty,
            };
        }
        if let Some(filter) = &global.log {
            observability.log.clone_from(filter);
        }
        // The name that every OpenTelemetry SDK reads.
        if environment::variable("NO_COLOR").is_some() {
            observability.colours = false;
        }
        if let Some(endpoint) = environment::variable("OTEL_EXPORTER_OTLP_ENDPOINT") {
            observability.otlp_endpoint = Some(endpoint);
        }
        // The gateway's alone, which says what is wrong with it.
        let secret = environment::variable("JWT_SECRET");
        settings.gateway.shared_secret = secret.as_deref().map(SharedSecret::new);
        Ok(settings)
    }

    /// Lays the flags of migrations over the file's section.
    pub(crate) fn with_migrations(mut self, flags: &Migrations) -> Result<Self> {
        let section = &mut self.migrations;
        if let Some(dir) = &flags.files.dir {
            // The flag starts from this folder, not from the file's.
            section.dir = Some(path::absolute(dir)?);
        }
        section.run = flags.run_migrations.unwrap_or(section.run);
        section.concurrency = flags.speed.tenant_concurrency.or(section.concurrency);
        if let Some(timeout) = flags.speed.tenant_timeout {
            section.tenant_milliseconds = u64::try_from(timeout.as_millis())?;
        }
        section.log |= flags.speed.tenant_log;
        section.tenants.clone_from(&flags.named.tenant);
        let faults = self.faults();
        if !faults.is_empty() {
            bail!("the settings are wrong:\n{}", faults.join("\n"));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        cli::{Cli, Command},
        settings::RunMigrations,
    };

    fn flags(said: &[&str]) -> Migrations {
        let line = ["resido", "up"].iter().chain(said);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Up(up) => up.migrations,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_win_over_the_file_and_silence_leaves_it() {
        let mut file = Settings::default();
        file.migrations.run = RunMigrations::Require;
        file.migrations.concurrency = Some(3);
        let left = file
            .clone()
            .with_migrations(&Migrations::default())
            .unwrap();
        assert_eq!(left.migrations, file.migrations);
        let said = flags(&[
            "--run-migrations=off",
            "--tenant-timeout=500ms",
            "--migrations=sql",
            "--tenant=acme",
        ]);
        let laid = file.with_migrations(&said).unwrap().migrations;
        assert_eq!((laid.run, laid.concurrency), (RunMigrations::Off, Some(3)));
        assert_eq!(laid.tenant_milliseconds, 500);
        assert!(laid.dir.unwrap().is_absolute());
        assert_eq!(laid.tenants, said.named.tenant);
    }

    #[test]
    fn a_flag_out_of_range_is_refused() {
        let said = flags(&["--tenant-concurrency=0"]);
        assert!(Settings::default().with_migrations(&said).is_err());
    }
}
