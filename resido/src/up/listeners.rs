//! The ports, taken before anything else is done.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;

use super::UpOptions;

pub(super) struct Listeners {
    pub(super) gateway: TcpListener,
    pub(super) admin: TcpListener,
    /// Of the control plane and of housing.
    pub(super) services: Option<(TcpListener, TcpListener)>,
}

/// Where the listeners are, which port 0 leaves open.
pub(super) struct Addresses {
    pub(super) gateway: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) services: Option<(SocketAddr, SocketAddr)>,
}

impl Listeners {
    pub(super) async fn bind(options: &UpOptions) -> Result<Self> {
        Ok(Self {
            gateway: bind(options.listen).await?,
            admin: bind(options.admin_listen).await?,
            services: match options.expose_services {
                Some((control, housing)) => Some((bind(control).await?, bind(housing).await?)),
                None => None,
            },
        })
    }

    pub(super) fn addresses(&self) -> Result<Addresses> {
        let services = match &self.services {
            Some((control, housing)) => Some((control.local_addr()?, housing.local_addr()?)),
            None => None,
        };
        Ok(Addresses {
            gateway: self.gateway.local_addr()?,
            admin: self.admin.local_addr()?,
            services,
        })
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let taken = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = taken.local_addr().unwrap();
        let options = UpOptions {
            listen: address,
            ..UpOptions::default()
        };
        let Err(error) = Listeners::bind(&options).await else {
            panic!("{address} was taken twice")
        };
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
