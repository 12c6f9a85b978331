//! `resido keys`.

use std::{
    process::ExitCode,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use resido_control_plane::{Deed, MAX_TOKEN_SECONDS};
use serde::Serialize;

use super::{
    confirm::{Said, confirm},
    control::Session,
};
use crate::{
    cli::{Format, KeyCommands, Keys},
    data_dir::DataDir,
    settings::Settings,
    terminal,
    token_keys::{self, Kept, now},
};

/// Tokens that are good must not be refused because their key retires.
const LEAST_OVERLAP: Duration = Duration::from_secs(MAX_TOKEN_SECONDS as u64);

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
    let dir = DataDir::find(&flags.target.database.data_dir)?.context(token_keys::NONE)?;
    match flags.command {
        Keys::List => list(&dir, format)?,
        Keys::Rotate {
            overlap,
            publish_first,
            yes,
        } => {
            check(overlap)?;
            let what = "access tokens will be signed by a new key";
            confirm(Said::from(yes), what, "rotate").await?;
            // First the record's place: nothing is done that cannot be recorded.
            let session = Session::open(&flags.target, settings).await?;
            let rotated = rotate(&dir, &session, (publish_first, overlap)).await;
            session.close().await?;
            rotated?;
            list(&dir, format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn rotate(
    dir: &DataDir,
    session: &Session,
    (publish_first, overlap): (Duration, Duration),
) -> Result<()> {
    let made = token_keys::rotate(dir, publish_first, overlap)?;
    let kid = made.key.kid();
    tracing::info!(kid, "a key of access tokens was made");
    let deed = Deed::KeyRotated {
        kid: kid.to_owned(),
        publish_first_seconds: publish_first.as_secs(),
        overlap_seconds: overlap.as_secs(),
    };
    let recorded = session.record(deed).await;
    recorded.with_context(|| format!("the key {kid} was made, but could not be recorded"))
}

fn check(overlap: Duration) -> Result<()> {
    if overlap < LEAST_OVERLAP {
        bail!("--overlap must be 15m at least: so long may an access token live");
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
    fn an_overlap_is_as_long_as_a_token_may_live() {
        let check = |seconds| check(Duration::from_secs(seconds)).is_ok();
        assert!(check(900) && !check(899));
    }

    #[test]
    fn moments_are_rfc_3339() {
        assert_eq!(time(0), None);
        assert_eq!(time(86_400).unwrap(), "1970-01-02T00:00:00Z");
    }
}
