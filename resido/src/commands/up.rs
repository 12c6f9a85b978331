//! `resido up`.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::{
    cli::{self, Format},
    demo::{self, reachable},
    ending,
    logins::Urls,
    progress::Progress,
    settings::Settings,
    terminal,
    up::{Running, UpOptions, start},
};

/// Ports of the control plane and of housing, where they are opened.
const SERVICE_PORTS: (u16, u16) = (50051, 50052);

/// Runs everything until a signal, or until a part fails.
pub(crate) async fn up(flags: cli::Up, settings: Settings, format: Format) -> Result<()> {
    let end = ending::on_signal()?;
    let settings = settings.with_migrations(&flags.migrations)?;
    let demo = flags.demo;
    let starting = start(UpOptions {
        listen: flags.listen.unwrap_or(settings.gateway.listen),
        admin_listen: flags.admin_listen.unwrap_or(settings.gateway.admin_listen),
        data_dir: flags.database.data_dir,
        database_url: flags
            .database
            .database_url
            .map(|url| url.expose_secret().to_owned()),
        logins: flags
            .control_database_url
            .zip(flags.app_database_url)
            .map(|(control, app)| Urls { control, app }),
        pg_bin: flags.database.pg_bin,
        demo,
        expose_services: flags.expose_services.then(service_addresses),
        settings,
        progress: Progress::new(terminal::note),
        ..UpOptions::default()
    });
    let mut running = tokio::select! {
        running = starting => running?,
        () = end.cancelled() => {
            terminal::note("stopped before it was ready");
            return Ok(());
        }
    };
    tell(&running, demo, format);
    let failed = tokio::select! {
        error = running.failed() => Some(error),
        () = end.cancelled() => None,
    };
    terminal::note("stopping");
    let stopped = running.stop().await;
    match failed {
        Some(error) => Err(error),
        None => stopped,
    }
}

fn service_addresses() -> (SocketAddr, SocketAddr) {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    (address(SERVICE_PORTS.0), address(SERVICE_PORTS.1))
}

fn tell(running: &Running, demo: bool, format: Format) {
    let gateway = format!("http://{}", reachable(running.gateway));
    let admin = format!("http://{}", reachable(running.admin));
    let operator_file = running.operator_file.display();
    let tries = demo::tries(&gateway);
    if format == Format::Json {
        let line = json!({
            "message": "resido is ready",
            "gateway": gateway,
            "admin": admin,
            "docs": format!("{gateway}/docs"),
            "data_dir": running.data_dir,
            "operator_file": running.operator_file,
            "services": running.services.map(|(control, housing)| [control, housing]),
            "try": demo.then(|| tries.each_ref().map(|to_try| &to_try.line)),
        });
        terminal::line(&line.to_string());
        return;
    }
    terminal::line("resido is ready");
    terminal::line(&format!("  gateway   {gateway}"));
    terminal::line(&format!("  docs      {gateway}/docs"));
    terminal::line(&format!("  admin     {admin}"));
    if let Some((control, housing)) = running.services {
        terminal::line(&format!("  services  http://{control} http://{housing}"));
    }
    terminal::line(&format!("  data      {}", running.data_dir.display()));
    terminal::line(&format!(
        "  operator  {}, password in {operator_file}",
        running.operator.email
    ));
    if demo {
        let tenants = demo::TENANTS.map(|tenant| tenant.slug).join(", ");
        let people = demo::email("{owner,member,viewer}", "{acme,globex}");
        terminal::line(&format!("  demo      tenants {tenants}; people {people}"));
        terminal::line(&format!("            password {}; try:", demo::PASSWORD));
        for to_try in &tries {
            terminal::line(&format!("# {}", to_try.what));
            terminal::line(&to_try.line);
        }
    }
}
