//! `resido routes` and `resido openapi`: what the gateway serves, without
//! serving it.

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    cli::{Described, Format},
    settings::Settings,
    terminal, wiring,
};

pub(crate) fn routes(which: Described, settings: &Settings, format: Format) -> Result<ExitCode> {
    let routes = wiring::described(settings, which.alone)?.routes();
    terminal::rows(
        format,
        &routes,
        &["VERB", "PATH", "METHOD", "ACCESS", "PERMISSION", "ROLES"],
        |route| {
            vec![
                route.verb.clone(),
                route.template.clone(),
                route.method.clone(),
                route.access.to_string(),
                route.permission.clone(),
                route.roles.join(" "),
            ]
        },
    )?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn openapi(which: Described, settings: &Settings) -> Result<ExitCode> {
    let document = wiring::described(settings, which.alone)?.openapi();
    terminal::line(&serde_json::to_string_pretty(&document)?);
    Ok(ExitCode::SUCCESS)
}
