//! Notifications of the database, over a connection of their own.
//!
//! A connection that breaks is opened again; whoever listens is told of each new
//! connection, for what was notified in between is lost and must be read again.

use std::{future::poll_fn, pin::pin, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_postgres::{AsyncMessage, Connection, NoTls, config::SslMode};

use super::{Config, Error, slot::tls};
use crate::tenant::quote_identifier;

/// Notifications that wait to be heard at most; beyond that the connection is
/// given up, and everything is read again.
const QUEUE: usize = 1024;
/// How often the connection is tried.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Waits between attempts to connect grow to this.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A new connection listens: read everything again.
    Connected,
    /// A notification, with its payload.
    Notice(String),
}

/// Hears the notifications of one channel; stops when dropped.
#[derive(Debug)]
pub struct Listener {
    heard: mpsc::Receiver<Heard>,
    task: JoinHandle<()>,
}

impl Listener {
    pub(super) fn start(config: &Config, channel: &str) -> Result<Self, Error> {
        let channel = quote_identifier(channel).map_err(|_| Error::Url { source: None })?;
        let postgres = config.parse("resido listener")?;
        let connector = Connector {
            postgres,
            command: format!("listen {channel}"),
        };
        let (sender, heard) = mpsc::channel(QUEUE);
        let task = tokio::spawn(connector.run(sender));
        Ok(Self { heard, task })
    }

    /// Waits for what is heard next.
    pub async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Connector {
    postgres: tokio_postgres::Config,
    command: String,
}

impl Connector {
    async fn run(self, sender: mpsc::Sender<Heard>) {
        let mut backoff = Duration::from_millis(100);
        while !sender.is_closed() {
            match self.listen(&sender).await {
                Ok(()) => backoff = Duration::from_millis(100),
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "the listening connection could not be opened"
                    );
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                }
            }
            tokio::time::sleep(backoff).await;
        }
    }

    /// Listens until the connection breaks or nobody hears.
    async fn listen(&self, sender: &mpsc::Sender<Heard>) -> Result<(), Error> {
        if self.postgres.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = self.postgres.connect(NoTls).await?;
            self.converse(client, connection, sender).await
        } else {
            let (client, connection) = self.postgres.connect(tls()?).await?;
            self.converse(client, connection, sender).await
        }
    }

    #[expect(clippy::disallowed_methods, reason = "LISTEN has no other form")]
    async fn converse<S, T>(
        &self,
        client: tokio_postgres::Client,
        mut connection: Connection<S, T>,
        sender: &mpsc::Sender<Heard>,
    ) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let mut commands = pin!(async {
            client.batch_execute(&self.command).await?;
            if sender.send(Heard::Connected).await.is_err() {
                return Ok(());
            }
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                let alive = tokio::time::timeout(HEARTBEAT, client.check_connection()).await;
                alive.map_err(|_| Error::Away(None))??;
            }
        });
        loop {
            tokio::select! {
                ended = &mut commands => return ended,
                message = poll_fn(|cx| connection.poll_message(cx)) => match message {
                    Some(Ok(AsyncMessage::Notification(notice))) => {
                        let heard = Heard::Notice(notice.payload().to_owned());
                        if sender.try_send(heard).is_err() {
                            return Ok(());
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.into()),
                    None => return Err(Error::Away(None)),
                },
            }
        }
    }
}
