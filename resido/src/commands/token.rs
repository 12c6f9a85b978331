//! `resido token`.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, bail};
use resido_control_plane::{Deed, MAX_TOKEN_SECONDS};
use resido_proto::identity::{ACCESS_AUDIENCE, AccessClaims, Role, Subject};
use serde_json::json;

use super::control::Session;
use crate::{
    cli::{ControlTarget, Format, Token},
    data_dir::DataDir,
    settings::Settings,
    terminal,
    token_keys::{self, now},
};

/// Longest life of a token.
const MAX_LIFE: Duration = Duration::from_secs(MAX_TOKEN_SECONDS as u64);
/// Whom the record names: whoever can read the keys.
const OPERATOR: &str = "operator";

/// Prints a token of an administrator of the platform, bare, so that it can be
/// put into a header. There is none without its record.
pub(crate) async fn token(flags: &Token, settings: &Settings, format: Format) -> Result<ExitCode> {
    if flags.ttl.is_zero() || flags.ttl > MAX_LIFE {
        bail!("--ttl must be from 1s to 15m");
    }
    let dir = DataDir::find(&flags.target.database.data_dir)?.context(token_keys::NONE)?;
    let (keys, now) = (token_keys::kept(&dir)?, now());
    let signing = keys.signing(now).context(token_keys::NONE)?;
    let key = &signing.file.key;
    let claims = claims(&settings.control_plane.issuer, now, flags.ttl);
    let token = key.sign("JWT", &claims)?;
    let deed = Deed::TokenMade {
        jti: claims.jti.clone(),
        kid: key.kid().to_owned(),
        subject: claims.sub.clone(),
        seconds: flags.ttl.as_secs(),
    };
    Box::pin(record(&flags.target, settings, deed)).await?;
    tracing::info!(
        kid = key.kid(),
        jti = claims.jti,
        "an access token of the operator was made"
    );
    match format {
        Format::Text => terminal::line(&token),
        Format::Json => {
            let seconds = flags.ttl.as_secs();
            let line = json!({
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": seconds,
            });
            terminal::line(&line.to_string());
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn record(target: &ControlTarget, settings: &Settings, deed: Deed) -> Result<()> {
    let session = Session::open(target, settings).await?;
    let recorded = session.record(deed).await;
    session.close().await?;
    recorded
}

fn claims(issuer: &str, now: u64, ttl: Duration) -> AccessClaims {
    AccessClaims {
        iss: issuer.to_owned(),
        aud: ACCESS_AUDIENCE.to_owned(),
        sub: Subject::External(OPERATOR.to_owned()),
        exp: now + ttl.as_secs(),
        iat: now,
        nbf: now,
        jti: uuid::Uuid::new_v4().to_string(),
        tid: None,
        roles: vec![Role::PLATFORM_ADMIN],
        perm: None,
        grants: Vec::new(),
        act: None,
        epoch: 0,
        act_epoch: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_that_of_staff_and_of_no_part_of_the_product() {
        let claims = claims("resido", 1000, Duration::from_secs(900));
        assert_eq!((claims.exp, claims.tid), (1900, None));
        assert_eq!(claims.roles, [Role::PLATFORM_ADMIN]);
        assert_eq!(claims.sub.to_string(), "principals/operator");
    }
}
