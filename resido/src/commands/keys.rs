//! `resido keys`.

use std::{
    process::ExitCode,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::confirm::{Said, confirm};
use crate::{
    cli::{Format, KeyCommands, Keys},
    data_dir::DataDir,
    settings::Settings,
    terminal,
    token_keys::{self, Kept, now},
};

/// Tokens that do not follow the setting live so long: those of impersonation.
const LEAST_OVERLAP: Duration = Duration::from_secs(15 * 60);

/// A key as it is listed.
#[derive(Debug, Serialize)]
struct Row {
    kid: String,
    state: &'static str,
    created: Option<String>,
    signs: Option<String>,
    retires: Option<String>,
}

pub(crate) async fn keys(
    flags: &KeyCommands,
    settings: &Settings,
    format: Format,
) -> Result<ExitCode> {
    // Looking must not make a data directory.
    let dir = DataDir::find(&flags.data_dir)?.context(token_keys::NONE)?;
    match flags.command {
        Keys::List => list(&dir, format)?,
        Keys::Rotate {
            overlap,
            publish_first,
            yes,
        } => {
            check(settings, overlap)?;
            let what = "access tokens will be signed by a new key";
            confirm(Said::from(yes), what, "rotate").await?;
            let made = token_keys::rotate(&dir, publish_first, overlap)?;
            tracing::info!(kid = made.key.kid(), "a key of access tokens was made");
            list(&dir, format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Tokens that are good must not be refused because their key retires.
fn check(settings: &Settings, overlap: Duration) -> Result<()> {
    let life = settings.control_plane.access_token_seconds;
    let least = Duration::from_secs(life.into()).max(LEAST_OVERLAP);
    if overlap < least {
        let seconds = least.as_secs();
        bail!("--overlap must be {seconds}s at least: so long does an access token live");
    }
    Ok(())
}

fn list(dir: &DataDir, format: Format) -> Result<()> {
    let (keys, now) = (token_keys::kept(dir)?, now());
    let first = token_keys::first_written(dir).unwrap_or_default();
    let signing = keys.signing(now).context(token_keys::NONE)?;
    let signing = signing.file.key.kid();
    let rows: Vec<_> = keys
        .keys()
        .iter()
        .map(|key| row(key, signing, (now, first)))
        .collect();
    let head = ["KID", "STATE", "CREATED", "SIGNS", "RETIRES"];
    terminal::rows(format, &rows, &head, |row| {
        let shown = |time: &Option<String>| time.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            row.kid.clone(),
            row.state.to_owned(),
            shown(&row.created),
            shown(&row.signs),
            shown(&row.retires),
        ]
    })
}

/// Describes a key; `first` is when that of them was made whose file does not say.
fn row(key: &Kept, signing: &str, (now, first): (u64, u64)) -> Row {
    let file = &key.file;
    let known = |seconds| if seconds == 0 { first } else { seconds };
    let state = if file.key.kid() == signing {
        "signs"
    } else if key.is_retired(now) {
        "retired"
    } else if file.sign_from > now {
        "published"
    } else {
        "verifies"
    };
    Row {
        kid: file.key.kid().to_owned(),
        state,
        created: time(known(file.created)),
        signs: time(known(file.sign_from)),
        retires: key.retires.and_then(time),
    }
}

/// Returns a moment as RFC 3339; nothing for one that is not known.
fn time(seconds: u64) -> Option<String> {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    (seconds > 0).then(|| prost_types::Timestamp::from(time).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_as_long_as_a_token_lives() {
        let mut settings = Settings::default();
        let check =
            |settings: &Settings, seconds| check(settings, Duration::from_secs(seconds)).is_ok();
        assert!(check(&settings, 900) && !check(&settings, 899));
        settings.control_plane.access_token_seconds = 3600;
        assert!(check(&settings, 3600) && !check(&settings, 3599));
        settings.control_plane.access_token_seconds = 60;
        assert!(check(&settings, 900) && !check(&settings, 60));
    }

    #[test]
    fn moments_are_rfc_3339() {
        assert_eq!(time(0), None);
        assert_eq!(time(86_400).unwrap(), "1970-01-02T00:00:00Z");
    }
}
