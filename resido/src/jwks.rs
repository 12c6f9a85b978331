//! The gateway's public keys, as a service that runs apart learns them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::jwk::JwkSet;
use resido_tenancy::context::Verifier;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Time between looks for new keys, once there are some.
const REFRESH: Duration = Duration::from_secs(30);
/// Time between looks while there are none.
const RETRY: Duration = Duration::from_millis(500);
/// Time of one look.
const LIMIT: Duration = Duration::from_secs(5);
/// Bytes of a key set at most.
const MAX_BYTES: usize = 64 * 1024;

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Url(http::Uri),
}

impl Source {
    /// Reads `http://…`, or the path of a file.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if text.starts_with("https://") {
            bail!("keys are read from files and http:// URLs, not from https://");
        }
        if !text.starts_with("http://") {
            return Ok(Self::File(text.into()));
        }
        Ok(Self::Url(
            text.parse()
                .context("the URL of the gateway's keys cannot be read")?,
        ))
    }

    async fn read(&self) -> Result<JwkSet> {
        let bytes = match self {
            Self::File(path) => tokio::fs::read(path).await?,
            Self::Url(url) => fetch(url.clone()).await?,
        };
        let keys: JwkSet = serde_json::from_slice(&bytes).context("it is no JWK set")?;
        if keys.keys.is_empty() {
            bail!("it has no keys");
        }
        Ok(keys)
    }

    /// Gives a verifier the keys, and new ones when there are new ones, until
    /// the end. Until the first are there it trusts nothing, and is not `ready`.
    pub(crate) async fn follow(
        self,
        verifier: Arc<Verifier>,
        ready: watch::Sender<bool>,
        end: CancellationToken,
    ) {
        let mut known = JwkSet { keys: Vec::new() };
        loop {
            match tokio::time::timeout(LIMIT, self.read()).await {
                Ok(Ok(keys)) if keys != known => {
                    verifier.set_keys(&keys);
                    tracing::info!(keys = keys.keys.len(), "the gateway's keys were read");
                    known = keys;
                    ready.send_replace(true);
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "the gateway's keys cannot be read"
                    );
                }
                Err(_) => tracing::warn!("the gateway's keys cannot be read in time"),
            }
            let pause = if known.keys.is_empty() {
                RETRY
            } else {
                REFRESH
            };
            tokio::select! {
                () = end.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

async fn fetch(url: http::Uri) -> Result<Vec<u8>> {
    let client: Client<HttpConnector, Empty<&[u8]>> =
        Client::builder(TokioExecutor::new()).build_http();
    let response = client.get(url).await?;
    if !response.status().is_success() {
        bail!("the answer is {}", response.status());
    }
    let body = Limited::new(response.into_body(), MAX_BYTES)
        .collect()
        .await;
    let body = body.map_err(anyhow::Error::from_boxed)?;
    Ok(body.to_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use resido_tenancy::keys::SigningKey;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    fn keys() -> JwkSet {
        SigningKey::from_pem(&SigningKey::generate_pem().unwrap())
            .unwrap()
            .jwks()
    }

    #[test]
    fn a_source_is_a_file_or_a_plain_url() {
        assert_eq!(
            Source::parse("a/b.json").unwrap(),
            Source::File("a/b.json".into())
        );
        assert!(matches!(
            Source::parse("http://h:1/k").unwrap(),
            Source::Url(_)
        ));
        assert!(Source::parse("https://h/k").is_err());
        assert!(Source::parse("http://").is_err());
    }

    #[tokio::test]
    async fn keys_come_from_files_and_urls() {
        let keys = keys();
        let json = serde_json::to_string(&keys).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        assert!(Source::File(path.clone()).read().await.is_err());
        std::fs::write(&path, r#"{"keys":[]}"#).unwrap();
        assert!(
            Source::File(path.clone()).read().await.is_err(),
            "no keys are no keys"
        );
        std::fs::write(&path, &json).unwrap();
        assert_eq!(Source::File(path).read().await.unwrap(), keys);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            assert!(socket.read(&mut [0; 1024]).await.unwrap() > 0);
            let length = json.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{json}");
            socket.write_all(answer.as_bytes()).await.unwrap();
        });
        assert_eq!(Source::parse(&url).unwrap().read().await.unwrap(), keys);
    }
}
