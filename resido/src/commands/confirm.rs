//! Asks before what cannot be undone, and tells a refusal by its exit code.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result};

use super::control::Refused;

/// Exit code of a command that was not confirmed, or asks for what makes no sense.
const REFUSED: u8 = 2;

/// Exit code where there is no such thing.
const MISSING: u8 = 4;

/// The person did not say yes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotConfirmed(String);

/// What a command is about does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Missing(pub(super) String);

/// What a command asks for makes no sense, or not here.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Wrong(pub(super) String);

/// Whether the command line said yes already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// `--yes`.
    Yes,
    /// Nothing.
    Nothing,
}

impl From<bool> for Said {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::Nothing }
    }
}

/// Asks a person to type a name before something happens to its bearer.
///
/// # Errors
/// If another name is typed, or there is nobody to ask.
pub(super) async fn confirm(said: Said, what: &str, name: &str) -> Result<()> {
    if said == Said::Yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let text = format!("{what}: add --yes to do it without being asked");
        return Err(NotConfirmed(text).into());
    }
    let question = format!("{what}. Type `{name}` to go on: ");
    let answer = tokio::task::spawn_blocking(move || ask(&question)).await?;
    if answer.context("no answer could be read")?.trim() == name {
        Ok(())
    } else {
        Err(NotConfirmed("nothing was done".to_owned()).into())
    }
}

fn ask(question: &str) -> io::Result<String> {
    let mut stderr = io::stderr();
    write!(stderr, "{question}")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}

/// Returns the exit code that an error asks for.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    if let Some(refused) = error.downcast_ref::<Refused>() {
        return ExitCode::from(refused.exit_code());
    }
    if error.downcast_ref::<Missing>().is_some() {
        return ExitCode::from(MISSING);
    }
    if error.is::<NotConfirmed>() || error.is::<Wrong>() {
        return ExitCode::from(REFUSED);
    }
    ExitCode::FAILURE
}
