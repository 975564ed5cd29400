//! Where a service of ours is reached by others: `http://host:port`. Whether it is there is not known here.

use std::{fmt, str::FromStr, time::Duration};

use tokio::{net::TcpStream, time::timeout};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A host by name or number, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// An IPv6 address is in brackets.
    host: String,
    port: u16,
}

/// A text is no such thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected http://host:port")]
pub struct Malformed;

impl FromStr for Endpoint {
    type Err = Malformed;

    fn from_str(url: &str) -> Result<Self, Malformed> {
        let authority = url.strip_prefix("http://").ok_or(Malformed)?;
        let (host, port) = authority
            .strip_suffix('/')
            .unwrap_or(authority)
            .rsplit_once(':')
            .ok_or(Malformed)?;
        let is_number = match host.strip_prefix('[') {
            Some(rest) => rest.ends_with(']'),
            None => !host.contains(':'),
        };
        let is_host = !host.is_empty()
            && !host
                .contains(|c: char| c.is_whitespace() || c.is_control() || "/?#@{}".contains(c));
        match port.parse() {
            Ok(port) if port > 0 && is_host && is_number => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(Malformed),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

impl Endpoint {
    /// Whether somebody takes connections there.
    ///
    /// # Errors
    /// Why nobody does.
    pub async fn try_out(&self) -> anyhow::Result<()> {
        let address = (self.host.trim_matches(['[', ']']), self.port);
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(_stream)) => Ok(()),
            Ok(Err(error)) => Err(anyhow::Error::new(error).context(self.to_string())),
            Err(_) => anyhow::bail!("{self}: no answer within {CONNECT_TIMEOUT:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one() {
        for (url, expected) in [
            ("http://10.0.0.7:7800", Some("http://10.0.0.7:7800")),
            ("http://zone-1:7800/", Some("http://zone-1:7800")),
            ("http://[::1]:7800", Some("http://[::1]:7800")),
            ("http://::1:7800", None),
            ("http://host", None),
            ("http://host:0", None),
            ("http://host:70000", None),
            ("http://:7800", None),
            ("http://host:7800/path", None),
            ("http://a/b:7800", None),
            ("http://a b:7800", None),
            ("https://host:7800", None),
            ("host:7800", None),
            ("", None),
        ] {
            let parsed = url.parse::<Endpoint>().ok().map(|it| it.to_string());
            assert_eq!(parsed.as_deref(), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn whether_somebody_is_there() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let listener = tokio::net::TcpListener::bind(host).await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let endpoint: Endpoint = url.parse().unwrap();
            endpoint.try_out().await.unwrap();
            drop(listener);
            let error = format!("{:#}", endpoint.try_out().await.unwrap_err());
            assert!(error.starts_with(&url), "{error}");
        }
    }
}
