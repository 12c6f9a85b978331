//! The commands, and what all of them take.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::{
    Audit, ControlPlane, Db, Gateway, Housing, KeyCommands, Migrate, TenantCommands, Token, Up,
    UserCommands,
};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 the command line is wrong, 130 told to end twice.
Of `migrate`: 1 some tenants failed, or `verify` found what differs, 2 refused, not confirmed,
halted or interrupted, 3 another process migrates.
Of `tenants`, `users`, `audit`: 1 failed, 2 not confirmed, 3 a rule forbids it, 4 there is no such thing.

Settings: flags win over the environment, that over resido.toml, that over the defaults.
NO_COLOR turns colours off; OTEL_EXPORTER_OTLP_ENDPOINT names a collector for traces.";

/// Multi-tenant backend for software teams: gRPC, gRPC-Web and REST on one port, a
/// PostgreSQL schema for each tenant.
#[derive(Debug, Parser)]
#[command(name = "resido", version, propagate_version = true, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Every command")]
pub(crate) struct Global {
    /// Configuration file; `resido.toml` in this folder is read if it exists
    #[arg(long, global = true, env = "RESIDO_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// How log lines are written
    #[arg(long, global = true, value_enum, env = "RESIDO_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Which log lines are written, such as `info` or `resido_gateway=debug`
    #[arg(long, global = true, env = "RESIDO_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole product in one process, on an embedded PostgreSQL
    Up(Box<Up>),
    /// Run the gateway alone
    Gateway(Gateway),
    /// Run the control plane alone: tenants, people, credentials
    ControlPlane(ControlPlane),
    /// Run the housing service alone
    Housing(Housing),
    /// Look at and apply database migrations
    #[command(subcommand)]
    Migrate(Migrate),
    /// Prepare a database, or find the running one
    #[command(subcommand)]
    Db(Db),
    /// Create, find and govern tenants
    Tenants(TenantCommands),
    /// Govern the people of a tenant
    Users(UserCommands),
    /// Print the record of who did what
    Audit(Audit),
    /// List and rotate the keys that sign access tokens
    Keys(KeyCommands),
    /// Print an access token of the operator
    Token(Token),
    /// List the routes of the gateway and who may call them
    Routes(Described),
    /// Print the OpenAPI document of the gateway
    Openapi(Described),
    /// Check a configuration file and report every fault
    CheckConfig,
    /// Print a completion script
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
}

/// Which gateway is described.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Described {
    /// The gateway that `resido gateway` runs, without the parts of `resido up`
    #[arg(long)]
    pub(crate) alone: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::settings::RunMigrations;

    fn up(arguments: &[&str]) -> Box<Up> {
        let line = ["resido", "up"].iter().chain(arguments);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Up(up) => up,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_old_words_for_migrations_still_work() {
        let run = |word| up(&["--run-migrations", word]).migrations.run_migrations;
        assert_eq!(run("true"), Some(RunMigrations::All));
        assert_eq!(run("false"), Some(RunMigrations::Off));
        assert_eq!(run("require"), Some(RunMigrations::Require));
    }

    #[test]
    fn what_was_not_said_is_left_open() {
        let up = up(&[]);
        assert!(up.listen.is_none() && !up.demo && up.migrations.run_migrations.is_none());
        assert_eq!(up.database.data_dir, PathBuf::from(".resido"));
    }

    #[test]
    fn no_password_of_a_url_can_be_logged() {
        let url = "postgresql://u:hunter2@h/d";
        let control = ["--control-database-url", url];
        let app = ["--app-database-url", url];
        let jwks = ["--context-jwks", "keys.json"];
        for line in [
            [&["up", "--database-url", url][..], &control, &app].concat(),
            [&["migrate", "up", "--database-url", url][..], &control].concat(),
            vec!["db", "url", "--database-url", url],
            [&["control-plane"][..], &control, &jwks].concat(),
            [&["housing"][..], &app, &jwks].concat(),
        ] {
            let cli = Cli::try_parse_from(["resido"].iter().chain(&line)).unwrap();
            let shown = format!("{cli:?}");
            assert!(!shown.contains("hunter2"), "{line:?}: {shown}");
        }
    }

    #[test]
    fn one_login_of_two_is_refused() {
        for flag in ["--control-database-url", "--app-database-url"] {
            let line = ["resido", "up", flag, "postgresql://u:p@h/d"];
            assert!(Cli::try_parse_from(line).is_err(), "{flag}");
        }
    }

    #[test]
    fn help_sets_what_a_command_takes_apart_from_what_all_take() {
        let mut cli = Cli::command();
        cli.build();
        let users = cli.find_subcommand_mut("users").unwrap();
        let list = users.find_subcommand_mut("list").unwrap();
        let help = list.render_help().to_string();
        let headings: Vec<_> = ["Options:", "Database:", "Every command:"]
            .map(|heading| help.find(heading).expect(heading))
            .into();
        assert!(headings.is_sorted(), "{help}");
        let at = |flag| help.find(flag).unwrap();
        assert!(
            at("--tenant") < headings[1] && at("--limit") < headings[1],
            "{help}"
        );
        assert!(
            (headings[1]..headings[2]).contains(&at("--data-dir")),
            "{help}"
        );
        assert!(
            at("--format") > headings[2] && at("--config") > headings[2],
            "{help}"
        );
        assert!(!help.contains("[default: ]"), "{help}");
    }

    #[test]
    fn no_migration_command_takes_a_flag_that_it_ignores() {
        let run = "01900000-0000-7000-8000-000000000001";
        for (command, flag, taken) in [
            (&["retry", run][..], "--tenant-timeout=5s", true),
            (&["retry", run], "--canary=2", false),
            (&["resume", run], "--where=plan=free", false),
            (&["resume", run], "--yes", false),
            (&["rollback", run], "--canary=2", true),
            (&["rollback", run], "--yes", true),
            (&["rollback", run], "--tenant=acme", false),
            (&["rollback", run], "--dry-run", false),
            (&["rollback", run], "--rehearse", false),
            (&["status"], "--tenant=acme", false),
            (&["runs"], "--tenant-log", false),
            (&["plan"], "--tenant-concurrency=2", false),
            (&["verify"], "--tenant=acme", true),
            (&["up"], "--run-migrations=off", false),
        ] {
            let line = [&["resido", "migrate"], command, &[flag]].concat();
            let parsed = Cli::try_parse_from(&line);
            assert_eq!(parsed.is_ok(), taken, "{line:?}");
        }
    }

    #[test]
    fn exit_codes_are_documented() {
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("Exit codes: 0 done"), "{help}");
    }
}
